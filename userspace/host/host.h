// What this machine has to say about a configuration: its interfaces and addresses, its users, the programs on its disk. For the
// daemon, and for `xdirector check`, which judges a file as the daemon would.
#pragma once

#include "conf/compile.h"

namespace xd::host {

conf::Options options();

}  // namespace xd::host
