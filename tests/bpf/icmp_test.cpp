// ICMP errors about known flows: to the real server when they quote a reply, to the client when they quote what a NAT server got.
#include "director.h"

namespace xd::test {
namespace {

using lvs::Forward;

class IcmpErrors : public Director, public testing::WithParamInterface<bool> {
 protected:
  bool v6() const { return GetParam(); }
  std::string vip_() const { return v6() ? "2001:db8::10" : vip; }
  std::string client_() const { return v6() ? "2001:db8:1::7" : client; }
  std::string real() const { return v6() ? "fd00::1" : web(1); }
  std::string router() const { return v6() ? "2001:db8:2::1" : "203.0.113.1"; }

  Packet ip(const std::string& from_mac, const std::string& to_mac, const std::string& from, const std::string& to, std::uint8_t ttl,
            std::optional<std::uint8_t> protocol = std::nullopt) const {
    const Ethernet ethernet{.to = to_mac, .from = from_mac};
    if (v6()) return ethernet / Ipv6{.from = from, .to = to, .hop_limit = ttl, .protocol = protocol};
    return ethernet / Ipv4{.from = from, .to = to, .ttl = ttl, .protocol = protocol};
  }
  // "Too big", quoting the header and first eight bytes of a TCP segment from `quoted_from` to `quoted_to`.
  Packet error(const std::string& from_mac, const std::string& to_mac, const std::string& from, const std::string& to, std::uint8_t ttl,
               const std::string& quoted_from, std::uint16_t from_port, const std::string& quoted_to, std::uint16_t to_port) const {
    const Bytes quoted = (ip(router_mac, director_mac, quoted_from, quoted_to, 60) / Tcp{.from = from_port, .to = to_port}).bytes();
    Bytes message(8);
    message[0] = v6() ? 2 : 3;
    message[1] = v6() ? 0 : 4;
    message[6] = 5;  // an MTU of 1280
    message.insert(message.end(), quoted.begin() + 14, quoted.begin() + 14 + (v6() ? 40 : 20) + 8);
    std::uint32_t sum = add_up(message.data(), message.size());
    if (v6()) {
      const auto a = *IpAddress::parse(from), b = *IpAddress::parse(to);
      sum = add_up(a.data(), 16, add_up(b.data(), 16, sum + static_cast<std::uint32_t>(message.size()) + 58));
    }
    put16(message, 2, static_cast<std::uint16_t>(~folded(sum)));
    return ip(from_mac, to_mac, from, to, ttl, static_cast<std::uint8_t>(v6() ? 58 : 1)) /
           Payload{std::string(message.begin(), message.end())};
  }
  void begin(Forward method) {
    lvs::Service service;
    service.scheduler = lvs::Scheduler::rr;
    service.destinations[endpoint(real(), 8080)] = {method, 1, 0, 0};
    service.order = {endpoint(real(), 8080)};
    ASSERT_TRUE(datapath().put_service(service_key(vip_(), 80), service));
    datapath().set_hop(*IpAddress::parse(real()),
                       datapath::Hop{*MacAddress::parse(web_mac(1)), *MacAddress::parse(director_mac), 1, 0, 0, false});
    ASSERT_EQ(run(ip(router_mac, director_mac, client_(), vip_(), 64) / Tcp{.flags = "S"}).reason, "new_flow");
  }
};

TEST_P(IcmpErrors, AboutRepliesOfDrReachTheServerUnchanged) {
  begin(Forward::dr);
  const Outcome out = run(error(router_mac, director_mac, router(), vip_(), 64, vip_(), 80, client_(), 40000));
  EXPECT_EQ(out.reason, "icmp_error");
  EXPECT_EQ(out.verdict, XDP_TX);
  EXPECT_EQ(out.frame, error(director_mac, web_mac(1), router(), vip_(), 63, vip_(), 80, client_(), 40000).bytes());
}

TEST_P(IcmpErrors, AboutRepliesOfNatAreTranslatedInsideOut) {
  begin(Forward::nat);
  const Outcome out = run(error(router_mac, director_mac, router(), vip_(), 64, vip_(), 80, client_(), 40000));
  EXPECT_EQ(out.reason, "icmp_error");
  EXPECT_EQ(out.frame, error(director_mac, web_mac(1), router(), real(), 63, real(), 8080, client_(), 40000).bytes());
}

TEST_P(IcmpErrors, OfANatServerReachTheClientFromTheVirtualAddress) {
  begin(Forward::nat);
  // The server itself, or a router on the way to it.
  for (const std::string& from : {real(), v6() ? std::string("fd00:1::1") : std::string("10.0.1.1")}) {
    const Outcome out = run(error(web_mac(1), director_mac, from, client_(), 64, client_(), 40000, real(), 8080));
    EXPECT_EQ(out.reason, "icmp_error");
    EXPECT_EQ(out.frame, error(director_mac, router_mac, vip_(), client_(), 63, client_(), 40000, vip_(), 80).bytes());
  }
}

TEST_P(IcmpErrors, OfOthersAreNotOurs) {
  begin(Forward::nat);
  const Outcome out = run(error(web_mac(1), director_mac, router(), client_(), 64, client_(), 40001, real(), 8080));
  EXPECT_EQ(out.reason, "not_ours");
  EXPECT_EQ(out.verdict, XDP_PASS);
}

TEST_P(IcmpErrors, AboutUnknownFlowsAreTheStacks) {
  begin(Forward::nat);
  const Packet packet = error(router_mac, director_mac, router(), vip_(), 64, vip_(), 80, client_(), 40001);
  const Outcome out = run(packet);
  EXPECT_EQ(out.reason, "icmp");
  EXPECT_EQ(out.verdict, XDP_PASS);
  EXPECT_EQ(out.frame, packet.bytes());
}

INSTANTIATE_TEST_SUITE_P(Families, IcmpErrors, testing::Bool(), [](const auto& v6) { return v6.param ? "Ipv6" : "Ipv4"; });

}  // namespace
}  // namespace xd::test
