// What stories about the router begin with: one director on one link.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/vrrp_world.h"

namespace xd::vrrp::test {

using xd::test::World;

inline conf::VirtualAddress vip(const std::string& prefix) {
  conf::VirtualAddress address;
  address.prefix = *IpPrefix::parse(prefix);
  return address;
}

inline conf::Script program(const std::string& words) {
  conf::Script script;
  script.words = {"/bin/true", words};
  return script;
}

inline conf::VrrpInstance instance(const std::string& name, std::uint8_t vrid, std::uint8_t priority, const std::string& address) {
  conf::VrrpInstance out;
  out.name = name;
  out.interface = "eth0";
  out.vrid = vrid;
  out.priority = priority;
  out.addresses = {vip(address)};
  out.notify.any = program("notify");
  return out;
}

inline conf::VrrpScript script(const std::string& name, int weight = 0) {
  conf::VrrpScript out;
  out.name = name;
  out.script = program(name);
  out.weight = weight;
  return out;
}

inline conf::Track track(const std::string& name, int weight = 0) { return {name, weight, false}; }

// One director with 192.0.2.1/24 on eth0 and VI_1: VRID 51, priority 100, VIP 192.0.2.100/24.
class OneDirector : public ::testing::Test {
 protected:
  OneDirector() {
    world.kernel.add_link("eth0");
    world.kernel.somebody_adds("eth0", "192.0.2.1/24");
    world.kernel.deliver();
    model.vrrp_instances = {instance("VI_1", 51, 100, "192.0.2.100/24")};
  }
  void become_master() {
    world.configure(model);
    world.pass(4s);
    ASSERT_EQ(world.role("VI_1"), Role::master);
    world.sent();
    world.scripts.fired.clear();
  }
  bool vip_is_there() const { return world.kernel.has("eth0", "192.0.2.100/24"); }

  World world;
  conf::Model model;
};

}  // namespace xd::vrrp::test
