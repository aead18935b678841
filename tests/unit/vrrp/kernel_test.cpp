// The engine against the real kernel: a veth pair in a namespace of this program, the engine on one end and a tap on the other. The
// frames it compares with were captured from keepalived 2.2.7 in the same configuration.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "netlink/kernel_netlink.h"
#include "support/private_network.h"
#include "support/veth.h"
#include "vrrp/engine.h"

namespace xd::vrrp {
namespace {

using Frame = std::vector<std::uint8_t>;

const auto* const private_network = ::testing::AddGlobalTestEnvironment(new test::PrivateNetwork);

conf::VirtualAddress vip(const std::string& prefix, const std::string& label = "") {
  conf::VirtualAddress address;
  address.prefix = *IpPrefix::parse(prefix);
  address.label = label;
  return address;
}

bool is_advert(const Frame& frame) { return frame.size() > 24 && frame[12] == 0x08 && frame[13] == 0x00 && frame[23] == 112; }
bool is_arp(const Frame& frame) { return frame.size() > 13 && frame[12] == 0x08 && frame[13] == 0x06; }

class KernelEngine : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: raw sockets";
    test::ip("link add near type veth peer name far");
    test::ip("link set near address 32:3a:1c:0d:a4:9a up");
    test::ip("link set far up");
    test::ip("addr add 10.9.0.1/24 dev near");
    tap.emplace("far");
    open();
    conf::VrrpInstance instance;
    instance.name = "VI_2";
    instance.interface = "near";
    instance.vrid = 52;
    instance.version = 3;
    instance.priority = 90;
    instance.advert_interval = 500ms;
    instance.addresses = {vip("10.9.0.103/24", "near:1")};
    model.vrrp_instances = {instance};
  }
  void TearDown() override {
    if (::geteuid() != 0) return;
    engine.reset();
    netlink.reset();
    tap.reset();
    test::ip("link del near");
  }

  void open() {
    auto opened = netlink::KernelNetlink::open(loop);
    ASSERT_TRUE(opened) << opened.error().message;
    netlink = std::move(*opened);
    engine.emplace(loop, Ports{.netlink = *netlink, .watches = nullptr, .carries_xdp = {}, .set_gate = {}, .forget_gate = {}});
  }
  void begin() {
    const auto status = engine->prepare(model);
    ASSERT_TRUE(status) << status.error().message;
    engine->commit();
  }
  // Turns the loop until it is so.
  bool until(const std::function<bool()>& condition, Duration limit = 10s) {
    const TimePoint end = Clock::now() + limit;
    while (!condition()) {
      if (Clock::now() > end) return false;
      loop.run_once(50ms);
      collect();
    }
    return true;
  }
  void collect() {
    for (auto& frame : tap->frames()) {
      if (is_advert(frame) || is_arp(frame)) seen.push_back(std::move(frame));
    }
  }
  bool is(Role role) const { return engine->status().at(0).role == role; }
  std::vector<Frame> adverts() const {
    std::vector<Frame> out;
    std::copy_if(seen.begin(), seen.end(), std::back_inserter(out), is_advert);
    return out;
  }
  bool has_vip(const char* prefix) const {
    return std::system((std::string("ip -4 -o addr show dev near | grep -q 'inet ") + prefix + " '").c_str()) == 0;
  }
  // An advert of 10.9.0.2 for VRID 52, put in at the far end.
  void peer_says(std::uint8_t priority) {
    Advert advert;
    advert.version = 3;
    advert.vrid = 52;
    advert.priority = priority;
    advert.interval = 500ms;
    advert.addresses = {*IpAddress::parse("10.9.0.103")};
    advert.checksum = ChecksumForm::pseudo_header;
    const Carrier carrier{*IpAddress::parse("10.9.0.2"), *IpAddress::parse("224.0.0.18"), 255};
    auto frame = test::bytes_of("01005e000012 020000000002 0800");
    const auto packet = build_ipv4_packet(advert, carrier, 1);
    frame.insert(frame.end(), packet.begin(), packet.end());
    tap->put(frame);
  }

  Loop loop;
  std::optional<test::Tap> tap;
  std::unique_ptr<netlink::KernelNetlink> netlink;
  std::optional<Engine> engine;
  conf::Model model;
  std::vector<Frame> seen;
};

TEST_F(KernelEngine, sendsTheAdvertsAndAnnouncementsOfKeepalivedByteForByte) {
  begin();
  ASSERT_TRUE(until([&] { return adverts().size() >= 2; }));
  EXPECT_EQ(seen[0],
            test::bytes_of("01005e000012 323a1c0da49a 0800 45c0 00200001 0000ff70 d0900a09 0001e000 0012 31345a01 00327f8f 0a090067"));
  const auto announcement =
      test::bytes_of("ffffffffffff 323a1c0da49a 0806 0001 0800 0604 0001 323a1c0da49a 0a090067 ffffffffffff 0a090067");
  for (int i = 1; i <= 5; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], announcement) << i;
  EXPECT_EQ(adverts()[1],
            test::bytes_of("01005e000012 323a1c0da49a 0800 45c0 00200002 0000ff70 d08f0a09 0001e000 0012 31345a01 00327f8f 0a090067"));
  EXPECT_TRUE(has_vip("10.9.0.103/24"));
  EXPECT_EQ(std::system("ip -4 -o addr show dev near label near:1 | grep -q 10.9.0.103/24"), 0) << "with its label";
}

