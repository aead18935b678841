#include "netlink/netlink.h"

#include <algorithm>

namespace xd::netlink {

namespace {

// Inserts or overwrites; true when that changed something.
template <typename Map, typename Key, typename Value>
bool put(Map& map, const Key& key, const Value& value) {
  const auto [it, inserted] = map.try_emplace(key, value);
  if (inserted) return true;
  if (it->second == value) return false;
  it->second = value;
  return true;
}

template <typename Map, typename Key, typename Value>
bool take(Map& map, const Key& key, Value& last) {
  const auto it = map.find(key);
  if (it == map.end()) return false;
  last = it->second;
  map.erase(it);
  return true;
}

auto find_address(auto& addresses, int index, const IpPrefix& prefix) {
  return std::find_if(addresses.begin(), addresses.end(),
                      [&](const Address& a) { return (index == 0 || a.index == index) && a.prefix == prefix; });
}

struct Applier {
  Table& table;

  bool operator()(LinkChanged& c) const {
    if (!c.link.up) forget_routes(c.link.index);
    return put(table.links, c.link.index, c.link);
  }
  bool operator()(LinkGone& c) const {
    forget_routes(c.link.index);
    return take(table.links, c.link.index, c.link);
  }
  // The kernel takes the IPv4 routes of an interface that goes down away without a word.
  void forget_routes(int index) const {
    std::erase_if(table.routes, [index](const auto& entry) { return entry.second == index && entry.first.family == AF_INET; });
  }
  bool operator()(AddressChanged& c) const {
    const auto it = find_address(table.addresses, c.address.index, c.address.prefix);
    if (it == table.addresses.end()) {
      table.addresses.push_back(c.address);
      return true;
    }
    if (*it == c.address) return false;
    *it = c.address;
    return true;
  }
  bool operator()(AddressGone& c) const {
    const auto it = find_address(table.addresses, c.address.index, c.address.prefix);
    if (it == table.addresses.end()) return false;
    c.address = *it;
    table.addresses.erase(it);
    return true;
  }
  bool operator()(NeighbourChanged& c) const {
    return put(table.neighbours, std::pair(c.neighbour.index, c.neighbour.address), c.neighbour);
  }
  bool operator()(NeighbourGone& c) const { return take(table.neighbours, std::pair(c.neighbour.index, c.neighbour.address), c.neighbour); }
  bool operator()(RouteChanged& c) const { return put(table.routes, c.route, c.index); }
  bool operator()(RouteGone& c) const { return take(table.routes, c.route, c.index); }
  bool operator()(RuleChanged& c) const { return table.rules.insert(c.rule).second; }
  bool operator()(RuleGone& c) const { return table.rules.erase(c.rule) > 0; }
  bool operator()(RoutesChanged&) const { return true; }
};

}  // namespace

const Link* Table::link(std::string_view name) const {
  const auto it = std::find_if(links.begin(), links.end(), [&](const auto& entry) { return entry.second.name == name; });
  return it == links.end() ? nullptr : &it->second;
}

const Link* Table::link(int index) const {
  const auto it = links.find(index);
  return it == links.end() ? nullptr : &it->second;
}

const Address* Table::address(int index, const IpPrefix& prefix) const {
  const auto it = find_address(addresses, index, prefix);
  return it == addresses.end() ? nullptr : &*it;
}

const Neighbour* Table::neighbour(int index, const IpAddress& address) const {
  const auto it = neighbours.find({index, address});
  return it == neighbours.end() ? nullptr : &it->second;
}

bool Table::is_neighbour(int index, const IpAddress& address) const {
  return address.is_link_local() ||
         std::any_of(addresses.begin(), addresses.end(), [&](const Address& a) { return a.index == index && a.prefix.contains(address); });
}

bool apply(Table& table, Change& change) { return std::visit(Applier{table}, change); }

std::vector<Change> difference(const Table& before, const Table& after) {
  std::vector<Change> out;
  for (const auto& rule : before.rules) {
    if (!after.rules.contains(rule)) out.emplace_back(RuleGone{rule});
  }
  for (const auto& [route, index] : before.routes) {
    if (!after.routes.contains(route)) out.emplace_back(RouteGone{route, index});
  }
  for (const auto& [key, neighbour] : before.neighbours) {
    if (!after.neighbours.contains(key)) out.emplace_back(NeighbourGone{neighbour});
  }
  for (const auto& address : before.addresses) {
    if (after.address(address.index, address.prefix) == nullptr) out.emplace_back(AddressGone{address});
  }
  for (const auto& [index, link] : before.links) {
    if (!after.links.contains(index)) out.emplace_back(LinkGone{link});
  }
  for (const auto& [index, link] : after.links) {
    const Link* old = before.link(index);
    if (old == nullptr || *old != link) out.emplace_back(LinkChanged{link});
  }
  for (const auto& address : after.addresses) {
    const Address* old = before.address(address.index, address.prefix);
    if (old == nullptr || *old != address) out.emplace_back(AddressChanged{address});
  }
  for (const auto& [key, neighbour] : after.neighbours) {
    const Neighbour* old = before.neighbour(key.first, key.second);
    if (old == nullptr || *old != neighbour) out.emplace_back(NeighbourChanged{neighbour});
  }
  for (const auto& [route, index] : after.routes) {
    const auto old = before.routes.find(route);
    if (old == before.routes.end() || old->second != index) out.emplace_back(RouteChanged{route, index});
  }
  for (const auto& rule : after.rules) {
    if (!before.rules.contains(rule)) out.emplace_back(RuleChanged{rule});
  }
  return out;
}

}  // namespace xd::netlink
