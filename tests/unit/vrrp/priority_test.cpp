#include "vrrp/priority.h"

#include <gtest/gtest.h>

#include <vector>

namespace xd::vrrp {
namespace {

TEST(Priority, APositiveWeightIsAddedWhileUpANegativeOneWhileDown) {
  const std::vector<Tracked> both_up{{Fault::tracked_script, 20, false, true}, {Fault::tracked_script, -30, false, true}};
  EXPECT_EQ(evaluate(100, both_up).priority, 120);
  const std::vector<Tracked> both_down{{Fault::tracked_script, 20, false, false}, {Fault::tracked_script, -30, false, false}};
  EXPECT_EQ(evaluate(100, both_down).priority, 70);
  EXPECT_FALSE(evaluate(100, both_down).faults.any());
}

TEST(Priority, ReverseTurnsTheSignOfTheWeight) {
  EXPECT_EQ(evaluate(100, std::vector<Tracked>{{Fault::tracked_script, 20, true, true}}).priority, 80);
  EXPECT_EQ(evaluate(100, std::vector<Tracked>{{Fault::tracked_script, 20, true, false}}).priority, 100);
  EXPECT_EQ(evaluate(100, std::vector<Tracked>{{Fault::tracked_script, -30, true, true}}).priority, 100);
  EXPECT_EQ(evaluate(100, std::vector<Tracked>{{Fault::tracked_script, -30, true, false}}).priority, 130);
}

TEST(Priority, ReverseWithoutWeightMakesUpTheFault) {
  EXPECT_TRUE(evaluate(100, std::vector<Tracked>{{Fault::tracked_script, 0, true, true}}).faults.any());
}

TEST(Priority, TheSumIsClampedOnceAtTheEnd) {
  const std::vector<Tracked> tracked{{Fault::tracked_script, 200, false, true}, {Fault::tracked_interface, -100, false, false}};
  EXPECT_EQ(evaluate(100, tracked).priority, 200);
  EXPECT_EQ(evaluate(200, std::vector<Tracked>{tracked[0]}).priority, 254);
  EXPECT_EQ(evaluate(50, std::vector<Tracked>{tracked[1]}).priority, 1);
}

TEST(Priority, WithoutWeightAFailureIsAFaultUnderItsName) {
  const auto result =
      evaluate(100, std::vector<Tracked>{{Fault::tracked_interface, 0, false, false}, {Fault::tracked_script, 0, false, false}});
  EXPECT_EQ(result.priority, 100);
  EXPECT_EQ(result.faults.str(), "tracked_interface, tracked_script");
}

TEST(Priority, AnOwnersWeightsCountAsZero) {
  const auto result = evaluate(255, std::vector<Tracked>{{Fault::tracked_script, -20, false, false}});
  EXPECT_EQ(result.priority, 255);
  EXPECT_TRUE(result.faults.has(Fault::tracked_script));
  EXPECT_EQ(evaluate(255, std::vector<Tracked>{{Fault::tracked_script, 20, false, true}}).priority, 255);
}

TEST(Priority, AScriptWithoutWeightThatHasNotAnsweredHoldsTheInstanceAWeightedOneDoesNot) {
  EXPECT_TRUE(evaluate(100, std::vector<Tracked>{{Fault::tracked_script, 0, false, std::nullopt}}).waiting);
  const auto weighted = evaluate(100, std::vector<Tracked>{{Fault::tracked_script, -20, false, std::nullopt}});
  EXPECT_FALSE(weighted.waiting);
  EXPECT_EQ(weighted.priority, 100);
}

TEST(Faults, AreASetThatForgetsOneReasonAtATime) {
  FaultSet faults = FaultSet{Fault::interface_down}.with(Fault::sync_group);
  EXPECT_EQ(faults.str(), "interface_down, sync_group");
  faults = faults.with(Fault::interface_down, false);
  EXPECT_TRUE(faults.any());
  EXPECT_FALSE(faults.with(Fault::sync_group, false).any());
}

Tracked file(int weight, std::int64_t number, bool reverse = false) { return {Fault::tracked_file, weight, reverse, true, number}; }

Evaluation of_file(const Tracked& tracked, std::uint8_t priority = 100) { return evaluate(priority, std::vector<Tracked>{tracked}); }

TEST(Priority, aFileAddsItsNumberTimesTheWeight) {
  EXPECT_EQ(of_file(file(2, -5)).priority, 90);
  EXPECT_EQ(of_file(file(2, -5, true)).priority, 110);
  EXPECT_EQ(of_file(file(-3, 10)).priority, 70);
  EXPECT_EQ(of_file(file(1, 0)).priority, 100);
  EXPECT_EQ(of_file(file(254, 2147483647)).priority, 254);
}

TEST(Priority, aFileThatCarriesTo254BelowIsAFault) {
  EXPECT_FALSE(of_file(file(1, -253)).faults.any());
  EXPECT_EQ(of_file(file(1, -253)).priority, 1);
  EXPECT_TRUE(of_file(file(1, -254)).faults.has(Fault::tracked_file));
  EXPECT_TRUE(of_file(file(254, -2147483647)).faults.any());
  EXPECT_EQ(of_file(file(1, -254)).priority, 100) << "a fault takes nothing away";
}

TEST(Priority, aFileWithoutWeightIsAFaultUnlessItHoldsZero) {
  EXPECT_FALSE(of_file(file(0, 0)).faults.any());
  EXPECT_TRUE(of_file(file(0, 1)).faults.any());
  EXPECT_TRUE(of_file(file(0, 0, true)).faults.any());
  EXPECT_FALSE(of_file(file(0, 1, true)).faults.any());
  EXPECT_TRUE(of_file(file(7, 1), 255).faults.any()) << "an owner's weights count as 0";
}

}  // namespace
}  // namespace xd::vrrp
