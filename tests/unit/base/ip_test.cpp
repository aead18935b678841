#include "base/ip.h"

#include <gtest/gtest.h>

namespace xd {
namespace {

TEST(IpAddress, ReadsAndWritesBothFamilies) {
  EXPECT_EQ(IpAddress::parse("192.0.2.1")->str(), "192.0.2.1");
  EXPECT_TRUE(IpAddress::parse("192.0.2.1")->is_v4());
  EXPECT_EQ(IpAddress::parse("2001:db8::1")->str(), "2001:db8::1");
  EXPECT_TRUE(IpAddress::parse("2001:db8::1")->is_v6());
  for (const char* bad : {"", "192.0.2", "192.0.2.256", "2001:db8:::1", "192.0.2.1/24", "fe80::1%eth0"}) {
    EXPECT_FALSE(IpAddress::parse(bad)) << bad;
  }
}

TEST(IpPrefix, KeepsHostBitsAndKnowsItsNetwork) {
  const auto prefix = IpPrefix::parse("192.0.2.77/26");
  ASSERT_TRUE(prefix);
  EXPECT_EQ(prefix->str(), "192.0.2.77/26");
  EXPECT_TRUE(prefix->contains(*IpAddress::parse("192.0.2.127")));
  EXPECT_FALSE(prefix->contains(*IpAddress::parse("192.0.2.128")));
  EXPECT_FALSE(prefix->contains(*IpAddress::parse("2001:db8::1")));
  EXPECT_FALSE(IpPrefix::parse("192.0.2.1/33"));
  EXPECT_FALSE(IpPrefix::parse("192.0.2.1/"));
  EXPECT_EQ(IpPrefix::parse("2001:db8::1")->length, 128);
}

TEST(Endpoint, PrintsIpv6InBrackets) {
  EXPECT_EQ((Endpoint{*IpAddress::parse("192.0.2.1"), 80}.str()), "192.0.2.1:80");
  EXPECT_EQ((Endpoint{*IpAddress::parse("2001:db8::1"), 80}.str()), "[2001:db8::1]:80");
}

TEST(MacAddress, ReadsOnlyTheColonForm) {
  EXPECT_EQ(MacAddress::parse("00:00:5e:00:01:33")->str(), "00:00:5e:00:01:33");
  EXPECT_FALSE(MacAddress::parse("00-00-5e-00-01-33"));
  EXPECT_FALSE(MacAddress::parse("00:00:5e:00:01:3"));
  EXPECT_FALSE(MacAddress::parse("00:00:5e:00:01:3g"));
}

}  // namespace
}  // namespace xd
