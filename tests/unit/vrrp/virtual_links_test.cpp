// Links with the virtual MAC, of a router whose kernel is in memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/vrrp_world.h"

namespace xd::vrrp {
namespace {

using test::World;
using ::testing::Contains;
using ::testing::Not;

const std::string arp_ignore = "net/ipv4/conf/eth0/arp_ignore";

class VirtualLink : public ::testing::Test {
 protected:
  VirtualLink() {
    base = world.kernel.add_link("eth0");
    world.kernel.somebody_adds("eth0", "192.0.2.1/24");
    world.settings[arp_ignore] = "0";
    conf::VrrpInstance instance;
    instance.name = "VI_1";
    instance.interface = "eth0";
    instance.vrid = 51;
    instance.version = 3;
    instance.addresses.push_back({});
    instance.addresses[0].prefix = *IpPrefix::parse("192.0.2.100/24");
    instance.link.kind = conf::VirtualLink::Kind::macvlan;
    instance.link.name = "vrrp.51";
    instance.link.mac = conf::VrrpInstance::rfc_mac(AF_INET, 51);
    model.vrrp_instances.push_back(instance);
  }
  conf::VrrpInstance& instance() { return model.vrrp_instances[0]; }
  void be_master() {
    world.configure(model);
    world.pass(5s);
    ASSERT_EQ(world.role("VI_1"), Role::master);
  }
  int index() const { return world.kernel.table().link("vrrp.51")->index; }

  World world;
  conf::Model model;
  int base = 0;
};

TEST_F(VirtualLink, CarriesAdvertsAddressesAndAnnouncements) {
  be_master();
  EXPECT_THAT(world.kernel.calls, Contains("add link vrrp.51 00:00:5e:00:01:33 on eth0"));
  EXPECT_TRUE(world.kernel.has("vrrp.51", "192.0.2.100/24"));
  EXPECT_FALSE(world.kernel.has("eth0", "192.0.2.100/24"));
  for (const auto& sent : world.sender.sent) EXPECT_EQ(sent.index, index()) << sent.what;
  EXPECT_EQ(world.settings[arp_ignore], "1");
  EXPECT_EQ(world.settings["net/ipv4/conf/vrrp.51/accept_local"], "1");
  world.router->stop(true);
  EXPECT_EQ(world.kernel.table().link("vrrp.51"), nullptr);
  EXPECT_EQ(world.settings[arp_ignore], "0");
}

TEST_F(VirtualLink, HasNoIpv6AddressMadeOfTheVirtualMac) {
  be_master();
  EXPECT_EQ(world.settings["net/ipv6/conf/vrrp.51/disable_ipv6"], "1");
  auto& six = model.vrrp_instances.emplace_back(instance());
  six.name = "VI_6";
  six.family = AF_INET6;
  six.addresses[0].prefix = *IpPrefix::parse("fe80::100/64");
  six.link.name = "vrrp6.51";
  six.link.mac = conf::VrrpInstance::rfc_mac(AF_INET6, 51);
  world.configure(model);
  EXPECT_EQ(world.settings["net/ipv6/conf/vrrp6.51/addr_gen_mode"], "1");
}

TEST_F(VirtualLink, LeavesAdvertsToTheInterfaceBelowWhenAsked) {
  instance().vmac_xmit_base = true;
  be_master();
  for (const auto& sent : world.sender.sent) EXPECT_EQ(sent.index, sent.what.starts_with("advert") ? base : index()) << sent.what;
}

TEST_F(VirtualLink, OfADeadProcessIsTakenOverAndAnotherMakesRoom) {
  netlink::NewLink left{.name = "vrrp.51", .lower = base, .mac = instance().link.mac};
  ASSERT_TRUE(world.kernel.add_link(left));
  const int old = index();
  be_master();
  EXPECT_EQ(index(), old);
  world.router.reset();

  World other;
  other.kernel.add_link("eth0");
  other.kernel.somebody_adds("eth0", "192.0.2.1/24");
  left.mac = conf::VrrpInstance::rfc_mac(AF_INET, 7);
  ASSERT_TRUE(other.kernel.add_link(left));
  other.configure(model);
  EXPECT_EQ(other.kernel.table().link("vrrp.51")->mac, instance().link.mac);
}

TEST_F(VirtualLink, IsMadeAndRemovedByAReloadWithoutAnElection) {
  const auto with = model;
  instance().link = {};
  be_master();
  EXPECT_TRUE(world.kernel.has("eth0", "192.0.2.100/24"));
  world.configure(with);
  EXPECT_TRUE(world.kernel.has("vrrp.51", "192.0.2.100/24"));
  EXPECT_FALSE(world.kernel.has("eth0", "192.0.2.100/24"));
  world.configure(model);
  EXPECT_TRUE(world.kernel.has("eth0", "192.0.2.100/24"));
  EXPECT_EQ(world.kernel.table().link("vrrp.51"), nullptr);
  EXPECT_EQ(world.role("VI_1"), Role::master);
  EXPECT_EQ(world.status("VI_1").became_master, 1u);
}

TEST_F(VirtualLink, ThatSomebodyDeletesIsMadeAnewWithItsAddress) {
  be_master();
  world.kernel.remove_link("vrrp.51");
  world.kernel.deliver();
  ASSERT_NE(world.kernel.table().link("vrrp.51"), nullptr);
  world.pass(5s);
  EXPECT_EQ(world.role("VI_1"), Role::master);
  EXPECT_TRUE(world.kernel.has("vrrp.51", "192.0.2.100/24"));
}

TEST_F(VirtualLink, StandsOnOtherInterfacesForAddressesThere) {
  world.kernel.add_link("eth1");
  instance().link = {};
  instance().addresses[0].interface = "eth1";
  instance().addresses[0].link = "vrrp.51";
  be_master();
  EXPECT_EQ(world.kernel.table().link("vrrp.51")->lower, world.kernel.table().link("eth1")->index);
  EXPECT_TRUE(world.kernel.has("vrrp.51", "192.0.2.100/24"));
  for (const auto& sent : world.sender.sent) EXPECT_EQ(sent.index, sent.what.starts_with("advert") ? base : index()) << sent.what;
}

TEST_F(VirtualLink, ComesWithItsInterface) {
  model.global.dynamic_interfaces = true;
  instance().interface = "eth7";
  world.configure(model);
  EXPECT_EQ(world.role("VI_1"), Role::fault);
  world.kernel.add_link("eth7");
  world.kernel.somebody_adds("eth7", "192.0.2.7/24");
  world.kernel.deliver();
  world.pass(5s);
  EXPECT_EQ(world.role("VI_1"), Role::master);
  EXPECT_TRUE(world.kernel.has("vrrp.51", "192.0.2.100/24"));
}

}  // namespace
}  // namespace xd::vrrp
