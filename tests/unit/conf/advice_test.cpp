// Advice that needs to know the host: its addresses are told here.
#include "conf/advice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "conf/compile.h"

namespace xd::conf {
namespace {

using ::testing::HasSubstr;

Options on_host(std::vector<HostAddress> addresses) {
  Options options;
  options.host_addresses = [addresses] { return addresses; };
  return options;
}

HostAddress has(const std::string& interface, const char* prefix) { return {interface, *IpPrefix::parse(prefix)}; }

Compiled instance_with(const std::string& lines, const Options& options) {
  return compile_text("/a.conf", "vrrp_instance A {\n interface eth0\n virtual_router_id 51\n" + lines + "}\n", options);
}

std::string address(const std::string& line) { return " virtual_ipaddress {\n  " + line + "\n }\n"; }

TEST(Advice, IsSilentWhereTheHostIsNotKnown) { EXPECT_EQ(instance_with(address("192.0.2.7"), {}).diagnostics.warnings(), 0u); }

TEST(Advice, AnAddressInANetworkOfItsInterfaceIsFine) {
  EXPECT_EQ(instance_with(address("192.0.2.7"), on_host({has("eth0", "192.0.2.1/24")})).diagnostics.warnings(), 0u);
}

TEST(Advice, AnAddressInAnotherInterfacesNetworkNamesThatInterface) {
  const auto compiled = instance_with(address("198.51.100.7"), on_host({has("eth0", "192.0.2.1/24"), has("eth1", "198.51.100.1/24")}));
  EXPECT_THAT(compiled.diagnostics.render(), HasSubstr("a.conf:5:3: warning: A: 198.51.100.7 is in no network of eth0"));
  EXPECT_THAT(compiled.diagnostics.render(), HasSubstr("eth1 has 198.51.100.1/24: write dev eth1 behind it"));
  EXPECT_EQ(config_test_exit_code(compiled), 0);
}

TEST(Advice, AnAddressWithANetworkOfItsOwnOrAnInterfaceWithoutAnyIsFine) {
  EXPECT_EQ(instance_with(address("198.51.100.7/24"), on_host({has("eth0", "192.0.2.1/24")})).diagnostics.warnings(), 0u);
  EXPECT_EQ(instance_with(address("198.51.100.7/32"), on_host({has("eth0", "192.0.2.1/24")})).diagnostics.warnings(), 0u)
      << "said on purpose";
  EXPECT_EQ(instance_with(address("198.51.100.7"), on_host({has("eth1", "192.0.2.1/24")})).diagnostics.warnings(), 0u);
  EXPECT_EQ(instance_with(address("2001:db8::7"), on_host({has("eth0", "fe80::1/64")})).diagnostics.warnings(), 0u);
}

TEST(Advice, AnAddressThatTheMasterHoldsIsNoNetworkOfItsOwn) {
  const auto compiled = instance_with(address("198.51.100.7"), on_host({has("eth0", "192.0.2.1/24"), has("eth0", "198.51.100.7/32")}));
  EXPECT_EQ(compiled.diagnostics.warnings(), 1u);
}

TEST(Advice, APeerThatIsThisHostWouldHearItself) {
  const auto compiled =
      instance_with(address("192.0.2.7/24") + " unicast_peer {\n  192.0.2.2\n  192.0.2.1\n }\n", on_host({has("eth0", "192.0.2.1/24")}));
  EXPECT_EQ(compiled.diagnostics.warnings(), 1u);
  EXPECT_THAT(compiled.diagnostics.render(),
              HasSubstr("a.conf:9:3: warning: A: unicast peer 192.0.2.1 is an address of this host (eth0): it would hear itself"));
}

Compiled with_script(const std::string& global, const std::string& hazard) {
  Options options;
  options.script_problem = [](const Script&) { return std::string(); };
  options.script_hazard = [hazard](const Script& script) { return script.user == "web" ? std::string() : hazard; };
  return compile_text("/a.conf",
                      "global_defs {\n" + global + "}\nvrrp_instance A {\n interface eth0\n virtual_router_id 51\n notify /opt/tell\n" +
                          address("192.0.2.7") + "}\n",
                      options);
}

TEST(Advice, AScriptOfRootThatOthersCouldChangeIsNamedWithThePlace) {
  const auto compiled = with_script("", "everybody may write /opt (mode 0777)");
  EXPECT_THAT(compiled.diagnostics.render(),
              HasSubstr("a.conf:6:9: warning: /opt/tell runs as root: everybody may write /opt (mode 0777); take the permission away"));
  EXPECT_EQ(config_test_exit_code(compiled), 6);
}

TEST(Advice, WithScriptSecuritySuchAScriptWillNotRun) {
  const auto compiled = with_script("enable_script_security\n", "everybody may write /opt (mode 0777)");
  EXPECT_THAT(compiled.diagnostics.render(), HasSubstr("/opt/tell runs as root, so it will not run: everybody may write /opt"));
  EXPECT_EQ(config_test_exit_code(compiled), 0);
}

TEST(Advice, AScriptOfAnotherUserIsHisOwnAffair) {
  EXPECT_EQ(with_script("enable_script_security\nscript_user web\n", "everybody may write /opt").diagnostics.warnings(), 0u);
}

}  // namespace
}  // namespace xd::conf
