#include "conf/print_routes.h"

#include <fmt/core.h>
#include <linux/rtnetlink.h>

#include <string_view>

namespace xd::conf {

namespace {

std::string realms(std::uint32_t both) {
  return both >> 16 != 0 ? fmt::format(" realms {}/{}", both >> 16, both & 0xffff) : fmt::format(" realms {}", both);
}

std::string words_of(const Encapsulation& e) {
  const bool is_v6 = e.kind == Encapsulation::Kind::ip6;
  std::string out = " encap ";
  switch (e.kind) {
    case Encapsulation::Kind::mpls:
      out += "mpls ";
      for (std::size_t i = 0; i < e.labels.size(); ++i) out += fmt::format("{}{}", i > 0 ? "/" : "", e.labels[i]);
      return out;
    case Encapsulation::Kind::ila:
      return out + fmt::format("ila {:x}:{:x}:{:x}:{:x}", e.locator >> 48, e.locator >> 32 & 0xffff, e.locator >> 16 & 0xffff,
                               e.locator & 0xffff);
    case Encapsulation::Kind::ip:
    case Encapsulation::Kind::ip6: break;
  }
  out += is_v6 ? "ip6" : "ip";
  if (e.id) out += fmt::format(" id {}", *e.id);
  if (e.destination) out += " dst " + e.destination->str();
  if (e.source) out += " src " + e.source->str();
  if (e.tos) out += fmt::format(" {} {:#x}", is_v6 ? "tc" : "tos", *e.tos);
  if (e.ttl) out += fmt::format(" {} {}", is_v6 ? "hoplimit" : "ttl", *e.ttl);
  if (e.flags) out += fmt::format(" flags {}", *e.flags);
  return out;
}

std::string words_of(const RouteHop& hop, int family) {
  std::string out;
  if (hop.via) out += hop.via->family() == family ? " via " + hop.via->str() : " via inet6 " + hop.via->str();
  if (!hop.interface.empty()) out += " dev " + hop.interface;
  if (hop.onlink) out += " onlink";
  if (hop.realms != 0) out += realms(hop.realms);
  if (hop.encapsulation) out += words_of(*hop.encapsulation);
  if (hop.weight != 1) out += fmt::format(" weight {}", hop.weight);
  return out;
}

std::string_view type_name(std::uint8_t type) {
  constexpr std::string_view names[] = {
      "", "", "local ", "broadcast ", "anycast ", "multicast ", "blackhole ", "unreachable ", "prohibit ", "throw ", "nat ", "xresolve "};
  return type < std::size(names) ? names[type] : "";
}

std::string metrics_of(const Route& r) {
  struct Metric {
    std::uint16_t number;
    std::string_view name;
  };
  constexpr Metric metrics[] = {{RTAX_MTU, "mtu"},           {RTAX_HOPLIMIT, "hoplimit"},
                                {RTAX_ADVMSS, "advmss"},     {RTAX_RTT, "rtt"},
                                {RTAX_RTTVAR, "rttvar"},     {RTAX_REORDERING, "reordering"},
                                {RTAX_WINDOW, "window"},     {RTAX_CWND, "cwnd"},
                                {RTAX_SSTHRESH, "ssthresh"}, {RTAX_RTO_MIN, "rto_min"},
                                {RTAX_INITCWND, "initcwnd"}, {RTAX_INITRWND, "initrwnd"},
                                {RTAX_QUICKACK, "quickack"}, {RTAX_FASTOPEN_NO_COOKIE, "fastopen_no_cookie"}};
  std::string out;
  const auto lock = [&](std::uint16_t number) { return (r.locked & 1u << number) != 0 ? "lock " : ""; };
  for (const Metric& m : metrics) {
    if (const auto value = r.metrics.find(m.number); value != r.metrics.end())
      out += fmt::format(" {} {}{}", m.name, lock(m.number), value->second);
  }
  if (r.metrics.contains(RTAX_FEATURES)) out += " features ecn";
  if (!r.congestion_control.empty()) out += fmt::format(" congctl {}{}", lock(RTAX_CC_ALGO), r.congestion_control);
  return out;
}

std::string range(std::string_view name, const PolicyRule::Range& r) { return fmt::format(" {} {}-{}", name, r.first, r.last); }

}  // namespace

std::string line_of(const VirtualRoute& v) {
  const Route& r = v.route;
  std::string out(type_name(r.type));
  out += r.destination.length > 0 ? r.destination.str() : r.family == AF_INET6 ? "default6" : "default";
  if (r.hops.empty()) out += words_of(r.hop, r.family);
  if (r.from) out += " from " + r.from->str();
  if (r.source) out += " src " + r.source->str();
  if (r.tos != 0) out += fmt::format(" tos {:#x}", r.tos);
  if (r.table != RT_TABLE_MAIN) out += fmt::format(" table {}", r.table);
  if (r.protocol != RTPROT_KEEPALIVED) out += fmt::format(" protocol {}", r.protocol);
  if (r.scope) out += fmt::format(" scope {}", *r.scope);
  if (r.metric != 0) out += fmt::format(" metric {}", r.metric);
  out += metrics_of(r);
  if (r.expires) out += fmt::format(" expires {}", *r.expires);
  if (r.preference) out += fmt::format(" pref {}", *r.preference == 3 ? "low" : *r.preference == 1 ? "high" : "medium");
  if (r.ttl_propagate) out += fmt::format(" ttl-propagate {}", *r.ttl_propagate ? "enabled" : "disabled");
  if (r.place != Route::Place::prepend) out += r.place == Route::Place::append ? " append" : " add";
  if (!v.vrf.empty()) out += " vrf " + v.vrf;
  if (!v.track_group.empty()) out += " track_group " + v.track_group;
  if (v.no_track) out += " no_track";
  for (const RouteHop& hop : r.hops) out += " nexthop" + words_of(hop, r.family);
  return out;
}

std::string line_of(const VirtualRule& v) {
  const PolicyRule& r = v.rule;
  std::string out = r.family == AF_INET6 ? "inet6 " : "";
  if (r.inverted) out += "not ";
  out += "from " + (r.from ? r.from->str() : "all");
  if (r.to) out += " to " + r.to->str();
  if (r.tos != 0) out += fmt::format(" tos {:#x}", r.tos);
  if (r.mark) out += r.mask ? fmt::format(" fwmark {}/{}", *r.mark, *r.mask) : fmt::format(" fwmark {}", *r.mark);
  if (!r.in_interface.empty()) out += " iif " + r.in_interface;
  if (!r.out_interface.empty()) out += " oif " + r.out_interface;
  if (r.tunnel_id) out += fmt::format(" tunnel-id {}", *r.tunnel_id);
  if (r.users) out += range("uidrange", *r.users);
  if (r.ip_protocol) out += fmt::format(" ipproto {}", *r.ip_protocol);
  if (r.source_ports) out += range("sport", *r.source_ports);
  if (r.destination_ports) out += range("dport", *r.destination_ports);
  if (r.realms != 0) out += realms(r.realms);
  if (r.suppress_prefix_length) out += fmt::format(" suppress_prefixlength {}", *r.suppress_prefix_length);
  if (r.suppress_group) out += fmt::format(" suppress_ifgroup {}", *r.suppress_group);
  out += fmt::format(" priority {}", r.priority);
  if (r.protocol != RTPROT_KEEPALIVED && r.protocol != 0) out += fmt::format(" protocol {}", r.protocol);
  if (!v.track_group.empty()) out += " track_group " + v.track_group;
  if (v.no_track) out += " no_track";
  switch (r.action) {
    case PolicyRule::Action::table: return out + (r.l3mdev ? std::string(" l3mdev") : fmt::format(" table {}", r.table));
    case PolicyRule::Action::go_to: return out + fmt::format(" goto {}", r.target);
    case PolicyRule::Action::nop: return out + " nop";
    case PolicyRule::Action::blackhole: return out + " blackhole";
    case PolicyRule::Action::prohibit: return out + " prohibit";
    case PolicyRule::Action::unreachable: return out + " unreachable";
  }
  return out;
}

}  // namespace xd::conf
