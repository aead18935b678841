// Every shape of packet by every way of forwarding: family, protocol, tags, length, extension header. The frame that leaves is compared
// byte by byte with one that was composed as it should be.
#include "director.h"

namespace xd::test {
namespace {

using lvs::Forward;

struct Shape {
  bool v6;
  Forward method;
  bool udp;
  int tags;
  std::size_t payload;
  bool extension;  // IPv6 only
};

struct Ends {
  std::string from_mac, to_mac, from, to;
  std::uint16_t from_port, to_port;
  std::uint8_t ttl;
};

Packet compose(const Shape& shape, const Ends& ends, std::string_view flags) {
  Packet packet = Packet(Ethernet{.to = ends.to_mac, .from = ends.from_mac});
  if (shape.tags == 2) packet = packet / Vlan{.id = 7, .tpid = 0x88a8};
  if (shape.tags >= 1) packet = packet / Vlan{.id = 100, .priority = 3};
  if (shape.v6) {
    packet = packet / Ipv6{.from = ends.from, .to = ends.to, .hop_limit = ends.ttl, .traffic_class = 0x2e};
  } else {
    packet = packet / Ipv4{.from = ends.from, .to = ends.to, .ttl = ends.ttl, .tos = 0x2e};
  }
  if (shape.extension) packet = packet / Extension{};
  if (shape.udp) {
    packet = packet / Udp{.from = ends.from_port, .to = ends.to_port};
  } else {
    packet = packet / Tcp{.from = ends.from_port, .to = ends.to_port, .flags = flags};
  }
  return packet / Payload{std::string(shape.payload, 'p')};
}

class Shapes : public Director {};

TEST_F(Shapes, EachIsForwardedToTheByte) {
  int cases = 0;
  for (const bool v6 : {false, true}) {
    const std::string to = v6 ? "2001:db8::10" : vip, from = v6 ? "2001:db8:1::7" : client, real = v6 ? "fd00::1" : web(1);
    for (const Forward method : {Forward::dr, Forward::nat}) {
      for (const bool udp : {false, true}) {
        const auto key = service_key(to, 80, udp ? lvs::Protocol::udp : lvs::Protocol::tcp);
        lvs::Service service;
        service.scheduler = lvs::Scheduler::rr;
        service.destinations[endpoint(real, 8080)] = {method, 1, 0, 0};
        service.order = {endpoint(real, 8080)};
        std::uint16_t port = 1000;
        for (const int tags : {0, 1, 2}) {
          for (const std::size_t payload : {0u, 1u, 17u, 1400u}) {
            for (const bool extension : {false, true}) {
              if (extension && !v6) continue;
              SetUp();
              ASSERT_TRUE(datapath().put_service(key, service));
              const auto outer = static_cast<std::uint16_t>(tags == 2   ? 7
                                                            : tags == 1 ? 100
                                                                        : 0),
                         inner = static_cast<std::uint16_t>(tags == 2 ? 100 : 0);
              datapath().set_hop(*IpAddress::parse(real),
                                 datapath::Hop{*MacAddress::parse(web_mac(1)), *MacAddress::parse(director_mac), 1, outer, inner, false});
              const Shape shape{v6, method, udp, tags, payload, extension};
              SCOPED_TRACE(testing::Message() << (v6 ? "IPv6 " : "IPv4 ") << lvs::name(method) << (udp ? " UDP " : " TCP ") << tags
                                              << " tags, " << payload << " bytes" << (extension ? ", extension" : ""));
              const bool nat = method == Forward::nat;
              const Ends asked{router_mac, director_mac, from, to, ++port, 80, 64};
              const Ends sent{director_mac, web_mac(1), from, nat ? real : to, port, static_cast<std::uint16_t>(nat ? 8080 : 80), 63};
              for (const auto& [flags, reason] : {std::pair{"S", "new_flow"}, {"A", "half_open"}, {"AP", "established"}}) {
                const Outcome out = run(compose(shape, asked, flags));
                ASSERT_EQ(out.reason, reason);
                ASSERT_EQ(out.verdict, XDP_TX);
                ASSERT_EQ(out.frame, compose(shape, sent, flags).bytes()) << flags;
                ++cases;
              }
              if (!nat) continue;
              const Ends answered{web_mac(1), director_mac, real, from, 8080, port, 64},
                  returned{director_mac, router_mac, to, from, 80, port, 63};
              const Outcome out = run(compose(shape, answered, "A"));
              ASSERT_EQ(out.reason, "reply");
              ASSERT_EQ(out.frame, compose(shape, returned, "A").bytes());
              ++cases;
            }
          }
        }
      }
    }
  }
  EXPECT_GE(cases, 200);
}

TEST_F(Shapes, Ipv6ThatIsCutShortPasses) {
  const auto key = service_key("2001:db8::10", 80);
  ASSERT_TRUE(datapath().put_service(key, lvs::Service{}));
  const Bytes whole = (Ethernet{} / Ipv6{} / Tcp{.flags = "S"}).bytes();
  for (std::size_t length = 14; length < whole.size(); ++length) {
    const Outcome out =
        run(Ethernet{.type = 0x86dd} / Payload{std::string(whole.begin() + 14, whole.begin() + static_cast<std::ptrdiff_t>(length))});
    EXPECT_EQ(out.reason, "truncated") << length;
    EXPECT_EQ(out.verdict, XDP_PASS);
  }
}

TEST_F(Shapes, Ipv6ThatIsNotForTheTablePasses) {
  const auto key = service_key("2001:db8::10", 80);
  ASSERT_TRUE(datapath().put_service(key, lvs::Service{}));
  const struct {
    Packet packet;
    std::string reason;
  } cases[] = {
      {Ethernet{} / Ipv6{} / Extension{.type = 44} / Tcp{.flags = "S"}, "no_dest"},  // the only fragment
      {Ethernet{} / Ipv6{.protocol = 58} / Payload{"icmpv6.."}, "icmp"},
      {Ethernet{} / Ipv6{.protocol = 47} / Payload{"gre....."}, "protocol"},
      {Ethernet{} / Ipv6{} / Tcp{.to = 81, .flags = "S"}, "no_service"},
      {Ethernet{} / Ipv6{} / Tcp{.flags = "A"}, "no_flow"},
      {Ethernet{} / Ipv6{} / Tcp{.flags = "S"}, "no_dest"},
      {Ethernet{} / Ipv6{.to = "2001:db8::11"} / Tcp{.flags = "S"}, "not_ours"},
  };
  for (const auto& c : cases) {
    const Outcome out = run(c.packet);
    EXPECT_EQ(out.reason, c.reason);
    EXPECT_EQ(out.verdict, XDP_PASS) << c.reason;
    EXPECT_EQ(out.frame, c.packet.bytes()) << c.reason;
  }
}

}  // namespace
}  // namespace xd::test
