// Routes and policy rules as values: what iproute2's language says, with interfaces by name. Numbers are the kernel's (RTN_*, RTPROT_*,
// RTAX_* of linux/rtnetlink.h).
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"

namespace xd {

// A lightweight tunnel that a route puts packets into.
struct Encapsulation {
  enum class Kind { ip, ip6, mpls, ila };
  Kind kind = Kind::ip;
  std::optional<std::uint64_t> id;
  std::optional<IpAddress> source, destination;
  std::optional<std::uint8_t> tos;  // traffic class
  std::optional<std::uint8_t> ttl;  // hop limit
  std::optional<std::uint16_t> flags;
  std::vector<std::uint32_t> labels;  // mpls
  std::uint64_t locator = 0;          // ila
  bool operator==(const Encapsulation&) const = default;
};

// Where a route leads: the route's own, or one of several.
struct RouteHop {
  std::optional<IpAddress> via;  // of either family
  std::string interface;         // empty: the kernel finds it
  bool onlink = false;
  std::uint32_t realms = 0;  // from << 16 | to
  std::optional<Encapsulation> encapsulation;
  std::uint16_t weight = 1;  // 1-256, only among several
  bool operator==(const RouteHop&) const = default;
};

struct Route {
  // How it takes its place beside others to the same destination.
  enum class Place { prepend, append, alone };  // alone: refused when there is one

  int family = AF_INET;
  std::uint8_t type = 1;  // RTN_UNICAST
  IpPrefix destination;   // length 0: the default route
  std::optional<IpPrefix> from;
  std::optional<IpAddress> source;
  std::uint8_t tos = 0;
  std::uint32_t table = 254;          // RT_TABLE_MAIN
  std::uint8_t protocol = 18;         // RTPROT_KEEPALIVED
  std::optional<std::uint8_t> scope;  // none: what the type asks for
  std::uint32_t metric = 0;
  std::map<std::uint16_t, std::uint32_t> metrics;  // by RTAX_*
  std::uint32_t locked = 0;                        // 1 << RTAX_*
  std::string congestion_control;
  std::optional<std::uint32_t> expires;  // seconds
  std::optional<std::uint8_t> preference;
  std::optional<bool> ttl_propagate;
  Place place = Place::prepend;
  RouteHop hop;
  std::vector<RouteHop> hops;  // several: `hop` is not used
  bool operator==(const Route&) const = default;
};

struct PolicyRule {
  enum class Action { table, go_to, nop, blackhole, prohibit, unreachable };

  int family = AF_INET;
  Action action = Action::table;
  std::uint32_t table = 0;
  std::uint32_t target = 0;  // of go_to
  std::uint32_t priority = 0;
  std::optional<IpPrefix> from, to;
  bool inverted = false;
  std::uint8_t tos = 0;
  std::optional<std::uint32_t> mark, mask;
  std::uint32_t realms = 0;
  std::optional<std::uint32_t> suppress_prefix_length, suppress_group;
  std::string in_interface, out_interface;
  std::optional<std::uint64_t> tunnel_id;
  struct Range {
    std::uint32_t first = 0, last = 0;
    bool operator==(const Range&) const = default;
  };
  std::optional<Range> users, source_ports, destination_ports;
  bool l3mdev = false;
  std::uint8_t protocol = 18;  // RTPROT_KEEPALIVED
  std::optional<std::uint8_t> ip_protocol;
  bool operator==(const PolicyRule&) const = default;
};

// What makes a route one of a kind for the kernel. (With several of equal id - prepend, append - one stands for all.)
struct RouteId {
  static constexpr std::uint8_t own_protocol = 18;  // RTPROT_KEEPALIVED: those are looked for
  int family = AF_INET;
  std::uint32_t table = 0;
  IpPrefix destination;
  std::uint8_t tos = 0;
  std::uint32_t metric = 0;
  auto operator<=>(const RouteId&) const = default;
};

struct RuleId {
  int family = AF_INET;
  std::uint32_t priority = 0;
  std::uint32_t table = 0;
  IpPrefix from, to;
  auto operator<=>(const RuleId&) const = default;
};

RouteId id_of(const Route& route);
RuleId id_of(const PolicyRule& rule);
// The interfaces it needs, by name.
std::vector<std::string> interfaces_of(const Route& route);

// For messages: "10.0.0.0/8 table 100", "rule 900 from 10.0.0.0/8".
std::string describe(const Route& route);
std::string describe(const PolicyRule& rule);

}  // namespace xd
