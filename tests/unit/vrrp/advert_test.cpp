#include "vrrp/advert.h"

#include <gtest/gtest.h>

#include <set>

namespace xd::vrrp {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes from_hex(std::string_view hex) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(std::string{hex.substr(i, 2)}, nullptr, 16)));
  return bytes;
}

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }

conf::VrrpInstance instance(int version, std::uint8_t vrid, Duration interval, std::vector<std::string_view> vips) {
  conf::VrrpInstance out;
  out.version = version;
  out.vrid = vrid;
  out.advert_interval = interval;
  for (const auto vip : vips) out.addresses.emplace_back().prefix = {ip(vip), 32};
  return out;
}

conf::VrrpInstance with_password(conf::VrrpInstance out, std::string_view password) {
  out.authentication.type = conf::AuthType::pass;
  std::copy(password.begin(), password.end(), out.authentication.data.begin());
  return out;
}

// Packets of keepalived 2.2.7, from the IP header on, with the configuration that made them.
struct Captured {
  const char* name;
  conf::VrrpInstance instance;
  std::uint8_t priority;
  const char* destination;
  std::uint16_t id;
  const char* packet;
};

std::vector<Captured> captured() {
  auto pass = with_password(instance(2, 51, 1s, {"192.0.2.10", "192.0.2.11"}), "1111");
  auto unicast = instance(3, 55, 1s, {"192.0.2.16"});
  unicast.unicast_peers = {ip("192.0.2.2")};
  return {
      {"v2 PASS", pass, 150, "224.0.0.18", 1, "45c0002c00010000ff70188dc0000201e00000122133960201016150c000020ac000020b3131313100000000"},
      {"v2 PASS, released", pass, 0, "224.0.0.18", 11,
       "45c0002c000b0000ff701883c0000201e0000012213300020101f750c000020ac000020b3131313100000000"},
      {"v2", instance(2, 52, 3s, {"192.0.2.12"}), 100, "224.0.0.18", 1,
       "45c0002800010000ff701891c0000201e0000012213464010003b8bac000020c0000000000000000"},
      {"v3 owner", instance(3, 53, 250ms, {"192.0.2.13", "192.0.2.14"}), 255, "224.0.0.18", 1,
       "45c0002400010000ff701895c0000201e00000123135ff020019a8fdc000020dc000020e"},
      {"v3, released", instance(3, 53, 250ms, {"192.0.2.13", "192.0.2.14"}), 0, "224.0.0.18", 0x35,
       "45c0002400350000ff701861c0000201e0000012313500020019a7fec000020dc000020e"},
      {"v3 unicast", unicast, 77, "192.0.2.2", 1, "45c0002000010000ff7036a9c0000201c000020231374d0100643ad2c0000210"},
  };
}

TEST(Advert, IsByteForByteWhatKeepalivedSends) {
  for (const Captured& c : captured()) {
    SCOPED_TRACE(c.name);
    const Carrier carrier{ip("192.0.2.1"), ip(c.destination), 255};
    EXPECT_EQ(build_ipv4_packet(advert_of(c.instance, c.priority), carrier, c.id), from_hex(c.packet));
  }
}

TEST(Advert, OfKeepalivedIsReadAndBelieved) {
  for (const Captured& c : captured()) {
    SCOPED_TRACE(c.name);
    const auto parsed = parse_ipv4_packet(from_hex(c.packet));
    const auto* received = std::get_if<Received>(&parsed);
    ASSERT_NE(received, nullptr) << std::get<Rejection>(parsed).str();
    EXPECT_EQ(received->advert, advert_of(c.instance, c.priority));
    EXPECT_EQ(received->carrier.source, ip("192.0.2.1"));
    const auto verdict = acceptable(received->advert, received->carrier, expected_of(c.instance), ip("192.0.2.7"));
    ASSERT_TRUE(std::holds_alternative<Remarks>(verdict)) << std::get<Rejection>(verdict).str();
    EXPECT_FALSE(std::get<Remarks>(verdict).any());
  }
}

