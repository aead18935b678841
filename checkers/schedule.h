// When attempts run. Pure: randomness and time come in as arguments.
#pragma once

#include "base/time.h"
#include "conf/model.h"

namespace xd::checkers {

// How long after start a checker first runs: random(0..warmup), so that thousands of checkers do not all begin at once.
// `random` is in [0, 1).
Duration start_delay(const conf::CheckSchedule& schedule, double random);

// When a checker that keeps its state over a reload runs next: as planned, or sooner when its new delay_loop is
// shorter.
TimePoint due_after_reload(const conf::CheckSchedule& schedule, TimePoint due, TimePoint now);

}  // namespace xd::checkers
