#include "vrrp/hmac.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace xd::vrrp {
namespace {

IpAddress ip(const char* text) { return *IpAddress::parse(text); }

const std::string secret = "0123456789abcdef0123456789abcdef";
constexpr std::uint64_t sequence = 1'700'000'000ull << 32u | 0x8000u << 16u | 5u;
constexpr Duration then = 1'700'000'000s + 500ms;

conf::AuthHmac auth(conf::AuthHmac::Mode mode = conf::AuthHmac::Mode::enforce) {
  conf::AuthHmac out;
  out.keys = {{7, secret, {}}};
  out.active_key = 7;
  out.mode = mode;
  return out;
}

struct Sample {
  Advert advert;
  Carrier carrier;
  const char* bytes;  // of the payload; made by another implementation of HMAC-SHA256 and of the checksum
};

Sample sample(int version, int family) {
  Advert advert;
  advert.version = version;
  advert.family = family;
  advert.vrid = 51;
  const bool v4 = family == AF_INET;
  advert.addresses = {ip(v4 ? "192.0.2.10" : "2001:db8::10")};
  advert.checksum = version == 2 && v4 ? ChecksumForm::message_only : ChecksumForm::pseudo_header;
  return {advert,
          {ip(v4 ? "192.0.2.1" : "fe80::1"), ip(v4 ? "224.0.0.18" : "ff02::12"), 255},
          version == 2 ? "213364010001b8bfc000020a0000000000000000010700006553f100800000059a7f327c6ba378830c168b86d00b9aae"
          : v4         ? "31336401006405ccc000020a010700006553f100800000052eca7b78306a6ccc82f106455e4d3553"
                       : "31336401006459b120010db8000000000000000000000010010700006553f10080000005ffdd1a83eba1fac431f078ffff8c620c"};
}

std::vector<std::uint8_t> sealed(const Sample& s) {
  auto packet = s.advert.family == AF_INET ? build_ipv4_packet(s.advert, s.carrier, 1) : build_ipv6_packet(s.advert, s.carrier);
  append_hmac_trailer(packet, s.advert.family);
  if (s.advert.family == AF_INET) set_ipv4_id(packet, 1);
  seal_hmac_packet(packet, s.carrier, 7, secret, sequence);
  return packet;
}

std::vector<std::uint8_t> payload(const Sample& s) {
  const auto packet = sealed(s);
  return {packet.begin() + (s.advert.family == AF_INET ? 20 : 40), packet.end()};
}

struct Receiver {
  conf::AuthHmac conf = auth();
  HmacKeys keys = *HmacKeys::load(conf);
  HmacReplay replay;

  std::variant<Opened, Rejection> open(std::span<const std::uint8_t> bytes, const IpAddress& from, Duration now = then) {
    return open_hmac(bytes, from, keys, policy_of(conf), replay, now);
  }
  Reject refusal(std::span<const std::uint8_t> bytes, const char* from = "192.0.2.1", Duration now = then) {
    const auto opened = open(bytes, ip(from), now);
    const auto* rejection = std::get_if<Rejection>(&opened);
    EXPECT_NE(rejection, nullptr) << "it was believed";
    return rejection == nullptr ? Reject::too_short : rejection->reason;
  }
};

std::string hex(std::span<const std::uint8_t> bytes) {
  std::string out;
  for (const std::uint8_t byte : bytes) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", byte);
    out += two;
  }
  return out;
}

TEST(AuthHmac, everyByteIsThatOfAnotherImplementation) {
  for (const auto& [version, family] : {std::pair{2, AF_INET}, {3, AF_INET}, {3, AF_INET6}})
    EXPECT_EQ(hex(payload(sample(version, family))), sample(version, family).bytes);
}

