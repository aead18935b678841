// Interfaces as instances see them: polled ones, changes that must last, clocks of announcements that several share; and what unicast
// peers teach about checksums.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/vrrp_world.h"
#include "vrrp/linkbeat.h"
#include "vrrp/xdp_transport.h"

namespace xd::vrrp {
namespace {

using test::World;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

conf::VirtualAddress vip(const std::string& prefix, const std::string& interface = {}) {
  conf::VirtualAddress address;
  address.prefix = *IpPrefix::parse(prefix);
  address.interface = interface;
  return address;
}

class Links : public ::testing::Test {
 protected:
  Links() {
    for (const char* name : {"eth0", "eth1"}) world.kernel.add_link(name);
    world.kernel.somebody_adds("eth0", "192.0.2.1/24");
    world.kernel.deliver();
    auto& instance = model.vrrp_instances.emplace_back();
    instance.name = "VI_1";
    instance.interface = "eth0";
    instance.vrid = 51;
    instance.addresses = {vip("192.0.2.100/24")};
    instance.garp.delay = 0s;
  }
  void become_master() {
    world.configure(model);
    world.pass(4s);
    ASSERT_EQ(world.role("VI_1"), Role::master);
    world.sent();
  }
  void set_link(bool running) {
    world.kernel.set_link("eth0", running);
    world.kernel.deliver();
  }
  conf::VrrpInstance& instance() { return model.vrrp_instances.front(); }

  World world;
  conf::Model model;
};

TEST_F(Links, ALossThatDoesNotLastIsNone) {
  model.link_delays = {{"eth0", 500ms, 300ms}};
  become_master();
  set_link(false);
  world.pass(400ms);
  set_link(true);
  world.pass(1s);
  EXPECT_EQ(world.role("VI_1"), Role::master);
  EXPECT_EQ(world.status("VI_1").released_master, 0u);
}

TEST_F(Links, ALossThatLastsIsAFaultAndSoIsTheReturn) {
  model.link_delays = {{"eth0", 500ms, 300ms}};
  become_master();
  set_link(false);
  world.pass(499ms);
  EXPECT_EQ(world.role("VI_1"), Role::master);
  world.pass(2ms);
  EXPECT_EQ(world.role("VI_1"), Role::fault);
  set_link(true);
  world.pass(299ms);
  EXPECT_EQ(world.role("VI_1"), Role::fault);
  world.pass(2ms);
  EXPECT_EQ(world.role("VI_1"), Role::backup);
}

TEST_F(Links, ADelayEndsBeforeTheOthersGiveUsUp) {
  model.link_delays = {{"eth0", 60s, 60s}};  // three adverts of 1 s each are missed long before
  become_master();
  set_link(false);
  world.pass(2100ms);
  EXPECT_EQ(world.role("VI_1"), Role::fault);
}

TEST_F(Links, AnInterfaceThatIsDeletedDoesNotComeBackByWaiting) {
  model.link_delays = {{"eth0", 500ms, 0s}};
  become_master();
  world.kernel.remove_link("eth0");
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::fault);
}

TEST_F(Links, APolledInterfaceIsWhatThePollSays) {
  world.router->observe_links({{"eth0", true}});
  become_master();
  set_link(false);  // as the driver tells the kernel: who asks for it is believed instead
  EXPECT_EQ(world.role("VI_1"), Role::master);
  world.router->observe_link("eth0", false);
  EXPECT_EQ(world.role("VI_1"), Role::fault);
  world.router->observe_link("eth0", true);
  EXPECT_EQ(world.role("VI_1"), Role::backup);
}

TEST_F(Links, ATrackedInterfaceMayBePolledAsWell) {
  instance().track_interfaces = {{"eth1", 0, false}};
  world.router->observe_links({{"eth1", false}});
  world.configure(model);
  EXPECT_EQ(world.role("VI_1"), Role::fault);
}

TEST_F(Links, WhoIsPolledIsListedOrUsedByAnInstance) {
  const auto names = [this] {
    std::vector<std::string> out;
    for (const auto& link : polled_links(model)) out.push_back(link.interface);
    return out;
  };
  instance().track_interfaces = {{"eth1", 0, false}};
  EXPECT_TRUE(names().empty());
  model.linkbeats = {{"eth9", conf::Linkbeat::Way::mii}};
  EXPECT_THAT(names(), ElementsAre("eth9"));
  instance().linkbeat_use_polling = true;
  EXPECT_THAT(names(), ElementsAre("eth9", "eth0"));
  model.linkbeat_use_polling = true;
  EXPECT_THAT(names(), ElementsAre("eth9", "eth0", "eth1"));
}

TEST_F(Links, AGarpGroupHasOneClockForItsInterfaces) {
  instance().excluded_addresses = {vip("198.51.100.100/24", "eth1")};
  instance().garp.repeat = 2;
  model.garp_groups = {{.garp_interval = 100ms, .gna_interval = 0s, .interfaces = {"eth0", "eth1"}}};
  world.configure(model);
  world.pass(5s);
  std::vector<TimePoint> garps;
  for (const auto& sent : world.sender.sent) {
    if (sent.what.starts_with("garp")) garps.push_back(sent.at);
  }
  ASSERT_EQ(garps.size(), 4u);
  for (std::size_t i = 1; i < garps.size(); ++i) EXPECT_EQ(garps[i] - garps[i - 1], 100ms);
}

TEST_F(Links, GarpExtraIfAllKeepsOtherInterfacesKnown) {
  instance().excluded_addresses = {vip("198.51.100.100/24", "eth1"), vip("198.51.100.101/24", "eth1")};
  instance().garp_extra_if = 10s;
  instance().garp_extra_if_all = true;
  become_master();
  world.pass(25s);
  std::vector<std::string> garps;
  for (const auto& what : world.sent()) {
    if (what.starts_with("garp")) garps.push_back(what);
  }
  EXPECT_THAT(garps, ElementsAre("garp 198.51.100.100", "garp 198.51.100.100")) << "one address is enough for a MAC";
}

TEST_F(Links, GarpExtraIfAloneIsForVirtualMacs) {
  instance().excluded_addresses = {vip("198.51.100.100/24", "eth1")};
  instance().garp_extra_if = 10s;
  become_master();
  world.pass(25s);
  EXPECT_THAT(world.sent(), Not(Contains("garp 198.51.100.100"))) << "a host that uses its own MAC is heard of anyhow";
}

TEST_F(Links, AnInstanceGoesWithTheStaticAddressesOfItsTrackGroup) {
  model.track_groups = {{"G", {"VI_1"}}};
  model.static_addresses = {vip("203.0.113.1/24", "eth1")};
  become_master();
  world.kernel.set_link("eth1", false);
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::master) << "the address is in no group";
  model.static_addresses[0].track_group = "G";
  world.configure(model);
  EXPECT_EQ(world.role("VI_1"), Role::fault);
  world.kernel.set_link("eth1", true);
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::backup);
}

