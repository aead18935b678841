// What the kernel's routing netlink speaks of, as values. Indexes are the kernel's interface indexes; addresses are in network
// order as everywhere (base/ip.h).
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "base/ip.h"
#include "base/route.h"

namespace xd::netlink {

enum class LinkKind { other, loopback, vlan, veth, bond, bridge, macvlan, ipvlan, dummy };

struct Link {
  int index = 0;
  std::string name;
  LinkKind kind = LinkKind::other;
  bool up = false;       // IFF_UP: somebody wants it up
  bool running = false;  // IFF_RUNNING: and it has carrier
  MacAddress mac;        // zero for links without Ethernet addresses
  std::uint32_t mtu = 0;
  int lower = 0;                // IFLA_LINK: the link a VLAN or macvlan stands on, a veth's peer; 0: none or in another namespace
  int master = 0;               // IFLA_MASTER: the bond or bridge it is a port of; 0: none
  std::uint16_t vlan_id = 0;    // only for LinkKind::vlan
  std::uint32_t vrf_table = 0;  // only of a VRF: the table that its routes stand in

  bool usable() const { return up && running; }
  bool operator==(const Link&) const = default;
};

// A link to be made on another one.
struct NewLink {
  enum class Ipvlan { bridge, private_, vepa };

  std::string name;
  LinkKind kind = LinkKind::macvlan;  // private; or ipvlan (L2)
  int lower = 0;
  MacAddress mac;  // macvlan
  Ipvlan ipvlan = Ipvlan::bridge;
  std::uint32_t group = 0;
};

// An address on an interface. Equality of `index` and `prefix` is identity in the kernel's eyes.
struct Address {
  int index = 0;
  IpPrefix prefix;
  std::string label;  // IPv4 only; the kernel's default is the interface name; empty: that
  int scope = 0;      // RT_SCOPE_*
  std::optional<IpAddress> broadcast;
  std::uint8_t protocol = 0;      // IFA_PROTO, who added it; kernels before 5.18 do not keep it (0)
  std::optional<IpAddress> peer;  // of a point-to-point link: the prefix length is its own
  bool secondary = false;         // IFA_F_SECONDARY: set by the kernel, ignored when adding
  // What adding it asks for beside; the table does not keep it.
  struct Wishes {
    std::uint32_t flags = 0;                 // IFA_F_HOMEADDRESS, _MANAGETEMPADDR, _NOPREFIXROUTE, _MCAUTOJOIN
    bool duplicate_detection = false;        // IPv6: without it the address can be used at once
    std::optional<std::uint32_t> preferred;  // seconds; 0: never a source address by itself; none: forever
    bool operator==(const Wishes&) const = default;
  };
  Wishes wishes;
  bool operator==(const Address&) const = default;
};

enum class NeighbourState { incomplete, reachable, stale, failed, permanent };  // stale covers delay and probe: still usable

struct Neighbour {
  int index = 0;
  IpAddress address;
  MacAddress mac;  // zero while unresolved
  NeighbourState state = NeighbourState::incomplete;

  bool usable() const { return !mac.is_zero() && state != NeighbourState::incomplete && state != NeighbourState::failed; }
  bool operator==(const Neighbour&) const = default;
};

// Where the kernel would send a packet for an address.
struct NextHop {
  int index = 0;                     // outgoing interface
  std::optional<IpAddress> gateway;  // none: the address is on the link
  IpAddress source;                  // preferred source address; unset when the kernel names none
  bool local = false;                // the address is ours (RTN_LOCAL)
  std::uint32_t mtu = 0;             // of the route; 0: the link's
  bool operator==(const NextHop&) const = default;
};

// One thing that changed. `..._gone` carry the last known value.
struct LinkChanged {
  Link link;
};
struct LinkGone {
  Link link;
};
struct AddressChanged {
  Address address;
};
struct AddressGone {
  Address address;
};
struct NeighbourChanged {
  Neighbour neighbour;
};
struct NeighbourGone {
  Neighbour neighbour;
};
// Only routes and rules with protocol keepalived, the others are many. Each comes with RoutesChanged behind it.
struct RouteChanged {
  RouteId route;
  int index = 0;
};  // its interface; 0: none, or several
struct RouteGone {
  RouteId route;
  int index = 0;
};
struct RuleChanged {
  RuleId rule;
};
struct RuleGone {
  RuleId rule;
};
struct RoutesChanged {};  // some route or rule of IPv4 or IPv6: look up again what matters
using Change = std::variant<LinkChanged, LinkGone, AddressChanged, AddressGone, NeighbourChanged, NeighbourGone, RouteChanged, RouteGone,
                            RuleChanged, RuleGone, RoutesChanged>;

}  // namespace xd::netlink
