#include "datapath/nexthop.h"

#include <set>
#include <utility>

namespace xd::datapath {

namespace {

constexpr Duration confirm_every = 15s;

template <typename... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <typename... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace

std::optional<Hop> hop_of(const netlink::Table& table, const netlink::NextHop& route, const IpAddress& destination) {
  if (route.local) {
    Hop hop;
    hop.local = true;
    return hop;
  }
  const netlink::Link* link = table.link(route.index);
  const netlink::Neighbour* neighbour = table.neighbour(route.index, route.gateway.value_or(destination));
  if (link == nullptr || !link->usable() || link->mac.is_zero() || neighbour == nullptr || !neighbour->usable()) return std::nullopt;

  Hop hop{neighbour->mac, link->mac, link->index, 0, 0, false, route.source, route.mtu != 0 ? route.mtu : link->mtu};
  // XDP runs below VLAN devices: the frame leaves by the lowest one, and carries the tags of those above, the lowest's outermost.
  while (link != nullptr && link->kind == netlink::LinkKind::vlan && link->lower != 0) {
    if (hop.inner_vlan != 0) return std::nullopt;  // three tags
    hop.inner_vlan = hop.vlan;
    hop.vlan = link->vlan_id;
    hop.ifindex = link->lower;
    link = table.link(link->lower);
  }
  return hop;
}

NextHops::NextHops(Loop& loop, netlink::Netlink& netlink, Sink sink)
    : loop_(loop), netlink_(netlink), sink_(std::move(sink)), confirm_(loop, [this] { confirm(); }) {
  subscription_ = netlink_.subscribe([this](const netlink::Change& change) { on_change(change); });
  confirm_.arm_in(confirm_every);
}

NextHops::NextHops(Loop& loop, netlink::Netlink& netlink, Datapath& datapath)
    : NextHops(loop, netlink,
               Sink{[&datapath] { return datapath.destination_addresses(); },
                    [&datapath](const IpAddress& address, const std::optional<Hop>& hop) { datapath.set_hop(address, hop); },
                    [&datapath](int ifindex, std::uint32_t mtu) { (void)datapath.set_mtu(ifindex, mtu); }}) {}

IpAddress NextHops::target(const IpAddress& destination, const netlink::NextHop& route) { return route.gateway.value_or(destination); }

void NextHops::update() {
  const auto addresses = sink_.destination_addresses();
  const std::set<IpAddress> wanted(addresses.begin(), addresses.end());
  std::erase_if(known_, [&](const auto& entry) { return !wanted.contains(entry.first); });
  // The others follow the changes that the kernel tells.
  for (const IpAddress& address : wanted) {
    const auto [entry, added] = known_.try_emplace(address);
    if (added) look_up_route(address, entry->second);
  }
}

void NextHops::look_up_route(const IpAddress& destination, Known& known) {
  auto route = netlink_.next_hop(destination);
  known.route = route ? std::optional(*route) : std::nullopt;
  enter(destination, known);
}

void NextHops::look_up_routes() {
  later_.reset();
  for (auto& [destination, known] : known_) look_up_route(destination, known);
}

void NextHops::look_up_later() {
  if (!later_) later_ = loop_.defer([this] { look_up_routes(); });
}

void NextHops::enter(const IpAddress& destination, Known& known) {
  auto hop = known.route ? hop_of(netlink_.table(), *known.route, destination) : std::nullopt;
  if (!hop && known.route) {
    const netlink::Link* link = netlink_.table().link(known.route->index);
    const netlink::Neighbour* neighbour = netlink_.table().neighbour(known.route->index, target(destination, *known.route));
    // Asking again at each failure would be a storm; confirm() does that.
    const bool failed = neighbour != nullptr && neighbour->state == netlink::NeighbourState::failed;
    if (link != nullptr && link->usable() && !failed) (void)netlink_.resolve(known.route->index, target(destination, *known.route));
    // Garbage collection may take an entry that works: its last MAC serves until the kernel says that it failed.
    if (neighbour == nullptr && link != nullptr && link->usable()) hop = known.hop;
  }
  if (known.told && hop == known.hop) return;
  known.hop = hop;
  known.told = true;
  sink_.set_hop(destination, hop);
}

void NextHops::confirm() {
  for (const auto& [destination, known] : known_) {
    if (!known.route || known.route->local) continue;
    const int index = known.route->index;
    const IpAddress address = target(destination, *known.route);
    // To ask for an entry that somebody made permanent would make it one like others: the kernel takes the mark off (since 5.16).
    const netlink::Neighbour* neighbour = netlink_.table().neighbour(index, address);
    if (neighbour != nullptr && neighbour->state == netlink::NeighbourState::permanent) continue;
    (void)netlink_.resolve(index, address);
  }
  confirm_.arm_in(confirm_every);
}

void NextHops::on_change(const netlink::Change& change) {
  const auto neighbour = [this](const netlink::Neighbour& n) {
    for (auto& [destination, known] : known_) {
      if (known.route && known.route->index == n.index && target(destination, *known.route) == n.address) enter(destination, known);
    }
  };
  std::visit(Overloaded{[&](const netlink::NeighbourChanged& c) { neighbour(c.neighbour); },
                        [&](const netlink::NeighbourGone& c) { neighbour(c.neighbour); },
                        [&](const netlink::LinkChanged& c) {
                          sink_.set_mtu(c.link.index, c.link.mtu);
                          look_up_later();
                        },
                        [&](const auto&) { look_up_later(); }},
             change);
}

}  // namespace xd::datapath
