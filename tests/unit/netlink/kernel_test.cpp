// KernelNetlink against the real kernel, in a namespace of this program. iproute2 is the other party.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "netlink/kernel_netlink.h"
#include "support/private_network.h"
#include "support/veth.h"

namespace xd::netlink {
namespace {

const auto* const private_network = ::testing::AddGlobalTestEnvironment(new test::PrivateNetwork);

class Kernel : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: it makes links";
    test::ip("link add near type veth peer name far");
    auto opened = KernelNetlink::open(loop);
    ASSERT_TRUE(opened) << opened.error().message;
    kernel = std::move(*opened);
    subscription = kernel->subscribe([this](const Change& change) { changes.push_back(change); });
  }
  void TearDown() override {
    if (::geteuid() != 0) return;
    subscription.reset();
    kernel.reset();
    test::ip("link del near");
  }

  bool until(const std::function<bool()>& condition) {
    const TimePoint end = Clock::now() + 5s;
    while (!condition()) {
      if (Clock::now() > end) return false;
      loop.run_once(50ms);
    }
    return true;
  }
  void bring_up() {
    test::ip("link set near up");
    test::ip("link set far up");
    ASSERT_TRUE(until([&] { return near().usable(); }));
  }
  const Link& near() const { return *kernel->table().link("near"); }
  Address on_near(const std::string& prefix) const {
    Address out;
    out.index = near().index;
    out.prefix = *IpPrefix::parse(prefix);
    return out;
  }
  template <typename Kind>
  std::size_t count() const {
    return static_cast<std::size_t>(
        std::count_if(changes.begin(), changes.end(), [](const Change& c) { return std::holds_alternative<Kind>(c); }));
  }

  Loop loop;
  std::unique_ptr<KernelNetlink> kernel;
  Netlink::Subscription subscription;
  std::vector<Change> changes;
};

TEST_F(Kernel, knowsWhatIsThereWhenItIsOpened) {
  EXPECT_EQ(kernel->table().link("lo")->kind, LinkKind::loopback);
  EXPECT_EQ(near().kind, LinkKind::veth);
  EXPECT_EQ(near().lower, kernel->table().link("far")->index);
  EXPECT_EQ(near().mtu, 1500u);
  EXPECT_FALSE(near().mac.is_zero());
  EXPECT_FALSE(near().usable());
  EXPECT_NE(kernel->table().address(0, *IpPrefix::parse("127.0.0.1/8")), nullptr);
}

TEST_F(Kernel, tellsOfLinksThatComeAndGo) {
  bring_up();
  test::ip("link add extra type veth peer name extra-peer");
  ASSERT_TRUE(until([&] { return kernel->table().link("extra") != nullptr; }));
  test::ip("link set far down");
  ASSERT_TRUE(until([&] { return !near().running; }));
  EXPECT_TRUE(near().up) << "nobody wanted it down";
  changes.clear();
  test::ip("link del extra");
  ASSERT_TRUE(until([&] { return kernel->table().link("extra") == nullptr && kernel->table().link("extra-peer") == nullptr; }));
  EXPECT_EQ(count<LinkGone>(), 2u);
}

TEST_F(Kernel, aPortThatLeavesItsBridgeIsNotGone) {
  test::ip("link add name bridge0 type bridge");
  test::ip("link set near master bridge0");
  ASSERT_TRUE(until([&] { return near().master != 0; }));
  changes.clear();
  test::ip("link set near nomaster");
  ASSERT_TRUE(until([&] { return near().master == 0; }));
  EXPECT_EQ(count<LinkGone>(), 0u);
  test::ip("link del bridge0");
}

TEST_F(Kernel, addsAndRemovesAddressesAsTheyAreWanted) {
  bring_up();
  auto wanted = on_near("192.0.2.100/24");
  wanted.label = "near:vip";
  wanted.broadcast = *IpAddress::parse("192.0.2.255");
  wanted.protocol = 18;
  ASSERT_TRUE(kernel->add_address(wanted));
  EXPECT_NE(kernel->table().address(near().index, wanted.prefix), nullptr) << "at once";
  EXPECT_EQ(std::system("ip -4 -o addr show dev near | grep -q '192.0.2.100/24 brd 192.0.2.255 scope global.* near:vip'"), 0);
  const auto again = kernel->add_address(wanted);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, EEXIST);
  EXPECT_THAT(again.error().message, ::testing::HasSubstr("add 192.0.2.100/24 to near: File exists"));
  ASSERT_TRUE(kernel->remove_address(wanted));
  EXPECT_EQ(kernel->table().address(near().index, wanted.prefix), nullptr);
  const auto gone = kernel->remove_address(wanted);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, EADDRNOTAVAIL);
}

