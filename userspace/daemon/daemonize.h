// Going into the background so that the command returns only when the daemon is at work, and with its exit code when it is not.
#pragma once

#include "base/fd.h"
#include "base/result.h"

namespace xd::daemon {

// The line to the waiting command. In the foreground it leads nowhere.
class Readiness {
 public:
  Readiness() = default;
  explicit Readiness(Fd line) : line_(std::move(line)) {}
  // The command exits with `code`. After code 0 standard error goes to /dev/null, unless it is to be kept for -l. Said once;
  // a daemon that dies before it has said anything makes the command exit with 1.
  void tell(int code, bool keep_stderr = false);

 private:
  Fd line_;
};

// Twice forked, in its own session, in /, with standard input and output on /dev/null. Returns in the daemon only; the
// command itself waits for Readiness::tell() and exits. Call before any thread is started.
Result<Readiness> daemonize();

// Standard error goes to /dev/null: it is that of the command, and who reads its output waits until nobody has it open.
void let_go_of_stderr();

}  // namespace xd::daemon
