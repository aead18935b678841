#include "vrrp/accept_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xd::vrrp {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

FilteredAddress filtered(const char* address, const char* interface = "eth0") { return {*IpAddress::parse(address), interface, 2}; }

struct Nft {
  std::vector<std::string> scripts;
  std::string answer;
  AcceptFilter filter{[this](const std::string& script) {
    scripts.push_back(script);
    return answer;
  }};
  std::string last() const { return scripts.empty() ? std::string() : scripts.back(); }
};

TEST(AcceptFilter, theTableComesWithTheFirstAddressAndGoesWithTheLast) {
  Nft nft;
  nft.filter.configure({});
  nft.scripts.clear();
  ASSERT_TRUE(nft.filter.add({filtered("192.0.2.10")}));
  EXPECT_THAT(nft.last(), HasSubstr("delete table ip keepalived\nadd table ip keepalived\n")) << "swept and made in one transaction";
  EXPECT_THAT(nft.last(), HasSubstr("hook input priority -1"));
  EXPECT_THAT(nft.last(), HasSubstr("add rule ip keepalived in ip daddr @vips drop"));
  EXPECT_THAT(nft.last(), HasSubstr("add rule ip keepalived out ip saddr @vips drop"));
  EXPECT_THAT(nft.last(), HasSubstr("add element ip keepalived vips { 192.0.2.10 }"));
  ASSERT_TRUE(nft.filter.add({filtered("192.0.2.10"), filtered("192.0.2.11")}));
  EXPECT_EQ(nft.last(), "add element ip keepalived vips { 192.0.2.11 }\n");
  ASSERT_TRUE(nft.filter.remove({filtered("192.0.2.10")}));
  EXPECT_EQ(nft.last(), "delete element ip keepalived vips { 192.0.2.10 }\n");
  ASSERT_TRUE(nft.filter.remove({filtered("192.0.2.11")}));
  EXPECT_EQ(nft.last(), "add table ip keepalived\ndelete table ip keepalived\n");
  const auto scripts = nft.scripts.size();
  ASSERT_TRUE(nft.filter.remove({filtered("192.0.2.11")}));
  EXPECT_EQ(nft.scripts.size(), scripts) << "nothing to do";
}

TEST(AcceptFilter, neighbourDiscoveryPassesAndLinkLocalAddressesAreThoseOfTheirLink) {
  Nft nft;
  nft.filter.configure({});
  ASSERT_TRUE(nft.filter.set({filtered("2001:db8::10"), filtered("fe80::10")}));
  EXPECT_THAT(nft.last(), HasSubstr("add rule ip6 keepalived in icmpv6 type @neighbor-discovery accept"));
  EXPECT_THAT(nft.last(), HasSubstr("add element ip6 keepalived vips_link_local { fe80::10 . \"eth0\" }"));
  EXPECT_THAT(nft.last(), HasSubstr("add element ip6 keepalived vips { 2001:db8::10 }"));
  EXPECT_THAT(nft.last(), Not(HasSubstr("table ip ")));
}

TEST(AcceptFilter, theSettingsAreObeyed) {
  Nft nft;
  conf::Nftables settings;
  settings.table = "mine";
  settings.priority = -300;
  settings.counters = true;
  settings.ifindex = true;
  nft.filter.configure(settings);
  ASSERT_TRUE(nft.filter.add({filtered("fe80::10")}));
  for (const char* part :
       {"add table ip6 mine", "priority -300", "counter drop", "ipv6_addr . iface_index", "daddr . iif @vips_link_local"})
    EXPECT_THAT(nft.last(), HasSubstr(part));
}

TEST(AcceptFilter, anotherNameMovesWhatIsThere) {
  Nft nft;
  nft.filter.configure({});
  ASSERT_TRUE(nft.filter.add({filtered("192.0.2.10")}));
  nft.scripts.clear();
  conf::Nftables settings;
  settings.table = "mine";
  nft.filter.configure(settings);
  EXPECT_THAT(nft.scripts, ::testing::Contains(HasSubstr("delete table ip keepalived")));
  EXPECT_THAT(nft.last(), HasSubstr("add element ip mine vips { 192.0.2.10 }"));
  nft.scripts.clear();
  nft.filter.configure(settings);
  EXPECT_TRUE(nft.scripts.empty());
}

TEST(AcceptFilter, whatWasRefusedIsTriedAgain) {
  Nft nft;
  nft.filter.configure({});
  nft.answer = "Error: Operation not supported";
  const auto status = nft.filter.add({filtered("192.0.2.10")});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "no_accept: nftables: Error: Operation not supported");
  nft.answer.clear();
  ASSERT_TRUE(nft.filter.add({filtered("192.0.2.10")}));
  EXPECT_THAT(nft.last(), HasSubstr("add table"));
}

}  // namespace
}  // namespace xd::vrrp
