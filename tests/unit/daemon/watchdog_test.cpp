#include "daemon/watchdog.h"

#include <gtest/gtest.h>

#include <vector>

namespace xd::daemon {
namespace {

using Action = Watchdog::Action;

class WatchdogTest : public ::testing::Test {
 protected:
  // Goes on to `until`, asking whenever the watchdog wants to be asked, and answers hellos while `answering`.
  std::vector<Action> run(Duration until, bool answering) {
    std::vector<Action> actions;
    const TimePoint end = TimePoint{} + until;
    while (now <= end) {
      const auto decision = watchdog.decide(now);
      if (decision.action != Action::none) actions.push_back(decision.action);
      if (decision.action == Action::say_hello && answering) watchdog.answered(now + 1ms);
      EXPECT_GT(decision.next, now) << "or the loop would spin";
      now = decision.next;
    }
    return actions;
  }

  TimePoint now{};
  Watchdog watchdog;
};

TEST_F(WatchdogTest, AChildThatAnswersIsGreetedEveryFiveSeconds) {
  watchdog.started(now);
  EXPECT_EQ(run(20s, true), std::vector<Action>(5, Action::say_hello));
  EXPECT_FALSE(watchdog.given_up());
}

TEST_F(WatchdogTest, ASilentChildIsKilledTenSecondsAfterTheHelloItDidNotAnswer) {
  watchdog.started(now);
  EXPECT_EQ(run(9s, false), std::vector<Action>(2, Action::say_hello));
  now = TimePoint{10s};
  EXPECT_EQ(watchdog.decide(now).action, Action::kill);
  EXPECT_TRUE(watchdog.given_up());
  EXPECT_EQ(watchdog.last_sign(), TimePoint{});
}

TEST_F(WatchdogTest, AChildThatPreparesAConfigurationMayBeSilentForAMinute) {
  watchdog.started(now);
  watchdog.at_work(true);
  run(59s, false);
  EXPECT_FALSE(watchdog.given_up());
  now = TimePoint{60s};
  EXPECT_EQ(watchdog.decide(now).action, Action::kill);
}

TEST_F(WatchdogTest, DoneWithItsWorkItMayNot) {
  watchdog.started(now);
  watchdog.at_work(true);
  run(20s, false);
  watchdog.answered(now);
  watchdog.at_work(false);
  run(40s, false);
  EXPECT_TRUE(watchdog.given_up());
}

TEST_F(WatchdogTest, KilledOnceIsEnough) {
  watchdog.started(now);
  run(10s, false);
  EXPECT_TRUE(watchdog.given_up());
  EXPECT_EQ(watchdog.decide(TimePoint{30s}).action, Action::none);
}

TEST_F(WatchdogTest, AFiveSecondStallIsForgiven) {
  watchdog.started(now);
  run(4s, true);
  EXPECT_EQ(watchdog.decide(TimePoint{5s}).action, Action::say_hello);
  watchdog.answered(TimePoint{10s} - 1ms);
  EXPECT_EQ(watchdog.decide(TimePoint{10s}).action, Action::say_hello);
}

TEST_F(WatchdogTest, AChildThatDiesAtOnceIsStartedAgainEverMoreSlowly) {
  std::vector<Duration> delays;
  for (int i = 0; i < 9; ++i) {
    watchdog.started(now);
    const auto restart = watchdog.exited(now + 1s);
    ASSERT_TRUE(restart.again);
    delays.push_back(restart.delay);
    now += 1s + restart.delay;
  }
  EXPECT_EQ(delays, (std::vector<Duration>{0s, 1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}));
  EXPECT_EQ(watchdog.restarts(), 9u);
}

TEST_F(WatchdogTest, AMinuteOfLifeForgetsEarlierDeaths) {
  watchdog.started(now);
  watchdog.exited(now + 1s);
  watchdog.exited(now + 1s);
  watchdog.started(now);
  EXPECT_EQ(watchdog.exited(now + 60s).delay, 0s);
  watchdog.started(now);
  EXPECT_EQ(watchdog.exited(now + 1s).delay, 0s) << "the count begins anew";
}

TEST_F(WatchdogTest, WithoutRespawnTheFirstDeathIsTheLast) {
  Watchdog strict({.respawn = false});
  strict.started(now);
  EXPECT_FALSE(strict.exited(now + 120s).again);
}

}  // namespace
}  // namespace xd::daemon