TEST(AuthHmac, whatWasSealedIsOpenedAndParsed) {
  for (const auto& [version, family] : {std::pair{2, AF_INET}, {3, AF_INET}, {2, AF_INET6}, {3, AF_INET6}}) {
    const Sample s = sample(version, family);
    const auto bytes = payload(s);
    Receiver receiver;
    const auto opened = receiver.open(bytes, s.carrier.source);
    ASSERT_TRUE(std::holds_alternative<Opened>(opened)) << std::get<Rejection>(opened).str();
    const auto& [message, trailer] = std::get<Opened>(opened);
    const auto parsed = parse(message, s.carrier, trailer);
    ASSERT_TRUE(std::holds_alternative<Advert>(parsed)) << std::get<Rejection>(parsed).str();
    EXPECT_EQ(std::get<Advert>(parsed), s.advert);
  }
}

TEST(AuthHmac, theLengthInTheIpHeaderHasTheTrailer) {
  const auto packet = sealed(sample(3, AF_INET));
  EXPECT_EQ(packet[2] << 8 | packet[3], static_cast<int>(packet.size()));
  EXPECT_TRUE(std::holds_alternative<Ipv4Payload>(ipv4_payload(packet)));
  const auto v6 = sealed(sample(3, AF_INET6));
  EXPECT_EQ(v6[4] << 8 | v6[5], static_cast<int>(v6.size()) - 40);
}

TEST(AuthHmac, everyChangedBitIsNoticedButTheChecksums) {
  for (const auto& [version, family] : {std::pair{2, AF_INET}, {3, AF_INET6}}) {
    const Sample s = sample(version, family);
    const auto good = payload(s);
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
      auto changed = good;
      changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1u << bit % 8));
      Receiver receiver;
      const auto opened = receiver.open(changed, s.carrier.source);
      const bool in_checksum = bit / 8 == 6 || bit / 8 == 7;
      EXPECT_EQ(std::holds_alternative<Opened>(opened), in_checksum) << "bit " << bit;
      if (!in_checksum) continue;
      const auto& [message, trailer] = std::get<Opened>(opened);
      EXPECT_TRUE(std::holds_alternative<Rejection>(parse(message, s.carrier, trailer)));
    }
  }
}

TEST(AuthHmac, anotherSenderCannotUseASeal) {
  Receiver receiver;
  EXPECT_EQ(receiver.refusal(payload(sample(3, AF_INET)), "192.0.2.2"), Reject::hmac_data);
}

TEST(AuthHmac, aRecordingIsRefusedByItsNumberAndLaterByItsTime) {
  const auto bytes = payload(sample(3, AF_INET));
  Receiver receiver;
  ASSERT_TRUE(std::holds_alternative<Opened>(receiver.open(bytes, ip("192.0.2.1"))));
  EXPECT_EQ(receiver.refusal(bytes), Reject::hmac_replay);
  EXPECT_EQ(receiver.refusal(bytes, "192.0.2.1", then + 6s), Reject::hmac_stale);
  EXPECT_EQ(receiver.refusal(bytes, "192.0.2.1", then - 6s), Reject::hmac_stale);
}

