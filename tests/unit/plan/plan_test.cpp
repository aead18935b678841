// From what a table holds to what it should hold, in words.
#include "plan/plan.h"

#include <gtest/gtest.h>

#include <random>

#include "plan/apply_ipvs.h"
#include "plan/summary.h"
#include "support/fake_tables.h"

namespace xd::plan {
namespace {

lvs::ServiceKey service_at(const char* address, std::uint16_t port = 80) {
  lvs::ServiceKey key;
  key.address = *IpAddress::parse(address);
  key.port = port;
  return key;
}
Endpoint at(const char* address, std::uint16_t port = 80) { return {*IpAddress::parse(address), port}; }

const auto www = service_at("192.0.2.10"), mail = service_at("192.0.2.11", 25);
const auto web1 = at("10.0.0.1"), web2 = at("10.0.0.2"), web3 = at("10.0.0.3"), sorry = at("10.0.0.9");

lvs::Service rr(const std::vector<Endpoint>& servers) {
  lvs::Service service;
  service.scheduler = lvs::Scheduler::rr;
  for (const auto& server : servers) service.destinations[server];
  service.order = servers;
  return service;
}

std::vector<std::string> words(const std::vector<Step>& steps) {
  std::vector<std::string> out;
  for (const auto& step : steps) out.push_back(step.str());
  return out;
}
using Words = std::vector<std::string>;

TEST(Plan, ANewServiceIsFollowedByItsDestinationsInTheirOrder) {
  EXPECT_EQ(words(plan({{www, rr({web3, web1})}}, {}, {})), (Words{
                                                                "add service 192.0.2.10:80/tcp: rr",
                                                                "add destination 10.0.0.3:80 to 192.0.2.10:80/tcp: NAT weight 1",
                                                                "add destination 10.0.0.1:80 to 192.0.2.10:80/tcp: NAT weight 1",
                                                            }));
}

TEST(Plan, WhatIsAsItShouldBeNeedsNoStep) {
  const lvs::Services services{{www, rr({web1, web2})}};
  EXPECT_TRUE(plan(services, services, {}).empty());
  // Neither for another order, nor for the mask of a service that is not persistent.
  lvs::Services other{{www, rr({web2, web1})}};
  other[www].persistence_mask = 128;
  EXPECT_TRUE(plan(services, other, {}).empty());
}

TEST(Plan, TheReplacementComesBeforeTheRemoval) {
  EXPECT_EQ(words(plan({{www, rr({sorry})}}, {{www, rr({web1, web2})}}, {www})),
            (Words{
                "add destination 10.0.0.9:80 to 192.0.2.10:80/tcp: NAT weight 1",
                "remove destination 10.0.0.1:80 from 192.0.2.10:80/tcp",
                "remove destination 10.0.0.2:80 from 192.0.2.10:80/tcp",
            }));
}

TEST(Plan, AChangedWeightIsAnEdit) {
  auto desired = rr({web1});
  desired.destinations[web1].weight = 0;
  EXPECT_EQ(words(plan({{www, desired}}, {{www, rr({web1})}}, {})),
            (Words{"edit destination 10.0.0.1:80 of 192.0.2.10:80/tcp: weight 1 to 0"}));
  desired.destinations[web1] = {lvs::Forward::dr, 2, 100, 80};
  EXPECT_EQ(words(plan({{www, desired}}, {{www, rr({web1})}}, {})),
            (Words{"edit destination 10.0.0.1:80 of 192.0.2.10:80/tcp: NAT weight 1 to DR weight 2 uthreshold 100 "
                   "lthreshold 80"}));
}

TEST(Plan, AChangedSchedulerEditsTheServiceAndLeavesItsDestinations) {
  auto desired = rr({web1});
  desired.scheduler = lvs::Scheduler::mh;
  desired.scheduler_flags = lvs::mh_port;
  desired.persistence_seconds = 600;
  EXPECT_EQ(words(plan({{www, desired}}, {{www, rr({web1})}}, {})),
            (Words{"edit service 192.0.2.10:80/tcp: rr to mh flags 0x2 persistent 600 s"}));
}

TEST(Plan, OnlyWhatWeOwnIsRemoved) {
  const lvs::Services present{{www, rr({web1})}, {mail, rr({web2})}};
  EXPECT_TRUE(plan({}, present, {}).empty());
  EXPECT_EQ(words(plan({}, present, {mail})), (Words{"remove service 192.0.2.11:25/tcp"}));
}

TEST(Plan, AnOrderThatForgetsADestinationDoesNotLoseIt) {
  auto desired = rr({web1, web2});
  desired.order = {web2, web2};
  EXPECT_EQ(plan({{www, desired}}, {}, {}).size(), 3u);
}

TEST(Summary, CountsWhatWillHappen) {
  EXPECT_EQ(summary({}), "nothing to do");
  EXPECT_EQ(summary(plan({{www, rr({web1, web2, web3})}}, {{mail, rr({web1})}}, {mail})),
            "add 1 service and 3 destinations, remove 1 service");
}

// Whatever is held and whatever is wanted: after the steps the table is what was wanted, foreign services are
// untouched, and a second plan is empty.
TEST(Plan, LeadsFromAnyTableToAnyOther) {
  std::mt19937 random(7);
  const auto some_services = [&] {
    lvs::Services services;
    for (std::uint16_t port = 1; port <= 4; ++port) {
      if (random() % 3 == 0) continue;
      auto& service = services[service_at("192.0.2.10", port)];
      service.scheduler = random() % 2 == 0 ? lvs::Scheduler::rr : lvs::Scheduler::sh;
      for (const auto& server : {web3, web1, sorry, web2}) {
        if (random() % 2 == 0) continue;
        service.destinations[server].weight = random() % 3;
        service.order.push_back(server);
      }
    }
    return services;
  };
  for (int round = 0; round < 500; ++round) {
    const auto desired = some_services();
    FakeIpvs table;
    table.held = some_services();
    table.held[mail] = rr({web1});
    Owned owned;
    for (const auto& [key, service] : table.held) {
      if (key != mail) owned.insert(key);
    }
    EXPECT_TRUE(carry_out(table, plan(desired, table.held, owned)).failures.empty());
    EXPECT_TRUE(plan(desired, table.held, owned).empty());
    auto expected = desired;
    expected[mail] = rr({web1});
    ASSERT_EQ(table.held.size(), expected.size());
    for (const auto& [key, service] : expected) {
      EXPECT_EQ(table.held.at(key).destinations, service.destinations);
      EXPECT_EQ(table.held.at(key).scheduler, service.scheduler);
    }
  }
}

TEST(ApplyIpvs, WhatSomebodyElseDidAlreadyIsFine) {
  const lvs::Services desired{{www, rr({web1, web2})}};
  auto before = rr({web1, web3});
  before.destinations[web1].weight = 7;
  const auto steps = plan(desired, {{www, before}}, {www});  // add web2, edit web1, remove web3
  ASSERT_EQ(steps.size(), 3u);
  FakeIpvs table;
  table.held[www] = rr({web2});  // web2 is there, web1 and web3 are gone
  EXPECT_TRUE(carry_out(table, steps).failures.empty());
  EXPECT_EQ(table.held[www].destinations, rr({web1, web2}).destinations);

  FakeIpvs other;
  other.held[www] = rr({});
  EXPECT_TRUE(carry_out(other, plan(desired, {}, {})).failures.empty());
  EXPECT_EQ(other.held[www].destinations, rr({web1, web2}).destinations);
}

TEST(ApplyIpvs, AServiceThatCannotBeAddedIsToldOnceAndTheOthersGoOn) {
  FakeIpvs table;
  table.fail_with_eperm = [](const std::string& call) { return call == "add_service 192.0.2.10:80/tcp"; };
  const auto [failures, not_there] = carry_out(table, plan({{www, rr({web1, web2})}, {mail, rr({web1})}}, {}, {}));
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_EQ(failures[0].message, "add_service 192.0.2.10:80/tcp: Operation not permitted");
  EXPECT_TRUE(not_there.contains(www) && not_there.size() == 1);
  EXPECT_EQ(table.held.at(mail).destinations.size(), 1u);
}

}  // namespace
}  // namespace xd::plan
