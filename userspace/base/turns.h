// How long the calling thread would have the CPU at a time, at normal priority (Linux 6.12). Who asks for less gets no more and no less of
// the CPU, but gets it sooner: what it may still use of its turn is over sooner, too. Threads and children inherit it.
#pragma once

#include "base/time.h"

namespace xd {

// 0: as the system has it. Of no effect on older kernels and at a real-time priority.
void ask_for_turns_of(Duration slice);

}  // namespace xd
