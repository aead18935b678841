// The quick way of packets of established flows does what the long way does. A packet that is traced takes the long one.
#include <string>

#include "director.h"

namespace xd::test {
namespace {

using lvs::Forward;

class QuickWay : public Director {
 protected:
  void serve_by(Forward forward, bool v6, int vlan) {
    const std::string real = v6 ? "fd00::1" : "10.0.0.1", source = v6 ? "fd00::254" : "10.0.0.254";
    for (const auto protocol : {lvs::Protocol::tcp, lvs::Protocol::udp}) {
      lvs::Service service;
      service.scheduler = lvs::Scheduler::rr;
      const Endpoint e = endpoint(real, forward == Forward::nat ? 8080 : 80);
      service.destinations[e] = {forward, 1, 0, 0};
      service.order = {e};
      const Status status = datapath().put_service(service_key(v6 ? "2001:db8::10" : vip, 80, protocol), service);
      ASSERT_TRUE(status) << status.error().message;
    }
    datapath().set_hop(*IpAddress::parse(real), datapath::Hop{*MacAddress::parse(web_mac(1)), *MacAddress::parse(director_mac), 1,
                                                              static_cast<std::uint16_t>(vlan), 0, false, *IpAddress::parse(source), 1500});
  }

  static Packet packet(bool v6, int vlan, bool tcp, const std::string& flags, const std::string& data, std::uint8_t ttl = 64) {
    Packet p = Packet::Layer{Ethernet{}};
    if (vlan != 0) p = p / Vlan{.id = static_cast<std::uint16_t>(vlan)};
    p = v6 ? p / Ipv6{.hop_limit = ttl} : p / Ipv4{.ttl = ttl, .tos = 0x2f};
    p = tcp ? p / Tcp{.flags = flags} : p / Udp{.to = 80};
    return p / Payload{data};
  }

  Outcome run_traced(const Packet& packet) {
    datapath().trace(1);
    Outcome outcome = run(packet);
    datapath().trace(0);
    return outcome;
  }
};

TEST_F(QuickWay, IsNoOtherThanTheLongOne) {
  for (const Forward forward : {Forward::dr, Forward::nat, Forward::tun}) {
    for (const bool v6 : {false, true}) {
      for (const int vlan : {0, 100}) {
        for (const bool tcp : {true, false}) {
          SetUp();
          put_port(0);  // a NIC
          ASSERT_NO_FATAL_FAILURE(serve_by(forward, v6, vlan));
          for (const char* flags : {"S", "A", "A"}) run(packet(v6, vlan, tcp, flags, "begin"));
          // Sums with carries of all kinds.
          for (int i = 0; i < 40; ++i) {
            const std::string data(static_cast<std::size_t>(i), static_cast<char>(i * 37));
            const Packet p = packet(v6, vlan, tcp, i % 3 == 0 ? "AP" : "A", data, static_cast<std::uint8_t>(2 + i * 6));
            const Outcome quick = run(p), slow = run_traced(p);
            ASSERT_EQ(quick.reason, "established") << static_cast<int>(forward) << v6 << vlan << tcp << i;
            ASSERT_EQ(slow.reason, quick.reason);
            ASSERT_EQ(slow.verdict, quick.verdict);
            ASSERT_EQ(slow.frame, quick.frame) << static_cast<int>(forward) << v6 << vlan << tcp << i;
          }
        }
      }
    }
  }
}

TEST_F(QuickWay, CountsTheSame) {
  put_port(0);
  ASSERT_NO_FATAL_FAILURE(serve_by(Forward::dr, false, 0));
  establish(client, 40000);
  const auto counted = [&] { return stats(service_key(vip, 80), 1); };
  const auto before = counted();
  run(packet(false, 0, true, "A", "some data"));
  const auto quick = counted();
  run_traced(packet(false, 0, true, "A", "some data"));
  const auto slow = counted();
  EXPECT_EQ(quick.packets_in - before.packets_in, 1u);
  EXPECT_EQ(quick.bytes_in - before.bytes_in, 49u);
  EXPECT_EQ(slow.packets_in - quick.packets_in, 1u);
  EXPECT_EQ(slow.bytes_in - quick.bytes_in, 49u);
}

TEST_F(QuickWay, LeavesAMovedClientToTheLongOne) {
  put_port(0);
  ASSERT_NO_FATAL_FAILURE(serve_by(Forward::nat, false, 0));
  for (const char* flags : {"S", "A", "A"}) run(packet(false, 0, true, flags, ""));
  const auto answer_goes_to = [&] {
    const Outcome out = run(Ethernet{} / Ipv4{.from = "10.0.0.1", .to = client} / Tcp{.from = 8080, .to = 40000, .flags = "A"});
    return std::vector<std::uint8_t>(out.frame.begin(), out.frame.begin() + 6);
  };
  const auto before = answer_goes_to();
  const TimePoint limit = Clock::now() + 5s;  // it is noticed once in a tick
  while (answer_goes_to() == before) {
    ASSERT_LT(Clock::now(), limit);
    wait_for_ticks();
    run(Ethernet{.from = "02:00:00:00:00:bb"} / Ipv4{} / Tcp{.flags = "A"});
  }
  EXPECT_EQ(answer_goes_to()[5], 0xbb);
}

}  // namespace
}  // namespace xd::test
