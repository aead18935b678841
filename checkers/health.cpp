#include "checkers/health.h"

#include <algorithm>

namespace xd::checkers {

namespace {

bool believed_up(const Health& health) { return health.up || !health.has_run; }

HealthStep again(const Health& next, Duration delay) {
  HealthStep step;
  step.next = next;
  step.delay = delay;
  return step;
}

HealthStep passed(Health next, Duration delay) {
  HealthStep step;
  step.first = !next.has_run;
  step.verdict = next.up ? Verdict::unchanged : Verdict::up;
  next.up = true;
  next.has_run = true;
  next.failures = 0;
  step.next = next;
  step.delay = delay;
  return step;
}

HealthStep went_down(Health next, unsigned retries_used, Duration delay) {
  HealthStep step;
  step.first = !next.has_run;
  step.verdict = next.up ? Verdict::down : Verdict::unchanged;
  step.retries_used = retries_used;
  next.up = false;
  next.has_run = true;
  next.failures = 0;
  step.next = next;
  step.delay = delay;
  return step;
}

bool out_of_credit(const HealthPolicy& policy, const Health& health) {
  if (!health.has_run && policy.first_failure_decides) return true;
  if (health.has_run && !health.up && !policy.hurries_back) return true;
  return health.failures >= policy.retry;
}

HealthStep after_single(const HealthPolicy& policy, const Health& health, bool good) {
  if (good) return passed(health, policy.delay_loop);
  if (out_of_credit(policy, health)) return went_down(health, health.failures, policy.delay_loop);
  auto step = again(health, policy.delay_before_retry);
  ++step.next.failures;
  return step;
}

HealthStep after_url(const HealthPolicy& policy, const Health& health, bool good) {
  Health next = health;
  if (!good) {
    const auto delay = std::max(policy.delay_before_retry, policy.delay_loop);
    if (!believed_up(health)) return again(next, next.failed_url ? delay : policy.delay_before_retry);
    if (out_of_credit(policy, health)) {
      next.failed_url = health.url;
      return went_down(next, health.failures, delay);
    }
    ++next.failures;
    return again(next, policy.delay_before_retry);
  }

  next.failures = 0;
  next.url = health.url + 1;
  if (next.failed_url) {  // it passes again: now the whole list
    next.failed_url.reset();
    next.url = 0;
  } else if (next.url >= policy.urls) {
    next.url = 0;
    return passed(next, policy.delay_loop);
  }
  const bool hurry = policy.fast_recovery && (!next.up || !next.has_run);
  return again(next, hurry ? Duration::zero() : policy.delay_loop);
}

}  // namespace

Health initial_health(bool alpha) {
  Health health;
  health.up = !alpha;
  return health;
}

HealthStep after_attempt(const HealthPolicy& policy, const Health& health, bool good) {
  return policy.urls == 0 ? after_single(policy, health, good) : after_url(policy, health, good);
}

}  // namespace xd::checkers
