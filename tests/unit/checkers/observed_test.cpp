// What files and BFD sessions mean for a real server.
#include "checkers/observed.h"

#include <gtest/gtest.h>

namespace xd::checkers {
namespace {

TEST(Observed, WithoutAWeightANumberIsAVerdict) {
  EXPECT_TRUE(observe_file({0, false}, 0).up);
  EXPECT_FALSE(observe_file({0, false}, 5).up);
  EXPECT_FALSE(observe_file({0, true}, 0).up);
  EXPECT_TRUE(observe_file({0, true}, -1).up);
}

TEST(Observed, WithAWeightTheNumberIsAddedToTheServers) {
  EXPECT_EQ(observe_file({3, false}, 5).weight_change, 15);
  EXPECT_EQ(observe_file({3, true}, 5).weight_change, -15);
  EXPECT_EQ(observe_file({2147483647, false}, INT64_MAX).weight_change, 2147483647);
  EXPECT_TRUE(observe_file({3, false}, -100).up);
  EXPECT_EQ(changed_weight(10, -15), 0u);
  EXPECT_EQ(changed_weight(10, 15), 25u);
  EXPECT_EQ(changed_weight(10, 2147483647), 2147483647u);
}

TEST(Observed, TheRuleIsTheChecksOrElseItsFiles) {
  const std::vector<conf::TrackFile> files{{.name = "load", .path = "/load", .weight = 7, .weight_reverse = true, .initial = {}}};
  conf::FileCheck check{.track_file = "load", .weight = {}, .reverse = false};
  EXPECT_EQ(rule_of(check, files).weight, 7);
  EXPECT_TRUE(rule_of(check, files).reverse);
  check.weight = 2;
  EXPECT_EQ(rule_of(check, files).weight, 2);
  EXPECT_FALSE(rule_of(check, files).reverse);
}

}  // namespace
}  // namespace xd::checkers
