#include "vrrp/sync.h"

#include <gtest/gtest.h>

#include <vector>

#include "vrrp/timing.h"

namespace xd::vrrp {
namespace {

const TimePoint t0 = TimePoint{} + 1000s;

// Two members of one group, with the engine's part of it: settle until nothing is left to do.
struct Group {
  InstanceConfig config;
  std::vector<State> members;
  std::vector<std::vector<Action>> did;

  explicit Group(std::vector<std::uint8_t> priorities) : did(priorities.size()) {
    config.source = *IpAddress::parse("192.0.2.1");
    config.in_sync_group = true;
    for (const std::uint8_t priority : priorities) members.push_back(initial_state(config, priority));
    config.initial_state = group_initial_state(view());
  }
  std::vector<const State*> view() const {
    std::vector<const State*> out;
    for (const State& state : members) out.push_back(&state);
    return out;
  }
  Role role() const { return group_role(view()); }

  void give(std::size_t member, const Event& event, TimePoint now) {
    one(member, event, now);
    for (int round = 0;; ++round) {
      ASSERT_LT(round, 10) << "the group does not settle";
      const auto pulls = settle(view());
      if (pulls.empty()) return;
      for (const Pull& pull : pulls) one(pull.member, pull.event, now);
    }
  }
  void one(std::size_t member, const Event& event, TimePoint now) {
    const Step s = step(config, members[member], event, now);
    members[member] = s.next;
    did[member].insert(did[member].end(), s.actions.begin(), s.actions.end());
  }
  void start(TimePoint now) {
    for (std::size_t i = 0; i < members.size(); ++i) give(i, Start{}, now);
  }
  void become_master() {
    start(t0);
    for (std::size_t i = 0; i < members.size(); ++i) give(i, Timeout{}, t0 + 4s);
    ASSERT_EQ(role(), Role::master);
    for (auto& d : did) d.clear();
  }
  bool sent_zero(std::size_t member) const { return std::count(did[member].begin(), did[member].end(), Action::send_priority_zero) > 0; }
};

const Heard better{*IpAddress::parse("192.0.2.9"), 200, 1s, t0 + 5s};

TEST(SyncGroup, BecomesMasterOnlyWhenTheLastMemberWantsToo) {
  Group group({100, 90});
  group.start(t0);
  group.give(0, Timeout{}, *group.members[0].due);
  EXPECT_EQ(group.role(), Role::backup);
  EXPECT_TRUE(group.members[0].wants_master);
  group.give(1, Timeout{}, *group.members[1].due);
  EXPECT_EQ(group.members[0].role, Role::master);
  EXPECT_EQ(group.members[1].role, Role::master);
  EXPECT_EQ(group.members[0].cause, Cause::sync_group);
}

TEST(SyncGroup, AMemberThatHearsItsMasterHoldsTheOthersBack) {
  Group group({100, 100});
  group.start(t0);
  group.give(0, Timeout{}, t0 + 4s);
  group.give(1, AdvertHeard{{better.source, 200, 1s, t0 + 3s}}, t0 + 3s);
  group.give(1, AdvertHeard{{better.source, 200, 1s, t0 + 4s}}, t0 + 4s);
  EXPECT_EQ(group.role(), Role::backup);
  ASSERT_TRUE(group.members[0].due);
  EXPECT_GT(*group.members[0].due, t0 + 4s) << "the ripe member tries again later";
}

TEST(SyncGroup, AWishIsForgottenWhenTheMasterIsHeardAgain) {
  Group group({100, 100});
  group.start(t0);
  group.give(0, Timeout{}, t0 + 4s);
  group.give(0, AdvertHeard{better}, t0 + 5s);
  EXPECT_FALSE(group.members[0].wants_master);
  group.give(1, Timeout{}, t0 + 6s);
  EXPECT_EQ(group.role(), Role::backup);
}

TEST(SyncGroup, OneThatYieldsPullsTheOthersWithoutPriorityZero) {
  Group group({100, 100});
  group.become_master();
  group.give(1, AdvertHeard{better}, t0 + 5s);
  EXPECT_EQ(group.members[0].role, Role::backup);
  EXPECT_EQ(group.members[1].role, Role::backup);
  EXPECT_FALSE(group.sent_zero(0));
  EXPECT_FALSE(group.sent_zero(1));
}

TEST(SyncGroup, AFaultPullsAllWithPriorityZeroAndTheyRecoverTogether) {
  Group group({100, 100, 100});
  group.become_master();
  group.give(1, FaultsChanged{Fault::interface_down}, t0 + 5s);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(group.members[i].role, Role::fault) << i;
    EXPECT_TRUE(group.sent_zero(i)) << i;
  }
  EXPECT_EQ(group.members[0].faults.str(), "sync_group");
  EXPECT_EQ(group.members[1].faults.str(), "interface_down");
  group.give(1, FaultsChanged{}, t0 + 6s);
  EXPECT_EQ(group.role(), Role::backup);
  for (const State& member : group.members) EXPECT_FALSE(member.faults.any());
}

TEST(SyncGroup, TwoFaultsMustBothClear) {
  Group group({100, 100});
  group.start(t0);
  group.give(0, FaultsChanged{Fault::tracked_script}, t0 + 1s);
  group.give(1, FaultsChanged{group.members[1].faults.with(Fault::interface_down)}, t0 + 1s);
  group.give(0, FaultsChanged{group.members[0].faults.with(Fault::tracked_script, false)}, t0 + 2s);
  EXPECT_EQ(group.role(), Role::fault);
  group.give(1, FaultsChanged{group.members[1].faults.with(Fault::interface_down, false)}, t0 + 3s);
  EXPECT_EQ(group.role(), Role::backup);
}

TEST(SyncGroup, OwnersAllStartAsMasterOnlyWhenAllAreOwners) {
  Group owners({255, 255});
  owners.start(t0);
  for (std::size_t i = 0; i < 2; ++i) owners.give(i, Timeout{}, t0);
  EXPECT_EQ(owners.role(), Role::master);

  Group mixed({255, 100});
  mixed.start(t0);
  EXPECT_EQ(mixed.role(), Role::backup);
  EXPECT_GT(*mixed.members[0].due, t0 + 2s);
}

TEST(SyncGroup, AMemberThatHasNotBegunHoldsTheGroupInInit) {
  Group group({100, 100});
  group.give(0, Start{}, t0);
  EXPECT_EQ(group.role(), Role::init);
  group.give(0, Timeout{}, t0 + 4s);
  EXPECT_NE(group.members[0].role, Role::master);
}

TEST(SyncGroup, WeightsOfMembersNeedTheGroupsConsent) {
  conf::VrrpInstance instance;
  instance.track_interfaces = {{"eth1", 10, false}};
  instance.track_scripts = {{"weighted", -20, false}, {"plain", 0, false}, {"both", -5, false}};
  conf::VrrpSyncGroup group;
  group.track_scripts = {{"both", 0, false}};
  auto tracks = member_tracks(instance, group);
  EXPECT_EQ(tracks.interfaces, (std::vector<conf::Track>{{"eth1", 0, false}}));
  EXPECT_EQ(tracks.scripts, (std::vector<conf::Track>{{"plain", 0, false}, {"both", 0, false}}));
  group.sync_group_tracking_weight = true;
  tracks = member_tracks(instance, group);
  EXPECT_EQ(tracks.interfaces, instance.track_interfaces);
  EXPECT_EQ(tracks.scripts.size(), 3u);
}

}  // namespace
}  // namespace xd::vrrp
