// Packets that are sent on: by DR and NAT, what they look like afterwards, and whom they go to.
#include "director.h"

#include <net/if.h>

#include <array>
#include <functional>
#include <map>

namespace xd::test {
namespace {

using lvs::Forward;
using lvs::Scheduler;
using testing::ElementsAre;

class DirectRouting : public Director {};
class Nat : public Director {};
class Scheduling : public Director {};

// A payload that makes the complete checksum equal the pseudo-header's sum, which looks like a partial one.
std::string chance(const std::function<Bytes(const std::string&, Checksum)>& compose) {
  for (unsigned i = 0; i < 65536; ++i) {
    const std::string data{static_cast<char>(i >> 8), static_cast<char>(i)};
    if (compose(data, Checksum::complete) == compose(data, Checksum::partial)) return data;
  }
  return "";
}

TEST_F(DirectRouting, ChangesMacsAndTtlAndNothingElse) {
  serve(service_key(vip, 80), service(Forward::dr, {1}));
  const Outcome out = run(Ethernet{} / Ipv4{} / Tcp{.flags = "S"});
  EXPECT_EQ(out.verdict, XDP_TX);
  EXPECT_EQ(out.reason, "new_flow");
  EXPECT_EQ(out.frame, (Ethernet{.to = web_mac(1), .from = director_mac} / Ipv4{.ttl = 63} / Tcp{.flags = "S"}).bytes());
}

TEST_F(DirectRouting, KeepsTheConnectionAtItsServer) {
  serve(service_key(vip, 80), service(Forward::dr, {1, 1, 1}));
  const int first = served_by(run(Ethernet{} / Ipv4{} / Tcp{.flags = "S"}));
  EXPECT_EQ(first, 3);
  Outcome out = run(Ethernet{} / Ipv4{} / Tcp{.flags = "A"});
  EXPECT_EQ(out.reason, "half_open");
  EXPECT_EQ(served_by(out), first);
  out = run(Ethernet{} / Ipv4{} / Tcp{.flags = "AP"} / Payload{"GET / HTTP/1.0\r\n\r\n"});
  EXPECT_EQ(out.reason, "established");
  EXPECT_EQ(out.frame,
            (Ethernet{.to = web_mac(3), .from = director_mac} / Ipv4{.ttl = 63} / Tcp{.flags = "AP"} / Payload{"GET / HTTP/1.0\r\n\r\n"})
                .bytes());
}

TEST_F(DirectRouting, LeavesAPartialChecksumAsItIs) {
  serve(service_key(vip, 80), service(Forward::dr, {1}));
  const Outcome out = run(Ethernet{} / Ipv4{} / Tcp{.flags = "S", .checksum = Checksum::partial});
  EXPECT_EQ(
      out.frame,
      (Ethernet{.to = web_mac(1), .from = director_mac} / Ipv4{.ttl = 63} / Tcp{.flags = "S", .checksum = Checksum::partial}).bytes());
}

TEST_F(DirectRouting, FillsInAPartialChecksumInNativeModeWhereSuchFramesCome) {
  serve(service_key(vip, 80), service(Forward::dr, {1}));
  serve(service_key(vip, 53, lvs::Protocol::udp), service(Forward::dr, {1}, Scheduler::rr, 53));
  const auto http = [](Checksum checksum, const std::string& data, bool sent_on) {
    return Ethernet{.to = sent_on ? web_mac(1) : director_mac, .from = sent_on ? director_mac : router_mac} /
           Ipv4{.ttl = static_cast<std::uint8_t>(sent_on ? 63 : 64)} / Tcp{.flags = "S", .checksum = checksum} / Payload{data};
  };
  const auto query = [](Checksum checksum, bool sent_on) {
    return Ethernet{.to = sent_on ? web_mac(1) : director_mac, .from = sent_on ? director_mac : router_mac} /
           Ipv4{.ttl = static_cast<std::uint8_t>(sent_on ? 63 : 64)} / Udp{.checksum = checksum} / Payload{"query"};
  };
  put_port(XD_PORT_PARTIAL);
  for (const std::size_t length : {0u, 1u, 17u, 1460u}) {
    const std::string data(length, 'y');
    EXPECT_EQ(run(http(Checksum::partial, data, false)).frame, http(Checksum::complete, data, true).bytes()) << length;
    EXPECT_EQ(run(http(Checksum::complete, data, false)).frame, http(Checksum::complete, data, true).bytes()) << length;
  }
  EXPECT_EQ(run(query(Checksum::partial, false)).frame, query(Checksum::complete, true).bytes());
  EXPECT_EQ(run(query(Checksum::absent, false)).frame, query(Checksum::absent, true).bytes());
  const std::string alike = chance([&](const std::string& data, Checksum checksum) { return http(checksum, data, false).bytes(); });
  ASSERT_FALSE(alike.empty());
  EXPECT_EQ(run(http(Checksum::complete, alike, false)).frame, http(Checksum::complete, alike, true).bytes());

  put_port(0);  // a NIC: its frames are never partial, and nothing is looked for
  EXPECT_EQ(run(http(Checksum::partial, "data", false)).frame, http(Checksum::partial, "data", true).bytes());
}

TEST_F(DirectRouting, KeepsOneAndTwoVlanTags) {
  serve(service_key(vip, 80), service(Forward::dr, {1}));
  const auto hop = [&](std::uint16_t outer, std::uint16_t inner) {
    datapath().set_hop(*IpAddress::parse(web(1)),
                       datapath::Hop{*MacAddress::parse(web_mac(1)), *MacAddress::parse(director_mac), 1, outer, inner, false});
  };
  hop(100, 0);
  Outcome out = run(Ethernet{} / Vlan{.id = 100, .priority = 10} / Ipv4{} / Tcp{.flags = "S"});
  EXPECT_EQ(
      out.frame,
      (Ethernet{.to = web_mac(1), .from = director_mac} / Vlan{.id = 100, .priority = 10} / Ipv4{.ttl = 63} / Tcp{.flags = "S"}).bytes());
  hop(7, 0);
  out = run(Ethernet{} / Vlan{.id = 100, .priority = 10} / Ipv4{} / Tcp{.from = 2, .flags = "S"});
  EXPECT_EQ(out.frame, (Ethernet{.to = web_mac(1), .from = director_mac} / Vlan{.id = 7, .priority = 10} / Ipv4{.ttl = 63} /
                        Tcp{.from = 2, .flags = "S"})
                           .bytes());
  hop(7, 8);
  out = run(Ethernet{} / Vlan{.id = 100, .tpid = 0x88a8} / Vlan{.id = 200} / Ipv4{} / Tcp{.from = 3, .flags = "S"});
  EXPECT_EQ(out.frame, (Ethernet{.to = web_mac(1), .from = director_mac} / Vlan{.id = 7, .tpid = 0x88a8} / Vlan{.id = 8} / Ipv4{.ttl = 63} /
                        Tcp{.from = 3, .flags = "S"})
                           .bytes());
}

TEST_F(DirectRouting, SendsToAnotherInterfaceByTheDeviceMap) {
  serve(service_key(vip, 80), service(Forward::dr, {1}));
  datapath().set_hop(*IpAddress::parse(web(1)), datapath::Hop{*MacAddress::parse(web_mac(1)), *MacAddress::parse("02:00:00:00:00:02"),
                                                              static_cast<int>(if_nametoindex("out")), 0, 0, false});
  const Outcome out = run(Ethernet{} / Ipv4{} / Tcp{.flags = "S"});
  EXPECT_EQ(out.verdict, XDP_REDIRECT);
  EXPECT_EQ(out.frame, (Ethernet{.to = web_mac(1), .from = "02:00:00:00:00:02"} / Ipv4{.ttl = 63} / Tcp{.flags = "S"}).bytes());
}

TEST_F(DirectRouting, ServesAnyPortWhenTheServiceHasPortZero) {
  serve(service_key(vip, 0), service(Forward::dr, {1}, Scheduler::rr, 0));
  const Outcome out = run(Ethernet{} / Ipv4{} / Tcp{.to = 12345, .flags = "S"});
  EXPECT_EQ(out.frame, (Ethernet{.to = web_mac(1), .from = director_mac} / Ipv4{.ttl = 63} / Tcp{.to = 12345, .flags = "S"}).bytes());
}

TEST_F(DirectRouting, ServesUdpAndPromotesTheSecondDatagram) {
  serve(service_key(vip, 53, lvs::Protocol::udp), service(Forward::dr, {1, 1}, Scheduler::rr, 53));
  EXPECT_EQ(run(Ethernet{} / Ipv4{} / Udp{} / Payload{"query"}).reason, "new_flow");
  EXPECT_EQ(confirmed(), 0u);
  EXPECT_EQ(run(Ethernet{} / Ipv4{} / Udp{} / Payload{"query"}).reason, "half_open");
  const Outcome out = run(Ethernet{} / Ipv4{} / Udp{} / Payload{"query"});
  EXPECT_EQ(out.reason, "established");
  EXPECT_EQ(served_by(out), 2);
}

// ---- NAT

Packet from_client(std::string_view flags, Checksum checksum = Checksum::complete, const std::string& data = "") {
  return Ethernet{} / Ipv4{} / Tcp{.flags = flags, .checksum = checksum} / Payload{data};
}
Packet at_server(std::string_view flags, Checksum checksum = Checksum::complete, const std::string& data = "") {
  return Ethernet{.to = "02:00:00:00:01:01", .from = director_mac} / Ipv4{.to = "10.0.0.1", .ttl = 63} /
         Tcp{.to = 8080, .flags = flags, .checksum = checksum} / Payload{data};
}
Packet from_server(std::string_view flags, Checksum checksum = Checksum::complete, const std::string& data = "") {
  return Ethernet{.from = "02:00:00:00:01:01"} / Ipv4{.from = "10.0.0.1", .to = client} /
         Tcp{.from = 8080, .to = 40000, .flags = flags, .checksum = checksum} / Payload{data};
}
Packet at_client(std::string_view flags, Checksum checksum = Checksum::complete, const std::string& data = "") {
  return Ethernet{.to = router_mac, .from = director_mac} / Ipv4{.from = vip, .to = client, .ttl = 63} /
         Tcp{.from = 80, .to = 40000, .flags = flags, .checksum = checksum} / Payload{data};
}

TEST_F(Nat, RewritesBothDirections) {
  serve(service_key(vip, 80), service(Forward::nat, {1}, Scheduler::rr, 8080));
  Outcome out = run(from_client("S"));
  EXPECT_EQ(out.verdict, XDP_TX);
  EXPECT_EQ(out.frame, at_server("S").bytes());
  out = run(from_server("SA"));
  EXPECT_EQ(out.reason, "reply");
  EXPECT_EQ(out.frame, at_client("SA").bytes());
  EXPECT_EQ(run(from_client("A")).reason, "half_open");
  EXPECT_EQ(half_open(), 0u);
  EXPECT_EQ(confirmed(), 2u);
  out = run(from_client("AP", Checksum::complete, "odd"));
  EXPECT_EQ(out.reason, "established");
  EXPECT_EQ(out.frame, at_server("AP", Checksum::complete, "odd").bytes());
  EXPECT_EQ(run(from_server("AP", Checksum::complete, "answer")).frame, at_client("AP", Checksum::complete, "answer").bytes());
}

TEST_F(Nat, PartialChecksumsStayPartialInGenericMode) {
  serve(service_key(vip, 80), service(Forward::nat, {1}, Scheduler::rr, 8080));
  for (const char* flags : {"S", "A", "AP"}) {
    EXPECT_EQ(run(from_client(flags, Checksum::partial, "payload")).frame, at_server(flags, Checksum::partial, "payload").bytes()) << flags;
    EXPECT_EQ(run(from_server("A", Checksum::partial, "payload")).frame, at_client("A", Checksum::partial, "payload").bytes()) << flags;
  }
}

TEST_F(Nat, MergedPacketsLongerThanTheMtuArePartial) {
  serve(service_key(vip, 80), service(Forward::nat, {1}, Scheduler::rr, 8080));
  const std::string much(3000, 'x');
  run(from_client("S"));  // complete: the flow's sender does both
  EXPECT_EQ(run(from_client("A", Checksum::partial, much)).frame, at_server("A", Checksum::partial, much).bytes());
}

TEST_F(Nat, PartialChecksumsAreFilledInInNativeMode) {
  serve(service_key(vip, 80), service(Forward::nat, {1}, Scheduler::rr, 8080));
  put_port(0);
  for (const std::size_t length : {0u, 1u, 15u, 16u, 17u, 100u, 1459u, 1460u}) {
    const std::string data(length, 'y');
    EXPECT_EQ(run(from_client("S", Checksum::partial, data)).frame, at_server("S", Checksum::complete, data).bytes()) << length;
  }
}

TEST_F(Nat, ACompleteChecksumThatLooksPartialByChanceIsNotCorrupted) {
  serve(service_key(vip, 80), service(Forward::nat, {1}, Scheduler::rr, 8080));
  const std::string data = chance([](const std::string& d, Checksum c) { return from_client("A", c, d).bytes(); });
  ASSERT_FALSE(data.empty());
  run(from_client("S"));
  EXPECT_EQ(run(from_client("A", Checksum::complete, data)).frame, at_server("A", Checksum::complete, data).bytes());
}

TEST_F(Nat, APartialChecksumThatVerifiesByChanceStaysPartial) {
  serve(service_key(vip, 80), service(Forward::nat, {1}, Scheduler::rr, 8080));
  const std::string data = chance([](const std::string& d, Checksum c) { return from_client("A", c, d).bytes(); });
  ASSERT_FALSE(data.empty());
  run(from_client("S", Checksum::partial));  // this sender leaves checksums to the device
  EXPECT_EQ(run(from_client("A", Checksum::partial, data)).frame, at_server("A", Checksum::partial, data).bytes());
}

TEST_F(Nat, FillsInAnAbsentUdpChecksum) {
  serve(service_key(vip, 53, lvs::Protocol::udp), service(Forward::nat, {1}, Scheduler::rr, 5353));
  const Outcome out = run(Ethernet{} / Ipv4{} / Udp{.checksum = Checksum::absent} / Payload{"query"});
  EXPECT_EQ(
      out.frame,
      (Ethernet{.to = web_mac(1), .from = director_mac} / Ipv4{.to = web(1), .ttl = 63} / Udp{.to = 5353} / Payload{"query"}).bytes());
}

TEST_F(Nat, TranslatesUdpBothWays) {
  serve(service_key(vip, 53, lvs::Protocol::udp), service(Forward::nat, {1}, Scheduler::rr, 5353));
  run(Ethernet{} / Ipv4{} / Udp{} / Payload{"query"});
  const Outcome out =
      run(Ethernet{.from = web_mac(1)} / Ipv4{.from = web(1), .to = client} / Udp{.from = 5353, .to = 40000} / Payload{"answer"});
  EXPECT_EQ(out.frame, (Ethernet{.to = router_mac, .from = director_mac} / Ipv4{.from = vip, .to = client, .ttl = 63} /
                        Udp{.from = 53, .to = 40000} / Payload{"answer"})
                           .bytes());
}

TEST_F(Nat, RepliesFollowTheClientToItsNewRouter) {
  serve(service_key(vip, 80), service(Forward::nat, {1}, Scheduler::rr, 8080));
  establish(client, 40000);
  run(Ethernet{.from = "02:00:00:00:00:bb"} / Ipv4{} / Tcp{});
  const Outcome out = run(from_server("A"));
  EXPECT_EQ(MacAddress::parse("02:00:00:00:00:bb")->bytes,
            (std::array<std::uint8_t, 6>{out.frame[0], out.frame[1], out.frame[2], out.frame[3], out.frame[4], out.frame[5]}));
}

TEST_F(Nat, ASecondVirtualAddressDoesNotTakeTheRepliesOfTheFirst) {
  serve(service_key(vip, 80), service(Forward::nat, {1}, Scheduler::rr, 8080));
  serve(service_key("192.0.2.11", 80), service(Forward::nat, {1}, Scheduler::rr, 8080));
  const auto second = [](std::string_view flags) { return Ethernet{} / Ipv4{.to = "192.0.2.11"} / Tcp{.flags = flags}; };
  for (const char* flags : {"S", "A"}) {
    EXPECT_THAT(run(from_client(flags)).reason, testing::AnyOf("new_flow", "half_open"));
    ASSERT_EQ(flags == std::string("A") ? confirmed() : half_open(), 2u);
    const Outcome out = run(second("S"));
    EXPECT_EQ(out.reason, "nat_clash");
    EXPECT_EQ(out.verdict, XDP_PASS);
    EXPECT_EQ(out.frame, second("S").bytes());
    EXPECT_EQ(run(from_server("A")).frame, at_client("A").bytes()) << flags;
  }
  // Once the first is forgotten, the second may have the port.
  set_timeout(XD_STATE_ESTABLISHED, 0);
  sweep_until([&] { return confirmed() == 0; });
  set_timeout(XD_STATE_ESTABLISHED, 1'000'000);
  EXPECT_EQ(run(second("S")).reason, "new_flow");
}

TEST_F(Nat, OtherPacketsOfARealServerPass) {
  serve(service_key(vip, 80), service(Forward::nat, {1}, Scheduler::rr, 8080));
  EXPECT_EQ(run(Ethernet{} / Ipv4{.from = web(1), .to = "203.0.113.1"} / Tcp{.from = 22}).reason, "not_ours");
}

// ---- Who is chosen

TEST_F(Scheduling, TakesTurnsNewestFirst) {
  serve(service_key(vip, 80), service(Forward::dr, {1, 1, 1}));
  std::vector<int> served;
  for (std::uint16_t port = 1; port <= 6; ++port) served.push_back(served_by(run(Ethernet{} / Ipv4{} / Tcp{.from = port, .flags = "S"})));
  EXPECT_THAT(served, ElementsAre(3, 2, 1, 3, 2, 1));
}

TEST_F(Scheduling, WeighsTurns) {
  serve(service_key(vip, 80), service(Forward::dr, {1, 3}, Scheduler::wrr));
  std::map<int, int> served;
  for (std::uint16_t port = 1; port <= 16; ++port) ++served[served_by(run(Ethernet{} / Ipv4{} / Tcp{.from = port, .flags = "S"}))];
  EXPECT_EQ(served[1], 4);
  EXPECT_EQ(served[2], 12);
}

TEST_F(Scheduling, SourceHashKeepsAClientAtItsServer) {
  for (const Scheduler scheduler : {Scheduler::sh, Scheduler::mh}) {
    serve(service_key(vip, 80), service(Forward::dr, {1, 1, 1}, scheduler));
    std::map<int, int> served;
    for (int host = 1; host <= 10; ++host) {
      const Ipv4 ip{.from = "198.51.100." + std::to_string(host)};
      const auto port = static_cast<std::uint16_t>(scheduler == Scheduler::sh ? 1 : 101);
      const int first = served_by(run(Ethernet{} / ip / Tcp{.from = port, .flags = "S"}));
      EXPECT_EQ(served_by(run(Ethernet{} / ip / Tcp{.from = static_cast<std::uint16_t>(port + 1), .flags = "S"})), first);
      ++served[first];
      SetUp();
      serve(service_key(vip, 80), service(Forward::dr, {1, 1, 1}, scheduler));
    }
    EXPECT_GE(served.size(), 2u);
  }
}

TEST_F(Scheduling, WeightZeroKeepsOldConnectionsAndTakesNoNewOnes) {
  const auto key = service_key(vip, 80);
  serve(key, service(Forward::dr, {1}));
  establish(client, 1);
  serve(key, service(Forward::dr, {0}));
  EXPECT_EQ(run(Ethernet{} / Ipv4{} / Tcp{.from = 1}).reason, "established");
  EXPECT_EQ(run(Ethernet{} / Ipv4{} / Tcp{.from = 2, .flags = "S"}).reason, "no_dest");
}

}  // namespace
}  // namespace xd::test
