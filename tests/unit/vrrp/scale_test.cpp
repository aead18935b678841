// Many instances in one router: what they share, and what they do not wait for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "support/vrrp_world.h"

namespace xd::vrrp {
namespace {

using test::World;

class ManyInstances : public ::testing::Test {
 protected:
  ManyInstances() {
    world.kernel.add_link("eth0");
    world.kernel.somebody_adds("eth0", "192.0.2.1/24");
    world.kernel.deliver();
    for (int i = 1; i <= count; ++i) {
      conf::VrrpInstance instance;
      instance.name = "VI_" + std::to_string(i);
      instance.interface = "eth0";
      instance.vrid = static_cast<std::uint8_t>(i);
      instance.priority = 100;
      conf::VirtualAddress address;
      address.prefix = *IpPrefix::parse("10.0.0." + std::to_string(i) + "/32");
      instance.addresses = {address};
      model.vrrp_instances.push_back(std::move(instance));
    }
  }
  // Masters that had heard another one at different times, so that their timers differ by `apart`.
  void become_masters(Duration apart) {
    world.configure(model);
    for (int i = 1; i <= count; ++i) {
      world.hear(static_cast<std::uint8_t>(i), "192.0.2.2", 150);
      world.clock += apart;
    }
    world.pass(10s);
    world.sender.sent.clear();
  }
  // The moments at which adverts left.
  std::set<TimePoint> moments() const {
    std::set<TimePoint> out;
    for (const auto& sent : world.sender.sent) {
      if (sent.what.starts_with("advert")) out.insert(sent.at);
    }
    return out;
  }

  static constexpr int count = 10;
  World world;
  conf::Model model;
};

TEST_F(ManyInstances, advertsThatAreDueInAMomentLeaveTogether) {
  become_masters(1ms);
  world.pass(1s);
  EXPECT_EQ(world.sender.sent.size(), std::size_t{count});
  EXPECT_EQ(moments().size(), 1u);
}

TEST_F(ManyInstances, noAdvertIsMovedByMoreThanAFiftiethOfItsInterval) {
  become_masters(15ms);
  world.pass(1s);
  EXPECT_EQ(world.sender.sent.size(), std::size_t{count});
  EXPECT_GE(moments().size(), 5u);
  const auto before = moments();
  world.sender.sent.clear();
  world.pass(1s);
  for (const TimePoint at : moments()) EXPECT_TRUE(before.contains(at - 1s)) << "they do not wander";
}

TEST_F(ManyInstances, whatChangedIsToldInPiecesAndOnce) {
  world.configure(model);
  world.router->changes(1000);
  world.hear(3, "192.0.2.2", 150);
  world.hear(4, "192.0.2.2", 150);
  world.hear(3, "192.0.2.2", 160);
  const auto first = world.router->changes(1);
  ASSERT_EQ(first.instances.size(), 1u);
  EXPECT_EQ(first.instances[0].vrid, 3);
  EXPECT_EQ(world.router->changes(5).instances.size(), 1u);
  EXPECT_TRUE(world.router->changes(5).instances.empty());
}

TEST_F(ManyInstances, aReloadTellsWhoIsGone) {
  world.configure(model);
  world.router->changes(1000);
  model.vrrp_instances.erase(model.vrrp_instances.begin() + 1);
  world.configure(model);
  const auto changes = world.router->changes(1000);
  ASSERT_EQ(changes.instances.size(), std::size_t{count});
  EXPECT_TRUE(changes.instances[0].gone);
  EXPECT_EQ(changes.instances[0].vrid, 2);
}

TEST_F(ManyInstances, aFloodOfTheKernelsNewsHoldsUpNoAdvert) {
  become_masters(0s);
  world.clock += 1500ms;  // and the loop has not come to its timers
  world.kernel.somebody_adds("eth0", "198.51.100.1/24");
  world.kernel.deliver();
  EXPECT_EQ(world.sender.sent.size(), std::size_t{count});
}

TEST_F(ManyInstances, theirStatusIsToldInParts) {
  world.configure(model);
  EXPECT_EQ(world.router->status().size(), std::size_t{count});
  const auto part = world.router->status(4, 4);
  ASSERT_EQ(part.size(), 4u);
  EXPECT_EQ(part[0].name, "VI_5");
  EXPECT_EQ(world.router->status(8, 4).size(), 2u);
  EXPECT_TRUE(world.router->status(12, 4).empty());
  EXPECT_EQ(world.router->roles()[static_cast<std::size_t>(Role::backup)], std::size_t{count});
}

}  // namespace
}  // namespace xd::vrrp
