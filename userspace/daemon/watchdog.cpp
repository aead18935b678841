#include "daemon/watchdog.h"

#include <algorithm>

namespace xd::daemon {

void Watchdog::started(TimePoint now) {
  started_ = now;
  last_sign_ = now;
  next_hello_ = now;
  unanswered_.reset();
  at_work_ = false;
  killed_ = false;
}

void Watchdog::answered(TimePoint now) {
  unanswered_.reset();
  last_sign_ = now;
}

Watchdog::Decision Watchdog::decide(TimePoint now) {
  if (killed_) return {Action::none, now + policy_.hello_interval};
  const Duration limit = at_work_ ? policy_.work_limit : policy_.answer_limit;
  if (unanswered_ && now - *unanswered_ >= limit) {
    killed_ = true;
    return {Action::kill, now + policy_.hello_interval};
  }
  Action action = Action::none;
  if (now >= next_hello_) {
    action = Action::say_hello;
    next_hello_ = now + policy_.hello_interval;
    if (!unanswered_) unanswered_ = now;
  }
  return {action, unanswered_ ? std::min(next_hello_, *unanswered_ + limit) : next_hello_};
}

Watchdog::Restart Watchdog::exited(TimePoint now) {
  if (!policy_.respawn) return {false, {}};
  ++restarts_;
  if (now - started_ >= policy_.settled_after) {
    delay_ = {};
    return {true, {}};
  }
  const Duration delay = delay_;
  delay_ = delay_ == Duration::zero() ? 1s : std::min(delay_ * 2, policy_.longest_delay);
  return {true, delay};
}

}  // namespace xd::daemon
