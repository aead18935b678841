#include "daemon/reload.h"

#include <gtest/gtest.h>

namespace xd::daemon {
namespace {

using Step = Reload::Step;
constexpr RoleName vrrp = RoleName::vrrp;
constexpr RoleName checkers = RoleName::checkers;

TEST(Reload, NobodyCommitsBeforeAllHaveSaidYes) {
  Reload reload;
  EXPECT_EQ(reload.begin(7, {vrrp, checkers}), Step::none);
  EXPECT_EQ(reload.prepared(checkers, 7, true, ""), Step::none);
  EXPECT_EQ(reload.prepared(vrrp, 7, true, ""), Step::commit);
  EXPECT_EQ(reload.committed(vrrp, 7), Step::none);
  EXPECT_EQ(reload.committed(checkers, 7), Step::done);
  EXPECT_EQ(reload.phase(), Reload::Phase::idle);
}

TEST(Reload, OneNoIsANoForAll) {
  Reload reload;
  reload.begin(7, {vrrp, checkers});
  EXPECT_EQ(reload.prepared(vrrp, 7, true, ""), Step::none);
  EXPECT_EQ(reload.prepared(checkers, 7, false, "no interface eth9"), Step::abort);
  EXPECT_EQ(reload.why(), "checkers: no interface eth9");
  EXPECT_EQ(reload.prepared(vrrp, 7, true, ""), Step::none) << "late words change nothing";
}

TEST(Reload, WordsAboutAnEarlierGenerationDoNotCount) {
  Reload reload;
  reload.begin(8, {vrrp});
  EXPECT_EQ(reload.prepared(vrrp, 7, true, ""), Step::none);
  EXPECT_EQ(reload.prepared(vrrp, 8, true, ""), Step::commit);
}

TEST(Reload, DyingWhilePreparingIsANo) {
  Reload reload;
  reload.begin(7, {vrrp, checkers});
  EXPECT_EQ(reload.lost(checkers), Step::abort);
  EXPECT_EQ(reload.why(), "the checkers process died while it prepared");
}

TEST(Reload, DyingAfterTheDecisionDoesNotTurnItBack) {
  Reload reload;
  reload.begin(7, {vrrp, checkers});
  reload.prepared(vrrp, 7, true, "");
  ASSERT_EQ(reload.prepared(checkers, 7, true, ""), Step::commit);
  EXPECT_EQ(reload.lost(checkers), Step::none);
  EXPECT_EQ(reload.committed(vrrp, 7), Step::done);
}

TEST(Reload, AProcessThatTakesNoPartMayDie) {
  Reload reload;
  reload.begin(7, {vrrp});
  EXPECT_EQ(reload.lost(checkers), Step::none);
  EXPECT_EQ(reload.prepared(vrrp, 7, true, ""), Step::commit);
}

TEST(Reload, PreparingIsBoundedInTime) {
  Reload reload;
  reload.begin(7, {vrrp, checkers});
  reload.prepared(vrrp, 7, true, "");
  EXPECT_EQ(reload.timed_out(), Step::abort);
  EXPECT_EQ(reload.why(), "the checkers process did not prepare in time");
}

TEST(Reload, ALaggardDoesNotHoldUpACommitForEver) {
  Reload reload;
  reload.begin(7, {vrrp});
  reload.prepared(vrrp, 7, true, "");
  EXPECT_EQ(reload.timed_out(), Step::done);
}

TEST(Reload, WithNothingConfiguredThereIsNothingToWaitFor) {
  Reload reload;
  EXPECT_EQ(reload.begin(1, {}), Step::done);
}

}  // namespace
}  // namespace xd::daemon
