// MISC_CHECK: a program. Good when it exits with status 0 within its time limit; with misc_dynamic a status from 2 to 255 is good
// too and sets the real server's weight to that less 2, and 0 brings the configured weight back.
#pragma once

#include "base/loop.h"
#include "base/process.h"
#include "checkers/probe.h"

namespace xd::checkers {

std::unique_ptr<Probe> start_misc_check(Loop& loop, const conf::MiscCheck& check, const Command& command, ProbeDone done);

}  // namespace xd::checkers
