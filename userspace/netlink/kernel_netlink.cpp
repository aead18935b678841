#include "netlink/kernel_netlink.h"

#include <linux/rtnetlink.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "netlink/link_messages.h"
#include "netlink/route_messages.h"

namespace xd::netlink {

namespace {

constexpr int read_attempts = 5;
constexpr Duration resync_again = 100ms;

}  // namespace

Result<std::unique_ptr<KernelNetlink>> KernelNetlink::open(Loop& loop, Told told) {
  auto requests = RequestSocket::open();
  if (!requests) return std::move(requests).error();
  std::vector<int> groups{RTNLGRP_LINK};
  if (told == Told::everything) {
    groups.insert(groups.end(), {RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_NEIGH, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
                                 RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE});
  }
  auto events = EventSocket::open(groups);
  if (!events) return std::move(events).error();
  std::unique_ptr<KernelNetlink> netlink(new KernelNetlink(loop, std::move(*requests), std::move(*events)));
  // Subscribed first and read second: nothing that happens in between is missed.
  if (auto status = netlink->read(netlink->table_); !status) return std::move(status).error();
  return netlink;
}

KernelNetlink::KernelNetlink(Loop& loop, RequestSocket requests, EventSocket events)
    : loop_(loop), requests_(std::move(requests)), events_(std::move(events)), again_(loop, [this] {
        resync();
        tell();
      }) {
  readable_ = loop_.io(events_.fd(), EPOLLIN, [this](std::uint32_t) {
    drain();
    tell();
  });
}

Netlink::Subscription KernelNetlink::subscribe(Observer observer) {
  auto shared = std::make_shared<Observer>(std::move(observer));
  observers_.push_back(shared);
  return shared;
}

Status KernelNetlink::read(Table& into) {
  Status status;
  for (int attempt = 0; attempt < read_attempts; ++attempt) {
    Table table;
    const auto collect = [&table](const nlmsghdr* header) {
      if (auto change = parse_change(header)) apply(table, *change);
    };
    status = requests_.transact(dump_request(RTM_GETLINK), "read the interfaces", collect);
    if (status) status = requests_.transact(dump_request(RTM_GETADDR), "read the addresses", collect);
    if (status) status = requests_.transact(dump_request(RTM_GETNEIGH), "read the neighbours", collect);
    if (status) status = requests_.transact(own_routes_request(AF_INET), "read the IPv4 routes", collect);
    if (status) status = requests_.transact(own_routes_request(AF_INET6), "read the IPv6 routes", collect);
    if (status) status = requests_.transact(own_rules_request(), "read the rules", collect);
    if (status) {
      into = std::move(table);
      return status;
    }
    if (status.error().code != EAGAIN) return status;
  }
  return status;
}

void KernelNetlink::drain() {
  const bool complete = events_.drain([this](const nlmsghdr* header) {
    if (auto change = parse_change(header)) enter(std::move(*change));
  });
  if (complete) return;
  ++resyncs_;
  resync();
}

void KernelNetlink::refresh() {
  drain();
  resync();
  telling_ = loop_.defer([this] { tell(); });
}

void KernelNetlink::resync() {
  // The queue was emptied just before, so what is entered after this reading happened after it, or is in it already.
  Table now;
  if (const auto status = read(now); !status) {
    again_.arm_in(resync_again);  // the table as it was is the best we know
    return;
  }
  for (auto& change : difference(table_, now)) untold_.push_back(std::move(change));
  untold_.emplace_back(RoutesChanged{});
  table_ = std::move(now);
}

void KernelNetlink::enter(Change change) {
  // A routing daemon that loads a full table must not become a million calls: one telling covers them all.
  if (std::holds_alternative<RoutesChanged>(change) && !untold_.empty() && std::holds_alternative<RoutesChanged>(untold_.back())) return;
  const bool is_route = std::holds_alternative<RouteChanged>(change) || std::holds_alternative<RouteGone>(change);
  const bool is_rule = std::holds_alternative<RuleChanged>(change) || std::holds_alternative<RuleGone>(change);
  if (apply(table_, change)) untold_.push_back(std::move(change));
  if (is_route || is_rule) enter(RoutesChanged{});
}

void KernelNetlink::tell() {
  std::erase_if(observers_, [](const auto& observer) { return observer.expired(); });
  const auto changes = std::exchange(untold_, {});
  const auto observers = observers_;  // an observer may subscribe others
  for (const auto& change : changes) {
    for (const auto& weak : observers) {
      if (const auto observer = weak.lock()) (*observer)(change);
    }
  }
}

Status KernelNetlink::add_address(const Address& address) {
  auto status = requests_.transact(add_address_request(address), "add " + address.prefix.str() + " to " + interface_name(address.index));
  drain();
  // IPv6 tells of a new address only once it has been set up, a moment later.
  if (status) {
    auto known = address;
    known.wishes = {};
    enter(AddressChanged{known});
  }
  telling_ = loop_.defer([this] { tell(); });
  return status;
}

Status KernelNetlink::remove_address(const Address& address) {
  auto status =
      requests_.transact(remove_address_request(address), "remove " + address.prefix.str() + " from " + interface_name(address.index));
  drain();
  telling_ = loop_.defer([this] { tell(); });
  return status;
}

Status KernelNetlink::change(const Message& request, const std::string& what) {
  auto status = requests_.transact(request, what);
  drain();
  telling_ = loop_.defer([this] { tell(); });
  return status;
}

Status KernelNetlink::add_link(const NewLink& link) { return change(add_link_request(link), "make the link " + link.name); }

Status KernelNetlink::remove_link(int index) { return change(remove_link_request(index), "remove the link " + interface_name(index)); }

Status KernelNetlink::set_up(int index) { return change(set_up_request(index), "set " + interface_name(index) + " up"); }

Status KernelNetlink::add_route(const Route& route, bool replace) {
  for (const auto& interface : interfaces_of(route)) {
    if (index_of(interface) == 0) return Error::from_errno("add route " + describe(route) + ": " + interface, ENODEV);
  }
  return change(add_route_request(
                    route, [this](const std::string& name) { return index_of(name); }, replace),
                "add route " + describe(route));
}

Status KernelNetlink::remove_route(const Route& route) {
  for (const auto& interface : interfaces_of(route)) {
    if (index_of(interface) == 0) return Error::from_errno("remove route " + describe(route) + ": " + interface, ESRCH);
  }
  return change(remove_route_request(route, [this](const std::string& name) { return index_of(name); }), "remove route " + describe(route));
}

Status KernelNetlink::add_rule(const PolicyRule& rule) { return change(add_rule_request(rule), "add " + describe(rule)); }

Status KernelNetlink::remove_rule(const PolicyRule& rule) { return change(remove_rule_request(rule), "remove " + describe(rule)); }

Result<NextHop> KernelNetlink::next_hop(const IpAddress& to) {
  std::optional<NextHop> hop;
  const auto what = "look up the route to " + to.str();
  auto status = requests_.transact(route_request(to), what, [&hop](const nlmsghdr* header) { hop = parse_next_hop(header); });
  if (!status) return std::move(status).error();
  if (!hop) return Error::from_errno(what, EHOSTUNREACH);
  return *hop;
}

Status KernelNetlink::resolve(int index, const IpAddress& address) {
  return requests_.transact(resolve_request(index, address), "resolve " + address.str() + " on " + interface_name(index));
}

int KernelNetlink::index_of(const std::string& interface) const {
  const Link* link = table_.link(interface);
  return link != nullptr ? link->index : 0;
}

std::string KernelNetlink::interface_name(int index) const {
  const Link* link = table_.link(index);
  return link != nullptr ? link->name : "interface " + std::to_string(index);
}

}  // namespace xd::netlink
