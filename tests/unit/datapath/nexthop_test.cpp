// Next hops follow routes, neighbours and links.
#include "datapath/nexthop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_netlink.h"

namespace xd::datapath {
namespace {

class NextHopsTest : public testing::Test {
 protected:
  void SetUp() override { eth0 = kernel.add_link("eth0"); }
  void start() {
    hops = std::make_unique<NextHops>(
        loop, kernel,
        NextHops::Sink{[this] { return wanted; }, [this](const IpAddress& a, const std::optional<Hop>& h) { told[a] = h, ++tellings; },
                       [](int, std::uint32_t) {}});
    hops->update();
  }
  void settle() {
    kernel.deliver();
    loop.run_once(0s);
  }
  static IpAddress ip(const char* text) { return *IpAddress::parse(text); }

  Loop loop;
  test::FakeNetlink kernel;
  int eth0 = 0;
  std::vector<IpAddress> wanted{ip("10.0.0.1")};
  std::map<IpAddress, std::optional<Hop>> told;
  int tellings = 0;
  std::unique_ptr<NextHops> hops;
};

TEST_F(NextHopsTest, ANeighbourOnTheLinkIsAskedForAndThenUsed) {
  kernel.set_route("10.0.0.1", {eth0, std::nullopt, {}, false, 0});
  start();
  EXPECT_EQ(told[ip("10.0.0.1")], std::nullopt);
  EXPECT_THAT(kernel.calls, testing::Contains("resolve 10.0.0.1 eth0"));
  kernel.set_neighbour("eth0", "10.0.0.1", "02:00:00:00:01:01");
  settle();
  const auto hop = told[ip("10.0.0.1")];
  ASSERT_TRUE(hop);
  EXPECT_EQ(hop->to.str(), "02:00:00:00:01:01");
  EXPECT_EQ(hop->ifindex, eth0);
}

TEST_F(NextHopsTest, BehindAGatewayItIsTheGateway) {
  kernel.set_route("10.0.0.1", {eth0, ip("192.0.2.1"), {}, false, 0});
  kernel.set_neighbour("eth0", "192.0.2.1", "02:00:00:00:00:fe");
  start();
  EXPECT_EQ(told[ip("10.0.0.1")]->to.str(), "02:00:00:00:00:fe");
}

TEST_F(NextHopsTest, ALocalAddressIsTheStacks) {
  kernel.set_route("10.0.0.1", {eth0, std::nullopt, {}, true, 0});
  start();
  EXPECT_TRUE(told[ip("10.0.0.1")]->local);
}

TEST_F(NextHopsTest, ANewMacIsFollowedAndNothingIsToldTwice) {
  kernel.set_route("10.0.0.1", {eth0, std::nullopt, {}, false, 0});
  kernel.set_neighbour("eth0", "10.0.0.1", "02:00:00:00:01:01");
  start();
  settle();
  EXPECT_EQ(tellings, 1);
  kernel.set_neighbour("eth0", "10.0.0.1", "02:00:00:00:01:99");
  settle();
  EXPECT_EQ(told[ip("10.0.0.1")]->to.str(), "02:00:00:00:01:99");
  EXPECT_EQ(tellings, 2);
}

TEST_F(NextHopsTest, AForgottenNeighbourKeepsItsMacUntilItFails) {
  kernel.set_route("10.0.0.1", {eth0, std::nullopt, {}, false, 0});
  kernel.set_neighbour("eth0", "10.0.0.1", "02:00:00:00:01:01");
  start();
  kernel.lose_neighbour("eth0", "10.0.0.1");
  settle();
  EXPECT_TRUE(told[ip("10.0.0.1")]);
}

TEST_F(NextHopsTest, ALinkThatGoesDownHasNoHops) {
  kernel.set_route("10.0.0.1", {eth0, std::nullopt, {}, false, 0});
  kernel.set_neighbour("eth0", "10.0.0.1", "02:00:00:00:01:01");
  start();
  kernel.set_link("eth0", false);
  settle();
  settle();
  EXPECT_EQ(told[ip("10.0.0.1")], std::nullopt);
}

TEST(HopOf, AVlanDevicesFramesLeaveByItsParentWithItsTag) {
  netlink::Table table;
  const MacAddress mac = *MacAddress::parse("02:00:00:00:00:01"), server = *MacAddress::parse("02:00:00:00:01:01");
  netlink::Link eth0{.index = 2, .name = "eth0", .up = true, .running = true, .mac = mac};
  netlink::Link vlan = eth0;
  vlan.index = 3;
  vlan.name = "eth0.7";
  vlan.kind = netlink::LinkKind::vlan;
  vlan.lower = 2;
  vlan.vlan_id = 7;
  table.links = {{2, eth0}, {3, vlan}};
  const IpAddress web = *IpAddress::parse("10.0.0.1");
  table.neighbours[{3, web}] = {3, web, server, netlink::NeighbourState::stale};
  EXPECT_EQ(hop_of(table, {3, std::nullopt, {}, false, 0}, web), (Hop{server, mac, 2, 7, 0, false}));
}

}  // namespace
}  // namespace xd::datapath