TEST(Advert, ANewIdKeepsTheHeaderChecksumRight) {
  const Captured c = captured()[0];
  const Carrier carrier{ip("192.0.2.1"), ip("224.0.0.18"), 255};
  auto packet = build_ipv4_packet(advert_of(c.instance, c.priority), carrier, 7);
  set_ipv4_id(packet, 1);
  EXPECT_EQ(packet, from_hex(c.packet));
}

TEST(Advert, OverIpv6RoundTripsWithItsPseudoHeader) {
  for (const int version : {2, 3}) {
    conf::VrrpInstance v6 = instance(version, 9, 1s, {"fe80::10", "2001:db8::10"});
    v6.family = AF_INET6;
    const Advert advert = advert_of(v6, 120);
    const Carrier carrier{ip("fe80::1"), ip("ff02::12"), 255};
    Bytes message(encoded_size(advert));
    EXPECT_EQ(message.size(), 8u + 32u);
    ASSERT_EQ(encode(advert, carrier, message), message.size());
    const auto parsed = parse(message, carrier);
    ASSERT_TRUE(std::holds_alternative<Advert>(parsed)) << std::get<Rejection>(parsed).str();
    EXPECT_EQ(std::get<Advert>(parsed), advert);
  }
}

TEST(Advert, DoesNotFitIntoLessRoomThanItNeeds) {
  const Advert advert = advert_of(captured()[0].instance, 100);
  Bytes message(encoded_size(advert) - 1);
  EXPECT_EQ(encode(advert, {ip("192.0.2.1"), ip("224.0.0.18")}, message), 0u);
}

// A good v2 and a good v3 message to break one thing in. `mend` makes the checksum right again, so that only that thing
// is wrong.
struct Breakable {
  Advert advert;
  Carrier carrier{ip("192.0.2.1"), ip("224.0.0.18"), 255};
  Bytes message;

  explicit Breakable(const conf::VrrpInstance& instance) : advert(advert_of(instance, 100)) {
    message.resize(encoded_size(advert));
    encode(advert, carrier, message);
  }
  void mend() {
    message[6] = message[7] = 0;
    Bytes whole;
    if (advert.checksum == ChecksumForm::pseudo_header) {
      for (const IpAddress& a : {carrier.source, carrier.destination}) whole.insert(whole.end(), a.data(), a.data() + 4);
      const auto size = static_cast<std::uint8_t>(message.size());
      whole.insert(whole.end(), {0, ip_protocol, 0, size});
    }
    whole.insert(whole.end(), message.begin(), message.end());
    unsigned sum = 0;
    for (std::size_t i = 0; i < whole.size(); i += 2) sum += whole[i] << 8u | whole[i + 1];
    while (sum >> 16u) sum = (sum & 0xffff) + (sum >> 16u);
    message[6] = static_cast<std::uint8_t>(~sum >> 8u);
    message[7] = static_cast<std::uint8_t>(~sum);
  }
  std::optional<Reject> reason() const {
    const auto parsed = parse(message, carrier);
    if (const auto* rejection = std::get_if<Rejection>(&parsed)) return rejection->reason;
    return std::nullopt;
  }
};

