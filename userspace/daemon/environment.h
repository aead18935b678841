// What a process of the daemon sets up around itself before it does anything else.
#pragma once

#include "base/log.h"
#include "base/result.h"
#include "daemon/options.h"

namespace xd::daemon {

// Every signal that the daemon handles waits until the loop takes it. Before any thread is started: threads inherit the mask.
void block_signals();

// umask, core dumps, network namespace. Children inherit all of it.
Status apply_environment(const Options& options);

// The log of this process: keepalived's syslog names, one file per process.
log::Options log_options(const Options& options);

}  // namespace xd::daemon
