#include "vrrp/election.h"

#include <gtest/gtest.h>

#include <vector>

#include "vrrp/timing.h"

namespace xd::vrrp {
namespace {

const TimePoint t0 = TimePoint{} + 1000s;
const IpAddress we = *IpAddress::parse("192.0.2.20");
const IpAddress lower_address = *IpAddress::parse("192.0.2.3");  // lower as a number, higher as text
const IpAddress higher_address = *IpAddress::parse("192.0.2.100");

// One router, its clock and all it was told to do since last asked.
class Election : public ::testing::Test {
 protected:
  Election() { config.source = we; }

  void start(std::uint8_t priority = 100) {
    state = initial_state(config, priority);
    give(Start{});
  }
  void start_as_master(std::uint8_t priority = 100) {
    start(priority);
    time_out();
    ASSERT_EQ(state.role, Role::master);
    did.clear();
  }
  void give(const Event& event) {
    const Step s = step(config, state, event, now);
    state = s.next;
    did.insert(did.end(), s.actions.begin(), s.actions.end());
  }
  void hear(std::uint8_t priority, const IpAddress& source = higher_address, Duration interval = 1s) {
    give(AdvertHeard{{source, priority, interval, now}});
  }
  void time_out() {
    now = std::max(now, state.due.value());
    give(Timeout{});
  }
  Duration due_in() const { return state.due.value() - now; }
  std::vector<Action> take() { return std::exchange(did, {}); }

