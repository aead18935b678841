// virtual_server_group: its members are virtual servers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "conf/compile.h"
#include "conf/print.h"

namespace xd::conf {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string server(const std::string& kind, const std::string& more = "") {
  return "virtual_server group G {\n lb_algo rr\n lb_kind " + kind + "\n protocol TCP\n" + more + "}\n";
}

Compiled compiled(const std::string& text) {
  Compiled c = compile_text("/keepalived.conf", text);
  if (c.usable()) {
    EXPECT_EQ(compile_text("/printed.conf", print(c.model)).model, c.model) << print(c.model);
  }
  return c;
}

std::vector<std::string> services(const Compiled& c) {
  std::vector<std::string> out;
  for (const VirtualServer& v : c.model.virtual_servers) out.push_back(v.key.str());
  return out;
}

TEST(ServerGroup, AddressesRangesNetworksAndMarksBecomeServices) {
  const Compiled c = compiled(server("NAT", " real_server 10.1.0.6 8080 {\n }\n") +
                              "virtual_server_group G {\n 10.0.0.1 80\n 10.0.0.3-5 81\n 10.0.1.8/31 82\n fwmark 7\n}\n");
  EXPECT_THAT(services(c), ElementsAre("10.0.0.1:80/tcp", "10.0.0.3:81/tcp", "10.0.0.4:81/tcp", "10.0.0.5:81/tcp", "10.0.1.8:82/tcp",
                                       "10.0.1.9:82/tcp", "FWM 7"));
  for (const VirtualServer& v : c.model.virtual_servers) EXPECT_EQ(v.group, "G");
}

TEST(ServerGroup, SixteenBitsOfIpv6CountUp) {
  const Compiled c =
      compiled(server("NAT", " real_server 2001:db8::99 80 {\n }\n") + "virtual_server_group G {\n 2001:db8::fe-101 80\n}\n");
  EXPECT_THAT(services(c),
              ElementsAre("[2001:db8::fe]:80/tcp", "[2001:db8::ff]:80/tcp", "[2001:db8::100]:80/tcp", "[2001:db8::101]:80/tcp"));
}

TEST(ServerGroup, RealServerWithoutPortTakesTheMembersPort) {
  const Compiled c = compiled("virtual_server_group G {\n 10.0.0.1 80\n 10.0.0.1 443\n}\n" + server("DR", " real_server 10.1.0.6 {\n }\n"));
  ASSERT_EQ(c.model.virtual_servers.size(), 2u);
  EXPECT_EQ(c.model.virtual_servers[0].real_servers.at(0).endpoint.port, 80);
  EXPECT_EQ(c.model.virtual_servers[1].real_servers.at(0).endpoint.port, 443);
}

TEST(ServerGroup, OneGroupServesTwoProtocols) {
  const std::string udp = "virtual_server group G {\n lb_algo rr\n lb_kind DR\n protocol UDP\n real_server 10.1.0.6 {\n }\n}\n";
  const Compiled c = compiled("virtual_server_group G {\n 10.0.0.1 53\n}\n" + server("DR", " real_server 10.1.0.6 {\n }\n") + udp);
  EXPECT_THAT(services(c), ElementsAre("10.0.0.1:53/tcp", "10.0.0.1:53/udp"));
}

TEST(ServerGroup, WhatIsNoMemberIsTold) {
  const Compiled c = compiled("virtual_server_group G {\n 10.0.0.9-3 80\n 10.0.0.1/33 80\n 10.0.0.1/30 80\n fwmark x\n}\n" +
                              server("NAT", " real_server 10.1.0.6 80 {\n }\n"));
  const std::string said = c.diagnostics.render();
  EXPECT_THAT(said, HasSubstr("may count up in the last octet only"));
  EXPECT_THAT(said, HasSubstr("needs a prefix length of 24-32"));
  EXPECT_THAT(said, HasSubstr("has host bits that are not zero"));
  EXPECT_THAT(said, HasSubstr("fwmark needs a number from 1"));
  EXPECT_THAT(said, HasSubstr("virtual_server_group G has no member"));
}

TEST(ServerGroup, GroupThatIsNotDefinedIsTold) {
  const Compiled c = compiled("virtual_server_group GG {\n 10.0.0.1 80\n}\n" + server("NAT", " real_server 10.1.0.6 80 {\n }\n"));
  EXPECT_TRUE(c.model.virtual_servers.empty());
  EXPECT_THAT(c.diagnostics.render(), HasSubstr("virtual_server_group G is not defined"));
}

}  // namespace
}  // namespace xd::conf
