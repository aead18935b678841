// Interfaces by themselves: clocks of announcements, links that are polled, changes that must last.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "conf/compile.h"
#include "conf/print.h"

namespace xd::conf {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Compiled compiled(const std::string& text) {
  Options options;
  options.interface_exists = [](const std::string& name) { return name.starts_with("eth"); };
  return compile_text("/k.conf", text, options);
}

std::string instance(const std::string& lines) {
  return "vrrp_instance V {\n interface eth0\n virtual_router_id 1\n" + lines + "\n virtual_ipaddress {\n  10.1.0.9/24\n }\n}\n";
}

// What is printed means the same.
void expect_printed(const Compiled& one) {
  const auto again = compiled(print(one.model));
  EXPECT_EQ(again.model, one.model) << print(one.model);
}

TEST(Interfaces, AGarpGroupHasAClockAndInterfaces) {
  const auto good = compiled("garp_group {\n garp_interval 0.1\n interfaces {\n  eth0\n  eth1\n }\n}\n");
  ASSERT_EQ(good.model.garp_groups.size(), 1u);
  EXPECT_EQ(good.model.garp_groups[0].garp_interval, 100ms);
  EXPECT_THAT(good.model.garp_groups[0].interfaces, ElementsAre("eth0", "eth1"));
  EXPECT_EQ(good.diagnostics.render(), "");
  expect_printed(good);

  const auto without = compiled("garp_group {\n interface eth0\n}\n");
  EXPECT_THAT(without.model.garp_groups, IsEmpty());
  EXPECT_THAT(without.diagnostics.render(), HasSubstr("neither garp_interval nor gna_interval"));
  EXPECT_THAT(compiled("garp_group {\n garp_interval 1\n interface eth0\n interface eth0\n}\n").diagnostics.render(),
              HasSubstr("is in a garp_group already"));
  EXPECT_THAT(compiled("garp_group {\n garp_interval 1\n interface nosuch\n}\n").diagnostics.render(), HasSubstr("does not exist"));
}

TEST(Interfaces, LinksThatArePolledNameAWayOrNone) {
  const auto good = compiled("linkbeat_use_polling\nlinkbeat_interfaces {\n eth0\n eth1 ETHTOOL\n}\n" + instance(""));
  EXPECT_TRUE(good.model.linkbeat_use_polling);
  EXPECT_THAT(good.model.linkbeats, ElementsAre(Linkbeat{"eth0", Linkbeat::Way::automatic}, Linkbeat{"eth1", Linkbeat::Way::ethtool}));
  EXPECT_EQ(good.diagnostics.render(), "");
  expect_printed(good);
  EXPECT_THAT(compiled("linkbeat_interfaces {\n eth0 XX\n}\n").diagnostics.render(), HasSubstr("k.conf:2:7: warning:"));
}

TEST(Interfaces, ADelayWithoutASecondNumberIsForLossesOnly) {
  const auto good = compiled("interface_up_down_delays {\n eth0 0.7\n eth1 1 2.5\n}\n");
  EXPECT_THAT(good.model.link_delays, ElementsAre(LinkDelay{"eth0", 700ms, 0s}, LinkDelay{"eth1", 1s, 2500ms}));
  EXPECT_EQ(good.diagnostics.render(), "");
  expect_printed(good);
  for (const char* bad : {"eth0 300", "eth0 x", "nosuch 1", "eth0"}) {
    const auto wrong = compiled("interface_up_down_delays {\n " + std::string(bad) + "\n}\n");
    EXPECT_THAT(wrong.model.link_delays, IsEmpty()) << bad;
    EXPECT_THAT(wrong.diagnostics.render(), HasSubstr("the line is ignored")) << bad;
  }
}

TEST(Interfaces, GarpExtraIfIsInheritedAndZeroEndsIt) {
  const auto of = [](const std::string& global, const std::string& own) {
    return compiled("global_defs {\n " + global + "\n}\n" + instance(" " + own)).model.vrrp_instances.at(0);
  };
  EXPECT_EQ(of("vrrp_garp_extra_if all 100", "").garp_extra_if, 100s);
  EXPECT_TRUE(of("vrrp_garp_extra_if all 100", "").garp_extra_if_all);
  EXPECT_EQ(of("vrrp_garp_extra_if all 100", "garp_extra_if 0").garp_extra_if, 0s);
  EXPECT_FALSE(of("vrrp_garp_extra_if all 100", "garp_extra_if 50").garp_extra_if_all);
  EXPECT_EQ(of("", "garp_extra_if 90000").garp_extra_if, 0s) << "more than a day";
}

TEST(Interfaces, TheBufferOfAnInstanceGoesBeforeThePolicy) {
  const auto buffer = [](const std::string& global, const std::string& own) {
    return compiled("global_defs {\n " + global + "\n}\n" + instance(" " + own)).model.vrrp_instances.at(0).receive_buffer;
  };
  EXPECT_EQ(buffer("", ""), 0u);
  EXPECT_EQ(buffer("vrrp_rx_bufs_policy MTU", ""), 4500u);
  EXPECT_EQ(buffer("vrrp_rx_bufs_policy 1000\n vrrp_rx_bufs_multiplier 4", ""), 4000u);
  EXPECT_EQ(buffer("vrrp_rx_bufs_policy 1000", "kernel_rx_buf_size 77"), 77u);
}

TEST(Interfaces, StrictModeWantsALinkLocalAddressFirst) {
  const auto said = [](const std::string& strict, const std::string& first) {
    return compiled("vrrp_instance V {\n interface eth0\n virtual_router_id 1\n version 3\n strict_mode " + strict +
                    "\n virtual_ipaddress {\n  " + first + "\n  2001:db8::9/64\n }\n}\n")
        .diagnostics.render();
  };
  EXPECT_THAT(said("true", "2001:db8::1/64"), HasSubstr("the first IPv6 address must be link-local"));
  EXPECT_THAT(said("true", "fe80::1/64"), ::testing::Not(HasSubstr("link-local")));
  EXPECT_THAT(said("false", "2001:db8::1/64"), ::testing::Not(HasSubstr("link-local")));
}

std::string without_interface(const std::string& lines, const std::string& address = "10.1.0.9/24") {
  return "vrrp_instance V {\n virtual_router_id 1\n unicast_peer {\n  10.2.0.1\n }\n" + lines + "\n virtual_ipaddress {\n  " + address +
         "\n }\n}\n";
}

TEST(Interfaces, UnicastCanDoWithoutOne) {
  const auto good = compiled(without_interface("unicast_src_ip 10.1.0.1\n vrf eth7", "10.1.0.9/24 dev eth3"));
  ASSERT_EQ(good.model.vrrp_instances.size(), 1u) << good.diagnostics.render();
  EXPECT_EQ(good.model.vrrp_instances[0].place(), "10.1.0.1");
  EXPECT_EQ(good.model.vrrp_instances[0].way(), "eth7");
  expect_printed(good);

  const auto unnamed = compiled(without_interface("unicast_src_ip 10.1.0.1"));
  ASSERT_EQ(unnamed.model.vrrp_instances.size(), 1u);
  EXPECT_EQ(unnamed.model.vrrp_instances[0].addresses[0].interface, "eth0") << "default_interface";
  EXPECT_EQ(unnamed.model.vrrp_instances[0].way(), "");

  const auto nowhere = compiled("global_defs {\n default_interface nosuch\n}\n" + without_interface("unicast_src_ip 10.1.0.1"));
  EXPECT_THAT(nowhere.diagnostics.render(), HasSubstr("10.1.0.9/24 names no interface, and default_interface nosuch does not exist"));
}

TEST(Interfaces, UnicastWithoutOneNeedsAnAddressThatIsKnownEverywhere) {
  for (const char* source : {"", "unicast_src_ip 169.254.0.1"}) {
    const auto bad = compiled(without_interface(source));
    EXPECT_THAT(bad.model.vrrp_instances, IsEmpty());
    EXPECT_THAT(bad.diagnostics.render(), HasSubstr("needs an interface, or a unicast_src_ip that is not link-local"));
  }
  EXPECT_THAT(compiled("vrrp_instance V {\n virtual_router_id 1\n}\n").diagnostics.render(), HasSubstr("V needs an interface\n"));
}

}  // namespace
}  // namespace xd::conf
