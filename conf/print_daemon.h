// Settings of the daemon's processes and files as text: print.cpp's part for conf/model_daemon.h.
#pragma once

#include "conf/model_daemon.h"
#include "conf/writer.h"

namespace xd::conf {

// What stands at the top level, and what stands in global_defs. Only what differs from the default is printed.
void print_daemon_at_top(Writer& w, const DaemonSettings& d);
void print_daemon(Writer& w, const DaemonSettings& d);

}  // namespace xd::conf
