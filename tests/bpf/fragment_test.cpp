// Fragments and IPv4 options: a datagram is cut, each piece is run, and what leaves is compared with the pieces of the datagram as it should be.
#include "director.h"

namespace xd::test {
namespace {

using lvs::Forward;

struct Ends {
  std::string from, to;
  std::uint16_t from_port, to_port;
  std::uint8_t ttl;
};

struct Shape {
  bool v6, udp;
  Checksum checksum = Checksum::complete;
};

constexpr std::size_t headers_v4 = 34, headers_v6 = 54;

Bytes segment(const Shape& shape, const Ends& ends, std::size_t length) {
  Packet packet = Packet(Ethernet{});
  packet = shape.v6 ? packet / Ipv6{.from = ends.from, .to = ends.to} : packet / Ipv4{.from = ends.from, .to = ends.to};
  packet = shape.udp ? packet / Udp{.from = ends.from_port, .to = ends.to_port, .checksum = shape.checksum}
                     : packet / Tcp{.from = ends.from_port, .to = ends.to_port, .flags = "S"};
  std::string data(length, 'd');
  for (std::size_t i = 0; i < length; ++i) data[i] = static_cast<char>(i * 7);
  const Bytes bytes = (packet / Payload{data}).bytes();
  return {bytes.begin() + static_cast<std::ptrdiff_t>(shape.v6 ? headers_v6 : headers_v4), bytes.end()};
}

// The piece of [begin, end) of a datagram, as a frame behind `link`.
Packet piece(Packet link, const Shape& shape, const Ends& ends, std::uint16_t id, std::size_t length, std::size_t begin, std::size_t end) {
  const Bytes whole = segment(shape, ends, length);
  end = std::min(end, whole.size());
  const std::string data(whole.begin() + static_cast<std::ptrdiff_t>(begin), whole.begin() + static_cast<std::ptrdiff_t>(end));
  const bool more = end < whole.size();
  const std::uint8_t protocol = shape.udp ? 17 : 6;
  if (!shape.v6) {
    return link /
           Ipv4{.from = ends.from,
                .to = ends.to,
                .ttl = ends.ttl,
                .fragment = static_cast<std::uint16_t>((more ? 0x2000 : 0) | begin / 8),
                .protocol = protocol,
                .id = id} /
           Payload{data};
  }
  std::string header(8, '\0');
  header[0] = static_cast<char>(protocol);
  header[2] = static_cast<char>(begin >> 8);
  header[3] = static_cast<char>((begin & 0xf8) | (more ? 1 : 0));
  header[6] = static_cast<char>(id >> 8);
  header[7] = static_cast<char>(id);
  return link / Ipv6{.from = ends.from, .to = ends.to, .hop_limit = ends.ttl, .protocol = 44} / Payload{header + data};
}

class Fragments : public Director {
 protected:
  void serve_by(Forward method, const Shape& shape) {
    const std::string real = shape.v6 ? "fd00::1" : web(1), to = shape.v6 ? "2001:db8::10" : vip;
    lvs::Service wanted;
    wanted.scheduler = lvs::Scheduler::rr;
    wanted.destinations[endpoint(real, 8080)] = {method, 1, 0, 0};
    wanted.order = {endpoint(real, 8080)};
    ASSERT_TRUE(datapath().put_service(service_key(to, 80, shape.udp ? lvs::Protocol::udp : lvs::Protocol::tcp), wanted));
    datapath().set_hop(*IpAddress::parse(real), datapath::Hop{*MacAddress::parse(web_mac(1)), *MacAddress::parse(director_mac), 1, 0, 0,
                                                              false, *IpAddress::parse(shape.v6 ? "fd00::254" : "10.0.0.254")});
  }
  std::uint16_t id_ = 100;
};

TEST_F(Fragments, FollowTheFirstToTheByte) {
  int cases = 0;
  for (const bool v6 : {false, true}) {
    for (const bool udp : {false, true}) {
      for (const Checksum checksum : {Checksum::complete, Checksum::absent}) {
        if (!udp && checksum == Checksum::absent) continue;
        for (const Forward method : {Forward::dr, Forward::nat, Forward::tun}) {
          for (const std::size_t length : {2000u, 3001u}) {
            const Shape shape{v6, udp, checksum};
            SCOPED_TRACE(testing::Message() << (v6 ? "IPv6 " : "IPv4 ") << (udp ? "UDP " : "TCP ") << lvs::name(method) << " " << length);
            SetUp();
            serve_by(method, shape);
            const bool nat = method == Forward::nat;
            const std::string from = v6 ? "2001:db8:1::7" : client, to = v6 ? "2001:db8::10" : vip, real = v6 ? "fd00::1" : web(1);
            const Ends asked{from, to, 4000, 80, 64};
            const Ends sent{from, nat ? real : to, 4000, static_cast<std::uint16_t>(nat ? 8080 : 80), 63};
            ++id_;
            // In order, and once more the last two the other way round.
            for (const std::size_t begin : {0u, 1000u, 2000u, 1000u}) {
              if (begin >= length) continue;
              const Outcome out = run(piece(Packet(Ethernet{}), shape, asked, id_, length, begin, begin + 1000));
              ASSERT_EQ(out.reason, begin == 0 ? "new_flow" : "half_open") << begin;
              ASSERT_EQ(out.verdict, XDP_TX);
              Packet link = Packet(Ethernet{.to = web_mac(1), .from = director_mac});
              if (method == Forward::tun && v6) link = link / Ipv6{.from = "fd00::254", .to = real, .hop_limit = 63};
              if (method == Forward::tun && !v6) {
                const auto outer_id = static_cast<std::uint16_t>(out.frame[18] << 8 | out.frame[19]);
                link = link / Ipv4{.from = "10.0.0.254", .to = real, .ttl = 63, .fragment = 0, .id = outer_id};
              }
              ASSERT_EQ(out.frame, piece(link, shape, sent, id_, length, begin, begin + 1000).bytes()) << begin;
              ++cases;
            }
            if (!nat) continue;
            const Ends answered{real, from, 8080, 4000, 64}, returned{to, from, 80, 4000, 63};
            for (const std::size_t begin : {0u, 1000u}) {
              const Outcome out =
                  run(piece(Packet(Ethernet{.to = director_mac, .from = web_mac(1)}), shape, answered, id_, length, begin, begin + 1000));
              ASSERT_EQ(out.reason, "reply");
              ASSERT_EQ(out.frame,
                        piece(Packet(Ethernet{.to = router_mac, .from = director_mac}), shape, returned, id_, length, begin, begin + 1000)
                            .bytes());
              ++cases;
            }
          }
        }
      }
    }
  }
  EXPECT_GE(cases, 100);
}

TEST_F(Fragments, GoToTheStackWholeWhenTheFirstComesLate) {
  for (const bool v6 : {false, true}) {
    SetUp();
    const Shape shape{v6, true};
    serve_by(Forward::dr, shape);
    const Ends ends{v6 ? "2001:db8:1::7" : client, v6 ? "2001:db8::10" : vip, 4000, 80, 64};
    ++id_;
    for (const std::size_t begin : {1000u, 0u, 2000u}) {
      const Packet packet = piece(Packet(Ethernet{}), shape, ends, id_, 3000, begin, begin + 1000);
      const Outcome out = run(packet);
      EXPECT_EQ(out.reason, "fragment") << begin;
      EXPECT_EQ(out.verdict, XDP_PASS);
      EXPECT_EQ(out.frame, packet.bytes());
    }
    ++id_;  // the next datagram is as good as any
    EXPECT_EQ(run(piece(Packet(Ethernet{}), shape, ends, id_, 3000, 0, 1000)).reason, "new_flow");
    EXPECT_EQ(run(piece(Packet(Ethernet{}), shape, ends, id_, 3000, 2000, 3000)).reason, "half_open");
  }
}

TEST_F(Fragments, DoNotChangeTheStateOfAConnection) {
  serve_by(Forward::dr, {false, false});
  establish(client, 40000);
  const Ends ends{client, vip, 40000, 80, 64};
  const Outcome first = run(Ethernet{} / Ipv4{.fragment = 0x2000, .id = 7} / Tcp{.flags = "A"} / Payload{std::string(20, 'x')});
  EXPECT_EQ(first.reason, "established");
  EXPECT_EQ(run(Ethernet{} / Ipv4{.fragment = 5, .protocol = 6, .id = 7} / Payload{"rest"}).reason, "established");
  EXPECT_EQ(flow(flow_key(client, 40000))->state, XD_STATE_ESTABLISHED);
}

TEST_F(Fragments, OfOnePacketServicesAreTheStacks) {
  lvs::Service ops = service(Forward::dr, {1, 1}, lvs::Scheduler::rr, 53);
  ops.one_packet = true;
  serve(service_key(vip, 53, lvs::Protocol::udp), ops);
  EXPECT_EQ(run(Ethernet{} / Ipv4{.fragment = 0x2000, .id = 9} / Udp{} / Payload{"first..."}).reason, "fragment");
}

TEST_F(Fragments, AWholeDatagramMayCarryAFragmentHeader) {
  const Shape shape{true, true};
  serve_by(Forward::dr, shape);
  const Ends asked{"2001:db8:1::7", "2001:db8::10", 4000, 80, 64}, sent{"2001:db8:1::7", "2001:db8::10", 4000, 80, 63};
  const Outcome out = run(piece(Packet(Ethernet{}), shape, asked, 1, 100, 0, 200));
  EXPECT_EQ(out.reason, "new_flow");
  EXPECT_EQ(out.frame, piece(Packet(Ethernet{.to = web_mac(1), .from = director_mac}), shape, sent, 1, 100, 0, 200).bytes());
}

TEST_F(Fragments, AreCheckedAsWholePacketsAre) {
  serve_by(Forward::dr, {false, true});
  EXPECT_EQ(run(Ethernet{} / Ipv4{.fragment = 0x2000, .protocol = 17} / Payload{"short"}).reason, "truncated");
  EXPECT_EQ(run(Ethernet{} / Ipv4{.fragment = 0x0001, .protocol = 17, .total_length = 200} / Payload{"short"}).reason, "truncated");
  EXPECT_EQ(run(Ethernet{} / Ipv4{.fragment = 0x2000, .protocol = 1} / Payload{"echo...."}).reason, "fragment");
}

// ---- IPv4 options

TEST_F(Fragments, OptionsThatNobodyOnTheWayReadsAreCarried) {
  const Bytes carried[] = {{1, 1, 1, 0}, {0x94, 4, 0, 0}, {0x82, 4, 1, 2, 1, 1, 1, 0}, Bytes(40, 1)};
  for (const Bytes& options : carried) {
    for (const Forward method : {Forward::dr, Forward::nat, Forward::tun}) {
      SetUp();
      serve_by(method, {false, false});
      const auto syn = [&](Packet outside, bool sent) {
        const bool nat = sent && method == Forward::nat;
        return outside / Ipv4{.to = nat ? web(1) : vip, .ttl = static_cast<std::uint8_t>(sent ? 63 : 64), .options = options} /
               Tcp{.to = static_cast<std::uint16_t>(nat ? 8080 : 80), .flags = "S"};
      };
      Packet link = Packet(Ethernet{.to = web_mac(1), .from = director_mac});
      if (method == Forward::tun) link = link / Ipv4{.from = "10.0.0.254", .to = web(1), .ttl = 63, .id = 0};
      const Outcome out = run(syn(Packet(Ethernet{}), false));
      EXPECT_EQ(out.reason, "new_flow");
      EXPECT_EQ(out.frame, syn(link, true).bytes());
    }
  }
}

TEST_F(Fragments, OptionsThatRoutersGoByAreTheStacks) {
  serve_by(Forward::dr, {false, false});
  const Bytes the_stacks[] = {{7, 3, 4, 0},
                              {0x83, 7, 4, 1, 2, 3, 4, 0},
                              {0x89, 7, 4, 1, 2, 3, 4, 0},
                              {0x44, 8, 5, 0, 0, 0, 0, 0},
                              {0x86, 4, 0, 0},
                              {1, 1, 7, 3, 4, 0, 0, 0},
                              {0x94, 0, 0, 0},
                              {0x94, 9, 0, 0}};
  for (const Bytes& options : the_stacks) {
    const Packet packet = Ethernet{} / Ipv4{.options = options} / Tcp{.flags = "S"};
    const Outcome out = run(packet);
    EXPECT_EQ(out.reason, "ip_options") << int{options[0]};
    EXPECT_EQ(out.frame, packet.bytes());
  }
}

}  // namespace
}  // namespace xd::test