TEST(AuthHmac, theWindowIsInclusiveAndMonotonicHasNone) {
  const auto bytes = payload(sample(3, AF_INET));
  for (const Duration apart : {-5s, 5s}) {
    Receiver receiver;
    EXPECT_TRUE(std::holds_alternative<Opened>(receiver.open(bytes, ip("192.0.2.1"), 1'700'000'000s + apart)));
  }
  Receiver receiver;
  receiver.conf.monotonic = true;
  EXPECT_TRUE(std::holds_alternative<Opened>(receiver.open(bytes, ip("192.0.2.1"), then + 1h)));
  EXPECT_EQ(receiver.refusal(bytes, "192.0.2.1", then + 1h), Reject::hmac_replay);
}

TEST(AuthHmac, aForgedPacketDoesNotMoveTheNumber) {
  auto forged = payload(sample(3, AF_INET));
  forged[12 + 4 + 7] = 200;  // the counter of its number
  Receiver receiver;
  EXPECT_EQ(receiver.refusal(forged), Reject::hmac_data);
  EXPECT_TRUE(std::holds_alternative<Opened>(receiver.open(payload(sample(3, AF_INET)), ip("192.0.2.1"))));
}

TEST(AuthHmac, whatHasNoTrailerIsBelievedInMigrationOnly) {
  const Sample s = sample(3, AF_INET);
  const auto packet = build_ipv4_packet(s.advert, s.carrier, 1);
  const std::span plain = std::span(packet).subspan(20);
  Receiver receiver;
  EXPECT_EQ(receiver.refusal(plain), Reject::hmac_missing);
  for (const auto mode : {conf::AuthHmac::Mode::permissive, conf::AuthHmac::Mode::receive_only}) {
    receiver.conf.mode = mode;
    const auto opened = receiver.open(plain, s.carrier.source);
    ASSERT_TRUE(std::holds_alternative<Opened>(opened));
    EXPECT_EQ(std::get<Opened>(opened).message.size(), plain.size());
    EXPECT_EQ(receiver.refusal(payload(s), "192.0.2.2"), Reject::hmac_data) << "a wrong trailer is wrong in every mode";
  }
}

TEST(AuthHmac, unknownKeysAndFormsHaveReasonsOfTheirOwn) {
  auto bytes = payload(sample(3, AF_INET));
  bytes[12 + 1] = 8;
  Receiver receiver;
  EXPECT_EQ(receiver.refusal(bytes), Reject::hmac_key);
  bytes[12] = 2;
  EXPECT_EQ(receiver.refusal(bytes), Reject::hmac_form);
  bytes[12] = 1;
  bytes[12 + 3] = 1;  // reserved
  EXPECT_EQ(receiver.refusal(bytes), Reject::hmac_form);
}

TEST(AuthHmac, anyTruncationIsRefused) {
  const auto good = payload(sample(3, AF_INET));
  for (std::size_t size = 0; size < good.size(); ++size) {
    Receiver receiver;
    receiver.refusal(std::span(good).first(size));
  }
}

TEST(AuthHmac, sequenceNumbersFollowTheClockAndNeverStandStill) {
  const auto first = next_hmac_sequence(0, then);
  EXPECT_EQ(first, 1'700'000'000ull << 32u | 0x8000u << 16u);
  EXPECT_EQ(next_hmac_sequence(first, then), first + 1);
  EXPECT_EQ(next_hmac_sequence(first, then - 10s), first + 1) << "the clock was set back";
  EXPECT_GT(next_hmac_sequence(first, then + 1ms), first + 1);
  EXPECT_EQ(next_hmac_sequence(0xffffffff'ffff0000, 4'294'967'296s), 0u) << "2106: the seconds start again, and peers follow (RFC 1982)";
}

TEST(AuthHmac, fourSendersAreRemembered) {
  HmacReplay replay;
  for (const char* sender : {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"}) EXPECT_TRUE(replay.take(ip(sender), 10));
  for (const char* sender : {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"}) EXPECT_FALSE(replay.take(ip(sender), 10));
  EXPECT_TRUE(replay.take(ip("192.0.2.1"), 11));
  EXPECT_TRUE(replay.take(ip("192.0.2.5"), 1)) << "takes the place of the one not heard longest";
  EXPECT_TRUE(replay.take(ip("192.0.2.2"), 10)) << "forgotten";
  EXPECT_FALSE(replay.take(ip("192.0.2.1"), 11)) << "not forgotten";
}

TEST(AuthHmac, aKeyFileIsReadWithoutItsLineEnd) {
  const std::string path = ::testing::TempDir() + "xd_hmac_key";
  std::ofstream(path) << secret << "\n";
  conf::AuthHmac conf;
  conf.keys = {{3, {}, path}};
  const auto keys = HmacKeys::load(conf);
  ASSERT_TRUE(keys);
  ASSERT_NE(keys->find(3), nullptr);
  EXPECT_EQ(*keys->find(3), secret);
  std::ofstream(path) << "short";
  EXPECT_NE(key_file_problem(path).find("32 to 64 bytes, this one 5"), std::string::npos);
  std::filesystem::remove(path);
  EXPECT_NE(key_file_problem(path).find(path), std::string::npos);
}

}  // namespace
}  // namespace xd::vrrp