  InstanceConfig config;
  State state;
  TimePoint now = t0;
  std::vector<Action> did;
};

using Do = std::vector<Action>;

// ---- Starting

TEST_F(Election, ABackupHearsNothingForThreeIntervalsAndTheSkewThenItIsMaster) {
  start(100);
  EXPECT_EQ(take(), Do{Action::become_backup});
  EXPECT_EQ(due_in(), 3'609'375'000ns);
  now += 3'609'374'999ns;
  give(Timeout{});
  EXPECT_EQ(take(), Do{}) << "not a nanosecond early";
  now += 1ns;
  give(Timeout{});
  EXPECT_EQ(take(), (Do{Action::send_advert, Action::become_master}));
  EXPECT_EQ(state.cause, Cause::master_silent);
  EXPECT_EQ(due_in(), 1s);
}

TEST_F(Election, StateMasterBelow255StillWaitsTheWholeTime) {
  config.initial_state = conf::WantedState::master;
  start(254);
  EXPECT_EQ(state.role, Role::backup);
  EXPECT_EQ(due_in(), master_down_interval(2, 254, 1s));
}

TEST_F(Election, AnOwnerIsMasterAtOnceUnlessItSaysBackup) {
  config.initial_state = conf::WantedState::master;
  start(255);
  EXPECT_EQ(take(), (Do{Action::send_advert, Action::become_master}));
  EXPECT_EQ(state.cause, Cause::owner);
  config.initial_state = conf::WantedState::backup;
  start(255);
  EXPECT_EQ(state.role, Role::backup);
  EXPECT_EQ(due_in(), 3s + 3'906'250ns);
}

TEST_F(Election, WhatStartsFaultyIsInFaultAndHearsNothing) {
  state = initial_state(config, 100);
  give(FaultsChanged{Fault::interface_down});
  EXPECT_EQ(take(), Do{});
  give(Start{});
  EXPECT_EQ(take(), Do{Action::become_fault});
  hear(200);
  EXPECT_FALSE(state.due);
  EXPECT_TRUE(state.master.is_unset());
}

TEST_F(Election, BeforeItsStartAnInstanceHearsNothing) {
  state = initial_state(config, 100);
  hear(200);
  EXPECT_FALSE(state.due);
  EXPECT_EQ(state.role, Role::init);
}

// ---- Backup

TEST_F(Election, AMasterThatSleptThroughBetterAdvertsCountsFromTheLastOfThem) {
  start_as_master(100);
  now += 10s;
  for (const Duration ago : {5s, 4s, 1s}) give(AdvertHeard{{higher_address, 150, 1s, now - ago}});
  EXPECT_EQ(state.role, Role::backup);
  EXPECT_EQ(due_in(), 3'609'375'000ns - 1s);
  EXPECT_EQ(take(), Do{Action::become_backup});
}

TEST_F(Election, EveryAdvertOfTheMasterRestartsTheDownTimerFromWhenTheKernelSawIt) {
  start(100);
  now += 2s;
  give(AdvertHeard{{higher_address, 150, 1s, now - 300ms}});
  EXPECT_EQ(due_in(), 3'609'375'000ns - 300ms);
  EXPECT_EQ(state.master, higher_address);
  EXPECT_EQ(state.master_priority, 150);
}

TEST_F(Election, EqualPriorityKeepsABackupABackupWhateverTheAddress) {
  start(100);
  now += 2s;
  hear(100, lower_address);
  EXPECT_EQ(due_in(), 3'609'375'000ns);
}

TEST_F(Election, ALowerMasterIsIgnoredAndPreemptedWhenTheTimerRunsOut) {
  start(100);
  for (int i = 0; i < 3; ++i) {
    now += 1s;
    hear(90);
  }
  time_out();
  EXPECT_EQ(now, t0 + 3'609'375'000ns);
  EXPECT_EQ(state.role, Role::master);
  EXPECT_EQ(state.cause, Cause::preempted);
}

TEST_F(Election, WithNopreemptALowerMasterStays) {
  config.preempt = false;
  start(100);
  for (int i = 0; i < 20; ++i) {
    now += 1s;
    hear(90);
    give(Timeout{});
  }
  EXPECT_EQ(state.role, Role::backup);
  time_out();
  EXPECT_EQ(state.role, Role::master) << "but when it goes silent we take over";
}

TEST_F(Election, PreemptDelayCountsFromTheFirstLowerAdvert) {
  config.preempt_delay = 10s;
  start(100);
  now += 1s;
  hear(90);
  const TimePoint first = now;
  while (state.role == Role::backup && now < t0 + 60s) {
    now += 1s;
    hear(90);
    give(Timeout{});
  }
  EXPECT_EQ(state.role, Role::master);
  EXPECT_GE(now - first, 10s);
  EXPECT_LE(now - first, 10s + 4s);
}

TEST_F(Election, PreemptDelayDoesNotApplyWhenTheMasterDies) {
  config.preempt_delay = 300s;
  start(100);
  now += 1s;
  hear(90);
  EXPECT_EQ(due_in(), 3'609'375'000ns);
  time_out();
  EXPECT_EQ(state.role, Role::master);
}

TEST_F(Election, PreemptDelayBeginsAnewAfterABetterMasterWasHeard) {
  config.preempt_delay = 10s;
  start(100);
  hear(90);
  ASSERT_TRUE(state.preempt_at);
  now += 1s;
  hear(150);
  EXPECT_FALSE(state.preempt_at);
}

TEST_F(Election, AMasterThatLeavesIsReplacedAfterTheSkewAlone) {
  start(100);
  hear(150);
  now += 500ms;
  hear(0);
  EXPECT_EQ(due_in(), 609'375'000ns);
  time_out();
  EXPECT_EQ(state.role, Role::master);
  EXPECT_EQ(state.cause, Cause::master_left);
}

TEST_F(Election, SayingItTwiceDoesNotPutTheTakeoverOff) {
  start(100);
  hear(150);
  now += 500ms;
  hear(0);
  now += 300ms;
  hear(0);
  EXPECT_EQ(due_in(), 309'375'000ns);
}

TEST_F(Election, OnlyTheMasterItselfCanLeave) {
  start(100);
  hear(150, higher_address);
  now += 500ms;
  hear(0, lower_address);
  EXPECT_EQ(due_in(), 3'609'375'000ns - 500ms);
}

TEST_F(Election, TheNewMastersFirstAdvertCallsTheTakeoverOff) {
  start(100);
  hear(150);
  hear(0);
  now += 100ms;
  hear(120, lower_address);
  EXPECT_EQ(due_in(), 3'609'375'000ns);
  EXPECT_EQ(state.master, lower_address);
}

TEST_F(Election, Version3AdoptsTheMastersIntervalAndReturnsToItsOwnAsMaster) {
  config.version = 3;
  config.interval = 100ms;
  start(100);
  hear(150, higher_address, 1s);
  EXPECT_EQ(due_in(), 3'609'375'000ns);
  time_out();
  EXPECT_EQ(state.role, Role::master);
  EXPECT_EQ(due_in(), 100ms);
}

TEST_F(Election, DownTimerAdvertsAreHowManyMayBeMissed) {
  config.down_timer_adverts = 5;
  start(100);
  EXPECT_EQ(due_in(), 5'609'375'000ns);
}

TEST_F(Election, AChangedPriorityMovesARunningDownTimerByTheDifferenceOfSkews) {
  start(100);
  const TimePoint before = *state.due;
  now += 1s;
  give(PriorityChanged{228});
  EXPECT_EQ(before - *state.due, 500ms);
  EXPECT_EQ(take().back(), Action::tell_priority);
  give(PriorityChanged{228});
  EXPECT_EQ(take(), Do{});
}

// ---- Master

TEST_F(Election, AMasterSendsEveryIntervalWithoutDrift) {
  start_as_master();
  const TimePoint became = now;
  for (int i = 1; i <= 5; ++i) {
    now = *state.due + 300us;  // the loop is always a little late
    give(Timeout{});
    EXPECT_EQ(take(), Do{Action::send_advert});
    EXPECT_EQ(*state.due, became + i * 1s + 1s);
  }
}

TEST_F(Election, AdvertsMissedInAStallAreNotSentInABurst) {
  start_as_master();
  now += 10s;
  give(Timeout{});
  EXPECT_EQ(take(), Do{Action::send_advert});
  EXPECT_EQ(due_in(), 1s);
}

TEST_F(Election, AMasterYieldsToAHigherPriority) {
  start_as_master();
  hear(101, lower_address);
  EXPECT_EQ(take(), Do{Action::become_backup});
  EXPECT_EQ(state.cause, Cause::better_advert);
  EXPECT_EQ(state.master, lower_address);
  EXPECT_EQ(due_in(), 3'609'375'000ns);
}

TEST_F(Election, HigherPrioSendAdvertSaysOneLastWord) {
  config.higher_prio_send_advert = true;
  start_as_master();
  hear(101);
  EXPECT_EQ(take(), (Do{Action::send_advert, Action::become_backup}));
}

TEST_F(Election, BetweenEqualsTheHigherAddressWinsAsANumber) {
  start_as_master();
  hear(100, lower_address);
  EXPECT_EQ(state.role, Role::master);
  hear(100, higher_address);
  EXPECT_EQ(state.role, Role::backup);
}

TEST_F(Election, ALowerMasterIsAnsweredAtOnceAndTheAddressesAnnouncedAgain) {
  start_as_master();
  now += 700ms;
  hear(90);
  EXPECT_EQ(take(), (Do{Action::send_advert, Action::announce_again, Action::tell_lower_priority}));
  EXPECT_EQ(due_in(), 1s);
  config.lower_prio_no_advert = true;
  now += 100ms;
  hear(90);
  EXPECT_EQ(take(), (Do{Action::announce_again, Action::tell_lower_priority}));
  EXPECT_EQ(due_in(), 900ms);
}

TEST_F(Election, AMasterThatHearsAnotherLeaveSendsAtOnce) {
  start_as_master();
  now += 700ms;
  hear(0);
  EXPECT_EQ(take(), Do{Action::send_advert});
  EXPECT_EQ(due_in(), 1s);
}

TEST_F(Election, AMasterDoesNotAnswerItself) {
  start_as_master();
  hear(90, we);
  hear(100, we);
  EXPECT_EQ(take(), Do{});
}

TEST_F(Election, AStrictOwnerListensToNobody) {
  config.initial_state = conf::WantedState::master;
  config.owner_ignores_adverts = true;
  start(255);
  take();
  hear(255, higher_address);
  EXPECT_EQ(take(), Do{});
  EXPECT_EQ(state.role, Role::master);
}

TEST_F(Election, OfTwoOwnersTheOneWithTheLowerAddressYields) {
  config.initial_state = conf::WantedState::master;
  start(255);
  hear(255, higher_address);
  EXPECT_EQ(state.role, Role::backup);
}

TEST_F(Election, AnOwnerGivesWayToAnotherThatDoesNotHearIt) {
  config.initial_state = conf::WantedState::master;
  start(255);
  take();
  now += 500ms;
  hear(255, lower_address);
  EXPECT_EQ(take().front(), Action::send_advert) << "it should give way when it hears this";
  for (int i = 0; i < 3; ++i) {
    now += 1s;
    give(Timeout{});
    hear(255, lower_address);
    EXPECT_EQ(state.role, Role::master) << i;
  }
  now += 1s;
  hear(255, lower_address);
  EXPECT_EQ(state.role, Role::backup);
  EXPECT_EQ(state.priority, 254);
  EXPECT_EQ(state.cause, Cause::rival_owner);
  give(PriorityChanged{255});
  EXPECT_EQ(state.priority, 254) << "what the trackers say does not bring it back";
  hear(255, lower_address);
  EXPECT_EQ(due_in(), master_down_interval(2, 254, 1s));
}

TEST_F(Election, AnOwnerThatGaveWayIsOneAgainWhenTheOtherIsGone) {
  const auto give_way = [&] {
    config.initial_state = conf::WantedState::master;
    start(255);
    hear(255, lower_address);
    now += 3500ms;
    hear(255, lower_address);
    ASSERT_EQ(state.priority, 254);
  };
  give_way();
  hear(100, lower_address);
  EXPECT_EQ(state.priority, 255) << "it says another priority";
  give_way();
  hear(255, higher_address);
  EXPECT_EQ(state.priority, 255) << "another one";
  give_way();
  time_out();
  EXPECT_EQ(state.role, Role::master);
  EXPECT_EQ(state.priority, 255) << "it fell silent";
  EXPECT_EQ(state.master_priority, 255);
}

TEST_F(Election, ARivalOwnerThatWasHeardLongAgoIsANewOne) {
  config.initial_state = conf::WantedState::master;
  start(255);
  hear(255, lower_address);
  now += 60s;
  hear(255, lower_address);
  EXPECT_EQ(state.role, Role::master);
}

TEST_F(Election, TimerExpiredBackupYieldsSilentlyAfterAStallInWhichAnotherTookOver) {
  config.preempt = false;
  config.timer_expired_backup = 200;
  start_as_master(100);
  now = *state.due - 1s + master_down_interval(2, 200, 1s);
  give(Timeout{});
  EXPECT_EQ(take(), Do{Action::send_advert}) << "nobody can have taken over yet";
  now = *state.due - 1s + master_down_interval(2, 200, 1s) + 1ns;
  give(Timeout{});
  EXPECT_EQ(take(), Do{Action::become_backup}) << "and no priority 0, which would end the other's reign";
  EXPECT_EQ(state.cause, Cause::overslept);
}

TEST_F(Election, AMastersNewPriorityShowsInItsNextAdvertNotEarlier) {
  start_as_master();
  const TimePoint due = *state.due;
  give(PriorityChanged{80});
  EXPECT_EQ(take(), Do{Action::tell_priority});
  EXPECT_EQ(*state.due, due);
}

// ---- Leaving

TEST_F(Election, AFaultyMasterSaysItLeavesAndIsABackupWhenTheLastFaultClears) {
  start_as_master();
  give(FaultsChanged{Fault::interface_down});
  EXPECT_EQ(take(), (Do{Action::send_priority_zero, Action::become_fault}));
  EXPECT_FALSE(state.due);
  give(FaultsChanged{FaultSet{Fault::interface_down}.with(Fault::tracked_script)});
  give(FaultsChanged{Fault::tracked_script});
  EXPECT_EQ(take(), Do{});
  give(FaultsChanged{});
  EXPECT_EQ(take(), Do{Action::become_backup});
  EXPECT_EQ(due_in(), 3'609'375'000ns);
}

TEST_F(Election, AFaultyBackupSaysNothing) {
  start();
  take();
  give(FaultsChanged{Fault::tracked_script});
  EXPECT_EQ(take(), Do{Action::become_fault});
}

TEST_F(Election, AnOwnerIsMasterAgainAtOnceWhenItsFaultClears) {
  start(255);
  give(FaultsChanged{Fault::interface_down});
  take();
  give(FaultsChanged{});
  EXPECT_EQ(take(), (Do{Action::send_advert, Action::become_master}));
}

TEST_F(Election, AMasterThatLosesAnAddressIsElectedAgainAfterOneSkew) {
  start_as_master();
  give(AddressLost{});
  EXPECT_EQ(take(), (Do{Action::send_priority_zero, Action::become_backup}));
  EXPECT_EQ(due_in(), 609'375'000ns);
  time_out();
  EXPECT_EQ(state.role, Role::master);
}

TEST_F(Election, AStoppedMasterSaysSoOnceAStoppedBackupNothing) {
  start_as_master();
  give(Stop{});
  EXPECT_EQ(take(), (Do{Action::send_priority_zero, Action::become_init}));
  give(Stop{});
  EXPECT_EQ(take(), Do{});
  start();
  take();
  give(Stop{});
  EXPECT_EQ(take(), Do{Action::become_init});
}

// ---- A process that was away

TEST_F(Election, ATimeoutIsNotBelievedWhileTheTransportHasHeardTheMaster) {
  start(100);
  hear(150);
  now += 5s;  // frozen; the watch saw the master all the while
  const Heard seen{higher_address, 150, 1s, now - 400ms};
  EXPECT_EQ(believe_timeout_at(config, state, seen), now - 400ms + 3'609'375'000ns);
  give(Timeout{seen});
  EXPECT_EQ(state.role, Role::backup);
  EXPECT_EQ(due_in(), 3'609'375'000ns - 400ms);
}

TEST_F(Election, ATimeoutIsBelievedWhenTheTransportHeardNothingLately) {
  start(100);
  hear(150);
  const Heard seen{higher_address, 150, 1s, now};
  now += 5s;
  EXPECT_LE(believe_timeout_at(config, state, seen), now);
  give(Timeout{seen});
  EXPECT_EQ(state.role, Role::master);
}

TEST_F(Election, AMasterThatSleptYieldsToWhomItWasReplacedByBeforeItSendsAnything) {
  start_as_master(100);
  now += 10s;
  give(Timeout{Heard{higher_address, 120, 1s, now - 300ms}});
  EXPECT_EQ(take(), Do{Action::become_backup});
}

TEST_F(Election, AnAdvertOlderThanTheLastOneHeardChangesNothing) {
  start(100);
  now += 1s;
  hear(150);
  const TimePoint due = *state.due;
  give(AdvertHeard{{higher_address, 0, 1s, now - 1ms}});
  EXPECT_EQ(*state.due, due);
}

TEST_F(Election, WhatWasHeardBeforeAFaultDoesNotShortenTheWaitAfterIt) {
  start(100);
  now += 1s;
  const Heard before{higher_address, 150, 1s, now};
  give(AdvertHeard{before});
  give(FaultsChanged{Fault::interface_down});
  now += 10s;
  give(FaultsChanged{});
  give(AdvertHeard{before});
  give(Timeout{before});
  EXPECT_EQ(state.role, Role::backup);
  EXPECT_EQ(due_in(), 3'609'375'000ns);
}

TEST_F(Election, ARestartedMasterGoesOnAndIsDueAtOnce) {
  state = resume(config, {Role::master, t0 - 1h, 120, std::nullopt}, now);
  EXPECT_EQ(state.role, Role::master);
  EXPECT_EQ(state.since, t0 - 1h);
  give(Timeout{});
  EXPECT_EQ(take(), Do{Action::send_advert});
}

TEST_F(Election, ARestartedMasterThatWasReplacedMeanwhileYields) {
  const Heard rival{higher_address, 150, 1s, now - 200ms};
  state = resume(config, {Role::master, t0 - 1h, 120, rival}, now);
  give(Timeout{rival});
  EXPECT_EQ(take(), Do{Action::become_backup});
}

TEST_F(Election, ARestartedMasterDoesNotAnswerWhatItAnsweredLongAgo) {
  const Heard old{higher_address, 50, 1s, now - 1min};
  state = resume(config, {Role::master, t0 - 1h, 120, old}, now);
  give(Timeout{old});
  EXPECT_EQ(take(), Do{Action::send_advert});
}

TEST_F(Election, ARestartedBackupCountsFromTheLastAdvertSeen) {
  state = resume(config, {Role::backup, t0 - 1h, 100, Heard{higher_address, 150, 1s, now - 1s}}, now);
  EXPECT_EQ(state.role, Role::backup);
  EXPECT_EQ(due_in(), 2'609'375'000ns);
  EXPECT_EQ(state.master, higher_address);
  state = resume(config, {Role::backup, t0 - 1h, 100, std::nullopt}, now);
  EXPECT_EQ(due_in(), 3'609'375'000ns);
}

TEST_F(Election, WhatWasInFaultBeginsAnew) {
  state = resume(config, {Role::fault, t0, 100, std::nullopt}, now);
  EXPECT_EQ(state.role, Role::init);
}

// ---- Anything at any time

// ---- Heartbeats and fences

TEST_F(Election, AHeartbeatKeepsABackupWhileTheLinkItselfIsSilent) {
  start(100);
  hear(150);
  take();
  for (int i = 0; i < 20; ++i) {
    now += 1s;
    give(HeartbeatHeard{{higher_address, 150, 1s, now}, we});
    give(Timeout{});
  }
  EXPECT_EQ(take(), Do{});
  EXPECT_EQ(state.role, Role::backup);
  time_out();
  EXPECT_EQ(state.role, Role::master) << "all links are silent";
}

TEST_F(Election, AHeartbeatOfALowerMasterDoesNotKeepAHigherBackup) {
  start(100);
  const auto due = state.due;
  give(HeartbeatHeard{{higher_address, 90, 1s, now}, we});
  EXPECT_EQ(state.due, due);
}

TEST_F(Election, TwoMastersThatHearEachOtherByAHeartbeatOnlyBecomeOne) {
  start_as_master(100);
  give(HeartbeatHeard{{lower_address, 90, 1s, now}, we});
  EXPECT_EQ(state.role, Role::master);
  give(HeartbeatHeard{{lower_address, 150, 1s, now}, we});
  EXPECT_EQ(state.role, Role::backup);
  EXPECT_EQ(due_in(), master_down_interval(2, 100, 1s));
}

TEST_F(Election, AMasterThatLeavesByAHeartbeatIsReplacedAfterTheSkew) {
  start(100);
  hear(150);
  give(HeartbeatHeard{{higher_address, 0, 1s, now}, we});
  EXPECT_EQ(due_in(), skew_time(2, 100, 1s));
}

TEST_F(Election, ASilentMasterIsReplacedWhenTheFenceHasSucceeded) {
  config.fence_limit = 10s;
  start(100);
  hear(150);
  take();
  time_out();
  EXPECT_EQ(take(), Do{Action::fence});
  EXPECT_EQ(state.role, Role::backup);
  now += 3s;
  give(FenceDone{true});
  EXPECT_EQ(take(), (Do{Action::send_advert, Action::become_master}));
  EXPECT_EQ(state.cause, Cause::master_silent);
  give(FenceDone{true});
  EXPECT_EQ(take(), Do{}) << "an answer nobody waits for";
}

TEST_F(Election, AfterAFenceThatFailsItIsTriedAgain) {
  config.fence_limit = 10s;
  start(100);
  hear(150);
  time_out();
  take();
  give(FenceDone{false});
  EXPECT_EQ(due_in(), master_down_interval(2, 100, 1s));
  time_out();
  EXPECT_EQ(take(), Do{Action::fence});
}

TEST_F(Election, AMasterHeardWhileTheFenceRunsCallsTheTakeoverOff) {
  config.fence_limit = 10s;
  start(100);
  hear(150);
  time_out();
  hear(150);
  take();
  give(FenceDone{true});
  EXPECT_EQ(take(), Do{});
  EXPECT_EQ(state.role, Role::backup);
}

TEST_F(Election, NoFenceForWhoLeavesOrIsLower) {
  config.fence_limit = 10s;
  start(100);
  hear(150);
  hear(0);
  take();
  time_out();
  EXPECT_EQ(state.cause, Cause::master_left);
  start(100);
  for (int i = 0; i < 4; ++i) {
    hear(90);
    now += 1s;
  }
  take();
  time_out();
  EXPECT_EQ(state.cause, Cause::preempted);
}

TEST_F(Election, NoEventInAnyRoleBreaksTheState) {
  const std::vector<Event> events{Start{},
                                  AdvertHeard{{higher_address, 150, 1s, t0 + 1s}},
                                  AdvertHeard{{lower_address, 0, 10ms, t0 + 1s}},
                                  AdvertHeard{{lower_address, 1, 1s, t0 + 1s}},
                                  Timeout{},
                                  Timeout{Heard{lower_address, 255, 1s, t0 + 1s}},
                                  PriorityChanged{1},
                                  PriorityChanged{254},
                                  FaultsChanged{Fault::tracked_script},
                                  FaultsChanged{},
                                  AddressLost{},
                                  GroupMaster{},
                                  GroupBackup{},
                                  Stop{}};
  for (const Event& a : events)
    for (const Event& b : events)
      for (const Event& c : events)
        for (const Event& d : events) {
          State s = initial_state(config, 100);
          TimePoint at = t0 + 1s;
          for (const Event* event : {&a, &b, &c, &d}) {
            s = step(config, s, *event, at += 4s).next;
            const bool has_timer = s.role == Role::backup || s.role == Role::master;
            ASSERT_EQ(s.due.has_value(), has_timer);
            ASSERT_EQ(s.role == Role::fault, s.faults.any() && s.role != Role::init);
          }
        }
}

}  // namespace
}  // namespace xd::vrrp