TEST(Malformed, EachFaultHasItsName) {
  for (const auto& good : {instance(2, 51, 1s, {"192.0.2.10"}), instance(3, 51, 1s, {"192.0.2.10"})}) {
    SCOPED_TRACE(good.version);
    const auto broken = [&](auto&& change, bool mend = true) {
      Breakable b(good);
      change(b);
      if (mend) b.mend();
      return b.reason();
    };
    EXPECT_EQ(broken([](auto&) {}), std::nullopt);
    EXPECT_EQ(broken([](auto& b) { b.message.resize(7); }, false), Reject::too_short);
    EXPECT_EQ(broken([](auto& b) { b.carrier.ttl = 254; }), Reject::ttl);
    EXPECT_EQ(broken([](auto& b) { b.message[0] = 0x11; }), Reject::version);
    EXPECT_EQ(broken([](auto& b) { b.message[0] = 0x41; }), Reject::version);
    EXPECT_EQ(broken([](auto& b) { b.message[0] = (b.message[0] & 0xf0) | 2; }), Reject::type);
    EXPECT_EQ(broken([](auto& b) { b.message[1] = 0; }), Reject::vrid_zero);
    EXPECT_EQ(broken([](auto& b) { b.message[3] = 2; }), Reject::length);
    EXPECT_EQ(broken([](auto& b) { b.message.push_back(0); }, false), Reject::length);
    EXPECT_EQ(broken([](auto& b) { b.message[4] = b.message[5] = 0; }), Reject::interval_zero);
    EXPECT_EQ(broken([](auto& b) { b.message[2] ^= 1; }, false), Reject::checksum);
  }
}

TEST(Malformed, AUnicastAdvertMayHaveCrossedARouter) {
  Breakable b(instance(3, 51, 1s, {"192.0.2.10"}));
  b.carrier.destination = ip("192.0.2.2");
  b.carrier.ttl = 64;
  b.mend();
  EXPECT_EQ(b.reason(), std::nullopt);
}

TEST(Malformed, ReservedBitsOfVersion3AreIgnored) {
  Breakable b(instance(3, 51, 1s, {"192.0.2.10"}));
  b.message[4] |= 0xf0;
  b.mend();
  const auto parsed = parse(b.message, b.carrier);
  ASSERT_TRUE(std::holds_alternative<Advert>(parsed));
  EXPECT_EQ(std::get<Advert>(parsed).interval, 1s);
}

TEST(Malformed, AnIpHeaderThatLiesAboutLengthsIsNotFollowed) {
  const Bytes good = from_hex(captured()[0].packet);
  for (std::size_t cut = 0; cut < good.size(); ++cut)
    EXPECT_TRUE(std::holds_alternative<Rejection>(parse_ipv4_packet(std::span{good}.first(cut)))) << cut;
  Bytes short_header = good;
  short_header[0] = 0x44;
  EXPECT_TRUE(std::holds_alternative<Rejection>(parse_ipv4_packet(short_header)));
  Bytes padded = good;  // Ethernet pads short frames: the IP length counts
  padded.resize(good.size() + 6);
  EXPECT_TRUE(std::holds_alternative<Received>(parse_ipv4_packet(padded)));
}

TEST(Checksum, OfVersion3IsTakenInEveryFormAndTheFormIsNoted) {
  const auto good = instance(3, 51, 1s, {"192.0.2.10"});
  const Carrier carrier{ip("192.0.2.1"), ip("192.0.2.2"), 255};
  for (const auto form : {ChecksumForm::message_only, ChecksumForm::pseudo_header, ChecksumForm::multicast_pseudo_header}) {
    Advert advert = advert_of(good, 100);
    advert.checksum = form;
    Bytes message(encoded_size(advert));
    encode(advert, carrier, message);
    const auto parsed = parse(message, carrier);
    ASSERT_TRUE(std::holds_alternative<Advert>(parsed));
    EXPECT_EQ(std::get<Advert>(parsed).checksum, form);
    auto expected = expected_of(good);
    expected.unicast = true;
    const auto verdict = acceptable(std::get<Advert>(parsed), carrier, expected, ip("192.0.2.7"));
    EXPECT_EQ(std::get<Remarks>(verdict).checksum_differs, form != ChecksumForm::pseudo_header);
  }
}

class Acceptable : public ::testing::Test {
 protected:
  std::optional<Reject> reason() const {
    const auto verdict = acceptable(advert, carrier, expected, own);
    if (const auto* rejection = std::get_if<Rejection>(&verdict)) return rejection->reason;
    return std::nullopt;
  }
  Remarks remarks() const { return std::get<Remarks>(acceptable(advert, carrier, expected, own)); }
  void use(const conf::VrrpInstance& i) {
    advert = advert_of(i, 100);
    expected = expected_of(i);
  }

