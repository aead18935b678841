// Routes, rules and addresses: what their lines mean, and that they print as they read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "conf/compile.h"
#include "conf/print.h"

namespace xd::conf {
namespace {

using ::testing::SizeIs;

Model model_of(const std::string& inside, const std::string& before = {}) {
  Options options;
  options.host_name = "director.example";
  const std::string text =
      before + "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {\n 192.0.2.51/24\n }\n" + inside + "}\n";
  const Compiled c = compile_text("/etc/keepalived/keepalived.conf", text, options);
  EXPECT_TRUE(compile_text("/printed.conf", print(c.model), options).model == c.model) << print(c.model);
  return c.model;
}

Route route(const std::string& line) {
  const auto model = model_of("virtual_routes {\n" + line + "\n}\n");
  EXPECT_THAT(model.vrrp_instances[0].routes, SizeIs(1)) << line;
  return model.vrrp_instances[0].routes.empty() ? Route{} : model.vrrp_instances[0].routes[0].route;
}

PolicyRule rule(const std::string& line) {
  const auto model = model_of("virtual_rules {\n" + line + "\n}\n");
  EXPECT_THAT(model.vrrp_instances[0].rules, SizeIs(1)) << line;
  return model.vrrp_instances[0].rules.empty() ? PolicyRule{} : model.vrrp_instances[0].rules[0].rule;
}

TEST(Routes, NamesAreReadWhereTheyAreSaidToBe) {
  const auto folder = std::filesystem::temp_directory_path() / ("xd-iproute-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder / "etc/rt_tables.d");
  std::filesystem::create_directories(folder / "usr");
  std::ofstream(folder / "etc/rt_tables") << "7 red\n";
  std::ofstream(folder / "etc/rt_tables.d/more.conf") << "0x10 blue # sixteen\n";
  std::ofstream(folder / "usr/rt_tables") << "8 red\n9 green\n";
  const std::string folders =
      "global_defs {\n iproute_etc_dir " + (folder / "etc").string() + "\n iproute_usr_dir " + (folder / "usr").string() + "\n}\n";
  for (const auto& [name, number] : std::vector<std::pair<std::string, unsigned>>{{"red", 7}, {"blue", 16}, {"green", 9}, {"main", 254}}) {
    const auto model = model_of("virtual_routes {\n 10.3.0.0/16 via 192.0.2.254 table " + name + "\n}\n", folders);
    ASSERT_THAT(model.vrrp_instances[0].routes, SizeIs(1)) << name;
    EXPECT_EQ(model.vrrp_instances[0].routes[0].route.table, number) << name;
  }
  std::filesystem::remove_all(folder);
}

TEST(Routes, EveryOptionReadsAndPrints) {
  for (const char* line : {
           "10.3.0.0/16 via 192.0.2.254",
           "10.4.0.0/16 dev eth0 rtt 500ms rttvar 250ms rto_min 50ms table 100 metric 20 no_track protocol 42",
           "10.6.0.0/16 dev eth0 rtt lock 1.5s window 5 cwnd lock 7 ssthresh 8 reordering 9 mtu lock 1400 advmss 1300 hoplimit 9",
           "10.7.0.0/16 via 192.0.2.254 dev eth0 features ecn quickack 1 congctl lock reno initcwnd 5 initrwnd 6 fastopen_no_cookie 1",
           "10.8.0.0/16 dev eth0 onlink via 192.0.2.254 realms 1/2 scope link src 192.0.2.51 tos 0x10",
           "10.9.0.0/16 encap ip id 5 dst 192.0.2.77 src 192.0.2.1 tos 0x10 ttl 9 dev eth0",
           "2001:db8:9::/64 encap ip6 id 5 dst 2001:db8::77 tc 0x10 hoplimit 9 dev eth0",
           "10.10.0.0/16 encap mpls 100/200 via 192.0.2.254",
           "10.11.0.0/16 nexthop via 192.0.2.253 dev eth0 weight 2 onlink realms 4/5 nexthop via 192.0.2.254",
           "blackhole 10.12.0.0/16",
           "local 10.13.0.1 dev eth0 append",
           "default via 192.0.2.254 table 101 add",
           "default6 via 2001:db8::99 dev eth0 table 101",
           "2001:db8:5::/64 dev eth0 expires 300 no_track",
           "2001:db8:6::/64 from 2001:db8:7::/64 via 2001:db8::99 dev eth0 pref high ttl-propagate enabled",
       })
    route(line);
}

TEST(Routes, NumbersAreInCNotation) {
  EXPECT_EQ(route("10.9.0.0/16 dev eth0 tos 16").tos, 16);
  EXPECT_EQ(route("10.9.0.0/16 dev eth0 tos 0x10").tos, 16);
  EXPECT_EQ(route("10.9.0.0/16 dev eth0 tos 020").tos, 16);
  EXPECT_EQ(route("10.9.0.0/16 dev eth0 table 010").table, 8u);
}

TEST(Routes, TimesAreInTheKernelsUnits) {
  const Route r = route("10.4.0.0/16 dev eth0 rtt 500ms rttvar 0.5s rto_min 300");
  EXPECT_EQ(r.metrics.at(RTAX_RTT), 4000u);
  EXPECT_EQ(r.metrics.at(RTAX_RTTVAR), 2000u);
  EXPECT_EQ(r.metrics.at(RTAX_RTO_MIN), 300u);
  EXPECT_EQ(route("10.4.0.0/16 dev eth0 rto_min 50ms").metrics.at(RTAX_RTO_MIN), 200u) << "no less than the kernel's least";
}

TEST(Routes, OnlyWhatNamesItsInterfaceIsTracked) {
  const auto model = model_of("virtual_routes {\n10.3.0.0/16 via 192.0.2.254\n10.4.0.0/16 dev eth0\n10.5.0.0/16 dev eth0 no_track\n}\n");
  std::vector<bool> tracked;
  for (const auto& r : model.vrrp_instances[0].routes) tracked.push_back(r.is_tracked());
  EXPECT_EQ(tracked, (std::vector<bool>{false, true, false}));
}

TEST(Rules, EveryOptionReadsAndPrints) {
  for (const char* line : {
           "from 10.3.0.0/16 table 200 priority 900",
           "to 2001:db8:3::/64 table 200 priority 901",
           "from 10.4.0.0/16 fwmark 0x10/0xff iif eth0 oif eth1 lookup 200 preference 902",
           "blackhole from 10.5.0.0/16 priority 903",
           "from all ipproto tcp dport 80-81 sport 5-6 table 200 priority 904",
           "from 10.6.0.0/16 goto 32766 priority 905",
           "uidrange 5-6 table 200 priority 906 suppress_prefixlength 3 sup_group 7",
           "not from 10.7.0.0/16 tos 0x10 realms 3/4 table 200 priority 907",
           "iif eth0 l3mdev priority 908",
           "tunnel-id 5 table 200 priority 909",
           "to 10.21.0.0/16 protocol 99 no_track priority 910 table 254",
       })
    rule(line);
}

TEST(Rules, WithoutAPriorityItIsKeepalivedsOwn) { EXPECT_EQ(rule("from 10.3.0.0/16 table 200").priority, 16'384u); }

TEST(Statics, AreReadAtTheTopLevel) {
  const auto model = model_of("",
                              "static_ipaddress {\n192.0.2.50/24 dev eth0 scope link\n192.0.2.60 peer 192.0.2.61/32 dev eth1\n}\n"
                              "static_routes {\n10.1.0.0/16 dev eth0\n}\nstatic_rules {\nfrom 10.1.0.0/16 table 100 priority 1001\n}\n");
  ASSERT_THAT(model.static_addresses, SizeIs(2));
  EXPECT_EQ(model.static_addresses[1].peer->str(), "192.0.2.61");
  EXPECT_THAT(model.static_routes, SizeIs(1));
  EXPECT_THAT(model.static_rules, SizeIs(1));
}

TEST(Addresses, EveryOptionReadsAndPrints) {
  const auto model = model_of(
      "virtual_ipaddress_excluded {\n2001:db8::1/64 home -nodad mngtmpaddr noprefixroute\n2001:db8::2\n2001:db8::3 preferred_lft forever\n"
      "2001:db8::4/64 preferred_lft 60\n192.0.2.9/24 dev eth1 autojoin no_track\n}\n");
  const auto& excluded = model.vrrp_instances[0].excluded_addresses;
  ASSERT_THAT(excluded, SizeIs(5)) << "of either family";
  EXPECT_EQ(excluded[1].preferred_lft, 0u) << "a host address over IPv6 is no source";
  EXPECT_FALSE(excluded[2].preferred_lft);
  EXPECT_TRUE(excluded[0].home && excluded[0].duplicate_detection && excluded[0].mngtmpaddr && excluded[0].noprefixroute);
}

}  // namespace
}  // namespace xd::conf