TEST_F(Links, AnInstanceGoesWithTheInterfacesOfStaticRoutesAndRulesOfItsTrackGroup) {
  model.track_groups = {{"G", {"VI_1"}}};
  world.kernel.add_link("eth2");
  world.kernel.deliver();
  model.static_routes.push_back({});
  model.static_routes[0].route.destination = *IpPrefix::parse("10.1.0.0/16");
  model.static_routes[0].route.hop.interface = "eth1";
  model.static_routes[0].track_group = "G";
  model.static_rules.push_back({});
  model.static_rules[0].rule.in_interface = "eth2";
  model.static_rules[0].track_group = "G";
  become_master();
  for (const char* link : {"eth1", "eth2"}) {
    world.kernel.set_link(link, false);
    world.kernel.deliver();
    EXPECT_EQ(world.role("VI_1"), Role::fault) << link;
    world.kernel.set_link(link, true);
    world.kernel.deliver();
    EXPECT_EQ(world.role("VI_1"), Role::backup) << link;
  }
}

TEST_F(Links, AStaticAddressOfATrackGroupComesBackWithoutAnElection) {
  model.track_groups = {{"G", {"VI_1"}}};
  model.static_addresses = {vip("203.0.113.1/24", "eth1")};
  model.static_addresses[0].track_group = "G";
  become_master();
  world.kernel.somebody_removes("eth1", "203.0.113.1/24");
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::master);
  EXPECT_TRUE(world.kernel.has("eth1", "203.0.113.1/24"));
}

