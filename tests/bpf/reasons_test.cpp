// Packets that are not sent on: each reason, and the frame untouched. That every reason is reached by some test is asked at the end of all
// (director.cpp).
#include "director.h"

namespace xd::test {
namespace {

using lvs::Forward;

class Reasons : public Director {
 protected:
  void SetUp() override {
    Director::SetUp();
    if (!IsSkipped()) serve(service_key(vip, 80), service(Forward::dr, {1}));
  }
  void passes(const Packet& packet, const std::string& reason) {
    const Outcome out = run(packet);
    EXPECT_EQ(out.reason, reason);
    EXPECT_EQ(out.verdict, XDP_PASS) << reason;
    EXPECT_EQ(out.frame, packet.bytes()) << reason;
  }
};

const Tcp syn{.flags = "S"};

TEST_F(Reasons, Arp) { passes(Ethernet{.type = 0x0806} / Payload{std::string(46, '\0')}, "not_ip"); }
TEST_F(Reasons, Ipv6) { passes(Ethernet{} / Ipv6{.to = "2001:db8::99"} / syn, "not_ours"); }
TEST_F(Reasons, NotOurs) { passes(Ethernet{} / Ipv4{.to = "203.0.113.9"} / syn, "not_ours"); }
TEST_F(Reasons, Advert) {
  passes(Ethernet{} / Ipv4{.to = "224.0.0.18", .ttl = 255, .protocol = 112} / Payload{std::string(20, 'v')}, "advert");
}
TEST_F(Reasons, LaterFragments) {
  passes(Ethernet{} / Ipv4{.fragment = 0x2100} / syn, "fragment");
  passes(Ethernet{} / Ipv4{.fragment = 0x0100} / syn, "fragment");
}
TEST_F(Reasons, IpOptions) { passes(Ethernet{} / Ipv4{.options = {7, 3, 4, 0}} / syn, "ip_options"); }
TEST_F(Reasons, Icmp) { passes(Ethernet{} / Ipv4{} / Icmp{}, "icmp"); }
TEST_F(Reasons, OtherProtocol) { passes(Ethernet{} / Ipv4{.protocol = 47} / Payload{"gre."}, "protocol"); }
TEST_F(Reasons, NoServiceAtThisPort) { passes(Ethernet{} / Ipv4{} / Tcp{.to = 81, .flags = "S"}, "no_service"); }
TEST_F(Reasons, NoFlow) { passes(Ethernet{} / Ipv4{} / Tcp{.flags = "A"}, "no_flow"); }
TEST_F(Reasons, TtlUsedUp) {
  // A reply's sender is told by the stack, by which it is routed.
  serve(service_key(vip, 80), service(Forward::nat, {1}));
  run(Ethernet{} / Ipv4{} / syn);
  passes(Ethernet{} / Ipv4{.from = web(1), .to = client, .ttl = 1} / Tcp{.from = 80, .to = 40000, .flags = "SA"}, "ttl");
}

TEST_F(Reasons, CutShortAnywhere) {
  const Bytes whole = (Ethernet{} / Vlan{} / Ipv4{} / syn).bytes();
  for (std::size_t length = 15; length < whole.size(); ++length) {
    Packet cut = Ethernet{} / Payload{""};
    const Bytes bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    cut = Ethernet{.type = 0x8100} / Payload{std::string(bytes.begin() + 14, bytes.end())};
    passes(cut, "truncated");
  }
  passes(Ethernet{} / Ipv4{.total_length = 1000} / syn, "truncated");
  passes(Ethernet{} / Ipv4{.protocol = 6, .total_length = 30} / syn, "truncated");
}

TEST_F(Reasons, PaddingBehindTheDatagramIsNoFault) {
  EXPECT_EQ(run(Ethernet{} / Ipv4{.total_length = 40} / syn / Payload{"padded"}).reason, "new_flow");
}

TEST_F(Reasons, AnotherNumberOfVlanTags) { passes(Ethernet{} / Vlan{.id = 5} / Ipv4{} / syn, "vlan"); }

TEST_F(Reasons, VipHeldByAnotherDirector) {
  ASSERT_TRUE(datapath().set_gate(*IpAddress::parse(vip), false));
  passes(Ethernet{} / Ipv4{} / syn, "vip_not_ours");
  ASSERT_TRUE(datapath().set_gate(*IpAddress::parse(vip), true));
  EXPECT_EQ(run(Ethernet{} / Ipv4{} / syn).reason, "new_flow");
  ASSERT_TRUE(datapath().set_gate(*IpAddress::parse(vip), false));
  passes(Ethernet{} / Ipv4{} / Tcp{.flags = "A"}, "vip_not_ours");
  ASSERT_TRUE(datapath().forget_gate(*IpAddress::parse(vip)));
  EXPECT_EQ(run(Ethernet{} / Ipv4{} / Tcp{.flags = "A"}).reason, "half_open");
}

TEST_F(Reasons, NextHopUnknown) {
  datapath().set_hop(*IpAddress::parse(web(1)), std::nullopt);
  passes(Ethernet{} / Ipv4{} / syn, "dest_unresolved");
}

TEST_F(Reasons, RealServerIsTheDirector) {
  datapath::Hop local;
  local.local = true;
  datapath().set_hop(*IpAddress::parse(web(1)), local);
  passes(Ethernet{} / Ipv4{} / syn, "dest_local");
}

TEST_F(Reasons, NobodyServes) {
  ASSERT_TRUE(datapath().put_service(service_key(vip, 80), service(Forward::dr, {})));
  passes(Ethernet{} / Ipv4{} / syn, "no_dest");
}

TEST_F(Reasons, RemovedServersFlowsAreDroppedAndGoOnWhenItReturns) {
  const auto key = service_key(vip, 80);
  serve(key, service(Forward::dr, {1, 1}));
  establish(client, 1);  // at server 2
  establish(client, 2);  // at server 1
  serve(key, service(Forward::dr, {1}));
  const Outcome out = run(Ethernet{} / Ipv4{} / Tcp{.from = 1});
  EXPECT_EQ(out.reason, "dest_removed");
  EXPECT_EQ(out.verdict, XDP_DROP);
  EXPECT_EQ(served_by(run(Ethernet{} / Ipv4{} / Tcp{.from = 2})), 1);
  serve(key, service(Forward::dr, {1, 1}));
  EXPECT_EQ(served_by(run(Ethernet{} / Ipv4{} / Tcp{.from = 1})), 2);
}

// The kernel refuses at 1,000,000 steps. Kernel 6.1 takes about twice as many as newer ones.
TEST_F(Reasons, TheVerifierNeedsFewEnoughSteps) {
  for (const bool in_pieces : {false, true}) {
    bpf_prog_info info{};
    std::uint32_t size = sizeof(info);
    ASSERT_EQ(bpf_obj_get_info_by_fd(datapath().program_fd(in_pieces), &info, &size), 0);
    EXPECT_LT(info.verified_insns, 600'000u) << in_pieces;
    RecordProperty(in_pieces ? "steps_in_pieces" : "steps", static_cast<int>(info.verified_insns));
  }
}

}  // namespace
}  // namespace xd::test
