// TUN: what the packet is wrapped in, by every type, checksum and pair of families, and what is too big for it.
#include "director.h"

namespace xd::test {
namespace {

using lvs::Forward;
using lvs::TunnelChecksum;
using lvs::TunnelType;

constexpr const char* vip6 = "2001:db8::10";
constexpr const char* client6 = "2001:db8:1::7";
constexpr const char* source = "10.0.0.254";
constexpr const char* source6 = "fd00::254";

class Tunnel : public Director {
 protected:
  void serve_by(lvs::Tunnel tunnel, const std::string& to, const std::string& real, std::uint32_t mtu = 0, int vlan = 0, int inner = 0) {
    for (const auto protocol : {lvs::Protocol::tcp, lvs::Protocol::udp}) {
      lvs::Service service;
      service.scheduler = lvs::Scheduler::rr;
      const Endpoint e = endpoint(real, 80);
      service.destinations[e] = {Forward::tun, 1, 0, 0, tunnel};
      service.order = {e};
      const Status status = datapath().put_service(service_key(to, 80, protocol), service);
      ASSERT_TRUE(status) << status.error().message;
      EXPECT_EQ(datapath().services().at(service_key(to, 80, protocol)), service);
    }
    datapath().set_hop(*IpAddress::parse(real),
                       datapath::Hop{*MacAddress::parse(web_mac(1)), *MacAddress::parse(director_mac), 1, static_cast<std::uint16_t>(vlan),
                                     static_cast<std::uint16_t>(inner), false,
                                     *IpAddress::parse(real.find(':') != std::string::npos ? source6 : source), mtu});
  }
};

// How the outer layers are told apart from the inner ones in the tests below: by the packet that they are put around.
struct Wrap {
  lvs::Tunnel tunnel;
  bool v6;
  std::uint8_t ttl = 63, tos = 0;
  bool df = true;
};

Packet around(Packet outside, const Wrap& wrap, const std::string& real, const Bytes& sent) {
  if (wrap.v6) {
    outside = outside / Ipv6{.from = source6, .to = real, .hop_limit = wrap.ttl, .traffic_class = wrap.tos};
  } else {
    // Without DF the id is anybody's choice; with it, 0.
    const std::size_t ip = sent.size() > 16 && sent[12] == 0x81 ? 18 : sent.size() > 16 && sent[12] == 0x88 ? 22 : 14;
    const auto id = static_cast<std::uint16_t>(wrap.df || sent.size() < ip + 6 ? 0 : sent[ip + 4] << 8 | sent[ip + 5]);
    outside = outside / Ipv4{.from = source,
                             .to = real,
                             .ttl = wrap.ttl,
                             .tos = wrap.tos,
                             .fragment = static_cast<std::uint16_t>(wrap.df ? 0x4000 : 0),
                             .id = id};
  }
  if (wrap.tunnel.type == TunnelType::gre) return outside / Gre{wrap.tunnel.checksum == TunnelChecksum::full};
  if (wrap.tunnel.type != TunnelType::gue) return outside;
  const std::size_t udp = outside.bytes().size();
  const auto port = static_cast<std::uint16_t>(sent.size() < udp + 2 ? 0 : sent[udp] << 8 | sent[udp + 1]);
  EXPECT_GE(port, 32768);
  EXPECT_LT(port, 61000);
  return outside / Gue{.from = port,
                       .to = wrap.tunnel.port,
                       .checksum = wrap.tunnel.checksum != TunnelChecksum::none ? Checksum::complete : Checksum::absent};
}

Packet datagram(Packet outside, bool v6, bool udp, std::uint8_t ttl, std::uint16_t port, std::string_view flags, std::size_t length,
                std::uint8_t tos, bool df, Checksum checksum = Checksum::complete) {
  if (v6) {
    outside = outside / Ipv6{.from = client6, .to = vip6, .hop_limit = ttl, .traffic_class = tos};
  } else {
    outside = outside / Ipv4{.ttl = ttl, .tos = tos, .fragment = static_cast<std::uint16_t>(df ? 0x4000 : 0)};
  }
  if (udp) {
    outside = outside / Udp{.from = port, .to = 80, .checksum = checksum};
  } else {
    outside = outside / Tcp{.from = port, .flags = flags, .checksum = checksum};
  }
  return outside / Payload{std::string(length, 'p')};
}

Packet link(const std::string& to, const std::string& from, int tags) {
  Packet packet = Packet(Ethernet{.to = to, .from = from});
  if (tags == 2) packet = packet / Vlan{.id = 7, .tpid = 0x88a8};
  if (tags >= 1) packet = packet / Vlan{.id = 100, .priority = 3};
  return packet;
}

TEST_F(Tunnel, WrapsEachShapeToTheByte) {
  const lvs::Tunnel tunnels[] = {{},
                                 {TunnelType::gue, TunnelChecksum::none, 6080},
                                 {TunnelType::gue, TunnelChecksum::full, 6080},
                                 {TunnelType::gue, TunnelChecksum::remote, 6081},
                                 {TunnelType::gre, TunnelChecksum::none, 0},
                                 {TunnelType::gre, TunnelChecksum::full, 0}};
  int cases = 0;
  for (const lvs::Tunnel& tunnel : tunnels) {
    for (const bool v6 : {false, true}) {
      for (const bool outer_v6 : {false, true}) {
        for (const int tags : {0, 1, 2}) {
          SetUp();
          const std::string real = outer_v6 ? "fd00::1" : web(1);
          ASSERT_NO_FATAL_FAILURE(serve_by(tunnel, v6 ? vip6 : vip, real, 1500, tags == 2 ? 7 : tags == 1 ? 100 : 0, tags == 2 ? 100 : 0));
          std::uint16_t port = 2000;
          for (const bool udp : {false, true}) {
            for (const std::size_t length : {0u, 1u, 18u, 1300u}) {
              for (const bool df : {false, true}) {
                if (v6 && df) continue;
                SCOPED_TRACE(testing::Message()
                             << lvs::str(tunnel) << (v6 ? " IPv6" : " IPv4") << (outer_v6 ? " in IPv6" : " in IPv4")
                             << (udp ? " UDP " : " TCP ") << tags << " tags, " << length << " bytes" << (df ? ", DF" : ""));
                ++port;
                for (const auto& [flags, reason] : {std::pair{"S", "new_flow"}, {"A", "half_open"}, {"AP", "established"}}) {
                  const Outcome out = run(datagram(link(director_mac, router_mac, tags), v6, udp, 64, port, flags, length, 0x2d, df));
                  ASSERT_EQ(out.reason, reason);
                  ASSERT_EQ(out.verdict, XDP_TX);
                  const Packet outer =
                      around(link(web_mac(1), director_mac, tags), {tunnel, outer_v6, 63, 0x2d, df && !v6}, real, out.frame);
                  ASSERT_EQ(out.frame, datagram(outer, v6, udp, 63, port, flags, length, 0x2d, df).bytes());
                  ++cases;
                }
              }
            }
          }
        }
      }
    }
  }
  EXPECT_GE(cases, 800);
}

TEST_F(Tunnel, SumsWhatHasNoChecksumOfItsOwn) {
  for (const lvs::Tunnel& tunnel : {lvs::Tunnel{TunnelType::gue, TunnelChecksum::full, 6080}, {TunnelType::gre, TunnelChecksum::full, 0}}) {
    for (const std::size_t length : {0u, 1u, 33u, 1400u}) {
      SetUp();
      ASSERT_NO_FATAL_FAILURE(serve_by(tunnel, vip, web(1)));
      const Outcome out = run(datagram(link(director_mac, router_mac, 0), false, true, 64, 9, "", length, 0, true, Checksum::absent));
      const Packet outer = around(link(web_mac(1), director_mac, 0), {tunnel, false}, web(1), out.frame);
      EXPECT_EQ(out.frame, datagram(outer, false, true, 63, 9, "", length, 0, true, Checksum::absent).bytes());
    }
  }
}

TEST_F(Tunnel, CompletesAChecksumThatTheSenderLeftOutInNativeMode) {
  put_port(XD_PORT_PARTIAL);
  const lvs::Tunnel tunnel{TunnelType::gue, TunnelChecksum::full, 6080};
  ASSERT_NO_FATAL_FAILURE(serve_by(tunnel, vip, web(1)));
  const Outcome out = run(datagram(link(director_mac, router_mac, 0), false, false, 64, 9, "S", 100, 0, true, Checksum::partial));
  const Packet outer = around(link(web_mac(1), director_mac, 0), {tunnel, false}, web(1), out.frame);
  EXPECT_EQ(out.frame, datagram(outer, false, false, 63, 9, "S", 100, 0, true).bytes());
}

TEST_F(Tunnel, NeedsAnAddressToSendFrom) {
  ASSERT_NO_FATAL_FAILURE(serve_by({}, vip, web(1)));
  resolve(1);  // a hop without one
  EXPECT_EQ(run(datagram(link(director_mac, router_mac, 0), false, false, 64, 9, "S", 0, 0, true)).reason, "dest_unresolved");
}

TEST_F(Tunnel, KeepsItsFlowsWhenTheServersMethodChanges) {
  ASSERT_NO_FATAL_FAILURE(serve_by({}, vip, web(1)));
  run(datagram(link(director_mac, router_mac, 0), false, false, 64, 9, "S", 0, 0, true));
  lvs::Service dr = service(Forward::dr, {1});
  ASSERT_TRUE(datapath().put_service(service_key(vip, 80), dr));
  const Outcome out = run(datagram(link(director_mac, router_mac, 0), false, false, 64, 9, "A", 0, 0, true));
  const Packet outer = around(link(web_mac(1), director_mac, 0), {{}, false}, web(1), out.frame);
  EXPECT_EQ(out.frame, datagram(outer, false, false, 63, 9, "A", 0, 0, true).bytes());
}

TEST_F(Tunnel, WrapsAnIcmpErrorAboutItsFlow) {
  ASSERT_NO_FATAL_FAILURE(serve_by({}, vip, web(1)));
  run(datagram(link(director_mac, router_mac, 0), false, false, 64, 9, "S", 0, 0, true));
  const auto error = [](Packet outside, std::uint8_t ttl) {
    return outside / Ipv4{.from = "203.0.113.1", .ttl = ttl} / Icmp{.type = 3, .code = 4, .rest = 1400} /
           Ipv4{.from = vip, .to = client, .ttl = 50} / Tcp{.from = 80, .to = 9};
  };
  const Outcome out = run(error(link(director_mac, router_mac, 0), 64));
  EXPECT_EQ(out.reason, "icmp_error");
  EXPECT_EQ(out.frame, error(around(link(web_mac(1), director_mac, 0), {{}, false}, web(1), out.frame), 63).bytes());
}

// ---- Too big

std::string quoted(const Packet& packet, std::size_t link_header, std::size_t length) {
  const Bytes bytes = packet.bytes();
  const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(link_header);
  return {begin, begin + static_cast<std::ptrdiff_t>(std::min(length, bytes.size() - link_header))};
}

TEST_F(Tunnel, TellsTheClientWhatFits) {
  const struct {
    lvs::Tunnel tunnel;
    bool outer_v6;
    std::uint32_t fits;  // on a link of 1500
  } cases[] = {{{}, false, 1480},
               {{TunnelType::gue, TunnelChecksum::none, 6080}, false, 1468},
               {{TunnelType::gre, TunnelChecksum::none, 0}, false, 1476},
               {{TunnelType::gre, TunnelChecksum::full, 0}, false, 1472},
               {{}, true, 1460},
               {{TunnelType::gue, TunnelChecksum::full, 6080}, true, 1448}};
  for (const auto& c : cases) {
    for (const int tags : {0, 1, 2}) {
      for (const bool v6 : {false, true}) {
        SCOPED_TRACE(testing::Message() << lvs::str(c.tunnel) << c.outer_v6 << v6 << tags);
        SetUp();
        ASSERT_NO_FATAL_FAILURE(serve_by(c.tunnel, v6 ? vip6 : vip, c.outer_v6 ? "fd00::1" : web(1), 1500,
                                         tags == 2   ? 7
                                         : tags == 1 ? 100
                                                     : 0,
                                         tags == 2 ? 100 : 0));
        const std::size_t headers = v6 ? 60 : 40;
        run(datagram(link(director_mac, router_mac, tags), v6, false, 64, 9, "S", 0, 0x2d, true));
        EXPECT_EQ(run(datagram(link(director_mac, router_mac, tags), v6, false, 64, 9, "A", c.fits - headers, 0x2d, true)).reason,
                  "half_open");
        const auto long_one = [&](std::uint8_t ttl) {
          return datagram(link(director_mac, router_mac, tags), v6, false, ttl, 9, "A", c.fits - headers + 1, 0x2d, true);
        };
        const Outcome out = run(long_one(64));
        const Packet big = long_one(63);  // quoted as it would have gone on, as IPVS does
        EXPECT_EQ(out.reason, "too_big");
        EXPECT_EQ(out.verdict, XDP_TX);
        const std::size_t link_header = 14 + 4 * static_cast<std::size_t>(tags);
        Packet answer = link(router_mac, director_mac, tags);
        if (v6) {
          answer = answer / Ipv6{.from = vip6, .to = client6} / Icmp6{.type = 2, .rest = c.fits} / Payload{quoted(big, link_header, 1232)};
        } else {
          ASSERT_GT(out.frame.size(), link_header + 6);
          const auto id = static_cast<std::uint16_t>(out.frame[link_header + 4] << 8 | out.frame[link_header + 5]);
          answer = answer / Ipv4{.from = vip, .to = client, .tos = 0xcc, .fragment = 0, .id = id} /
                   Icmp{.type = 3, .code = 4, .rest = c.fits} / Payload{quoted(big, link_header, 548)};
        }
        EXPECT_EQ(out.frame, answer.bytes());
      }
    }
  }
}

TEST_F(Tunnel, CongestionInsideIsNotToldOutside) {
  ASSERT_NO_FATAL_FAILURE(serve_by({}, vip, web(1), 1500));
  const Outcome out = run(datagram(link(director_mac, router_mac, 0), false, false, 64, 9, "S", 0, 0x2f, true));
  ASSERT_EQ(out.reason, "new_flow");
  EXPECT_EQ(out.frame[15], 0x2e);
  EXPECT_EQ(out.frame[35], 0x2f);
}

TEST_F(Tunnel, APacketAtItsLastHopIsAnswered) {
  ASSERT_NO_FATAL_FAILURE(serve_by({}, vip, web(1), 1500));
  for (const bool v6 : {false, true}) {
    if (v6) {
      ASSERT_NO_FATAL_FAILURE(serve_by({}, vip6, "fd00::1", 1500));
    }
    run(datagram(link(director_mac, router_mac, 0), v6, false, 64, 9, "S", 0, 0x2d, true));
    const Packet last = datagram(link(director_mac, router_mac, 0), v6, false, 1, 9, "A", 0, 0x2d, true);
    const Outcome out = run(last);
    EXPECT_EQ(out.reason, "expired");
    EXPECT_EQ(out.verdict, XDP_TX);
    Packet answer = link(router_mac, director_mac, 0);
    if (v6) {
      answer = answer / Ipv6{.from = vip6, .to = client6} / Icmp6{.type = 3, .rest = 0} / Payload{quoted(last, 14, 1232)};
    } else {
      ASSERT_GT(out.frame.size(), 20u);
      const auto id = static_cast<std::uint16_t>(out.frame[18] << 8 | out.frame[19]);
      answer = answer / Ipv4{.from = vip, .to = client, .tos = 0xcc, .fragment = 0, .id = id} / Icmp{.type = 11, .code = 0, .rest = 0} /
               Payload{quoted(last, 14, 548)};
    }
    EXPECT_EQ(out.frame, answer.bytes());
  }
}

TEST_F(Tunnel, DropsWhatOnlyFragmentsCouldCarry) {
  ASSERT_NO_FATAL_FAILURE(serve_by({}, vip, web(1), 1500));
  EXPECT_EQ(run(datagram(link(director_mac, router_mac, 0), false, true, 64, 9, "", 1452, 0, false)).reason, "new_flow");
  const Outcome out = run(datagram(link(director_mac, router_mac, 0), false, true, 64, 9, "", 1453, 0, false));
  EXPECT_EQ(out.reason, "too_long");
  EXPECT_EQ(out.verdict, XDP_DROP);
}

TEST_F(Tunnel, DirectRoutingOverANarrowerWayTellsToo) {
  serve(service_key(vip, 80), service(Forward::dr, {1}));
  datapath().set_hop(*IpAddress::parse(web(1)), datapath::Hop{*MacAddress::parse(web_mac(1)), *MacAddress::parse(director_mac), 1, 0, 0,
                                                              false, *IpAddress::parse(source), 1400});
  run(datagram(link(director_mac, router_mac, 0), false, false, 64, 9, "S", 0, 0, true));
  EXPECT_EQ(run(datagram(link(director_mac, router_mac, 0), false, false, 64, 9, "A", 1360, 0, true)).reason, "half_open");
  EXPECT_EQ(run(datagram(link(director_mac, router_mac, 0), false, false, 64, 9, "A", 1361, 0, true)).reason, "too_big");
}

// ---- A router on the way to the real server has less room

// Its error, quoting what it was sent.
Packet too_long_for_a_router(const Bytes& wrapped, bool v6, std::uint16_t mtu, std::size_t quoted = 200) {
  Bytes message(8);
  message[0] = v6 ? 2 : 3;
  message[1] = v6 ? 0 : 4;
  message[6] = static_cast<std::uint8_t>(mtu >> 8);
  message[7] = static_cast<std::uint8_t>(mtu);
  message.insert(message.end(), wrapped.begin() + 14, wrapped.begin() + 14 + static_cast<std::ptrdiff_t>(quoted));
  const Payload payload{std::string(message.begin(), message.end())};
  if (v6) return Ethernet{} / Ipv6{.from = "fd00:1::1", .to = source6, .protocol = std::uint8_t{58}} / payload;
  return Ethernet{} / Ipv4{.from = "10.9.0.1", .to = source, .protocol = std::uint8_t{1}} / payload;
}

TEST_F(Tunnel, ARouterOnTheWaySaysThatAPacketWasTooLong) {
  const lvs::Tunnel tunnels[] = {{}, {TunnelType::gue, TunnelChecksum::none, 6080}, {TunnelType::gre, TunnelChecksum::full, 0}};
  for (const lvs::Tunnel& tunnel : tunnels) {
    for (const bool v6 : {false, true}) {
      for (const bool outer_v6 : {false, true}) {
        SetUp();
        ASSERT_NO_FATAL_FAILURE(serve_by(tunnel, v6 ? vip6 : vip, outer_v6 ? "fd00::1" : web(1), 1500));
        const auto packet = [&](std::string_view flags, std::size_t length) {
          return datagram(link(director_mac, router_mac, 0), v6, false, 64, 3000, flags, length, 0, true);
        };
        ASSERT_EQ(run(packet("S", 0)).reason, "new_flow");
        const Outcome sent = run(packet("A", 1'360));
        ASSERT_EQ(sent.reason, "half_open");

        // Not believed: too little is quoted, it is about another real server, it is no such error.
        EXPECT_EQ(run(too_long_for_a_router(sent.frame, outer_v6, 1'400, 40)).reason, "not_ours");
        Bytes other = sent.frame;
        ++other[14 + (outer_v6 ? 39 : 19)];
        EXPECT_EQ(run(too_long_for_a_router(other, outer_v6, 1'400)).reason, "not_ours");
        EXPECT_EQ(run(packet("A", 1'360)).reason, "established");

        const Packet error = too_long_for_a_router(sent.frame, outer_v6, 1'400);
        const Outcome heard = run(error);
        EXPECT_EQ(heard.reason, "tunnel_error");
        EXPECT_EQ(heard.verdict, XDP_PASS);
        EXPECT_EQ(heard.frame, error.bytes());
        EXPECT_EQ(run(packet("A", 1'360)).reason, "too_big");
        EXPECT_EQ(run(packet("A", 1'200)).reason, "established");
        // Nobody makes it smaller than networks are.
        EXPECT_EQ(run(too_long_for_a_router(sent.frame, outer_v6, 100)).reason, "tunnel_error");
        EXPECT_EQ(run(packet("A", 300)).reason, "established");
      }
    }
  }
}

TEST_F(Tunnel, WhatARouterSaidIsBelievedForATime) {
  ASSERT_NO_FATAL_FAILURE(serve_by({}, vip, web(1), 1500));
  const auto packet = [&](std::string_view flags, std::size_t length) {
    return datagram(link(director_mac, router_mac, 0), false, false, 64, 3000, flags, length, 0, true);
  };
  run(packet("S", 0));
  const Outcome sent = run(packet("A", 1'360));
  run(too_long_for_a_router(sent.frame, false, 1'400));
  EXPECT_EQ(run(packet("A", 1'360)).reason, "too_big");
  // Neither a change of the service nor the same next hop again makes it forgotten.
  ASSERT_NO_FATAL_FAILURE(serve_by({}, vip, web(1), 1500));
  EXPECT_EQ(run(packet("A", 1'360)).reason, "too_big");
  // A further one, of a wider way, changes nothing; of a narrower one it does.
  run(too_long_for_a_router(sent.frame, false, 1'450));
  EXPECT_EQ(run(packet("A", 1'360)).reason, "too_big");
  run(too_long_for_a_router(sent.frame, false, 1'300));
  EXPECT_EQ(run(packet("A", 1'260)).reason, "too_big");

  datapath().set_behaviour({.mtu_expires = 0s});
  const TimePoint end = Clock::now() + 10s;
  while (run(packet("A", 1'360)).reason != "established") ASSERT_LT(Clock::now(), end);
  EXPECT_EQ(run(packet("A", 1'440)).reason, "established");
  EXPECT_EQ(run(packet("A", 1'441)).reason, "too_big") << "of the route itself";
  datapath().set_behaviour({});
}

}  // namespace
}  // namespace xd::test
