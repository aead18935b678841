// SCTP: its states, which are IPVS's, and its checksum, which covers the whole packet and of the addresses nothing.
#include "director.h"

namespace xd::test {
namespace {

using lvs::Forward;
using lvs::Protocol;
using lvs::Scheduler;

enum Chunk : std::uint8_t {
  DATA = 0,
  INIT = 1,
  INIT_ACK = 2,
  ABORT = 6,
  SHUTDOWN = 7,
  SHUTDOWN_ACK = 8,
  COOKIE_ECHO = 10,
  COOKIE_ACK = 11,
  SHUTDOWN_COMPLETE = 14
};

class SctpPath : public Director {
 protected:
  static Packet from_client(std::uint8_t chunk, std::uint16_t port = 40000, const std::string& data = "") {
    return Ethernet{} / Ipv4{} / Sctp{.from = port, .to = 80, .chunk = chunk} / Payload{data};
  }
  // By NAT, from web server 1.
  static Packet from_server(std::uint8_t chunk, std::uint16_t server_port = 8080, const std::string& data = "") {
    return Ethernet{.from = web_mac(1)} / Ipv4{.from = web(1), .to = client} / Sctp{.from = server_port, .to = 40000, .chunk = chunk} /
           Payload{data};
  }
  static lvs::ServiceKey key() { return service_key(vip, 80, Protocol::sctp); }
  std::uint32_t state(std::uint16_t port = 40000) const {
    return flow(flow_key(client, port, vip, 80, IPPROTO_SCTP)).value_or(xd_flow{}).state;
  }
};

TEST_F(SctpPath, EachShapeIsForwardedToTheByte) {
  int cases = 0;
  for (const bool v6 : {false, true}) {
    const std::string to = v6 ? "2001:db8::10" : vip, from = v6 ? "2001:db8:1::7" : client, real = v6 ? "fd00::1" : web(1);
    for (const Forward method : {Forward::dr, Forward::nat, Forward::tun}) {
      for (const std::uint16_t real_port : {std::uint16_t{80}, std::uint16_t{9999}}) {
        if (method != Forward::nat && real_port != 80) continue;
        for (const std::size_t length : {0u, 1u, 3u, 17u, 240u, 255u, 1000u, 1390u}) {
          SetUp();
          lvs::Service service;
          service.scheduler = Scheduler::rr;
          service.destinations[endpoint(real, real_port)] = {method, 1, 0, 0};
          service.order = {endpoint(real, real_port)};
          ASSERT_TRUE(datapath().put_service(service_key(to, 80, Protocol::sctp), service));
          datapath().set_hop(*IpAddress::parse(real), datapath::Hop{.to = *MacAddress::parse(web_mac(1)),
                                                                    .from = *MacAddress::parse(director_mac),
                                                                    .ifindex = 1,
                                                                    .source = *IpAddress::parse(v6 ? "fd00::ff" : "10.0.0.255")});
          SCOPED_TRACE(testing::Message() << (v6 ? "IPv6 " : "IPv4 ") << lvs::name(method) << " port " << real_port << ", " << length);
          const auto network = [v6](const std::string& a, const std::string& b, std::uint8_t ttl) -> Packet::Layer {
            if (v6) return Ipv6{.from = a, .to = b, .hop_limit = ttl};
            return Ipv4{.from = a, .to = b, .ttl = ttl, .id = 0};
          };
          const auto packet = [&](const Ethernet& link, const Packet::Layer& ip, const Sctp& sctp) {
            return Packet(link) / ip / sctp / Payload{std::string(length, 's')};
          };
          const bool nat = method == Forward::nat;
          for (const auto& [chunk, reason] : {std::pair{INIT, "new_flow"}, {COOKIE_ECHO, "half_open"}, {DATA, "established"}}) {
            const Outcome out = run(packet(Ethernet{}, network(from, to, 64), {.chunk = chunk}));
            ASSERT_EQ(out.reason, reason);
            ASSERT_EQ(out.verdict, XDP_TX);
            const Ethernet link{.to = web_mac(1), .from = director_mac};
            const Sctp sctp{.to = nat ? real_port : std::uint16_t{80}, .chunk = chunk};
            Packet sent = packet(link, network(from, nat ? real : to, 63), sctp);
            if (method == Forward::tun)
              sent = Packet(link) / network(v6 ? "fd00::ff" : "10.0.0.255", real, 63) / network(from, to, 63) / sctp /
                     Payload{std::string(length, 's')};
            ASSERT_EQ(out.frame, sent.bytes());
            ++cases;
          }
          if (!nat) continue;
          const Outcome out =
              run(packet(Ethernet{.from = web_mac(1)}, network(real, from, 64), {.from = real_port, .to = 40000, .chunk = COOKIE_ACK}));
          ASSERT_EQ(out.reason, "reply");
          ASSERT_EQ(out.frame, packet(Ethernet{.to = router_mac, .from = director_mac}, network(to, from, 63),
                                      {.from = 80, .to = 40000, .chunk = COOKIE_ACK})
                                   .bytes());
          ++cases;
        }
      }
    }
  }
  EXPECT_EQ(cases, 2 * 8 * (3 + 4 + 4 + 3));
}

TEST_F(SctpPath, OnlyAnInitBeginsAConnection) {
  serve(key(), service(Forward::dr, {1}));
  for (const std::uint8_t chunk : {DATA, INIT_ACK, ABORT, COOKIE_ECHO}) EXPECT_EQ(run(from_client(chunk)).reason, "no_flow") << int{chunk};
  EXPECT_EQ(run(from_client(INIT)).reason, "new_flow");
  EXPECT_EQ(run(Ethernet{} / Ipv4{.protocol = IPPROTO_SCTP} / Payload{std::string(15, 's')}).reason, "truncated");
}

TEST_F(SctpPath, ByDrTheClientsChunksMakeTheState) {
  serve(key(), service(Forward::dr, {1}));
  const struct {
    Chunk chunk;
    xd_state state;
    std::uint32_t active;
  } steps[] = {
      {INIT, XD_STATE_SCTP_INIT1, 0},
      {INIT, XD_STATE_SCTP_INIT, 0},
      {COOKIE_ECHO, XD_STATE_SCTP_ESTABLISHED, 1},
      {DATA, XD_STATE_SCTP_ESTABLISHED, 1},
      {SHUTDOWN, XD_STATE_SCTP_SHUTDOWN_RECEIVED, 0},
      {SHUTDOWN_COMPLETE, XD_STATE_SCTP_CLOSED, 0},
  };
  for (const auto& step : steps) {
    run(from_client(step.chunk));
    EXPECT_EQ(state(), step.state) << "after chunk " << int{step.chunk};
    EXPECT_EQ(stats(key(), 1).active, step.active);
    EXPECT_EQ(stats(key(), 1).inactive, 1 - step.active);
  }
  // The client uses its port again.
  EXPECT_EQ(run(from_client(INIT)).reason, "new_flow");
  EXPECT_EQ(state(), XD_STATE_SCTP_INIT1);
}

TEST_F(SctpPath, ByNatBothSidesMakeTheState) {
  serve(key(), service(Forward::nat, {1}, Scheduler::rr, 8080));
  const struct {
    bool client;
    Chunk chunk;
    xd_state state;
  } steps[] = {
      {true, INIT, XD_STATE_SCTP_INIT1},
      {false, INIT_ACK, XD_STATE_SCTP_COOKIE_SENT},
      {true, COOKIE_ECHO, XD_STATE_SCTP_COOKIE_REPLIED},
      {false, COOKIE_ACK, XD_STATE_SCTP_ESTABLISHED},
      {true, DATA, XD_STATE_SCTP_ESTABLISHED},
      {false, SHUTDOWN, XD_STATE_SCTP_SHUTDOWN_SENT},
      {true, SHUTDOWN_ACK, XD_STATE_SCTP_CLOSED},
  };
  for (const auto& step : steps) {
    run(step.client ? from_client(step.chunk) : from_server(step.chunk));
    EXPECT_EQ(state(), step.state) << "after chunk " << int{step.chunk};
  }
}

TEST_F(SctpPath, AnAbortBehindACookieCounts) {
  serve(key(), service(Forward::dr, {1}));
  run(from_client(INIT));
  const std::string cookie = "cook!";  // and three bytes of padding
  const Packet bundled = from_client(COOKIE_ECHO, 40000, cookie);
  Bytes bytes = bundled.bytes();
  const Bytes abort{0, 0, 0, ABORT, 0, 0, 4};
  bytes.insert(bytes.end(), abort.begin(), abort.end());
  const auto length = static_cast<std::uint16_t>(bytes.size() - 34);
  const Outcome out = run(Ethernet{} / Ipv4{.protocol = IPPROTO_SCTP, .total_length = static_cast<std::uint16_t>(20 + length)} /
                          Payload{std::string(bytes.begin() + 34, bytes.end())});
  EXPECT_EQ(out.verdict, XDP_TX);
  EXPECT_EQ(state(), XD_STATE_SCTP_CLOSED);
}

TEST_F(SctpPath, ADamagedChecksumStaysDamagedAndAnAbsentOneAbsent) {
  serve(key(), service(Forward::nat, {1}, Scheduler::rr, 8080));
  const auto composed = [](bool sent_on, std::optional<std::uint32_t> crc) {
    return Ethernet{.to = sent_on ? web_mac(1) : director_mac, .from = sent_on ? director_mac : router_mac} /
           Ipv4{.to = sent_on ? web(1) : vip, .ttl = static_cast<std::uint8_t>(sent_on ? 63 : 64)} /
           Sctp{.to = static_cast<std::uint16_t>(sent_on ? 8080 : 80), .chunk = INIT, .crc = crc} / Payload{"init"};
  };
  const auto crc_of = [](const Bytes& frame) { return frame[42] | frame[43] << 8 | frame[44] << 16 | std::uint32_t{frame[45]} << 24; };
  const std::uint32_t right = crc_of(composed(false, {}).bytes()), translated = crc_of(composed(true, {}).bytes());
  EXPECT_EQ(run(composed(false, right ^ 0x100)).frame, composed(true, translated ^ 0x100).bytes());
  EXPECT_EQ(run(composed(false, 0)).frame, composed(true, 0).bytes());
}

TEST_F(SctpPath, AFirstFragmentKeepsItsChecksumOrIsTheStacks) {
  const Packet fragment = Ethernet{} / Ipv4{.fragment = 0x2000} / Sctp{.chunk = INIT} / Payload{std::string(512, 'f')};
  serve(key(), service(Forward::nat, {1}, Scheduler::rr, 8080));
  const Outcome passed = run(fragment);
  EXPECT_EQ(passed.reason, "fragment");
  EXPECT_EQ(passed.frame, fragment.bytes());
  EXPECT_EQ(run(from_client(INIT)).reason, "new_flow");
  EXPECT_EQ(run(fragment).reason, "fragment");
  EXPECT_EQ(run(Ethernet{.from = web_mac(1)} / Ipv4{.from = web(1), .to = client, .fragment = 0x2000} / Sctp{.from = 8080, .to = 40000} /
                Payload{std::string(512, 'f')})
                .reason,
            "fragment");
  serve(key(), service(Forward::dr, {1}));
  EXPECT_EQ(run(Ethernet{} / Ipv4{.fragment = 0x2000} / Sctp{.from = 2, .chunk = INIT} / Payload{std::string(512, 'f')}).reason,
            "new_flow");
}

TEST_F(SctpPath, APersistentClientComesBackToItsServer) {
  lvs::Service persistent = service(Forward::dr, {1, 1, 1});
  persistent.persistence_seconds = 300;
  serve(key(), persistent);
  const int first = served_by(run(from_client(INIT, 1)));
  EXPECT_NE(first, 0);
  for (std::uint16_t port = 2; port < 6; ++port) EXPECT_EQ(served_by(run(from_client(INIT, port))), first);
  // A source port of 0 is no template.
  EXPECT_EQ(served_by(run(from_client(INIT, 0))), first);
}

TEST_F(SctpPath, AnErrorAboutAReplyFollowsItsConnection) {
  serve(key(), service(Forward::nat, {1}, Scheduler::rr, 8080));
  run(from_client(INIT));
  const auto quoted = [](const std::string& from, std::uint16_t port) {
    return Ipv4{.from = from, .to = client} / Sctp{.from = port, .to = 40000, .chunk = INIT_ACK, .crc = 7};
  };
  const auto error = [&](const Ethernet& link, const std::string& to, const std::string& inner, std::uint16_t port, std::uint8_t ttl) {
    const Bytes about = quoted(inner, port).bytes();
    return link / Ipv4{.from = "203.0.113.9", .to = to, .ttl = ttl} / Icmp{.type = 3, .code = 4, .rest = 1400} /
           Payload{std::string(about.begin(), about.begin() + 28)};
  };
  const Outcome out = run(error(Ethernet{}, vip, vip, 80, 64));
  EXPECT_EQ(out.reason, "icmp_error");
  EXPECT_EQ(out.frame, error(Ethernet{.to = web_mac(1), .from = director_mac}, web(1), web(1), 8080, 63).bytes());
}

}  // namespace
}  // namespace xd::test