  const conf::VrrpInstance v2 = with_password(instance(2, 51, 1s, {"192.0.2.10", "192.0.2.11"}), "secret");
  const conf::VrrpInstance v3 = instance(3, 51, 1s, {"192.0.2.10", "192.0.2.11"});
  Carrier carrier{ip("192.0.2.1"), ip("224.0.0.18"), 255};
  IpAddress own = ip("192.0.2.2");
  Advert advert;
  Expected expected;
};

TEST_F(Acceptable, ADifferentInstanceVersionOrFamilyIsNotOurs) {
  use(v2);
  advert.vrid = 52;
  EXPECT_EQ(reason(), Reject::other_vrid);
  use(v2);
  advert.version = 3;
  EXPECT_EQ(reason(), Reject::other_version);
  use(v3);
  advert.family = AF_INET6;
  EXPECT_EQ(reason(), Reject::other_family);
}

TEST_F(Acceptable, OnlyOurPassword) {
  use(v2);
  EXPECT_EQ(reason(), std::nullopt);
  advert.auth_data[7] = 1;
  EXPECT_EQ(reason(), Reject::auth_data);
  advert.auth_type = 0;
  EXPECT_EQ(reason(), Reject::auth_type);
  expected.auth_type = 0;
  EXPECT_EQ(reason(), std::nullopt) << "without authentication its data means nothing";
}

TEST_F(Acceptable, AnotherIntervalIsDroppedInVersion2AndAdoptedInVersion3) {
  use(v2);
  advert.interval = 2s;
  EXPECT_EQ(reason(), Reject::other_interval);
  use(v3);
  advert.interval = 2s;
  EXPECT_TRUE(remarks().interval_differs);
}

TEST_F(Acceptable, UnicastAndMulticastDoNotMix) {
  use(v3);
  carrier.destination = own;
  EXPECT_EQ(reason(), Reject::other_destination);
  expected.unicast = true;
  EXPECT_EQ(reason(), std::nullopt);
  carrier.destination = ip("224.0.0.18");
  EXPECT_EQ(reason(), Reject::other_destination);
}

TEST_F(Acceptable, AStrangerIsRefusedWhereSourcesAreChecked) {
  use(v3);
  carrier.destination = own;
  expected.unicast = expected.check_unicast_source = true;
  expected.unicast_sources = {ip("192.0.2.8"), ip("192.0.2.9")};
  EXPECT_EQ(reason(), Reject::unicast_source);
  carrier.source = ip("192.0.2.9");
  EXPECT_EQ(reason(), std::nullopt);
}

TEST_F(Acceptable, OurOwnAdvertComeBackIsNobodys) {
  use(v3);
  carrier.source = own;
  EXPECT_EQ(reason(), Reject::own_source);
}

TEST_F(Acceptable, OtherAddressesAreRemarkedNotRefusedAndTheirOrderIsFree) {
  use(v3);
  std::swap(advert.addresses[0], advert.addresses[1]);
  EXPECT_FALSE(remarks().any());
  advert.addresses.pop_back();
  EXPECT_TRUE(remarks().addresses_differ);
  expected.check_addresses = false;
  EXPECT_FALSE(remarks().any());
}

TEST(Reject, EveryReasonHasANameOfItsOwnAndASentence) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < reject_count; ++i) {
    names.insert(name(static_cast<Reject>(i)));
    EXPECT_FALSE(sentence(static_cast<Reject>(i)).empty());
  }
  EXPECT_EQ(names.size(), reject_count);
  EXPECT_EQ((Rejection{Reject::ttl, 64}).str(), "its TTL is not 255, so it came through a router (64)");
}

}  // namespace
}  // namespace xd::vrrp
