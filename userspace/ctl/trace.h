// The packet path's decisions, live.
#pragma once

#include "ctl/verbs.h"

namespace xd::ctl {

// Until a signal, the daemon's end, or the end of standard output. An exit code.
int trace(const Context& context);

}  // namespace xd::ctl
