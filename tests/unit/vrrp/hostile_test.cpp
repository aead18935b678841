// What the kernel half leaves to the raw socket - IPv6, the authentication header, auth_hmac - under a quarter of a million changed, cut,
// lengthened and replayed packets each: nothing of it is believed, and each is refused for a reason.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "vrrp/ah.h"
#include "vrrp/hmac.h"

namespace xd::vrrp {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr int attempts = 250'000;
constexpr AhKey password{'s', '3', 'c', 'r', 'e', 't'};
const std::string secret = "0123456789abcdef0123456789abcdef";
constexpr Duration now = 1'700'000'000s;

IpAddress ip(const char* text) { return *IpAddress::parse(text); }

class Hostile : public ::testing::Test {
 protected:
  std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_); }
  Bytes changed(const Bytes& good) {
    Bytes bytes = good;
    for (std::size_t n = 1 + below(4); n > 0; --n) bytes[below(bytes.size())] = static_cast<std::uint8_t>(random_());
    if (below(4) == 0) bytes.resize(below(bytes.size() + 1));
    if (below(8) == 0) bytes.resize(bytes.size() + below(64));
    return bytes;
  }
  static Advert advert(int version, int family) {
    Advert out;
    out.version = version;
    out.family = family;
    out.vrid = 51;
    out.priority = 150;
    out.addresses = {ip(family == AF_INET ? "192.0.2.10" : "fe80::10")};
    out.checksum = version == 2 && family == AF_INET ? ChecksumForm::message_only : ChecksumForm::pseudo_header;
    return out;
  }
  void count(Reject reason) { ++counts_[name(reason)]; }
  void expect_reasons(std::initializer_list<const char*> reasons) {
    for (const char* reason : reasons) EXPECT_GT(counts_[reason], 20) << "hardly ever tried: " << reason;
  }

  std::mt19937 random_{20261122};
  std::map<std::string_view, int> counts_;
};

TEST_F(Hostile, Ipv6) {
  const Carrier carrier{ip("fe80::1"), ip("ff02::12"), 255};
  const Advert good_advert = advert(3, AF_INET6);
  const Bytes packet = build_ipv6_packet(good_advert, carrier);
  const Bytes good(packet.begin() + 40, packet.end());
  Expected expected;
  expected.version = 3;
  expected.family = AF_INET6;
  expected.vrid = 51;
  expected.addresses = good_advert.addresses;
  expected.checksum = ChecksumForm::pseudo_header;
  for (int i = 0; i < attempts; ++i) {
    const Bytes bytes = changed(good);
    Carrier from = carrier;
    if (below(8) == 0) from.ttl = static_cast<std::uint8_t>(below(255));
    const auto parsed = parse(bytes, from);
    if (const auto* rejection = std::get_if<Rejection>(&parsed)) {
      count(rejection->reason);
      continue;
    }
    // One in 65536 has a right checksum all the same: then it is an advert, and says what it says.
    const auto verdict = acceptable(std::get<Advert>(parsed), from, expected, ip("fe80::2"));
    if (const auto* rejection = std::get_if<Rejection>(&verdict)) count(rejection->reason);
  }
  expect_reasons({"too_short", "ttl", "version", "type", "length", "interval_zero", "checksum"});
}

TEST_F(Hostile, AuthenticationHeader) {
  auto sealed_advert = advert(2, AF_INET);
  sealed_advert.auth_type = 2;
  Bytes good = build_ah_packet(sealed_advert, {ip("192.0.2.1"), ip("224.0.0.18"), 255});
  seal_ah_packet(good, 7, 42, password);
  std::uint32_t last = 42;
  int replayed = 0;
  for (int i = 0; i < attempts; ++i) {
    const bool again = below(16) == 0;
    const Bytes bytes = again ? good : changed(good);
    const auto parsed = parse_ah_packet(bytes, password);
    if (const auto* rejection = std::get_if<Rejection>(&parsed)) {
      count(rejection->reason);
      continue;
    }
    // Only what routers may change differs from the good one, so it has its number.
    EXPECT_FALSE(ah_is_newer(std::get<Sealed>(parsed).sequence, last));
    EXPECT_EQ(std::get<Sealed>(parsed).received.advert, sealed_advert);
    ++replayed;
  }
  EXPECT_GT(replayed, attempts / 20);
  expect_reasons({"too_short", "ah_header", "ah_data"});
}

TEST_F(Hostile, AuthHmac) {
  conf::AuthHmac conf;
  conf.keys = {{7, secret, {}}, {8, secret + "another", {}}};
  conf.active_key = 7;
  const auto keys = HmacKeys::load(conf);
  for (const int family : {AF_INET, AF_INET6}) {
    const Carrier carrier{ip(family == AF_INET ? "192.0.2.1" : "fe80::1"), ip(family == AF_INET ? "224.0.0.18" : "ff02::12"), 255};
    Bytes packet = family == AF_INET ? build_ipv4_packet(advert(3, family), carrier, 1) : build_ipv6_packet(advert(3, family), carrier);
    append_hmac_trailer(packet, family);
    seal_hmac_packet(packet, carrier, 7, secret, next_hmac_sequence(0, now));
    const Bytes good(packet.begin() + (family == AF_INET ? 20 : 40), packet.end());
    HmacReplay replay;
    ASSERT_TRUE(std::holds_alternative<Opened>(open_hmac(good, carrier.source, *keys, policy_of(conf), replay, now)));
    for (int i = 0; i < attempts; ++i) {
      const Bytes bytes = below(16) == 0 ? good : changed(good);
      const auto opened = open_hmac(bytes, below(16) == 0 ? ip("192.0.2.9") : carrier.source, *keys, policy_of(conf), replay, now);
      if (const auto* rejection = std::get_if<Rejection>(&opened)) {
        count(rejection->reason);
      } else {
        ADD_FAILURE() << "believed in attempt " << i;
      }
    }
  }
  expect_reasons({"too_short", "hmac_missing", "hmac_form", "hmac_stale", "hmac_key", "hmac_data", "hmac_replay"});
}

}  // namespace
}  // namespace xd::vrrp