// As keepalived does; but routers forward nothing from a link-local address.
TEST_F(Links, OverIPv6UnicastLeavesFromTheLinkLocalAddressUnlessAPeerIsBehindARouter) {
  for (const char* address : {"2001:db8::1/64", "fe80::1/64"}) world.kernel.somebody_adds("eth0", address);
  world.kernel.deliver();
  auto conf = instance();
  conf.family = AF_INET6;
  const auto source = [&](std::initializer_list<const char*> peers) {
    conf.unicast_peers.clear();
    for (const char* peer : peers) conf.unicast_peers.push_back({*IpAddress::parse(peer)});
    const auto chosen = choose_source(conf, world.kernel.table(), [](const IpAddress&) { return false; });
    return chosen ? chosen->str() : "";
  };
  EXPECT_EQ(source({}), "fe80::1");
  EXPECT_EQ(source({"fe80::2"}), "fe80::1");
  EXPECT_EQ(source({"2001:db8::2", "fe80::2"}), "fe80::1");
  EXPECT_EQ(source({"2001:db8::2", "2001:db8:1::2"}), "2001:db8::1");
}

TEST_F(Links, UnicastBeginsWithItsSourceAddressAndOutlivesIt) {
  instance().unicast_src_ip = *IpAddress::parse("192.0.2.9");
  instance().unicast_peers = {{*IpAddress::parse("192.0.2.2")}};
  world.configure(model);
  world.pass(4s);
  EXPECT_EQ(world.role("VI_1"), Role::fault) << "it would hear nobody";
  world.kernel.somebody_adds("eth1", "192.0.2.9/24");
  world.kernel.deliver();
  world.pass(4s);
  EXPECT_EQ(world.role("VI_1"), Role::master);
  world.kernel.somebody_removes("eth1", "192.0.2.9/24");
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::master);
}

// Releases before 1.3.7 sum the group up instead of the peer's own address.
class OldChecksum : public Links {
 protected:
  OldChecksum() {
    instance().version = 3;
    instance().unicast_src_ip = *IpAddress::parse("192.0.2.1");
    instance().unicast_peers = {*IpAddress::parse("192.0.2.2"), *IpAddress::parse("192.0.2.3")};
  }
  void hear_form(const std::string& from, ChecksumForm form) {
    Remarks remarks;
    remarks.checksum = form;
    world.wire.ears.at(51)->listener.on_advert({*IpAddress::parse(from), 50, 1s, world.clock}, remarks);
  }
  std::vector<std::string> next_adverts() {
    world.sent();
    world.pass(1100ms);
    return world.sent();
  }
};

TEST_F(OldChecksum, APeerThatUsesItIsAnsweredInKind) {
  become_master();
  EXPECT_THAT(next_adverts(), ElementsAre("advert 51 priority 100 to 192.0.2.2", "advert 51 priority 100 to 192.0.2.3"));
  hear_form("192.0.2.2", ChecksumForm::multicast_pseudo_header);
  EXPECT_THAT(next_adverts(), Contains("advert 51 priority 100 to 192.0.2.2, old checksum"));
  EXPECT_THAT(next_adverts(), Contains("advert 51 priority 100 to 192.0.2.3"));
  hear_form("192.0.2.2", ChecksumForm::pseudo_header);  // it was upgraded
  EXPECT_THAT(next_adverts(), Contains("advert 51 priority 100 to 192.0.2.2"));
}

TEST_F(OldChecksum, NeverAndAlwaysLearnNothing) {
  instance().old_unicast_checksum = conf::OldChecksum::never;
  become_master();
  hear_form("192.0.2.2", ChecksumForm::multicast_pseudo_header);
  EXPECT_THAT(next_adverts(), Contains("advert 51 priority 100 to 192.0.2.2"));

  instance().old_unicast_checksum = conf::OldChecksum::always;
  world.configure(model);
  hear_form("192.0.2.2", ChecksumForm::pseudo_header);
  EXPECT_THAT(next_adverts(), Contains("advert 51 priority 100 to 192.0.2.2, old checksum"));
}

// The NIC may hold tags beside frames, where XDP cannot see them.
TEST(XdpHears, NeitherOnAVlanNorOnTheLinkThatItStandsOn) {
  netlink::Table table;
  const auto add = [&](int index, netlink::LinkKind kind, int lower) {
    auto& link = table.links[index];
    link.index = index;
    link.kind = kind;
    link.lower = lower;
  };
  add(1, netlink::LinkKind::other, 0);
  add(2, netlink::LinkKind::veth, 0);
  EXPECT_TRUE(xdp_hears(table, table.links[1]));
  EXPECT_TRUE(xdp_hears(table, table.links[2]));
  add(3, netlink::LinkKind::vlan, 1);
  EXPECT_FALSE(xdp_hears(table, table.links[3]));
  EXPECT_FALSE(xdp_hears(table, table.links[1]));
  EXPECT_TRUE(xdp_hears(table, table.links[2]));
}

}  // namespace
}  // namespace xd::vrrp
