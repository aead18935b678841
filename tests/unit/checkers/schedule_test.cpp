#include "checkers/schedule.h"

#include <gtest/gtest.h>

namespace xd::checkers {
namespace {

conf::CheckSchedule with(Duration warmup, Duration delay_loop) {
  conf::CheckSchedule schedule;
  schedule.warmup = warmup;
  schedule.delay_loop = delay_loop;
  return schedule;
}

TEST(Schedule, TheFirstRunIsSomewhereInTheWarmup) {
  EXPECT_EQ(start_delay(with(10s, 60s), 0.0), 0s);
  EXPECT_EQ(start_delay(with(10s, 60s), 0.25), 2500ms);
  EXPECT_EQ(start_delay(with(0s, 60s), 0.99), 0s);
}

TEST(Schedule, AReloadKeepsTheRhythmUnlessTheNewPeriodIsShorter) {
  const TimePoint now{100s};
  EXPECT_EQ(due_after_reload(with(0s, 60s), now + 40s, now), now + 40s);
  EXPECT_EQ(due_after_reload(with(0s, 5s), now + 40s, now), now + 5s);
}

}  // namespace
}  // namespace xd::checkers
