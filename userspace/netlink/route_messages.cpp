#include "netlink/route_messages.h"

#include <linux/fib_rules.h>
#include <linux/ila.h>
#include <linux/lwtunnel.h>
#include <linux/mpls.h>
#include <linux/mpls_iptunnel.h>
#include <linux/rtnetlink.h>

#include <endian.h>

#include <algorithm>

#include "netlink/building.h"

namespace xd::netlink {

namespace {

// libnl's nla_nest_start sets NLA_F_NESTED by itself; the kernel takes these with and without.

std::uint8_t scope_of(const Route& route) {
  if (route.scope) return *route.scope;
  switch (route.type) {
    case RTN_LOCAL:
    case RTN_NAT: return RT_SCOPE_HOST;
    case RTN_BROADCAST:
    case RTN_MULTICAST:
    case RTN_ANYCAST: return RT_SCOPE_LINK;
    default: return RT_SCOPE_UNIVERSE;
  }
}

std::uint16_t type_of(Encapsulation::Kind kind) {
  switch (kind) {
    case Encapsulation::Kind::ip: return LWTUNNEL_ENCAP_IP;
    case Encapsulation::Kind::ip6: return LWTUNNEL_ENCAP_IP6;
    case Encapsulation::Kind::mpls: return LWTUNNEL_ENCAP_MPLS;
    case Encapsulation::Kind::ila: return LWTUNNEL_ENCAP_ILA;
  }
  return LWTUNNEL_ENCAP_NONE;
}

void put_encapsulation(const Message& message, const Encapsulation& e) {
  put(message, RTA_ENCAP_TYPE, type_of(e.kind));
  const Nest nest(message, RTA_ENCAP);
  switch (e.kind) {
    case Encapsulation::Kind::ip:
      if (e.id) put(message, LWTUNNEL_IP_ID, htobe64(*e.id));
      if (e.destination) put(message, LWTUNNEL_IP_DST, *e.destination);
      if (e.source) put(message, LWTUNNEL_IP_SRC, *e.source);
      if (e.tos) put(message, LWTUNNEL_IP_TOS, *e.tos);
      if (e.ttl) put(message, LWTUNNEL_IP_TTL, *e.ttl);
      if (e.flags) put(message, LWTUNNEL_IP_FLAGS, htobe16(*e.flags));
      break;
    case Encapsulation::Kind::ip6:
      if (e.id) put(message, LWTUNNEL_IP6_ID, htobe64(*e.id));
      if (e.destination) put(message, LWTUNNEL_IP6_DST, *e.destination);
      if (e.source) put(message, LWTUNNEL_IP6_SRC, *e.source);
      if (e.tos) put(message, LWTUNNEL_IP6_TC, *e.tos);
      if (e.ttl) put(message, LWTUNNEL_IP6_HOPLIMIT, *e.ttl);
      if (e.flags) put(message, LWTUNNEL_IP6_FLAGS, htobe16(*e.flags));
      break;
    case Encapsulation::Kind::mpls: {
      std::vector<std::uint32_t> stack;
      for (const std::uint32_t label : e.labels) stack.push_back(htobe32(label << MPLS_LS_LABEL_SHIFT));
      if (!stack.empty()) stack.back() |= htobe32(1u << MPLS_LS_S_SHIFT);  // the bottom of the stack
      put(message, MPLS_IPTUNNEL_DST, stack.data(), stack.size() * sizeof stack[0]);
      if (e.ttl) put(message, MPLS_IPTUNNEL_TTL, *e.ttl);
      break;
    }
    case Encapsulation::Kind::ila: put(message, ILA_ATTR_LOCATOR, htobe64(e.locator)); break;
  }
}

void put_gateway(const Message& message, const IpAddress& via, int family) {
  if (via.family() == family) return put(message, RTA_GATEWAY, via);
  // A neighbour of the other family: its family, then the address.
  std::vector<std::uint8_t> bytes(sizeof(rtvia) + via.size());
  const auto other = static_cast<std::uint16_t>(via.family());
  std::memcpy(bytes.data(), &other, sizeof other);
  std::memcpy(bytes.data() + sizeof other, via.data(), via.size());
  put(message, RTA_VIA, bytes.data(), bytes.size());
}

void put_hops(const Message& message, const Route& route, const IndexOf& index_of) {
  const Nest multipath(message, RTA_MULTIPATH);
  for (const RouteHop& hop : route.hops) {
    // A fixed part, and attributes behind it within its length.
    rtnexthop next{};
    next.rtnh_hops = static_cast<std::uint8_t>(hop.weight - 1);
    if (!hop.interface.empty()) next.rtnh_ifindex = index_of(hop.interface);
    if (hop.onlink) next.rtnh_flags |= RTNH_F_ONLINK;
    nlmsghdr* header = nlmsg_hdr(message.get());
    const std::uint32_t start = header->nlmsg_len;
    append(message, next);
    if (hop.via) put_gateway(message, *hop.via, route.family);
    if (hop.realms != 0) put(message, RTA_FLOW, hop.realms);
    if (hop.encapsulation) put_encapsulation(message, *hop.encapsulation);
    next.rtnh_len = static_cast<std::uint16_t>(header->nlmsg_len - start);
    std::memcpy(reinterpret_cast<char*>(header) + start, &next, sizeof next);
  }
}

void put_metrics(const Message& message, const Route& route) {
  if (route.metrics.empty() && route.congestion_control.empty()) return;
  const Nest nest(message, RTA_METRICS);
  if (route.locked != 0) put(message, RTAX_LOCK, route.locked);
  for (const auto& [metric, value] : route.metrics) put(message, metric, value);
  if (!route.congestion_control.empty()) put(message, RTAX_CC_ALGO, route.congestion_control);
}

Message route_request(int type, int flags, const Route& route, const IndexOf& index_of) {
  auto message = request(type, flags | NLM_F_ACK);
  rtmsg info{};
  info.rtm_family = static_cast<std::uint8_t>(route.family);
  info.rtm_dst_len = route.destination.length;
  info.rtm_src_len = route.from ? route.from->length : std::uint8_t{0};
  info.rtm_tos = route.tos;
  info.rtm_table = route.table < 256 ? static_cast<std::uint8_t>(route.table) : std::uint8_t{RT_TABLE_UNSPEC};
  info.rtm_protocol = route.protocol;
  info.rtm_scope = type == RTM_DELROUTE ? std::uint8_t{RT_SCOPE_NOWHERE} : scope_of(route);
  info.rtm_type = route.type;
  if (route.hop.onlink && route.hops.empty()) info.rtm_flags |= RTNH_F_ONLINK;
  append(message, info);
  if (route.table >= 256) put(message, RTA_TABLE, route.table);
  if (route.destination.length > 0) put(message, RTA_DST, route.destination.address);
  if (route.from) put(message, RTA_SRC, route.from->address);
  if (route.source) put(message, RTA_PREFSRC, *route.source);
  if (route.metric != 0) put(message, RTA_PRIORITY, route.metric);
  if (!route.hops.empty()) {
    put_hops(message, route, index_of);
  } else {
    if (route.hop.via) put_gateway(message, *route.hop.via, route.family);
    if (!route.hop.interface.empty()) put(message, RTA_OIF, static_cast<std::uint32_t>(index_of(route.hop.interface)));
    if (route.hop.realms != 0) put(message, RTA_FLOW, route.hop.realms);
    if (route.hop.encapsulation) put_encapsulation(message, *route.hop.encapsulation);
  }
  if (type == RTM_DELROUTE) return message;
  put_metrics(message, route);
  if (route.expires) put(message, RTA_EXPIRES, *route.expires);
  if (route.preference) put(message, RTA_PREF, *route.preference);
  if (route.ttl_propagate) put(message, RTA_TTL_PROPAGATE, static_cast<std::uint8_t>(*route.ttl_propagate));
  return message;
}

std::uint8_t action_of(const PolicyRule& rule) {
  switch (rule.action) {
    case PolicyRule::Action::table: return FR_ACT_TO_TBL;
    case PolicyRule::Action::go_to: return FR_ACT_GOTO;
    case PolicyRule::Action::nop: return FR_ACT_NOP;
    case PolicyRule::Action::blackhole: return FR_ACT_BLACKHOLE;
    case PolicyRule::Action::prohibit: return FR_ACT_PROHIBIT;
    case PolicyRule::Action::unreachable: return FR_ACT_UNREACHABLE;
  }
  return FR_ACT_TO_TBL;
}

void put_ports(const Message& message, int type, const PolicyRule::Range& ports) {
  const fib_rule_port_range range{static_cast<__u16>(ports.first), static_cast<__u16>(ports.last)};
  put(message, type, &range, sizeof range);
}

Message rule_request(int type, int flags, const PolicyRule& rule) {
  auto message = request(type, flags | NLM_F_ACK);
  fib_rule_hdr info{};
  info.family = static_cast<std::uint8_t>(rule.family);
  info.dst_len = rule.to ? rule.to->length : std::uint8_t{0};
  info.src_len = rule.from ? rule.from->length : std::uint8_t{0};
  info.tos = rule.tos;
  info.action = action_of(rule);
  const bool looks_up = rule.action == PolicyRule::Action::table && !rule.l3mdev;
  info.table = looks_up && rule.table < 256 ? static_cast<std::uint8_t>(rule.table) : std::uint8_t{RT_TABLE_UNSPEC};
  if (rule.inverted) info.flags |= FIB_RULE_INVERT;
  append(message, info);
  if (looks_up && rule.table >= 256) put(message, FRA_TABLE, rule.table);
  put(message, FRA_PRIORITY, rule.priority);
  put(message, FRA_PROTOCOL, rule.protocol);
  if (rule.from && rule.from->length > 0) put(message, FRA_SRC, rule.from->address);
  if (rule.to && rule.to->length > 0) put(message, FRA_DST, rule.to->address);
  if (rule.mark) put(message, FRA_FWMARK, *rule.mark);
  if (rule.mask) put(message, FRA_FWMASK, *rule.mask);
  if (rule.realms != 0) put(message, FRA_FLOW, rule.realms);
  if (rule.suppress_prefix_length) put(message, FRA_SUPPRESS_PREFIXLEN, *rule.suppress_prefix_length);
  if (rule.suppress_group) put(message, FRA_SUPPRESS_IFGROUP, *rule.suppress_group);
  if (!rule.in_interface.empty()) put(message, FRA_IIFNAME, rule.in_interface);
  if (!rule.out_interface.empty()) put(message, FRA_OIFNAME, rule.out_interface);
  if (rule.tunnel_id) put(message, FRA_TUN_ID, htobe64(*rule.tunnel_id));
  if (rule.users) {
    const fib_rule_uid_range range{rule.users->first, rule.users->last};
    put(message, FRA_UID_RANGE, &range, sizeof range);
  }
  if (rule.l3mdev) put(message, FRA_L3MDEV, std::uint8_t{1});
  if (rule.ip_protocol) put(message, FRA_IP_PROTO, *rule.ip_protocol);
  if (rule.source_ports) put_ports(message, FRA_SPORT_RANGE, *rule.source_ports);
  if (rule.destination_ports) put_ports(message, FRA_DPORT_RANGE, *rule.destination_ports);
  if (rule.action == PolicyRule::Action::go_to) put(message, FRA_GOTO, rule.target);
  return message;
}

IpPrefix prefix_of(const nlattr* attribute, int family, std::uint8_t length) {
  const auto none = family == AF_INET ? IpAddress::v4(0) : IpAddress();
  return {address_of(attribute, family).value_or(none), length};
}

}  // namespace

Message add_route_request(const Route& route, const IndexOf& index_of, bool replace) {
  const int place = replace                               ? NLM_F_REPLACE
                    : route.place == Route::Place::append ? NLM_F_APPEND
                    : route.place == Route::Place::alone  ? NLM_F_EXCL
                                                          : 0;
  return route_request(RTM_NEWROUTE, NLM_F_CREATE | place, route, index_of);
}

Message remove_route_request(const Route& route, const IndexOf& index_of) { return route_request(RTM_DELROUTE, 0, route, index_of); }

Message add_rule_request(const PolicyRule& rule) { return rule_request(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule); }

Message remove_rule_request(const PolicyRule& rule) { return rule_request(RTM_DELRULE, 0, rule); }

std::optional<Change> parse_own_route(const nlmsghdr* header) {
  const auto attrs = attributes<rtmsg, RTA_MAX>(header);
  if (!attrs) return std::nullopt;
  const auto& info = fixed<rtmsg>(header);
  const auto& a = *attrs;
  if (info.rtm_protocol != RTPROT_KEEPALIVED || (info.rtm_flags & RTM_F_CLONED) != 0) return std::nullopt;
  RouteId route;
  route.family = info.rtm_family;
  route.table = a[RTA_TABLE] != nullptr ? nla_get_u32(a[RTA_TABLE]) : info.rtm_table;
  route.destination = prefix_of(a[RTA_DST], info.rtm_family, info.rtm_dst_len);
  route.tos = info.rtm_tos;
  if (a[RTA_PRIORITY] != nullptr) route.metric = nla_get_u32(a[RTA_PRIORITY]);
  const int index = a[RTA_OIF] != nullptr ? static_cast<int>(nla_get_u32(a[RTA_OIF])) : 0;
  if (header->nlmsg_type == RTM_DELROUTE) return RouteGone{route, index};
  return RouteChanged{route, index};
}

std::optional<Change> parse_own_rule(const nlmsghdr* header) {
  const auto attrs = attributes<fib_rule_hdr, FRA_MAX>(header);
  if (!attrs) return std::nullopt;
  const auto& info = fixed<fib_rule_hdr>(header);
  const auto& a = *attrs;
  if (a[FRA_PROTOCOL] == nullptr || nla_get_u8(a[FRA_PROTOCOL]) != RTPROT_KEEPALIVED) return std::nullopt;
  RuleId rule;
  rule.family = info.family;
  rule.priority = a[FRA_PRIORITY] != nullptr ? nla_get_u32(a[FRA_PRIORITY]) : 0;
  const bool looks_up = info.action == FR_ACT_TO_TBL && a[FRA_L3MDEV] == nullptr;
  if (looks_up) rule.table = a[FRA_TABLE] != nullptr ? nla_get_u32(a[FRA_TABLE]) : info.table;
  rule.from = prefix_of(a[FRA_SRC], info.family, info.src_len);
  rule.to = prefix_of(a[FRA_DST], info.family, info.dst_len);
  if (header->nlmsg_type == RTM_DELRULE) return RuleGone{rule};
  return RuleChanged{rule};
}

Message own_routes_request(int family) {
  auto message = request(RTM_GETROUTE, NLM_F_DUMP);
  rtmsg info{};
  info.rtm_family = static_cast<std::uint8_t>(family);
  info.rtm_protocol = RTPROT_KEEPALIVED;
  append(message, info);
  return message;
}

Message own_rules_request() {
  auto message = request(RTM_GETRULE, NLM_F_DUMP);
  append(message, fib_rule_hdr{});
  return message;
}

}  // namespace xd::netlink
