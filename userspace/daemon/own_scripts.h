// startup_script and shutdown_script: run once each by the parent, which waits for them.
#pragma once

#include <string_view>

#include "conf/model.h"

namespace xd::daemon {

// Returns when the program has ended or its time is up (then it is killed). What goes wrong is logged; nothing depends on it.
void run_and_wait(const conf::TimedScript& script, const conf::Global& global, std::string_view keyword);

}  // namespace xd::daemon
