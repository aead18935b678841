#include "checkers/schedule.h"

#include <algorithm>

namespace xd::checkers {

Duration start_delay(const conf::CheckSchedule& schedule, double random) { return from_seconds(to_seconds(schedule.warmup) * random); }

TimePoint due_after_reload(const conf::CheckSchedule& schedule, TimePoint due, TimePoint now) {
  return std::min(due, now + schedule.delay_loop);
}

}  // namespace xd::checkers
