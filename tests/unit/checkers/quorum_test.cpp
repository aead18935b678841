// Who is in the table of a virtual server, told from the servers' health.
#include "checkers/quorum.h"

#include <gtest/gtest.h>

namespace xd::checkers {
namespace {

Endpoint at(const char* address) { return {*IpAddress::parse(address), 80}; }
const Endpoint web1 = at("10.0.0.1"), web2 = at("10.0.0.2"), web3 = at("10.0.0.3"), sorry = at("10.0.0.9");

Member member(const Endpoint& endpoint, std::uint32_t weight = 1) {
  Member m;
  m.endpoint = endpoint;
  m.destination.weight = weight;
  return m;
}

Pool three() {
  Pool pool;
  pool.quorum_up = true;
  pool.members = {member(web1), member(web2), member(web3)};
  return pool;
}

lvs::Service filled(Pool& pool) {
  lvs::Service service;
  fill(pool, service);
  return service;
}

using Order = std::vector<Endpoint>;

TEST(Pool, ServersAreAddedInFileOrderAndAReturningOneComesLast) {
  auto pool = three();
  EXPECT_EQ(filled(pool).order, (Order{web1, web2, web3}));
  pool.members[0].up = false;
  EXPECT_EQ(filled(pool).order, (Order{web2, web3}));
  pool.members[0].up = true;
  EXPECT_EQ(filled(pool).order, (Order{web2, web3, web1}));
}

TEST(Pool, AnInhibitedServerStaysWithWeightZeroAndKeepsItsPlace) {
  auto pool = three();
  filled(pool);
  pool.members[1].inhibit_on_failure = true;
  pool.members[1].up = false;
  const auto service = filled(pool);
  EXPECT_EQ(service.order, (Order{web1, web2, web3}));
  EXPECT_EQ(service.destinations.at(web2).weight, 0u);
  EXPECT_EQ(service.destinations.at(web1).weight, 1u);
}

TEST(Pool, WithoutItsQuorumASorryServerReplacesEvenLiveServers) {
  auto pool = three();
  pool.quorum = 2;
  pool.sorry = member(sorry);
  filled(pool);
  pool.members[0].up = pool.members[1].up = false;
  EXPECT_EQ(update_quorum(pool), QuorumChange::lost);
  auto service = filled(pool);
  EXPECT_EQ(service.order, (Order{sorry}));
  EXPECT_EQ(service.destinations.size(), 1u);

  pool.members[1].up = true;
  EXPECT_EQ(update_quorum(pool), QuorumChange::gained);
  service = filled(pool);
  EXPECT_EQ(service.order, (Order{web2, web3}));
}

TEST(Pool, WithoutASorryServerTheLastLiveServersGoOn) {
  auto pool = three();
  pool.quorum = 3;
  pool.members[0].up = false;
  EXPECT_EQ(update_quorum(pool), QuorumChange::lost);
  EXPECT_EQ(filled(pool).order, (Order{web2, web3}));
}

TEST(Pool, AnInhibitedSorryServerWaitsWithWeightZero) {
  auto pool = three();
  pool.sorry = member(sorry);
  pool.sorry->inhibit_on_failure = true;
  EXPECT_EQ(filled(pool).destinations.at(sorry).weight, 0u);
  for (auto& m : pool.members) m.up = false;
  update_quorum(pool);
  const auto service = filled(pool);
  EXPECT_EQ(service.destinations.size(), 1u);
  EXPECT_EQ(service.destinations.at(sorry).weight, 1u);
}

TEST(Pool, ASorryServerThatIsARealServerToo) {
  auto pool = three();
  pool.sorry = member(web3, 5);
  filled(pool);
  for (auto& m : pool.members) m.up = false;
  update_quorum(pool);
  const auto service = filled(pool);
  EXPECT_EQ(service.order, (Order{web3}));
  EXPECT_EQ(service.destinations.at(web3).weight, 5u);
}

TEST(Quorum, HysteresisIsABandAroundIt) {
  Pool pool;
  pool.quorum_up = true;
  pool.quorum = 10;
  pool.hysteresis = 3;
  pool.members = {member(web1, 10), member(web2, 3)};
  EXPECT_EQ(quorum_threshold(pool), 7);
  EXPECT_EQ(update_quorum(pool), QuorumChange::none);
  pool.members[1].up = false;  // 10: within the band
  EXPECT_EQ(update_quorum(pool), QuorumChange::none);
  pool.members[0].destination.weight = 6;
  EXPECT_EQ(update_quorum(pool), QuorumChange::lost);
  EXPECT_EQ(quorum_threshold(pool), 13);
  pool.members[0].destination.weight = 12;
  EXPECT_EQ(update_quorum(pool), QuorumChange::none);
  pool.members[0].destination.weight = 13;
  EXPECT_EQ(update_quorum(pool), QuorumChange::gained);
}

TEST(Quorum, NoLiveWeightIsNoQuorumHoweverWideTheBand) {
  Pool pool;
  pool.quorum_up = true;
  pool.quorum = 2;
  pool.hysteresis = 2;
  pool.members = {member(web1)};
  pool.members[0].up = false;
  EXPECT_EQ(update_quorum(pool), QuorumChange::lost);
}

TEST(Quorum, WeightsOfManyServersDoNotWrap) {
  Pool pool;
  pool.quorum_up = true;
  pool.quorum_up = false;
  pool.quorum = 4'000'000'000u;
  pool.members = {member(web1, 2'147'483'647u), member(web2, 2'147'483'647u)};
  EXPECT_EQ(live_weight(pool), 4'294'967'294u);
  EXPECT_EQ(update_quorum(pool), QuorumChange::gained);
}

}  // namespace
}  // namespace xd::checkers
