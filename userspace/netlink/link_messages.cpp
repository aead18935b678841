#include "netlink/link_messages.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "netlink/building.h"

#ifndef IPVLAN_F_PRIVATE
#define IPVLAN_F_PRIVATE 0x01
#define IPVLAN_F_VEPA 0x02
#endif

namespace xd::netlink {

namespace {

Message link_request(int type, int flags, int index, bool up) {
  auto message = request(type, flags | NLM_F_ACK);
  ifinfomsg info{};
  info.ifi_index = index;
  if (up) info.ifi_flags = info.ifi_change = IFF_UP;
  append(message, info);
  return message;
}

}  // namespace

Message add_link_request(const NewLink& link) {
  auto message = link_request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, false);
  const bool is_macvlan = link.kind == LinkKind::macvlan;
  put(message, IFLA_IFNAME, link.name);
  put(message, IFLA_LINK, static_cast<std::uint32_t>(link.lower));
  if (is_macvlan) put(message, IFLA_ADDRESS, link.mac.bytes.data(), link.mac.bytes.size());
  if (link.group != 0) put(message, IFLA_GROUP, link.group);
  const Nest info(message, IFLA_LINKINFO);
  put(message, IFLA_INFO_KIND, std::string(is_macvlan ? "macvlan" : "ipvlan"));
  const Nest data(message, IFLA_INFO_DATA);
  if (is_macvlan) {
    put(message, IFLA_MACVLAN_MODE, std::uint32_t{MACVLAN_MODE_PRIVATE});
  } else {
    constexpr std::uint16_t flags[] = {0, IPVLAN_F_PRIVATE, IPVLAN_F_VEPA};
    put(message, IFLA_IPVLAN_MODE, static_cast<std::uint16_t>(IPVLAN_MODE_L2));
    put(message, IFLA_IPVLAN_FLAGS, flags[static_cast<int>(link.ipvlan)]);
  }
  return message;
}

Message remove_link_request(int index) { return link_request(RTM_DELLINK, 0, index, false); }

Message set_up_request(int index) { return link_request(RTM_NEWLINK, 0, index, true); }

}  // namespace xd::netlink
