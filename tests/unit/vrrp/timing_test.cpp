#include "vrrp/timing.h"

#include <gtest/gtest.h>

namespace xd::vrrp {
namespace {

TEST(Timing, SkewInVersion2IsAPartOfOneSecondWhateverTheInterval) {
  EXPECT_EQ(skew_time(2, 100, 1s), 609'375'000ns);
  EXPECT_EQ(skew_time(2, 100, 60s), 609'375'000ns);
  EXPECT_EQ(skew_time(2, 255, 1s), 3'906'250ns);
}

TEST(Timing, SkewInVersion3IsAPartOfTheMastersInterval) {
  EXPECT_EQ(skew_time(3, 100, 1s), 609'375'000ns);
  EXPECT_EQ(skew_time(3, 100, 100ms), 60'937'500ns);
  EXPECT_EQ(skew_time(3, 0, 100ms), 100ms);
}

TEST(Timing, NoTwoPrioritiesShareASkewEvenAtTheShortestInterval) {
  for (int priority = 1; priority <= 255; ++priority) {
    const auto higher = skew_time(3, static_cast<std::uint8_t>(priority), 10ms);
    const auto lower = skew_time(3, static_cast<std::uint8_t>(priority - 1), 10ms);
    EXPECT_GT(lower, higher) << priority;
  }
}

TEST(Timing, HalfANanosecondIsRoundedUpSoThatNoTimerIsEarly) {
  EXPECT_EQ(skew_time(3, 255, 10ms), 39'063ns);  // 39 062.5
}

TEST(Timing, MasterDownIsThreeIntervalsAndTheSkew) {
  EXPECT_EQ(master_down_interval(2, 100, 1s), 3'609'375'000ns);
  EXPECT_EQ(master_down_interval(3, 100, 100ms), 360'937'500ns);
  EXPECT_EQ(master_down_interval(3, 100, 100ms, 5), 560'937'500ns);
}

TEST(Timing, AnIntervalIsRoundedToWhatTheVersionCanCarry) {
  EXPECT_EQ(wire_interval(2, 300ms), 1s);
  EXPECT_EQ(wire_interval(2, 1500ms), 2s);
  EXPECT_EQ(wire_interval(3, 1500ms), 1500ms);
  EXPECT_EQ(wire_interval(3, 14ms), 10ms);
  EXPECT_EQ(wire_interval(3, 1ms), 10ms);
  EXPECT_EQ(wire_interval(3, 60s), 40'950ms);
}

}  // namespace
}  // namespace xd::vrrp
