#include "daemon/auto_priority.h"

#include <sched.h>

#include <algorithm>

#include "base/log.h"
#include "daemon/process_settings.h"

namespace xd::daemon {

namespace {
// How often lateness is measured: a process that is kept waiting is so for longer than this, or often.
constexpr Duration pause = 1s;
}  // namespace

AutoPriority::AutoPriority(Loop& loop) : timer_(loop, [this] { look(); }) {}

void AutoPriority::configure(const conf::DaemonSettings& settings, const conf::ProcessSettings& process) {
  process_ = process;
  most_ = std::min(settings.max_auto_priority.value_or(0), ::sched_get_priority_max(SCHED_RR));
  delay_ = std::chrono::microseconds(settings.min_auto_priority_delay);
  if (most_ > 0 && process.rt_priority == 0) {
    timer_.arm_in(pause);
  } else {
    timer_.disarm();
  }
}

void AutoPriority::look() {
  const Duration late = Clock::now() - timer_.due();
  if (late > delay_ && static_cast<int>(process_.rt_priority) < most_) {
    ++process_.rt_priority;
    log::info("A timer fired {} us late: real-time priority {}", std::chrono::duration_cast<std::chrono::microseconds>(late).count(),
              process_.rt_priority);
    for (const auto& refused : apply(process_)) log::warning("{}", refused);
  }
  timer_.arm_in(pause);
}

}  // namespace xd::daemon
