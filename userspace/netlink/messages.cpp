#include "netlink/messages.h"

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <string_view>

#include "netlink/building.h"
#include "netlink/route_messages.h"

#ifndef IFA_PROTO  // linux/if_addr.h of 5.18
#define IFA_PROTO 11
#endif

namespace xd::netlink {

namespace {

MacAddress mac_of(const nlattr* attribute) {
  MacAddress mac;
  if (attribute != nullptr && nla_len(attribute) == static_cast<int>(mac.bytes.size())) {
    std::memcpy(mac.bytes.data(), nla_data(attribute), mac.bytes.size());
  }
  return mac;
}

LinkKind kind_named(std::string_view name) {
  if (name == "vlan") return LinkKind::vlan;
  if (name == "veth") return LinkKind::veth;
  if (name == "bond") return LinkKind::bond;
  if (name == "bridge") return LinkKind::bridge;
  if (name == "macvlan") return LinkKind::macvlan;
  if (name == "ipvlan") return LinkKind::ipvlan;
  if (name == "dummy") return LinkKind::dummy;
  return LinkKind::other;
}

void read_link_info(nlattr* info, Link& link) {
  Attributes<IFLA_INFO_MAX> parts{};
  if (nla_parse_nested(parts.data(), IFLA_INFO_MAX, info, nullptr) < 0 || parts[IFLA_INFO_KIND] == nullptr) return;
  const std::string_view kind = nla_get_string(parts[IFLA_INFO_KIND]);
  link.kind = kind_named(kind);
  if (kind == "vrf" && parts[IFLA_INFO_DATA] != nullptr) {
    Attributes<IFLA_VRF_MAX> vrf{};
    if (nla_parse_nested(vrf.data(), IFLA_VRF_MAX, parts[IFLA_INFO_DATA], nullptr) >= 0 && vrf[IFLA_VRF_TABLE] != nullptr)
      link.vrf_table = nla_get_u32(vrf[IFLA_VRF_TABLE]);
  }
  if (link.kind != LinkKind::vlan || parts[IFLA_INFO_DATA] == nullptr) return;
  Attributes<IFLA_VLAN_MAX> vlan{};
  if (nla_parse_nested(vlan.data(), IFLA_VLAN_MAX, parts[IFLA_INFO_DATA], nullptr) < 0) return;
  if (vlan[IFLA_VLAN_ID] != nullptr) link.vlan_id = nla_get_u16(vlan[IFLA_VLAN_ID]);
}

std::optional<Link> parse_link(const nlmsghdr* header) {
  const auto attrs = attributes<ifinfomsg, IFLA_MAX>(header);
  if (!attrs) return std::nullopt;
  const auto& info = fixed<ifinfomsg>(header);
  // A bridge tells about its ports with RTM_NEWLINK and RTM_DELLINK of family AF_BRIDGE: a port that leaves its bridge is not
  // a link that is gone.
  if (info.ifi_family != AF_UNSPEC) return std::nullopt;
  const auto& a = *attrs;
  Link link;
  link.index = info.ifi_index;
  link.up = (info.ifi_flags & IFF_UP) != 0;
  link.running = (info.ifi_flags & IFF_RUNNING) != 0;
  if (a[IFLA_IFNAME] != nullptr) link.name = nla_get_string(a[IFLA_IFNAME]);
  if (info.ifi_type == ARPHRD_ETHER) link.mac = mac_of(a[IFLA_ADDRESS]);
  if (info.ifi_type == ARPHRD_LOOPBACK) link.kind = LinkKind::loopback;
  if (a[IFLA_MTU] != nullptr) link.mtu = nla_get_u32(a[IFLA_MTU]);
  // With IFLA_LINK_NETNSID the index belongs to another namespace and would name a wrong link here.
  if (a[IFLA_LINK] != nullptr && a[IFLA_LINK_NETNSID] == nullptr) link.lower = static_cast<int>(nla_get_u32(a[IFLA_LINK]));
  if (a[IFLA_MASTER] != nullptr) link.master = static_cast<int>(nla_get_u32(a[IFLA_MASTER]));
  if (a[IFLA_LINKINFO] != nullptr) read_link_info(a[IFLA_LINKINFO], link);
  return link;
}

std::optional<Address> parse_address(const nlmsghdr* header) {
  const auto attrs = attributes<ifaddrmsg, IFA_MAX>(header);
  if (!attrs) return std::nullopt;
  const auto& info = fixed<ifaddrmsg>(header);
  const auto& a = *attrs;
  // IFA_LOCAL is ours, IFA_ADDRESS the peer's on point-to-point links; IPv6 has only IFA_ADDRESS without a peer.
  const auto ip = address_of(a[IFA_LOCAL] != nullptr ? a[IFA_LOCAL] : a[IFA_ADDRESS], info.ifa_family);
  if (!ip) return std::nullopt;
  Address address;
  address.index = static_cast<int>(info.ifa_index);
  address.prefix = {*ip, info.ifa_prefixlen};
  address.scope = info.ifa_scope;
  if (a[IFA_LABEL] != nullptr) address.label = nla_get_string(a[IFA_LABEL]);
  address.broadcast = address_of(a[IFA_BROADCAST], info.ifa_family);
  const auto far = address_of(a[IFA_ADDRESS], info.ifa_family);
  if (a[IFA_LOCAL] != nullptr && far && *far != *ip) address.peer = far;
  address.secondary = info.ifa_family == AF_INET && (info.ifa_flags & IFA_F_SECONDARY) != 0;
  // Not in IFA_MAX of older headers, so it is looked for by hand.
  if (const nlattr* protocol = nlmsg_find_attr(const_cast<nlmsghdr*>(header), sizeof(ifaddrmsg), IFA_PROTO)) {
    address.protocol = nla_get_u8(protocol);
  }
  return address;
}

NeighbourState neighbour_state(std::uint16_t nud) {
  if ((nud & (NUD_PERMANENT | NUD_NOARP)) != 0) return NeighbourState::permanent;
  if ((nud & NUD_REACHABLE) != 0) return NeighbourState::reachable;
  if ((nud & (NUD_STALE | NUD_DELAY | NUD_PROBE)) != 0) return NeighbourState::stale;
  if ((nud & NUD_FAILED) != 0) return NeighbourState::failed;
  return NeighbourState::incomplete;
}

std::optional<Neighbour> parse_neighbour(const nlmsghdr* header) {
  const auto attrs = attributes<ndmsg, NDA_MAX>(header);
  if (!attrs) return std::nullopt;
  const auto& info = fixed<ndmsg>(header);
  // Bridge forwarding entries come as neighbours of family AF_BRIDGE; proxy entries are no neighbours.
  const auto ip = address_of((*attrs)[NDA_DST], info.ndm_family);
  if (!ip || (info.ndm_flags & NTF_PROXY) != 0) return std::nullopt;
  return Neighbour{info.ndm_ifindex, *ip, mac_of((*attrs)[NDA_LLADDR]), neighbour_state(info.ndm_state)};
}

template <typename To, typename Value>
std::optional<Change> as_change(std::optional<Value> value) {
  if (!value) return std::nullopt;
  return Change(To{std::move(*value)});
}

// ---- building ---------------------------------------------------------------------------------------------------------

Message address_request(int type, int flags, const Address& address) {
  auto message = request(type, flags | NLM_F_ACK);
  ifaddrmsg info{};
  info.ifa_family = static_cast<std::uint8_t>(address.prefix.address.family());
  info.ifa_prefixlen = address.prefix.length;
  info.ifa_scope = static_cast<std::uint8_t>(address.scope);
  info.ifa_index = static_cast<unsigned>(address.index);
  append(message, info);
  put(message, IFA_LOCAL, address.prefix.address);
  put(message, IFA_ADDRESS, address.peer.value_or(address.prefix.address));
  return message;
}

}  // namespace

std::optional<Change> parse_change(const nlmsghdr* header) {
  switch (header->nlmsg_type) {
    case RTM_NEWLINK: return as_change<LinkChanged>(parse_link(header));
    case RTM_DELLINK: return as_change<LinkGone>(parse_link(header));
    case RTM_NEWADDR: return as_change<AddressChanged>(parse_address(header));
    case RTM_DELADDR: return as_change<AddressGone>(parse_address(header));
    case RTM_NEWNEIGH: return as_change<NeighbourChanged>(parse_neighbour(header));
    case RTM_DELNEIGH: return as_change<NeighbourGone>(parse_neighbour(header));
    case RTM_NEWROUTE:
    case RTM_DELROUTE: return parse_own_route(header).value_or(RoutesChanged{});
    case RTM_NEWRULE:
    case RTM_DELRULE: return parse_own_rule(header).value_or(RoutesChanged{});
    default: return std::nullopt;
  }
}

std::optional<NextHop> parse_next_hop(const nlmsghdr* header) {
  if (header->nlmsg_type != RTM_NEWROUTE) return std::nullopt;
  const auto attrs = attributes<rtmsg, RTA_MAX>(header);
  if (!attrs) return std::nullopt;
  const auto& info = fixed<rtmsg>(header);
  const auto& a = *attrs;
  if ((info.rtm_type != RTN_UNICAST && info.rtm_type != RTN_LOCAL) || a[RTA_OIF] == nullptr) return std::nullopt;
  NextHop hop;
  hop.index = static_cast<int>(nla_get_u32(a[RTA_OIF]));
  hop.local = info.rtm_type == RTN_LOCAL;
  hop.gateway = address_of(a[RTA_GATEWAY], info.rtm_family);
  if (a[RTA_VIA] != nullptr && nla_len(a[RTA_VIA]) == static_cast<int>(sizeof(rtvia) + sizeof(in6_addr))) {
    // An IPv4 route through an IPv6 neighbour.
    const auto* via = static_cast<const rtvia*>(nla_data(a[RTA_VIA]));
    in6_addr gateway;
    std::memcpy(&gateway, via->rtvia_addr, sizeof gateway);
    if (via->rtvia_family == AF_INET6) hop.gateway = IpAddress::v6(gateway);
  }
  hop.source = address_of(a[RTA_PREFSRC], info.rtm_family).value_or(IpAddress());
  if (a[RTA_METRICS] != nullptr) {
    Attributes<RTAX_MAX> metrics{};
    if (nla_parse_nested(metrics.data(), RTAX_MAX, a[RTA_METRICS], nullptr) >= 0 && metrics[RTAX_MTU] != nullptr) {
      hop.mtu = nla_get_u32(metrics[RTAX_MTU]);
    }
  }
  return hop;
}

Message dump_request(int type) {
  auto message = request(type, NLM_F_DUMP);
  switch (type) {
    case RTM_GETLINK: append(message, ifinfomsg{}); break;
    case RTM_GETADDR: append(message, ifaddrmsg{}); break;
    default: append(message, ndmsg{}); break;
  }
  return message;
}

Message add_address_request(const Address& address) {
  auto message = address_request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, address);
  if (address.prefix.address.is_v4() && !address.label.empty()) put(message, IFA_LABEL, address.label);
  if (address.prefix.address.is_v4() && address.broadcast) put(message, IFA_BROADCAST, *address.broadcast);
  std::uint32_t flags = address.wishes.flags;
  if (address.prefix.address.is_v6() && !address.wishes.duplicate_detection) flags |= IFA_F_NODAD;
  if (flags != 0) put(message, IFA_FLAGS, flags);
  if (address.wishes.preferred) {
    const ifa_cacheinfo lifetime{.ifa_prefered = *address.wishes.preferred, .ifa_valid = 0xffffffff, .cstamp = 0, .tstamp = 0};
    put(message, IFA_CACHEINFO, &lifetime, sizeof lifetime);
  }
  if (address.protocol != 0) put(message, IFA_PROTO, address.protocol);
  return message;
}

Message remove_address_request(const Address& address) {
  auto message = address_request(RTM_DELADDR, 0, address);
  if (address.prefix.address.is_v4() && !address.label.empty()) {
    put(message, IFA_LABEL, address.label);
  }
  return message;
}

Message route_request(const IpAddress& to) {
  auto message = request(RTM_GETROUTE, 0);
  rtmsg info{};
  info.rtm_family = static_cast<std::uint8_t>(to.family());
  info.rtm_dst_len = static_cast<std::uint8_t>(to.bits());
  append(message, info);
  put(message, RTA_DST, to);
  return message;
}

Message resolve_request(int index, const IpAddress& address) {
  auto message = request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_ACK);
  ndmsg info{};
  info.ndm_family = static_cast<std::uint8_t>(address.family());
  info.ndm_ifindex = index;
  info.ndm_state = NUD_NONE;
  info.ndm_flags = NTF_USE;  // as if a packet had asked for it
  append(message, info);
  put(message, NDA_DST, address);
  return message;
}

}  // namespace xd::netlink
