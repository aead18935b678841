#include "daemon/packet_path.h"

#include <gtest/gtest.h>

namespace xd::daemon {
namespace {

using Names = std::set<std::string>;

// A director with an outside and an inside network.
std::string interface_to(const IpAddress& address) {
  if (IpPrefix::parse("192.0.2.0/24")->contains(address)) return "outside";
  if (IpPrefix::parse("10.0.0.0/24")->contains(address)) return "inside";
  return "";
}

conf::VirtualServer service(const char* address, const char* server) {
  conf::VirtualServer out;
  out.key = {*IpAddress::parse(address), 80, lvs::Protocol::tcp};
  out.real_servers.resize(1);
  out.real_servers[0].endpoint = {*IpAddress::parse(server), 80};
  return out;
}

TEST(NeededInterfaces, ThoseOfElectionsAndTheirAddresses) {
  conf::Model model;
  model.vrrp_instances.resize(1);
  model.vrrp_instances[0].interface = "eth0";
  model.vrrp_instances[0].addresses.resize(2);
  model.vrrp_instances[0].addresses[1].interface = "eth1";
  EXPECT_EQ(needed_interfaces(model, interface_to), (Names{"eth0", "eth1"}));
}

TEST(NeededInterfaces, ThoseThatLeadToServicesAndServers) {
  conf::Model model;
  model.virtual_servers = {service("192.0.2.10", "10.0.0.1")};
  EXPECT_EQ(needed_interfaces(model, interface_to), (Names{"inside", "outside"}));
}

TEST(NeededInterfaces, WhatNoRouteLeadsToNeedsNone) {
  conf::Model model;
  model.virtual_servers = {service("192.0.2.10", "203.0.113.1")};
  EXPECT_EQ(needed_interfaces(model, interface_to), Names{"outside"});
}

TEST(NeededInterfaces, TheOperatorsListStandsAlone) {
  conf::Model model;
  model.virtual_servers = {service("192.0.2.10", "10.0.0.1")};
  model.xdirector.interfaces.resize(1);
  model.xdirector.interfaces[0].name = "bond0";
  EXPECT_EQ(needed_interfaces(model, interface_to), Names{"bond0"});
}

TEST(NeededInterfaces, NothingConfiguredNeedsNothing) { EXPECT_EQ(needed_interfaces({}, interface_to), Names{}); }

}  // namespace
}  // namespace xd::daemon
