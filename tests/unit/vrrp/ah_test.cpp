#include "vrrp/ah.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace xd::vrrp {
namespace {

IpAddress ip(const char* text) { return *IpAddress::parse(text); }

constexpr AhKey password{'s', '3', 'c', 'r', 'e', 't'};

Advert advert() {
  Advert out;
  out.vrid = 51;
  out.addresses = {ip("192.0.2.10")};
  out.auth_type = 2;
  return out;
}

std::vector<std::uint8_t> sealed(const char* to = "224.0.0.18", std::uint8_t ttl = 255) {
  auto packet = build_ah_packet(advert(), {ip("192.0.2.1"), ip(to), ttl});
  seal_ah_packet(packet, 7, 42, password);
  return packet;
}

Reject rejected(const std::vector<std::uint8_t>& packet, const AhKey& key = password) {
  const auto parsed = parse_ah_packet(packet, key);
  const auto* rejection = std::get_if<Rejection>(&parsed);
  EXPECT_NE(rejection, nullptr) << "it was believed";
  return rejection == nullptr ? Reject::too_short : rejection->reason;
}

TEST(AuthenticationHeader, whatWasSealedIsReadBackWithItsSequenceNumber) {
  const auto packet = sealed();
  ASSERT_EQ(packet.size(), 20u + 24 + 8 + 4 + 8);
  const auto parsed = parse_ah_packet(packet, password);
  const auto* read = std::get_if<Sealed>(&parsed);
  ASSERT_NE(read, nullptr) << std::get<Rejection>(parsed).str();
  EXPECT_EQ(read->sequence, 42u);
  EXPECT_EQ(read->received.advert, advert());
  EXPECT_EQ(read->received.carrier.source, ip("192.0.2.1"));
}

TEST(AuthenticationHeader, theSealCoversEveryByteButThoseThatRoutersChange) {
  const auto good = sealed();
  // TOS, fragment, header checksum.
  const std::vector<std::size_t> mutable_bytes{1, 6, 7, 10, 11};
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto changed = good;
    changed[i] ^= 1;
    const bool is_believed = std::holds_alternative<Sealed>(parse_ah_packet(changed, password));
    const bool may_change = std::find(mutable_bytes.begin(), mutable_bytes.end(), i) != mutable_bytes.end();
    EXPECT_EQ(is_believed, may_change) << "byte " << i;
  }
}

TEST(AuthenticationHeader, aUnicastTtlMayChangeOnTheWayAMulticastOneMayNot) {
  auto unicast = sealed("192.0.2.2", 64);
  unicast[8] = 60;
  EXPECT_TRUE(std::holds_alternative<Sealed>(parse_ah_packet(unicast, password)));
  auto multicast = sealed();
  multicast[8] = 254;
  EXPECT_EQ(rejected(multicast), Reject::ah_data);
}

TEST(AuthenticationHeader, anotherPasswordIsToldFromAnotherHeader) {
  AhKey other = password;
  other[0] = 'x';
  EXPECT_EQ(rejected(sealed(), other), Reject::ah_data);
  auto spi = sealed();
  spi[20 + 4] ^= 1;
  EXPECT_EQ(rejected(spi), Reject::ah_header);
  auto plain = build_ipv4_packet(advert(), {ip("192.0.2.1"), ip("224.0.0.18"), 255}, 1);
  plain.resize(60);
  EXPECT_NE(rejected(plain), Reject::ah_data) << "not sealed at all";
}

TEST(AuthenticationHeader, sequenceNumbersGrowAndBeginAnewAfterTheLast) {
  EXPECT_TRUE(ah_is_newer(1, 0));
  EXPECT_TRUE(ah_is_newer(0xffffffff, 0)) << "of somebody who has been at it for long";
  EXPECT_FALSE(ah_is_newer(7, 7));
  EXPECT_FALSE(ah_is_newer(6, 7));
  EXPECT_TRUE(ah_is_newer(0, 0xffffffff));
  EXPECT_FALSE(ah_is_newer(0xfffffffe, 0xffffffff));
  EXPECT_FALSE(ah_is_newer(0x80000000, 0xffffffff));
}

TEST(AuthenticationHeader, anyTruncationIsRefused) {
  const auto good = sealed();
  for (std::size_t size = 0; size < good.size(); ++size) {
    rejected({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)});
  }
}

}  // namespace
}  // namespace xd::vrrp
