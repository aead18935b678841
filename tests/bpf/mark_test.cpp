// Services by firewall mark: XDP comes before marks are set and tells their packets by what the configuration says of them.
#include "director.h"

namespace xd::test {
namespace {

using lvs::Forward;
using lvs::Protocol;
using lvs::Scheduler;

class Marks : public Director {
 protected:
  static lvs::ServiceKey mark(std::uint32_t number, int family = AF_INET) {
    lvs::ServiceKey key;
    key.fwmark = number;
    key.mark_family = family;
    return key;
  }
  void SetUp() override {
    Director::SetUp();
    if (!IsSkipped()) datapath().set_matches({});
  }
  // A firewall mark's real servers have no port of their own.
  void serve_mark(lvs::Service service, const std::set<lvs::ServiceKey>& matches) {
    datapath().set_matches({{mark(7), matches}});
    serve(mark(7), service);
  }
  Outcome syn(const std::string& to, std::uint16_t port, std::uint16_t from = 40000) {
    return run(Ethernet{} / Ipv4{.to = to} / Tcp{.from = from, .to = port, .flags = "S"});
  }
};

const std::set<lvs::ServiceKey> web_and_dns{service_key(vip, 80), service_key(vip, 443), service_key("192.0.2.11", 53, Protocol::udp)};

TEST_F(Marks, OneServiceTakesAllThatIsTold) {
  serve_mark(service(Forward::dr, {1, 1}, Scheduler::rr, 0), web_and_dns);
  EXPECT_EQ(served_by(syn(vip, 80)), 2);
  const Outcome out = syn(vip, 443);
  EXPECT_EQ(out.frame, (Ethernet{.to = web_mac(1), .from = director_mac} / Ipv4{.ttl = 63} / Tcp{.to = 443, .flags = "S"}).bytes());
  EXPECT_EQ(served_by(run(Ethernet{} / Ipv4{.to = "192.0.2.11"} / Udp{})), 2) << "their turns are one row";
  EXPECT_EQ(syn(vip, 81).reason, "no_service");
  EXPECT_EQ(syn("192.0.2.11", 53).reason, "no_service");
  EXPECT_EQ(stats(mark(7), 2, 0).connections, 2u);
}

TEST_F(Marks, ByNatThePortStaysWhatItIs) {
  serve_mark(service(Forward::nat, {1}, Scheduler::rr, 0), web_and_dns);
  EXPECT_EQ(syn(vip, 443).frame,
            (Ethernet{.to = web_mac(1), .from = director_mac} / Ipv4{.to = web(1), .ttl = 63} / Tcp{.to = 443, .flags = "S"}).bytes());
  const Outcome out = run(Ethernet{.from = web_mac(1)} / Ipv4{.from = web(1), .to = client} / Tcp{.from = 443, .to = 40000, .flags = "SA"});
  EXPECT_EQ(out.frame, (Ethernet{.to = router_mac, .from = director_mac} / Ipv4{.from = vip, .to = client, .ttl = 63} /
                        Tcp{.from = 443, .to = 40000, .flags = "SA"})
                           .bytes());
}

TEST_F(Marks, APersistentClientStaysAcrossAddressesPortsAndProtocols) {
  lvs::Service persistent = service(Forward::dr, {1, 1, 1}, Scheduler::rr, 0);
  persistent.persistence_seconds = 60;
  serve_mark(persistent, web_and_dns);
  const int first = served_by(syn(vip, 80, 1));
  EXPECT_NE(first, 0);
  EXPECT_EQ(served_by(syn(vip, 443, 2)), first);
  EXPECT_EQ(served_by(run(Ethernet{} / Ipv4{.to = "192.0.2.11"} / Udp{.from = 3})), first);
  EXPECT_NE(served_by(run(Ethernet{} / Ipv4{.from = "198.51.100.8", .to = "192.0.2.11"} / Udp{.from = 3})), first);
  // The template stands where IPVS has it: the mark in the address's place, protocol IP.
  EXPECT_TRUE(flow(flow_key(client, 0, "0.0.0.7", 0, XD_TEMPLATE_PROTO)));
}

TEST_F(Marks, OfIpv6Too) {
  const std::string vip6 = "2001:db8::10", real = "fd00::1";
  lvs::Service service;
  service.scheduler = Scheduler::rr;
  service.persistence_seconds = 60;
  service.persistence_mask = 128;
  service.destinations[endpoint(real, 0)] = {Forward::dr, 1, 0, 0};
  service.order = {endpoint(real, 0)};
  datapath().set_matches({{mark(7, AF_INET6), {service_key(vip6, 80)}}});
  ASSERT_TRUE(datapath().put_service(mark(7, AF_INET6), service));
  datapath().set_hop(*IpAddress::parse(real),
                     datapath::Hop{*MacAddress::parse(web_mac(1)), *MacAddress::parse(director_mac), 1, 0, 0, false});
  EXPECT_EQ(served_by(run(Ethernet{} / Ipv6{.to = vip6} / Tcp{.flags = "S"})), 1);
  EXPECT_TRUE(flow(flow_key("2001:db8::7", 0, "0:7::", 0, XD_TEMPLATE_PROTO)));
  EXPECT_TRUE(datapath().services().contains(mark(7, AF_INET6)));
}

TEST_F(Marks, WhatIsToldMayChange) {
  serve_mark(service(Forward::dr, {1}, Scheduler::rr, 0), web_and_dns);
  datapath().set_matches({{mark(7), {service_key(vip, 443), service_key(vip, 0, Protocol::udp)}}});
  EXPECT_EQ(syn(vip, 80).reason, "no_service");
  EXPECT_EQ(syn(vip, 443).reason, "new_flow");
  EXPECT_EQ(run(Ethernet{} / Ipv4{} / Udp{.to = 4711}).reason, "new_flow");
  EXPECT_EQ(run(Ethernet{} / Ipv4{.to = "192.0.2.11"} / Udp{}).reason, "not_ours");
  ASSERT_TRUE(datapath().remove_service(mark(7)));
  EXPECT_EQ(syn(vip, 443, 9).reason, "not_ours");
}

TEST_F(Marks, WhoComesNextFindsThem) {
  datapath().set_rate_limits({{mark(7), 1'000}});
  serve_mark(service(Forward::dr, {1}, Scheduler::rr, 0), web_and_dns);
  auto next = datapath::Datapath::open(datapath().pin_dir());
  ASSERT_TRUE(next);
  EXPECT_EQ(next->services().size(), 1u);
  EXPECT_TRUE(next->services().contains(mark(7)));
  EXPECT_EQ(next->service_of(service_key(vip, 443)), mark(7));
  EXPECT_EQ(next->service_of(service_key(vip, 444)), std::nullopt);
  next->set_matches({{mark(7), {service_key(vip, 80)}}});
  EXPECT_EQ(syn(vip, 443).reason, "no_service");
  EXPECT_EQ(syn(vip, 80).reason, "new_flow");
  ASSERT_TRUE(datapath().remove_service(mark(7)));
  EXPECT_EQ(syn(vip, 80, 2).reason, "not_ours");
  datapath().set_rate_limits({});
}

TEST_F(Marks, WhatIsNotToldIsNotServed) {
  const lvs::Service one = service(Forward::dr, {1}, Scheduler::rr, 0);
  EXPECT_EQ(datapath().cannot_serve(mark(7), one),
            "XDP comes before firewall marks are set, and no match in the xdirector block tells the packets");
  datapath().set_matches({{mark(7), web_and_dns}});
  EXPECT_EQ(datapath().cannot_serve(mark(7), one), std::nullopt);
  EXPECT_EQ(datapath().cannot_serve(mark(7), service(Forward::dr, {1}, Scheduler::lblc, 0)),
            "the packet path keeps one destination for lblc, and the mark has several addresses");
}

}  // namespace
}  // namespace xd::test
