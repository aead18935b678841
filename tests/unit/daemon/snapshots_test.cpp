#include "daemon/snapshots.h"

#include <gtest/gtest.h>

namespace xd::daemon {
namespace {

TEST(Snapshots, AnElectionSurvivesTheJourney) {
  vrrp::Snapshot snapshot;
  snapshot.instances.push_back({.interface = "eth0",
                                .family = AF_INET6,
                                .vrid = 51,
                                .election = {.role = vrrp::Role::master,
                                             .since = TimePoint{5s},
                                             .priority = 150,
                                             .last_heard = vrrp::Heard{*IpAddress::parse("192.0.2.2"), 100, 100ms, TimePoint{7s}}},
                                .became_master = 3});
  snapshot.instances.push_back({.interface = "eth1", .family = AF_INET, .vrid = 7, .election = {}, .became_master = 0});

  vrrp::InstanceSnapshot removed;
  removed.interface = "eth2";
  removed.vrid = 9;
  removed.gone = true;
  EXPECT_EQ(encode_vrrp({{removed}}), (Parts{{"eth2/2/9", ""}}));
  const auto back = decode_vrrp(encode_vrrp(snapshot));
  ASSERT_TRUE(back) << back.error().message;
  ASSERT_EQ(back->instances.size(), 2u);
  const auto& first = back->instances[0];
  EXPECT_EQ(first.interface, "eth0");
  EXPECT_EQ(first.family, AF_INET6);
  EXPECT_EQ(first.vrid, 51);
  EXPECT_EQ(first.election.role, vrrp::Role::master);
  EXPECT_EQ(first.election.since, TimePoint{5s});
  EXPECT_EQ(first.election.priority, 150);
  ASSERT_TRUE(first.election.last_heard);
  EXPECT_EQ(first.election.last_heard->source.str(), "192.0.2.2");
  EXPECT_EQ(first.election.last_heard->interval, 100ms);
  EXPECT_EQ(first.election.last_heard->at, TimePoint{7s});
  EXPECT_EQ(first.became_master, 3u);
  EXPECT_FALSE(back->instances[1].election.last_heard);
}

TEST(Snapshots, HealthAndOwnedServicesSurviveTheJourney) {
  const lvs::ServiceKey http{*IpAddress::parse("192.0.2.10"), 80, lvs::Protocol::tcp};
  lvs::ServiceKey marked;
  marked.fwmark = 7;
  marked.mark_family = AF_INET6;
  const Endpoint web1{*IpAddress::parse("10.0.0.1"), 80};
  CheckersHandover handover;
  handover.owned = {http, marked};
  handover.health.services.push_back({http,
                                      true,
                                      {web1},
                                      {{web1,
                                        TimePoint{9s},
                                        {{"TCP_CHECK 10.0.0.1:80",
                                          {.up = false, .has_run = true, .failures = 2, .url = 1, .failed_url = 1},
                                          22,
                                          "connection refused"}}}}});

  const auto back = decode_checkers(encode_checkers(handover));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->owned, handover.owned);
  EXPECT_EQ(back->health, handover.health);
}

TEST(Snapshots, WhatIsNotUnderstoodIsAnError) {
  EXPECT_FALSE(decode_vrrp({{"eth0/2/51", "{}"}}));
  EXPECT_FALSE(decode_vrrp({{"eth0/2/51", "nonsense"}}));
  EXPECT_FALSE(decode_checkers({}));
  EXPECT_FALSE(decode_checkers({{"checkers", "{\"owned\":[],\"health\":7}"}}));
}

}  // namespace
}  // namespace xd::daemon