TEST_F(Kernel, anObserverIsToldFromTheLoopAndTheTableMayBeNewer) {
  bring_up();
  const auto wanted = on_near("192.0.2.100/24");
  changes.clear();
  ASSERT_TRUE(kernel->add_address(wanted));
  ASSERT_TRUE(kernel->remove_address(wanted));
  ASSERT_TRUE(kernel->add_address(wanted));
  EXPECT_TRUE(changes.empty());
  ASSERT_TRUE(until([&] { return count<AddressGone>() == 1; }));
  EXPECT_NE(kernel->table().address(near().index, wanted.prefix), nullptr);
}

TEST_F(Kernel, addsIpv6WithoutDuplicateDetection) {
  bring_up();
  ASSERT_TRUE(kernel->add_address(on_near("2001:db8::100/128")));
  EXPECT_EQ(std::system("ip -6 -o addr show dev near | grep '2001:db8::100/128' | grep -qv tentative"), 0);
  ASSERT_TRUE(kernel->remove_address(on_near("2001:db8::100/128")));
}

TEST_F(Kernel, looksUpNextHops) {
  bring_up();
  test::ip("addr add 192.0.2.1/24 dev near");
  test::ip("route add 198.51.100.0/24 via 192.0.2.254");
  const auto direct = kernel->next_hop(*IpAddress::parse("192.0.2.7"));
  ASSERT_TRUE(direct) << direct.error().message;
  EXPECT_EQ(direct->index, near().index);
  EXPECT_FALSE(direct->gateway.has_value());
  EXPECT_EQ(direct->source.str(), "192.0.2.1");
  const auto routed = kernel->next_hop(*IpAddress::parse("198.51.100.7"));
  ASSERT_TRUE(routed);
  EXPECT_EQ(routed->gateway->str(), "192.0.2.254");
  const auto own = kernel->next_hop(*IpAddress::parse("192.0.2.1"));
  ASSERT_TRUE(own);
  EXPECT_TRUE(own->local);
  const auto none = kernel->next_hop(*IpAddress::parse("203.0.113.1"));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ENETUNREACH);
}

TEST_F(Kernel, resolvesNeighboursAndTellsOfThem) {
  bring_up();
  test::ip("addr add 192.0.2.1/24 dev near");
  const auto ip = *IpAddress::parse("192.0.2.7");
  ASSERT_TRUE(until([&] { return kernel->table().address(near().index, *IpPrefix::parse("192.0.2.1/24")) != nullptr; }));
  test::Tap tap("far");
  ASSERT_TRUE(kernel->resolve(near().index, ip));
  const auto asks = [](const std::vector<std::uint8_t>& frame) {  // ARP, request, for .7
    return frame.size() >= 42 && frame[12] == 0x08 && frame[13] == 0x06 && frame[21] == 1 && frame[41] == 7;
  };
  ASSERT_TRUE(until([&] {
    const auto frames = tap.frames();
    return std::any_of(frames.begin(), frames.end(), asks);
  }));
  test::ip("neigh replace 192.0.2.7 lladdr 02:00:00:00:00:07 dev near");
  const auto usable = [&] {
    const auto* neighbour = kernel->table().neighbour(near().index, ip);
    return neighbour != nullptr && neighbour->usable();
  };
  ASSERT_TRUE(until(usable));
  EXPECT_EQ(kernel->table().neighbour(near().index, ip)->mac.str(), "02:00:00:00:00:07");
}

TEST_F(Kernel, anOverflowIsAnsweredByReadingAnewAndNoLinkSeemsDown) {
  bring_up();
  changes.clear();
  // More notifications than the queue holds, and nobody reads them meanwhile.
  {
    FILE* batch = ::popen("ip -batch - >/dev/null 2>&1", "w");
    ASSERT_NE(batch, nullptr);
    for (int round = 0; round < 8; ++round) {
      for (int i = 1; i < 1000; ++i) std::fprintf(batch, "addr add 10.%d.%d.%d/32 dev near\n", round, i / 250, i % 250 + 1);
      for (int i = 1; i < 1000; ++i) std::fprintf(batch, "addr del 10.%d.%d.%d/32 dev near\n", round, i / 250, i % 250 + 1);
    }
    std::fprintf(batch, "addr add 192.0.2.1/24 dev near\n");
    ASSERT_EQ(::pclose(batch), 0);
  }
  ASSERT_TRUE(until([&] { return kernel->table().address(near().index, *IpPrefix::parse("192.0.2.1/24")) != nullptr; }));
  EXPECT_GT(kernel->resyncs(), 0u) << "the queue was meant to overflow";
  EXPECT_EQ(count<LinkChanged>() + count<LinkGone>(), 0u);
  EXPECT_TRUE(near().usable());
}

}  // namespace
}  // namespace xd::netlink
