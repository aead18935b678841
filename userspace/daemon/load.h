// Reading the configuration: the parent from the disk, its children from what the parent read.
#pragma once

#include "base/fd.h"
#include "base/result.h"
#include "conf/compile.h"
#include "daemon/options.h"

namespace xd::daemon {

// Makes a descriptor of --config-fd one that each reload can read from its beginning: what comes through a pipe is kept.
Result<void> keep_configuration(Options& options);

conf::Compiled compile_disk(const Options& options);

// All that was read, in a file without a name, for passing to a child; and compiling it there.
Result<Fd> bundle_of(const conf::Sources& sources);
Result<conf::Compiled> compile_bundle(const Fd& bundle, const Options& options);

// The diagnostics, line by line.
void log_diagnostics(const conf::Compiled& compiled);

// -t: reports and returns the exit code.
int test_configuration(const Options& options);

}  // namespace xd::daemon
