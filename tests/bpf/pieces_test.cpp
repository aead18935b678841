// Jumbo frames: what lies in the driver's further buffers is sent on as it came, and counts for lengths and checksums.
#include "director.h"

namespace xd::test {
namespace {

using lvs::Forward;
using lvs::Protocol;
using lvs::Scheduler;

constexpr std::size_t jumbo = 8'900;  // the kernel's test run splits what is longer than 3,500 bytes

class Pieces : public Director {
 protected:
  void SetUp() override {
    Director::SetUp();
    if (IsSkipped()) return;
    if (datapath().program_fd(true) < 0) GTEST_SKIP() << "the kernel has no frames in several buffers";
    put_port(0);
  }
  void resolve_with(std::uint32_t mtu) {
    datapath().set_hop(*IpAddress::parse(web(1)), datapath::Hop{.to = *MacAddress::parse(web_mac(1)),
                                                                .from = *MacAddress::parse(director_mac),
                                                                .ifindex = 1,
                                                                .source = *IpAddress::parse("10.0.0.255"),
                                                                .mtu = mtu});
  }
  // Packets of a connection: the first three.
  Outcome third(const std::function<Packet(std::string_view)>& packet) {
    EXPECT_EQ(run(packet("S"), true).reason, "new_flow");
    EXPECT_EQ(run(packet("A"), true).reason, "half_open");
    return run(packet("AP"), true);
  }
};

TEST_F(Pieces, AreSentOnByEachMethod) {
  const std::string data(jumbo, 'j');
  serve(service_key(vip, 80), service(Forward::dr, {1}));
  const auto asked = [&](std::string_view flags) { return Ethernet{} / Ipv4{} / Tcp{.flags = flags} / Payload{data}; };
  const auto before = stats(service_key(vip, 80), 1).bytes_in;
  Outcome out = third(asked);
  EXPECT_EQ(out.reason, "established");
  EXPECT_EQ(out.frame, (Ethernet{.to = web_mac(1), .from = director_mac} / Ipv4{.ttl = 63} / Tcp{.flags = "AP"} / Payload{data}).bytes());
  EXPECT_EQ(stats(service_key(vip, 80), 1).bytes_in - before, 3 * (jumbo + 40));

  SetUp();
  serve(service_key(vip, 80), service(Forward::nat, {1}, Scheduler::rr, 8080));
  out = third(asked);
  EXPECT_EQ(out.frame, (Ethernet{.to = web_mac(1), .from = director_mac} / Ipv4{.to = web(1), .ttl = 63} / Tcp{.to = 8080, .flags = "AP"} /
                        Payload{data})
                           .bytes());
  out = run(Ethernet{.from = web_mac(1)} / Ipv4{.from = web(1), .to = client} / Tcp{.from = 8080, .to = 40000} / Payload{data}, true);
  EXPECT_EQ(out.frame, (Ethernet{.to = router_mac, .from = director_mac} / Ipv4{.from = vip, .to = client, .ttl = 63} /
                        Tcp{.from = 80, .to = 40000} / Payload{data})
                           .bytes());

  SetUp();
  serve(service_key(vip, 80), service(Forward::tun, {1}));
  resolve_with(0);
  out = third(asked);
  EXPECT_EQ(out.frame, (Packet(Ethernet{.to = web_mac(1), .from = director_mac}) /
                        Ipv4{.from = "10.0.0.255", .to = web(1), .ttl = 63, .id = 0} / Ipv4{.ttl = 63} / Tcp{.flags = "AP"} / Payload{data})
                           .bytes());
}

TEST_F(Pieces, AreSummedUp) {
  serve(service_key(vip, 53, Protocol::udp), service(Forward::nat, {1}, Scheduler::rr, 5353));
  for (const std::size_t length : {3'400u, 3'900u, 4'093u, 8'191u, 8'900u}) {
    const std::string data(length, 'u');
    const Outcome out = run(Ethernet{} / Ipv4{} / Udp{.checksum = Checksum::absent} / Payload{data}, true);
    EXPECT_EQ(out.frame,
              (Ethernet{.to = web_mac(1), .from = director_mac} / Ipv4{.to = web(1), .ttl = 63} / Udp{.to = 5353} / Payload{data}).bytes())
        << length;
  }
}

TEST_F(Pieces, OfSctpChangeTheirChecksum) {
  serve(service_key(vip, 80, Protocol::sctp), service(Forward::nat, {1}, Scheduler::rr, 8080));
  const std::string data(jumbo, 's');
  const Outcome out = run(Ethernet{} / Ipv4{} / Sctp{.chunk = 1} / Payload{data}, true);
  EXPECT_EQ(out.frame, (Ethernet{.to = web_mac(1), .from = director_mac} / Ipv4{.to = web(1), .ttl = 63} / Sctp{.to = 8080, .chunk = 1} /
                        Payload{data})
                           .bytes());
}

TEST_F(Pieces, ThatAreTooLongAreAnswered) {
  serve(service_key(vip, 80), service(Forward::dr, {1}));
  run(Ethernet{} / Ipv4{} / Tcp{.flags = "S"}, true);
  resolve_with(1500);
  const Outcome out = run(Ethernet{} / Ipv4{} / Tcp{} / Payload{std::string(jumbo, 'l')}, true);
  EXPECT_EQ(out.reason, "too_big");
  EXPECT_EQ(out.verdict, XDP_TX);
  EXPECT_EQ(out.frame.size(), 14u + 576);
  EXPECT_EQ(add_up(out.frame.data() + 34, 556) % 0xffff, 0u) << "the ICMP checksum";
}

TEST_F(Pieces, ThatAreCutShortPass) {
  serve(service_key(vip, 80), service(Forward::dr, {1}));
  EXPECT_EQ(run(Ethernet{} / Ipv4{.total_length = 9'000} / Tcp{.flags = "S"} / Payload{std::string(8'900, 'c')}, true).reason, "truncated");
}

}  // namespace
}  // namespace xd::test
