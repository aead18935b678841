// Routes, rules and static objects of a router whose kernel is in memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/vrrp_world.h"

namespace xd::vrrp {
namespace {

using test::World;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

conf::VirtualRoute route(const std::string& to, const std::string& interface = "eth0") {
  conf::VirtualRoute out;
  out.route.destination = *IpPrefix::parse(to);
  out.route.hop.interface = interface;
  return out;
}

conf::VirtualRule rule(const std::string& from, std::uint32_t priority) {
  conf::VirtualRule out;
  out.rule.from = *IpPrefix::parse(from);
  out.rule.table = 100;
  out.rule.priority = priority;
  return out;
}

class Routes : public ::testing::Test {
 protected:
  Routes() {
    world.kernel.add_link("eth0");
    world.kernel.somebody_adds("eth0", "192.0.2.1/24");
    conf::VrrpInstance instance;
    instance.name = "VI_1";
    instance.interface = "eth0";
    instance.vrid = 51;
    instance.version = 3;
    instance.advert_interval = 1s;
    instance.addresses.push_back({});
    instance.addresses[0].prefix = *IpPrefix::parse("192.0.2.100/24");
    instance.routes = {route("10.1.0.0/16"), route("10.2.0.0/16")};
    instance.rules = {rule("10.3.0.0/16", 900)};
    model.vrrp_instances.push_back(instance);
  }
  conf::VrrpInstance& instance() { return model.vrrp_instances[0]; }
  std::vector<std::string> routing_calls() {
    std::vector<std::string> out;
    for (const auto& call : std::exchange(world.kernel.calls, {})) {
      if (call.find("route") != std::string::npos || call.find("rule") != std::string::npos) out.push_back(call);
    }
    return out;
  }
  void be_master() {
    world.configure(model);
    world.pass(5s);
    ASSERT_EQ(world.role("VI_1"), Role::master);
  }

  World world;
  conf::Model model;
};

TEST_F(Routes, AreThereWhileMaster) {
  world.configure(model);
  EXPECT_THAT(routing_calls(), IsEmpty());
  world.pass(5s);
  EXPECT_THAT(routing_calls(),
              ElementsAre("add route 10.1.0.0/16 dev eth0", "add route 10.2.0.0/16 dev eth0", "add rule 900 from 10.3.0.0/16"));
  world.hear(51, "192.0.2.2", 200);
  EXPECT_EQ(world.role("VI_1"), Role::backup);
  EXPECT_THAT(routing_calls(),
              ElementsAre("remove rule 900 from 10.3.0.0/16", "remove route 10.1.0.0/16 dev eth0", "remove route 10.2.0.0/16 dev eth0"));
}

TEST_F(Routes, OneThatSomebodyTakesOutMakesAnElection) {
  be_master();
  world.sent();
  world.kernel.somebody_removes(id_of(instance().routes[0].route));
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::backup);
  world.pass(2s);
  EXPECT_EQ(world.role("VI_1"), Role::master);
  EXPECT_TRUE(world.kernel.table().routes.contains(id_of(instance().routes[0].route)));
  world.kernel.somebody_removes(id_of(instance().rules[0].rule));
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::backup);
}

TEST_F(Routes, OneWithNoTrackIsNotMissed) {
  instance().routes[0].no_track = true;
  instance().rules[0].no_track = true;
  be_master();
  world.kernel.somebody_removes(id_of(instance().routes[0].route));
  world.kernel.somebody_removes(id_of(instance().rules[0].rule));
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::master);
}

TEST_F(Routes, AReloadChangesWhatDiffers) {
  be_master();
  routing_calls();
  auto& routes = instance().routes;
  routes[0].route.hop.via = *IpAddress::parse("192.0.2.254");
  routes[1] = route("10.4.0.0/16");
  instance().rules.push_back(rule("10.5.0.0/16", 901));
  world.configure(model);
  EXPECT_EQ(world.role("VI_1"), Role::master);
  EXPECT_THAT(routing_calls(), ElementsAre("remove route 10.2.0.0/16 dev eth0", "replace route 10.1.0.0/16 via 192.0.2.254 dev eth0",
                                           "add route 10.4.0.0/16 dev eth0", "add rule 901 from 10.5.0.0/16"));
  world.configure(model);
  EXPECT_THAT(routing_calls(), IsEmpty());
}

TEST_F(Routes, ThoseOfAnInterfaceThatWentDownComeBackWithIt) {
  world.kernel.add_link("eth1");
  instance().routes[0] = route("10.1.0.0/16", "eth1");
  be_master();
  routing_calls();
  auto link = *world.kernel.table().link("eth1");
  link.up = link.running = false;
  world.kernel.change(link);
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::master);
  EXPECT_FALSE(world.kernel.table().routes.contains(id_of(instance().routes[0].route)));
  link.up = link.running = true;
  world.kernel.change(link);
  world.kernel.deliver();
  EXPECT_THAT(routing_calls(), ElementsAre("add route 10.1.0.0/16 dev eth1"));
}

TEST_F(Routes, OneOfAVrfStandsInItsTable) {
  world.kernel.add_link("red");
  world.kernel.make_vrf("red", 1010);
  instance().routes = {route("10.1.0.0/16"), route("10.2.0.0/16")};
  instance().routes[0].vrf = "red";
  instance().routes[1].vrf = "eth0";
  be_master();
  EXPECT_THAT(routing_calls(), ElementsAre("add route 10.1.0.0/16 dev eth0 table 1010", "add rule 900 from 10.3.0.0/16"))
      << "eth0 is no VRF";
  world.configure(model);
  EXPECT_THAT(routing_calls(), IsEmpty());
  world.kernel.make_vrf("red", 1011);
  world.configure(model);
  EXPECT_THAT(routing_calls(), ElementsAre("remove route 10.1.0.0/16 dev eth0 table 1010", "add route 10.1.0.0/16 dev eth0 table 1011"));
}

TEST_F(Routes, StaticOnesAreThereFromStartToEndAndPutBack) {
  model.static_addresses.push_back({});
  model.static_addresses[0].prefix = *IpPrefix::parse("192.0.2.50/24");
  model.static_addresses[0].interface = "eth0";
  model.static_routes = {route("10.8.0.0/16")};
  model.static_rules = {rule("10.9.0.0/16", 1000)};
  world.configure(model);
  EXPECT_TRUE(world.kernel.has("eth0", "192.0.2.50/24"));
  EXPECT_THAT(routing_calls(), ElementsAre("add route 10.8.0.0/16 dev eth0", "add rule 1000 from 10.9.0.0/16"));
  world.kernel.somebody_removes("eth0", "192.0.2.50/24");
  world.kernel.somebody_removes(id_of(model.static_routes[0].route));
  world.kernel.deliver();
  EXPECT_TRUE(world.kernel.has("eth0", "192.0.2.50/24"));
  EXPECT_THAT(routing_calls(), ElementsAre("add route 10.8.0.0/16 dev eth0"));
  world.router->stop(true);
  EXPECT_FALSE(world.kernel.has("eth0", "192.0.2.50/24"));
  EXPECT_THAT(routing_calls(), ElementsAre("remove rule 1000 from 10.9.0.0/16", "remove route 10.8.0.0/16 dev eth0"));
}

}  // namespace
}  // namespace xd::vrrp