TEST_F(KernelEngine, sendsVersion2WithPasswordAndPriorityZeroOfKeepalivedByteForByte) {
  auto& instance = model.vrrp_instances[0];
  instance.version = 2;
  instance.vrid = 51;
  instance.priority = 255;  // at once
  instance.advert_interval = 1s;
  instance.authentication = {conf::AuthType::pass, {'1', '1', '1', '1'}};
  instance.addresses = {vip("10.9.0.100/24"), vip("10.9.0.101/24"), vip("10.9.0.102/32")};
  begin();
  ASSERT_TRUE(until([&] { return !adverts().empty(); }));
  bool stopped = false;
  engine->stop([&] { stopped = true; });
  ASSERT_TRUE(until([&] { return stopped && adverts().size() == 2; }));
  EXPECT_EQ(adverts()[1], test::bytes_of("01005e000012 323a1c0da49a 0800 45c0 00300002 0000ff70 d07f0a09 0001e000 0012 21330003 01015c1c "
                                         "0a090064 0a090065 0a090066 31313131 00000000"));
  EXPECT_FALSE(has_vip("10.9.0.100/24"));
}

TEST_F(KernelEngine, hearsItsPeerAndYieldsToAHigherPriority) {
  begin();
  ASSERT_TRUE(until([&] { return is(Role::master); }));
  peer_says(200);
  ASSERT_TRUE(until([&] { return is(Role::backup); }));
  EXPECT_FALSE(has_vip("10.9.0.103/24"));
  EXPECT_EQ(engine->status()[0].master.str(), "10.9.0.2");
  peer_says(0);
  const TimePoint left = Clock::now();
  ASSERT_TRUE(until([&] { return is(Role::master); }));
  EXPECT_LT(Clock::now() - left, 1s) << "a skew, not a master-down time";
}

TEST_F(KernelEngine, aVipThatSomebodyRemovesIsBackAfterASkew) {
  begin();
  ASSERT_TRUE(until([&] { return is(Role::master); }));
  test::ip("addr del 10.9.0.103/24 dev near");
  ASSERT_TRUE(until([&] { return is(Role::backup); }));
  ASSERT_TRUE(until([&] { return is(Role::master); }));
  EXPECT_TRUE(has_vip("10.9.0.103/24"));
}

TEST_F(KernelEngine, aLinkThatGoesDownAndComesBackIsAFaultInBetween) {
  begin();
  ASSERT_TRUE(until([&] { return is(Role::master); }));
  test::ip("link set far down");
  ASSERT_TRUE(until([&] { return is(Role::fault); }));
  EXPECT_FALSE(has_vip("10.9.0.103/24"));
  test::ip("link set far up");
  ASSERT_TRUE(until([&] { return is(Role::master); }));
}

TEST_F(KernelEngine, theAdvertsOfAMasterThatArriveDuringAStallAreHeardWithTheirTimes) {
  model.vrrp_instances[0].advert_interval = 100ms;
  begin();
  peer_says(200);
  ASSERT_TRUE(until([&] { return !engine->status()[0].master.is_unset(); }));
  // Three master-down times without a turn of the loop, in which the master keeps sending every 100 ms (its adverts announce 500).
  const TimePoint end = Clock::now() + 5s;
  while (Clock::now() < end) {
    ::usleep(100'000);
    peer_says(200);
  }
  for (int i = 0; i < 10; ++i) loop.run_once(0s);
  EXPECT_TRUE(is(Role::backup));
  EXPECT_GE(engine->status()[0].adverts_received, 45u);
  collect();
  EXPECT_TRUE(adverts().empty()) << "nothing was sent";
}

TEST_F(KernelEngine, aRestartedMasterGoesOnWithoutItsAddressLeaving) {
  begin();
  ASSERT_TRUE(until([&] { return is(Role::master); }));
  const auto snapshot = engine->snapshot();
  engine.reset();
  netlink.reset();
  open();
  ASSERT_TRUE(engine->prepare(model));
  engine->resume(snapshot, Clock::now());
  engine->commit();
  EXPECT_TRUE(is(Role::master));
  EXPECT_TRUE(has_vip("10.9.0.103/24"));
  seen.clear();
  const TimePoint begun = Clock::now();
  ASSERT_TRUE(until([&] { return !adverts().empty(); }));
  EXPECT_LT(Clock::now() - begun, 400ms) << "at once, not after an interval";
}

TEST_F(KernelEngine, runsItsScriptsAndNotifies) {
  char folder[] = "/tmp/xd-engine-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  const std::string base = folder;
  conf::VrrpScript script;
  script.name = "check";
  script.script.words = {"/usr/bin/test", "!", "-e", base + "/down"};
  script.script.user = "root";
  script.interval = 100ms;
  model.vrrp_scripts = {script};
  auto& instance = model.vrrp_instances[0];
  instance.track_scripts = {{"check", 0, false}};
  instance.advert_interval = 100ms;
  instance.notify.any.words = {"/bin/sh", "-c", "echo $* >>" + base + "/told", "notify"};
  instance.notify.any.user = "root";
  begin();
  EXPECT_TRUE(is(Role::init));
  ASSERT_TRUE(until([&] { return is(Role::master); }));
  ASSERT_EQ(std::system(("touch " + base + "/down").c_str()), 0);
  ASSERT_TRUE(until([&] { return is(Role::fault); }));
  ASSERT_TRUE(until([&] { return std::system(("grep -q 'INSTANCE VI_2 FAULT 90' " + base + "/told 2>/dev/null").c_str()) == 0; }));
  EXPECT_EQ(std::system(("grep -q 'INSTANCE VI_2 MASTER 90' " + base + "/told").c_str()), 0);
  engine.reset();
  ASSERT_EQ(std::system(("rm -r " + base).c_str()), 0);
}

}  // namespace
}  // namespace xd::vrrp
