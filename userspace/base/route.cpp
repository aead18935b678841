#include "base/route.h"

namespace xd {

namespace {

constexpr std::uint32_t main_table = 254;
constexpr std::uint32_t ipv6_default_metric = 1024;

IpPrefix masked(const IpPrefix& prefix) {
  // The kernel shows networks without host bits.
  auto bytes = prefix.address.to_in6_addr();
  const int start = prefix.address.is_v4() ? 96 : 0;
  for (int bit = start + prefix.length; bit < 128; ++bit) bytes.s6_addr[bit / 8] &= static_cast<std::uint8_t>(~(0x80 >> (bit % 8)));
  return {IpAddress::v6(bytes), prefix.length};
}

IpPrefix any(int family) { return {family == AF_INET ? IpAddress::v4(0) : IpAddress(), 0}; }

std::string words(const IpPrefix& prefix) { return prefix.length == 0 ? "default" : prefix.str(); }

}  // namespace

RouteId id_of(const Route& route) {
  const std::uint32_t metric = route.metric == 0 && route.family == AF_INET6 ? ipv6_default_metric : route.metric;
  return {route.family, route.table, masked(route.destination), route.tos, metric};
}

RuleId id_of(const PolicyRule& rule) {
  const std::uint32_t table = rule.action == PolicyRule::Action::table && !rule.l3mdev ? rule.table : 0;
  return {rule.family, rule.priority, table, masked(rule.from.value_or(any(rule.family))), masked(rule.to.value_or(any(rule.family)))};
}

std::vector<std::string> interfaces_of(const Route& route) {
  std::vector<std::string> out;
  const auto add = [&](const RouteHop& hop) {
    if (!hop.interface.empty()) out.push_back(hop.interface);
  };
  if (route.hops.empty()) add(route.hop);
  for (const auto& hop : route.hops) add(hop);
  return out;
}

std::string describe(const Route& route) {
  std::string out = words(route.destination);
  if (route.hops.empty() && route.hop.via) out += " via " + route.hop.via->str();
  if (route.hops.empty() && !route.hop.interface.empty()) out += " dev " + route.hop.interface;
  if (route.table != main_table) out += " table " + std::to_string(route.table);
  return out;
}

std::string describe(const PolicyRule& rule) {
  std::string out = "rule " + std::to_string(rule.priority);
  if (rule.from) out += " from " + words(*rule.from);
  if (rule.to) out += " to " + words(*rule.to);
  return out;
}

}  // namespace xd
