// An in-memory kernel: the twin of netlink::KernelNetlink with the same promises. A test makes things happen to it and then
// calls deliver(), which stands for the loop's turn in which observers are told.
#pragma once

#include <cerrno>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "netlink/netlink.h"

namespace xd::test {

class FakeNetlink final : public netlink::Netlink {
 public:
  // ---- What happens to it

  int add_link(const std::string& name, bool up = true) {
    netlink::Link link;
    link.index = ++last_index_;
    link.name = name;
    link.up = link.running = up;
    link.mac = MacAddress{{0x02, 0, 0, 0, 0, static_cast<std::uint8_t>(link.index)}};
    link.mtu = 1500;
    enter(netlink::LinkChanged{link});
    return link.index;
  }
  void make_vrf(const std::string& name, std::uint32_t table) {
    netlink::Link link = *table_.link(name);
    link.vrf_table = table;
    enter(netlink::LinkChanged{link});
  }
  void set_link(const std::string& name, bool running) {
    netlink::Link link = *table_.link(name);
    link.running = running;
    enter(netlink::LinkChanged{link});
  }
  void change(const netlink::Link& link) { enter(netlink::LinkChanged{link}); }
  void remove_link(const std::string& name) {  // by somebody else
    const netlink::Link link = *table_.link(name);
    for (const auto& address : std::vector(table_.addresses)) {
      if (address.index == link.index) enter(netlink::AddressGone{address});
    }
    enter(netlink::LinkGone{link});
  }
  void somebody_adds(const std::string& link, const std::string& prefix) { enter(netlink::AddressChanged{address(link, prefix)}); }
  void somebody_removes(const std::string& link, const std::string& prefix) { enter(netlink::AddressGone{address(link, prefix)}); }
  void somebody_removes(const RouteId& route) { enter(netlink::RouteGone{route, 0}); }
  void somebody_removes(const RuleId& rule) { enter(netlink::RuleGone{rule}); }
  void set_neighbour(const std::string& link, const std::string& ip, const std::string& mac) {
    enter(netlink::NeighbourChanged{
        {table_.link(link)->index, *IpAddress::parse(ip), *MacAddress::parse(mac), netlink::NeighbourState::reachable}});
  }
  void lose_neighbour(const std::string& link, const std::string& ip) {
    netlink::Neighbour neighbour;
    neighbour.index = table_.link(link)->index;
    neighbour.address = *IpAddress::parse(ip);
    enter(netlink::NeighbourGone{neighbour});
  }
  void set_route(const std::string& to, const netlink::NextHop& hop) {
    routes_[*IpAddress::parse(to)] = hop;
    enter(netlink::RoutesChanged{});
  }
  void refuse_additions(int error) { refuse_additions_ = error; }

  void deliver() {
    while (!untold_.empty()) {
      const auto change = untold_.front();
      untold_.erase(untold_.begin());
      for (const auto& weak : std::vector(observers_)) {
        if (const auto observer = weak.lock()) (*observer)(change);
      }
    }
  }

  // ---- What was done to it

  bool has(const std::string& link, const std::string& prefix) const {
    return table_.address(table_.link(link)->index, *IpPrefix::parse(prefix)) != nullptr;
  }
  std::vector<std::string> calls;  // "add 192.0.2.1/24 eth0", "remove ...", "resolve 192.0.2.7 eth0"

  // ---- netlink::Netlink

  const netlink::Table& table() const override { return table_; }
  Subscription subscribe(Observer observer) override {
    auto shared = std::make_shared<Observer>(std::move(observer));
    observers_.push_back(shared);
    return shared;
  }
  Status add_address(const netlink::Address& address) override {
    const auto what = address.prefix.str() + " " + table_.link(address.index)->name;
    calls.push_back("add " + what);
    if (refuse_additions_ != 0) return Error::from_errno("add " + what, refuse_additions_);
    if (table_.address(address.index, address.prefix) != nullptr) return Error::from_errno("add " + what, EEXIST);
    enter(netlink::AddressChanged{address});
    return {};
  }
  Status remove_address(const netlink::Address& address) override {
    const auto what = address.prefix.str() + " " + table_.link(address.index)->name;
    calls.push_back("remove " + what);
    if (table_.address(address.index, address.prefix) == nullptr) return Error::from_errno("remove " + what, EADDRNOTAVAIL);
    enter(netlink::AddressGone{address});
    return {};
  }
  Status add_link(const netlink::NewLink& link) override {
    calls.push_back("add link " + link.name + " " + link.mac.str() + " on " + table_.link(link.lower)->name);
    netlink::Link made;
    made.index = ++last_index_;
    made.name = link.name;
    made.kind = link.kind;
    made.mac = link.mac;
    made.lower = link.lower;
    enter(netlink::LinkChanged{made});
    return {};
  }
  Status remove_link(int index) override {
    calls.push_back("remove link " + table_.link(index)->name);
    remove_link(table_.link(index)->name);
    return {};
  }
  Status set_up(int index) override {
    netlink::Link link = *table_.link(index);
    link.up = link.running = true;
    enter(netlink::LinkChanged{link});
    return {};
  }
  Status add_route(const Route& route, bool replace) override {
    calls.push_back((replace ? "replace route " : "add route ") + describe(route));
    if (refuse_additions_ != 0) return Error::from_errno(calls.back(), refuse_additions_);
    const auto interfaces = interfaces_of(route);
    const auto* link = interfaces.empty() ? nullptr : table_.link(interfaces.front());
    if (!interfaces.empty() && link == nullptr) return Error::from_errno(calls.back(), ENODEV);
    enter(netlink::RouteChanged{id_of(route), link != nullptr ? link->index : 0});
    return {};
  }
  Status remove_route(const Route& route) override {
    calls.push_back("remove route " + describe(route));
    if (!table_.routes.contains(id_of(route))) return Error::from_errno(calls.back(), ESRCH);
    enter(netlink::RouteGone{id_of(route), 0});
    return {};
  }
  Status add_rule(const PolicyRule& rule) override {
    calls.push_back("add " + describe(rule));
    if (table_.rules.contains(id_of(rule))) return Error::from_errno(calls.back(), EEXIST);
    enter(netlink::RuleChanged{id_of(rule)});
    return {};
  }
  Status remove_rule(const PolicyRule& rule) override {
    calls.push_back("remove " + describe(rule));
    if (!table_.rules.contains(id_of(rule))) return Error::from_errno(calls.back(), ENOENT);
    enter(netlink::RuleGone{id_of(rule)});
    return {};
  }
  Result<netlink::NextHop> next_hop(const IpAddress& to) override {
    const auto it = routes_.find(to);
    if (it == routes_.end()) return Error::from_errno("look up the route to " + to.str(), ENETUNREACH);
    return it->second;
  }
  Status resolve(int index, const IpAddress& address) override {
    calls.push_back("resolve " + address.str() + " " + table_.link(index)->name);
    return {};
  }

 private:
  netlink::Address address(const std::string& link, const std::string& prefix) const {
    netlink::Address out;
    out.index = table_.link(link)->index;
    out.prefix = *IpPrefix::parse(prefix);
    return out;
  }
  void enter(netlink::Change change) {
    if (apply(table_, change)) untold_.push_back(std::move(change));
  }

  netlink::Table table_;
  std::map<IpAddress, netlink::NextHop> routes_;
  std::vector<std::weak_ptr<Observer>> observers_;
  std::vector<netlink::Change> untold_;
  int last_index_ = 0;
  int refuse_additions_ = 0;
};

}  // namespace xd::test
