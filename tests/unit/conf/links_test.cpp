// use_vmac, use_ipvlan and what belongs to them: names, MACs, and that they print as they read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "conf/compile.h"
#include "conf/print.h"

namespace xd::conf {
namespace {

Compiled compiled(const std::string& text) {
  Options options;
  options.host_name = "director.example";
  Compiled c = compile_text("/etc/keepalived/keepalived.conf", text, options);
  EXPECT_TRUE(compile_text("/printed.conf", print(c.model), options).model == c.model) << print(c.model);
  return c;
}

std::string instance(const std::string& inside, int vrid = 51, const std::string& address = "192.0.2.51/24") {
  return "vrrp_instance VI_" + std::to_string(vrid) + address.substr(0, 3) + " {\n interface eth0\n virtual_router_id " +
         std::to_string(vrid) + "\n virtual_ipaddress {\n " + address + "\n }\n" + inside + "\n}\n";
}

VrrpInstance the_instance(const std::string& inside, const std::string& before = {}) {
  return compiled(before + instance(inside)).model.vrrp_instances.at(0);
}

TEST(Links, UseVmacHasTheRfcsMacAndAName) {
  const auto v4 = the_instance("use_vmac").link;
  EXPECT_EQ(v4.kind, VirtualLink::Kind::macvlan);
  EXPECT_EQ(v4.name, "vrrp.51");
  EXPECT_EQ(v4.mac.str(), "00:00:5e:00:01:33");
  EXPECT_EQ(the_instance("use_vmac\nversion 3\nvirtual_ipaddress_excluded {\n2001:db8::1\n}").link.mac.str(), "00:00:5e:00:01:33");
}

TEST(Links, UseVmacTakesANameAndAMacOfFiveOrSixOctets) {
  EXPECT_EQ(the_instance("use_vmac vip0 02:00:00:00:00:53").link.mac.str(), "02:00:00:00:00:53");
  EXPECT_EQ(the_instance("use_vmac vip0 02:00:00:00:00").link.mac.str(), "02:00:00:00:00:33") << "the VRID is added";
  EXPECT_EQ(the_instance("use_vmac name vip0 netlink_notify_msg group 5").link.group, 5u);
  EXPECT_EQ(the_instance("use_vmac 01:00:00:00:00:01").link.mac.str(), "00:00:5e:00:01:33") << "no multicast address";
  EXPECT_EQ(the_instance("use_vmac verylonginterfacename").link.name, "vrrp.51");
}

TEST(Links, NamesHaveThePrefixAndDiffer) {
  EXPECT_EQ(the_instance("use_vmac", "global_defs {\n vmac_prefix vip\n}\n").link.name, "vip.51");
  const auto c = compiled(instance("use_vmac") + instance("use_vmac", 51, "2001:db8::51/64"));
  EXPECT_EQ(c.model.vrrp_instances.at(1).link.name, "vrrp6.51");
  EXPECT_EQ(c.model.vrrp_instances.at(1).link.mac.str(), "00:00:5e:00:02:33");
}

TEST(Links, UseVmacAddrIsForOtherInterfaces) {
  const auto i =
      the_instance("use_vmac_addr\nvirtual_ipaddress_excluded {\n192.0.2.60/24 dev eth1\n192.0.2.61/24\n192.0.2.62/24 use_vmac\n}");
  EXPECT_EQ(i.addresses[0].link, "");
  EXPECT_EQ(i.excluded_addresses[0].link, "vrrp.51");
  EXPECT_EQ(i.excluded_addresses[1].link, "");
  EXPECT_EQ(i.excluded_addresses[2].link, "vrrp.51.1");
}

TEST(Links, AdvertsToUnicastPeersLeaveFromTheInterface) {
  EXPECT_TRUE(the_instance("use_vmac\nunicast_peer {\n192.0.2.2\n}").vmac_xmit_base);
  EXPECT_FALSE(the_instance("vmac_xmit_base").vmac_xmit_base) << "without use_vmac it means nothing";
}

TEST(Links, UseIpvlanTakesAnAddressAndAMode) {
  const auto link = the_instance("use_ipvlan vip0 192.0.2.9/24 vepa").link;
  EXPECT_EQ(link.kind, VirtualLink::Kind::ipvlan);
  EXPECT_EQ(link.address->str(), "192.0.2.9/24");
  EXPECT_EQ(link.mode, VirtualLink::IpvlanMode::vepa);
}

}  // namespace
}  // namespace xd::conf
