#include "netlink/messages.h"

#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>

#include <cstring>

namespace xd::netlink {
namespace {

template <typename Fixed>
Message message(int type, Fixed fixed) {
  Message out(nlmsg_alloc_simple(type, 0));
  nlmsg_append(out.get(), &fixed, sizeof fixed, NLMSG_ALIGNTO);
  return out;
}

template <typename Kind>
Kind parsed(const Message& message) {
  const auto change = parse_change(nlmsg_hdr(message.get()));
  EXPECT_TRUE(change.has_value());
  return std::get<Kind>(*change);
}

TEST(Messages, aVlanKnowsItsIdAndWhatItStandsOn) {
  ifinfomsg info{};
  info.ifi_index = 7;
  info.ifi_type = ARPHRD_ETHER;
  info.ifi_flags = IFF_UP | IFF_RUNNING;
  const auto m = message(RTM_NEWLINK, info);
  nla_put_string(m.get(), IFLA_IFNAME, "eth0.100");
  nla_put_u32(m.get(), IFLA_LINK, 2);
  nlattr* kind = nla_nest_start(m.get(), IFLA_LINKINFO);
  nla_put_string(m.get(), IFLA_INFO_KIND, "vlan");
  nlattr* data = nla_nest_start(m.get(), IFLA_INFO_DATA);
  nla_put_u16(m.get(), IFLA_VLAN_ID, 100);
  nla_nest_end(m.get(), data);
  nla_nest_end(m.get(), kind);
  const auto link = parsed<LinkChanged>(m).link;
  EXPECT_EQ(link.name, "eth0.100");
  EXPECT_EQ(link.kind, LinkKind::vlan);
  EXPECT_EQ(link.vlan_id, 100);
  EXPECT_EQ(link.lower, 2);
  EXPECT_TRUE(link.usable());
}

TEST(Messages, aVrfKnowsItsTable) {
  const auto m = message(RTM_NEWLINK, ifinfomsg{});
  nla_put_string(m.get(), IFLA_IFNAME, "red");
  nlattr* kind = nla_nest_start(m.get(), IFLA_LINKINFO);
  nla_put_string(m.get(), IFLA_INFO_KIND, "vrf");
  nlattr* data = nla_nest_start(m.get(), IFLA_INFO_DATA);
  nla_put_u32(m.get(), IFLA_VRF_TABLE, 1010);
  nla_nest_end(m.get(), data);
  nla_nest_end(m.get(), kind);
  EXPECT_EQ(parsed<LinkChanged>(m).link.vrf_table, 1010u);
}

TEST(Messages, aLowerLinkInAnotherNamespaceIsNone) {
  const auto m = message(RTM_NEWLINK, ifinfomsg{});
  nla_put_u32(m.get(), IFLA_LINK, 2);
  nla_put_s32(m.get(), IFLA_LINK_NETNSID, 0);
  EXPECT_EQ(parsed<LinkChanged>(m).link.lower, 0);
}

TEST(Messages, aBridgesTalkAboutItsPortsIsIgnored) {
  ifinfomsg info{};
  info.ifi_family = AF_BRIDGE;
  EXPECT_FALSE(parse_change(nlmsg_hdr(message(RTM_DELLINK, info).get())).has_value());
}

TEST(Messages, anAddressOnAPointToPointLinkIsOurEnd) {
  ifaddrmsg info{};
  info.ifa_family = AF_INET;
  info.ifa_prefixlen = 32;
  info.ifa_index = 3;
  const auto m = message(RTM_NEWADDR, info);
  const auto ours = *IpAddress::parse("192.0.2.1");
  const auto theirs = *IpAddress::parse("192.0.2.2");
  nla_put(m.get(), IFA_ADDRESS, 4, theirs.data());
  nla_put(m.get(), IFA_LOCAL, 4, ours.data());
  EXPECT_EQ(parsed<AddressChanged>(m).address.prefix.str(), "192.0.2.1/32");
}

TEST(Messages, whatIsTooShortIsNoMessage) {
  const Message m(nlmsg_alloc_simple(RTM_NEWLINK, 0));
  EXPECT_FALSE(parse_change(nlmsg_hdr(m.get())).has_value());
}

TEST(Messages, anAddressSurvivesTheRoundTrip) {
  Address address;
  address.index = 3;
  address.prefix = *IpPrefix::parse("192.0.2.100/24");
  address.label = "eth0:vip";
  address.scope = RT_SCOPE_LINK;
  address.broadcast = *IpAddress::parse("192.0.2.255");
  address.protocol = 18;
  EXPECT_EQ(parsed<AddressChanged>(add_address_request(address)).address, address);
}

}  // namespace
}  // namespace xd::netlink
