// Routes and rules as keepalived's dumps show them: not as they stand in a configuration, but in an order and with words of its own, which
// exporters parse.
#include <fmt/format.h>
#include <linux/rtnetlink.h>

#include <string_view>

#include "vrrp/dump_parts.h"

namespace xd::vrrp {

namespace {

// A whole address without its length.
std::string prefix(const IpPrefix& p) {
  const bool is_host = p.length == (p.address.is_v6() ? 128 : 32);
  return is_host ? p.address.str() : p.str();
}

std::string both_realms(std::uint32_t realms) {
  return realms >> 16 != 0 ? fmt::format(" realms {}/{}", realms >> 16, realms & 0xffff) : fmt::format(" realms {}", realms);
}

std::string encapsulation(const Encapsulation& e) {
  std::string out = " encap ";
  switch (e.kind) {
    case Encapsulation::Kind::mpls: return out + fmt::format("mpls {}", fmt::join(e.labels, "/"));
    case Encapsulation::Kind::ila: return out + fmt::format("ila {:#x}", e.locator);
    case Encapsulation::Kind::ip: out += "ip"; break;
    case Encapsulation::Kind::ip6: out += "ip6"; break;
  }
  if (e.id) out += fmt::format(" id {}", *e.id);
  if (e.destination) out += " dst " + e.destination->str();
  if (e.source) out += " src " + e.source->str();
  if (e.tos) out += fmt::format(" tos {}", *e.tos);
  if (e.ttl) out += fmt::format(" ttl {}", *e.ttl);
  if (e.flags) out += fmt::format(" flags {:#x}", *e.flags);
  return out;
}

std::string way(const RouteHop& hop) {
  std::string out;
  if (hop.encapsulation) out += encapsulation(*hop.encapsulation);
  if (hop.via) out += fmt::format(" via {} {}", hop.via->is_v6() ? "inet6" : "inet", hop.via->str());
  if (!hop.interface.empty()) out += " dev " + hop.interface;
  return out;
}

std::string metrics(const Route& r) {
  // The kernel counts round trips in eighths and their variance in fourths of a millisecond.
  struct Metric {
    std::uint16_t number;
    std::string_view name;
    unsigned divisor = 1;
    std::string_view unit = "";
  };
  constexpr Metric times[] = {{RTAX_RTT, "rtt", 8, "ms"}, {RTAX_RTTVAR, "rttvar", 4, "ms"}, {RTAX_RTO_MIN, "rto_min", 1, "ms"}};
  constexpr Metric others[] = {{RTAX_MTU, "mtu"},
                               {RTAX_WINDOW, "window"},
                               {RTAX_ADVMSS, "advmss"},
                               {RTAX_SSTHRESH, "ssthresh"},
                               {RTAX_CWND, "cwnd"},
                               {RTAX_REORDERING, "reordering"},
                               {RTAX_HOPLIMIT, "hoplimit"},
                               {RTAX_INITCWND, "initcwnd"},
                               {RTAX_INITRWND, "initrwnd"},
                               {RTAX_QUICKACK, "quickack"},
                               {RTAX_FASTOPEN_NO_COOKIE, "fastopen_no_cookie"}};
  std::string out;
  const auto lock = [&](std::uint16_t number) { return (r.locked & 1u << number) != 0 ? "lock " : ""; };
  const auto add = [&](const Metric& m) {
    if (const auto value = r.metrics.find(m.number); value != r.metrics.end())
      out += fmt::format(" {} {}{}{}", m.name, lock(m.number), value->second / m.divisor, m.unit);
  };
  if (!r.congestion_control.empty()) out += fmt::format(" congctl {}{}", lock(RTAX_CC_ALGO), r.congestion_control);
  for (const Metric& m : times) add(m);
  if (r.metrics.contains(RTAX_FEATURES)) out += " features ecn";
  for (const Metric& m : others) add(m);
  return out;
}

std::string_view type_name(std::uint8_t type) {
  switch (type) {
    case RTN_LOCAL: return " local";
    case RTN_BROADCAST: return " broadcast";
    case RTN_ANYCAST: return " anycast";
    case RTN_MULTICAST: return " multicast";
    case RTN_BLACKHOLE: return " blackhole";
    case RTN_UNREACHABLE: return " unreachable";
    case RTN_PROHIBIT: return " prohibit";
    case RTN_THROW: return " throw";
    case RTN_NAT: return " nat";
    case RTN_XRESOLVE: return " xresolve";
    default: return "";
  }
}

std::string_view place_name(const Route& r) {
  if (r.place == Route::Place::append) return "append";
  return r.place == Route::Place::alone || r.type != RTN_UNICAST ? "add" : "prepend";
}

std::string range(std::string_view name, const PolicyRule::Range& r) { return fmt::format(" {} {}-{}", name, r.first, r.last); }

}  // namespace

std::string dumped_route(const conf::VirtualRoute& v) {
  const Route& r = v.route;
  std::string out = fmt::format("{}{} {}", place_name(r), type_name(r.type), prefix(r.destination));
  if (r.from) out += " from " + prefix(*r.from);
  if (r.source) out += " src " + r.source->str();
  if (r.tos != 0) out += fmt::format(" tos {}", r.tos);
  if (r.hops.empty()) out += way(r.hop);
  if (r.table != RT_TABLE_MAIN) out += fmt::format(" table {}", r.table);
  if (!v.no_track || r.protocol != RTPROT_KEEPALIVED) out += fmt::format(" proto {}", r.protocol);
  if (r.scope) out += fmt::format(" scope {}", *r.scope);
  if (r.metric != 0) out += fmt::format(" metric {}", r.metric);
  if (r.hops.empty() && r.hop.onlink) out += " onlink";
  if (r.hops.empty() && r.hop.realms != 0) out += both_realms(r.hop.realms);
  if (r.expires) out += fmt::format(" expires {}sec", *r.expires);
  out += metrics(r);
  if (r.preference) out += fmt::format(" pref {}", *r.preference == 3 ? "low" : *r.preference == 1 ? "high" : "medium");
  if (r.ttl_propagate) out += fmt::format(" ttl-propagate {}", *r.ttl_propagate ? "enabled" : "disabled");
  for (const RouteHop& hop : r.hops) {
    out += " nexthop" + way(hop);
    if (hop.weight != 1) out += fmt::format(" weight {}", hop.weight);
    if (hop.onlink) out += " onlink";
    if (hop.realms != 0) out += both_realms(hop.realms);
  }
  if (!v.is_tracked()) out += " no_track";
  return out;
}

std::string dumped_rule(const conf::VirtualRule& v) {
  const PolicyRule& r = v.rule;
  std::string out = r.inverted ? "not " : "";
  out += "from " + (r.from ? prefix(*r.from) : "all");
  if (r.to) out += " to " + prefix(*r.to);
  out += fmt::format(" priority {} tos {:#x}", r.priority, r.tos);
  if (r.mark) out += r.mask ? fmt::format(" fwmark {:#x}/{:#x}", *r.mark, *r.mask) : fmt::format(" fwmark {:#x}", *r.mark);
  if (!r.in_interface.empty()) out += " iif " + r.in_interface;
  if (!r.out_interface.empty()) out += " oif " + r.out_interface;
  if (r.suppress_prefix_length) out += fmt::format(" suppress_prefixlen {}", *r.suppress_prefix_length);
  if (r.suppress_group) out += fmt::format(" suppress_ifgroup {}", *r.suppress_group);
  if (r.tunnel_id) out += fmt::format(" tunnel-id {}", *r.tunnel_id);
  if (r.users) out += range("uidrange", *r.users);
  if (r.l3mdev) out += " l3mdev";
  if (r.protocol != 0) out += fmt::format(" protocol {}", r.protocol);
  if (r.ip_protocol) out += fmt::format(" ipproto {}", *r.ip_protocol);
  if (r.source_ports) out += range("sport", *r.source_ports);
  if (r.destination_ports) out += range("dport", *r.destination_ports);
  if (r.realms != 0) out += both_realms(r.realms);
  switch (r.action) {
    case PolicyRule::Action::table: out += fmt::format(" lookup {}", r.table); break;
    case PolicyRule::Action::go_to: out += fmt::format(" goto {}", r.target); break;
    case PolicyRule::Action::nop: out += " nop"; break;
    case PolicyRule::Action::blackhole: out += " type blackhole"; break;
    case PolicyRule::Action::prohibit: out += " type prohibit"; break;
    case PolicyRule::Action::unreachable: out += " type unreachable"; break;
  }
  if (v.no_track) out += " no_track";
  return out;
}

}  // namespace xd::vrrp
