// What attempts make a checker believe. Each test drives one checker by hand; no time passes.
#include "checkers/health.h"

#include <gtest/gtest.h>

namespace xd::checkers {
namespace {

class Checker {
 public:
  explicit Checker(HealthPolicy policy, bool alpha = false) : policy_(policy), health_(initial_health(alpha)) {}
  HealthStep attempt(bool good) {
    auto step = after_attempt(policy_, health_, good);
    health_ = step.next;
    return step;
  }
  bool up() const { return health_.up; }
  unsigned url() const { return health_.url; }

 private:
  HealthPolicy policy_;
  Health health_;
};

constexpr bool good = true;
constexpr bool bad = false;

HealthPolicy tcp(unsigned retry) { return {.retry = retry, .delay_loop = 6s, .delay_before_retry = 1s, .urls = 0, .fast_recovery = false}; }
HealthPolicy http(unsigned urls, unsigned retry = 1) {
  return {.retry = retry, .delay_loop = 6s, .delay_before_retry = 3s, .urls = urls, .fast_recovery = false};
}

TEST(SingleCheck, BeginsUpAndTheVeryFirstFailureIsEnough) {
  Checker checker(tcp(3));
  EXPECT_TRUE(checker.up());
  const auto step = checker.attempt(bad);
  EXPECT_EQ(step.verdict, Verdict::down);
  EXPECT_TRUE(step.first);
  EXPECT_EQ(step.retries_used, 0u);
  EXPECT_EQ(step.delay, 6s);
}

TEST(SingleCheck, AServerSeenUpGetsItsRetries) {
  Checker checker(tcp(2));
  checker.attempt(good);
  EXPECT_EQ(checker.attempt(bad).delay, 1s);
  EXPECT_EQ(checker.attempt(bad).delay, 1s);
  EXPECT_TRUE(checker.up());
  const auto last = checker.attempt(bad);
  EXPECT_EQ(last.verdict, Verdict::down);
  EXPECT_EQ(last.retries_used, 2u);
  EXPECT_EQ(last.delay, 6s);
}

TEST(SingleCheck, OneGoodAttemptForgivesTheFailuresBefore) {
  Checker checker(tcp(1));
  checker.attempt(good);
  for (int round = 0; round < 5; ++round) {
    EXPECT_EQ(checker.attempt(bad).verdict, Verdict::unchanged);
    EXPECT_EQ(checker.attempt(good).verdict, Verdict::unchanged);
  }
  EXPECT_TRUE(checker.up());
}

TEST(SingleCheck, OneSuccessBringsItBack) {
  Checker checker(tcp(0));
  checker.attempt(bad);
  const auto step = checker.attempt(good);
  EXPECT_EQ(step.verdict, Verdict::up);
  EXPECT_FALSE(step.first);
}

TEST(SingleCheck, AlphaBeginsDownAndTellsItsFirstFailureWithoutAChange) {
  Checker checker(tcp(3), true);
  EXPECT_FALSE(checker.up());
  const auto step = checker.attempt(bad);
  EXPECT_EQ(step.verdict, Verdict::unchanged);
  EXPECT_TRUE(step.first);
  EXPECT_EQ(checker.attempt(good).verdict, Verdict::up);
}

TEST(SingleCheck, SomeAreNotDecidedByTheVeryFirstFailure) {
  auto smtp = tcp(1);
  smtp.first_failure_decides = false;
  Checker checker(smtp);
  auto step = checker.attempt(bad);
  EXPECT_EQ(step.verdict, Verdict::unchanged);
  EXPECT_FALSE(step.first);
  EXPECT_EQ(step.delay, 1s);
  step = checker.attempt(bad);
  EXPECT_EQ(step.verdict, Verdict::down);
  EXPECT_TRUE(step.first);
}

TEST(SingleCheck, SomeAreNotRetriedAtTheQuickPaceWhileDown) {
  for (const bool hurries : {true, false}) {
    auto policy = tcp(1);
    policy.hurries_back = hurries;
    Checker checker(policy);
    checker.attempt(bad);
    EXPECT_EQ(checker.attempt(bad).delay, hurries ? 1s : 6s);
  }
}

TEST(UrlCheck, TriesOneUrlPerRoundAndKnowsMoreAfterTheLast) {
  Checker checker(http(2));
  auto step = checker.attempt(good);
  EXPECT_FALSE(step.first);
  EXPECT_EQ(step.delay, 6s);
  EXPECT_EQ(checker.url(), 1u);
  step = checker.attempt(good);
  EXPECT_TRUE(step.first);
  EXPECT_EQ(checker.url(), 0u);
}

TEST(UrlCheck, AServerThatFailedNeedsTwoGoodPassesToReturn) {
  Checker checker(http(1));
  checker.attempt(good);
  EXPECT_EQ(checker.attempt(bad).verdict, Verdict::unchanged);
  EXPECT_EQ(checker.attempt(bad).verdict, Verdict::down);
  auto step = checker.attempt(good);
  EXPECT_EQ(step.verdict, Verdict::unchanged);
  EXPECT_EQ(step.delay, 6s);
  EXPECT_EQ(checker.attempt(good).verdict, Verdict::up);
}

TEST(UrlCheck, TheFailedUrlIsTriedUntilItPassesThenAllOfThem) {
  Checker checker(http(3, 0));
  for (int i = 0; i < 3; ++i) checker.attempt(good);
  checker.attempt(good);
  EXPECT_EQ(checker.attempt(bad).verdict, Verdict::down);
  EXPECT_EQ(checker.url(), 1u);
  EXPECT_EQ(checker.attempt(bad).delay, 6s);
  EXPECT_EQ(checker.url(), 1u);
  checker.attempt(good);
  EXPECT_EQ(checker.url(), 0u);
  checker.attempt(good);
  checker.attempt(good);
  EXPECT_FALSE(checker.up());
  EXPECT_EQ(checker.attempt(good).verdict, Verdict::up);
}

TEST(UrlCheck, FastRecoveryDoesNotWaitBetweenUrlsOfAServerThatIsDown) {
  auto policy = http(2, 0);
  policy.fast_recovery = true;
  Checker checker(policy);
  EXPECT_EQ(checker.attempt(good).delay, 0s);  // not known yet
  EXPECT_EQ(checker.attempt(good).delay, 6s);
  EXPECT_EQ(checker.attempt(good).delay, 6s);  // known to be up
  EXPECT_EQ(checker.attempt(bad).verdict, Verdict::down);
  EXPECT_EQ(checker.attempt(good).delay, 0s);
  EXPECT_EQ(checker.attempt(good).delay, 0s);
  EXPECT_EQ(checker.attempt(good).verdict, Verdict::up);
}

TEST(UrlCheck, AFailureOfALaterUrlAtStartIsEnough) {
  Checker checker(http(2, 5));
  checker.attempt(good);
  const auto step = checker.attempt(bad);
  EXPECT_EQ(step.verdict, Verdict::down);
  EXPECT_TRUE(step.first);
}

}  // namespace
}  // namespace xd::checkers
