// Which engine serves what, and that the tables follow.
#include "plan/director.h"

#include <gtest/gtest.h>

#include <random>

#include "support/fake_tables.h"

namespace xd::plan {
namespace {

lvs::ServiceKey service_at(const char* address) {
  lvs::ServiceKey key;
  key.address = *IpAddress::parse(address);
  key.port = 80;
  return key;
}
const auto www = service_at("192.0.2.10"), shop = service_at("192.0.2.11");
const Endpoint web1{*IpAddress::parse("10.0.0.1"), 80}, web2{*IpAddress::parse("10.0.0.2"), 80};

lvs::Service with(lvs::Scheduler scheduler, const std::vector<Endpoint>& servers = {web1, web2}) {
  lvs::Service service;
  service.scheduler = scheduler;
  for (const auto& server : servers) service.destinations[server];
  service.order = servers;
  return service;
}
lvs::Service rr() { return with(lvs::Scheduler::rr); }
lvs::Service wlc() { return with(lvs::Scheduler::wlc); }

struct Tables {
  FakeIpvs ipvs;
  FakePacketPath xdp;
};

TEST(EngineChoice, SaysInWordsWhoServes) {
  const std::optional<std::string> yes, no_wlc = "wlc is not in the packet path yet", no_ipvs = "this kernel has no IPVS";
  using conf::Engine;
  EXPECT_EQ(choose(Engine::automatic, yes, yes).str(), "served by xdp, ipvs behind it");
  EXPECT_EQ(choose(Engine::automatic, yes, no_ipvs).str(), "served by xdp");
  EXPECT_EQ(choose(Engine::automatic, no_wlc, yes).str(), "served by ipvs only: wlc is not in the packet path yet");
  EXPECT_EQ(choose(Engine::automatic, no_wlc, no_ipvs).str(), "not served: wlc is not in the packet path yet; this kernel has no IPVS");
  EXPECT_EQ(choose(Engine::ipvs, no_wlc, yes).str(), "served by ipvs");
  EXPECT_EQ(choose(Engine::ipvs, yes, no_ipvs).str(), "not served: this kernel has no IPVS");
  EXPECT_EQ(choose(Engine::xdp, yes, yes).str(), "served by xdp");
  EXPECT_EQ(choose(Engine::xdp, no_wlc, yes).str(), "not served: wlc is not in the packet path yet");
}

TEST(EngineChoice, AServersOwnWishCountsBeforeTheGlobalOne) {
  conf::Model model;
  model.xdirector.engine = conf::Engine::ipvs;
  model.virtual_servers.resize(2);
  model.virtual_servers[0].key = www;
  model.virtual_servers[1].key = shop;
  model.virtual_servers[1].engine = conf::Engine::xdp;
  EXPECT_EQ(wanted_engines(model), (Wanted{{www, conf::Engine::ipvs}, {shop, conf::Engine::xdp}}));
}

TEST(Director, PutsEachServiceWhereItCanBeServed) {
  Tables t;
  Director director(&t.ipvs, "", &t.xdp, "");
  const auto report = director.serve({{www, rr()}, {shop, wlc()}});
  EXPECT_TRUE(report.failures.empty());
  EXPECT_EQ(report.serving.at(www).str(), "served by xdp, ipvs behind it");
  EXPECT_EQ(report.serving.at(shop).str(), "served by ipvs only: wlc is not in the packet path yet");
  EXPECT_EQ(t.ipvs.held.size(), 2u);
  EXPECT_EQ(t.xdp.held, (lvs::Services{{www, rr()}}));
}

TEST(Director, AServiceOfAnyPortDoesNotTakeWhatIsLeftToIpvs) {
  Tables tables;
  Director director(&tables.ipvs, "", &tables.xdp, "");
  auto any = www, dns = www;
  any.port = 0;
  dns.protocol = lvs::Protocol::udp;
  EXPECT_EQ(director.serve({{any, rr()}, {www, rr()}, {dns, wlc()}}).serving.at(any).str(), "served by xdp, ipvs behind it");
  EXPECT_EQ(director.serve({{any, rr()}, {www, wlc()}}).serving.at(any).str(),
            "served by ipvs only: 192.0.2.10:80/tcp is served by ipvs only; earlier connections end in xdp");
  EXPECT_FALSE(tables.xdp.held.contains(any));
  EXPECT_EQ(director.serve({{any, rr()}, {www, rr()}}).serving.at(any).str(), "served by xdp, ipvs behind it");
  EXPECT_TRUE(tables.xdp.held.contains(any));
}

TEST(Director, WithoutIpvsItServesByXdpAndSaysWhatIsLeftOver) {
  FakePacketPath xdp;
  Director director(nullptr, "this kernel has no IPVS", &xdp, "");
  const auto report = director.serve({{www, rr()}, {shop, wlc()}});
  EXPECT_EQ(report.serving.at(www).str(), "served by xdp");
  EXPECT_EQ(report.serving.at(shop).str(), "not served: wlc is not in the packet path yet; this kernel has no IPVS");
  EXPECT_EQ(xdp.held.size(), 1u);
}

TEST(Director, OneServerLeavingIsOneStepAndNoDump) {
  Tables t;
  Director director(&t.ipvs, "", &t.xdp, "");
  director.serve({{www, rr()}, {shop, wlc()}});
  t.ipvs.calls.clear();
  t.xdp.calls.clear();
  director.serve({{www, with(lvs::Scheduler::rr, {web2})}, {shop, wlc()}});
  EXPECT_EQ(t.ipvs.calls, (std::vector<std::string>{"remove_destination 10.0.0.1:80"}));
  EXPECT_EQ(t.xdp.calls, (std::vector<std::string>{"put 192.0.2.10:80/tcp"}));
  EXPECT_EQ(t.ipvs.reads, 1);
}

TEST(Director, ForeignServicesSurviveAndThoseOfAFormerProcessGo) {
  Tables t;
  t.ipvs.held = {{www, rr()}, {shop, wlc()}};
  Director director(&t.ipvs, "", &t.xdp, "");
  director.own({shop});
  director.serve({});
  EXPECT_EQ(t.ipvs.held, (lvs::Services{{www, rr()}}));
}

// The director looks only at what changed; whatever the history, the tables must be what a new director would have
// made.
TEST(Director, ManySmallChangesLeadWhereOneBigOneWould) {
  std::mt19937 random(11);
  Tables t;
  t.ipvs.held[shop] = wlc();  // somebody else's
  Director director(&t.ipvs, "", &t.xdp, "");
  lvs::Services desired;
  for (int round = 0; round < 400; ++round) {
    lvs::ServiceKey key = www;
    key.port = static_cast<std::uint16_t>(random() % 5 + 1);
    switch (random() % 4) {
      case 0: desired.erase(key); break;
      case 1: desired[key] = wlc(); break;
      case 2: desired[key] = rr(); break;
      default: desired[key] = with(lvs::Scheduler::rr, random() % 2 == 0 ? std::vector{web1} : std::vector{web2});
    }
    if (random() % 20 == 0) director.reread();
    if (random() % 20 == 0) director.want({{key, random() % 2 == 0 ? conf::Engine::xdp : conf::Engine::ipvs}});
    const auto report = director.serve(desired);
    ASSERT_TRUE(report.failures.empty());
    ASSERT_EQ(report.serving.size(), desired.size());
    std::size_t in_ipvs = 1, in_xdp = 0;
    for (const auto& [each, service] : desired) {
      const auto& serving = report.serving.at(each);
      ASSERT_EQ(t.ipvs.held.contains(each), serving.ipvs || serving.ends_with == "ipvs");
      ASSERT_EQ(t.xdp.held.contains(each), serving.xdp);
      if (serving.ipvs) {
        ASSERT_EQ(t.ipvs.held.at(each).destinations, service.destinations);
      }
      if (serving.xdp) {
        ASSERT_EQ(t.xdp.held.at(each).destinations, service.destinations);
      }
      ASSERT_EQ(t.xdp.closed.contains(each), serving.ends_with == "xdp");
      in_ipvs += serving.ipvs || serving.ends_with == "ipvs" ? 1 : 0;
      in_xdp += serving.xdp ? 1 : 0;
    }
    ASSERT_EQ(t.ipvs.held.size(), in_ipvs);
    ASSERT_EQ(t.xdp.held.size(), in_xdp);
    for (const auto& closed : t.xdp.closed) ASSERT_TRUE(desired.contains(closed));
  }
}

TEST(Director, FlushTakesEverythingAtStartAndOnlyThen) {
  Tables t;
  t.ipvs.held = {{shop, wlc()}};
  Director director(&t.ipvs, "", nullptr, "no interface carries the packet path");
  director.flush();
  director.serve({{www, rr()}});
  EXPECT_FALSE(t.ipvs.held.contains(shop));
  t.ipvs.held[shop] = wlc();
  director.reread();
  director.serve({{www, rr()}});
  EXPECT_TRUE(t.ipvs.held.contains(shop));
}

TEST(Director, AfterAFailureItReadsTheTableAndTriesAgain) {
  Tables t;
  bool broken = true;
  t.ipvs.fail_with_eperm = [&](const std::string& call) { return broken && call == "add_destination 10.0.0.2:80"; };
  Director director(&t.ipvs, "", &t.xdp, "");
  EXPECT_EQ(director.serve({{www, rr()}}).failures.size(), 1u);
  broken = false;
  EXPECT_TRUE(director.serve({{www, rr()}}).failures.empty());
  EXPECT_EQ(t.ipvs.reads, 2);
  EXPECT_EQ(t.ipvs.held.at(www).destinations, rr().destinations);
}

TEST(Director, AServiceThatTheKernelRefusesIsNotServedByIpvs) {
  Tables t;
  t.ipvs.fail_with_eperm = [](const std::string& call) { return call == "add_service 192.0.2.10:80/tcp"; };
  Director both(&t.ipvs, "", &t.xdp, "");
  EXPECT_EQ(both.serve({{www, rr()}}).serving.at(www).str(), "served by xdp");
  Director alone(&t.ipvs, "", nullptr, "no interface carries the packet path");
  EXPECT_EQ(alone.serve({{www, rr()}}).serving.at(www).str(), "not served: add_service 192.0.2.10:80/tcp: Operation not permitted");
}

TEST(Director, AServiceThatThePacketPathRefusesIsLeftToIpvsAndNotServedFromAnOldTable) {
  Tables t;
  Director director(&t.ipvs, "", &t.xdp, "");
  director.serve({{www, rr()}});
  t.xdp.full_for.insert(www);
  const auto report = director.serve({{www, with(lvs::Scheduler::rr, {web2})}});
  EXPECT_EQ(report.serving.at(www).str(), "served by ipvs only: put service 192.0.2.10:80/tcp: the table of rings is full");
  EXPECT_TRUE(t.xdp.held.empty());
}

TEST(Director, WithoutIpvsARefusedChangeKeepsTheOldTable) {
  FakePacketPath xdp;
  Director director(nullptr, "this kernel has no IPVS", &xdp, "");
  director.serve({{www, rr()}});
  xdp.full_for.insert(www);
  const auto report = director.serve({{www, with(lvs::Scheduler::rr, {web2})}});
  EXPECT_EQ(report.failures.size(), 1u);
  EXPECT_EQ(xdp.held.at(www), rr());
}

TEST(Director, AnotherWishMovesTheService) {
  Tables t;
  Director director(&t.ipvs, "", &t.xdp, "");
  director.serve({{www, rr()}});
  director.want({{www, conf::Engine::xdp}});
  EXPECT_EQ(director.serve({{www, rr()}}).serving.at(www).str(), "served by xdp; earlier connections end in ipvs");
  for (const auto& [server, destination] : t.ipvs.held.at(www).destinations) EXPECT_EQ(destination.weight, 0u) << server.str();
  EXPECT_EQ(t.xdp.held, (lvs::Services{{www, rr()}}));
  director.want({{www, conf::Engine::ipvs}});
  EXPECT_EQ(director.serve({{www, rr()}}).serving.at(www).str(), "served by ipvs; earlier connections end in xdp");
  EXPECT_TRUE(t.xdp.held.empty());
  EXPECT_EQ(t.xdp.closed, (std::set{www}));
  EXPECT_EQ(t.ipvs.held, (lvs::Services{{www, rr()}}));
  director.want({});
  EXPECT_EQ(director.serve({{www, rr()}}).serving.at(www).str(), "served by xdp, ipvs behind it");
  EXPECT_TRUE(t.xdp.closed.empty());
}

TEST(Director, WhatEndsElsewhereIsKnownToANewProcessAndGoesWithItsService) {
  Tables t;
  Director first(&t.ipvs, "", &t.xdp, "");
  first.serve({{www, rr()}, {shop, rr()}});
  first.want({{www, conf::Engine::ipvs}, {shop, conf::Engine::xdp}});
  first.serve({{www, rr()}, {shop, rr()}});
  Director second(&t.ipvs, "", &t.xdp, "");
  second.own(first.owned());
  second.want({{www, conf::Engine::ipvs}, {shop, conf::Engine::xdp}});
  t.ipvs.calls.clear();
  const auto report = second.serve({{www, rr()}, {shop, rr()}});
  EXPECT_EQ(report.serving.at(www).ends_with, "xdp");
  EXPECT_EQ(report.serving.at(shop).ends_with, "ipvs");
  EXPECT_TRUE(t.ipvs.calls.empty());
  second.serve({});
  EXPECT_TRUE(t.xdp.held.empty() && t.xdp.closed.empty());
  EXPECT_TRUE(t.ipvs.held.empty());
}

TEST(Director, WhatIsBetterLeftToIpvsIsWhereItIsAutomatic) {
  Tables t;
  const auto why = [](const lvs::Service&) { return std::optional<std::string>("netfilter sees nothing"); };
  Director director(&t.ipvs, "", &t.xdp, "");
  director.serve({{www, rr()}, {shop, rr()}});
  director.want({{shop, conf::Engine::xdp}});
  director.leave_to_ipvs(why);
  const auto report = director.serve({{www, rr()}, {shop, rr()}});
  EXPECT_EQ(report.serving.at(www).str(), "served by ipvs only: netfilter sees nothing; earlier connections end in xdp");
  EXPECT_EQ(report.serving.at(shop).str(), "served by xdp; earlier connections end in ipvs");
  Director without(nullptr, "this kernel has no IPVS", &t.xdp, "");
  without.leave_to_ipvs(why);
  EXPECT_EQ(without.serve({{www, rr()}}).serving.at(www).str(), "served by xdp");
}

TEST(Director, WithdrawLeavesNothingOfOurs) {
  Tables t;
  t.ipvs.held[shop] = wlc();
  Director director(&t.ipvs, "", &t.xdp, "");
  director.serve({{www, rr()}});
  director.withdraw();
  EXPECT_TRUE(t.xdp.held.empty());
  EXPECT_EQ(t.ipvs.held, (lvs::Services{{shop, wlc()}}));
}

}  // namespace
}  // namespace xd::plan
