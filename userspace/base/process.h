// Starting programs without a shell.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/loop.h"
#include "base/result.h"
#include "base/time.h"

namespace xd {

struct Command {
  std::vector<std::string> words;  // words[0]: path, or a bare name searched in PATH
  std::optional<uid_t> uid;        // run as; unset: as we are
  std::optional<gid_t> gid;
  std::string str() const;  // as a person would type it
  bool operator==(const Command&) const = default;
};

// Starts the command in a process group of its own, at normal scheduling, with descriptors 0-2 on /dev/null, no others, an
// empty signal mask, default signal actions and an environment without LD_PRELOAD, LD_LIBRARY_PATH and IFS. The exec itself is
// part of the result: a program that cannot be executed is an Error, not a child that exits.
Result<pid_t> spawn(const Command& command);
// set_supplementary_groups: a command that runs as another user is in all groups of that user, not in its own alone.
void give_all_groups(bool all);

// The CPUs that this process was started with, which are also those of the programs it runs. As sched_setaffinity(2).
int restore_cpus();

// Thousands of checks, or a shell's small limit: as many descriptors as the systemd unit gives, where this process may have them. What
// is run by it gets the limit that it was started with: by spawn(), and else by restore_file_limit() around the start.
void raise_file_limit();
void restore_file_limit();

// How a child ended, in words: "exited with status 3", "killed by signal 11 (Segmentation fault)".
std::string describe_exit(const siginfo_t& info);

// A command run on the loop, with a time limit. Destroying it kills the process group. Nothing here waits for a process to die: one
// that hangs in the kernel (a file server that is gone) survives even SIGKILL until the kernel lets it go.
class RunningCommand {
 public:
  struct Outcome {
    bool timed_out = false;
    siginfo_t info{};
    bool success() const;     // exited with status 0 in time
    int exit_status() const;  // -1 when it did not exit by itself
  };
  // After `limit`: SIGTERM, 2 s later SIGKILL, and with each `overdue`. limit 0: none. `done` is called once, from the loop: when the
  // command has ended, or when it lives on 2 s after SIGKILL.
  static Result<std::unique_ptr<RunningCommand>> start(Loop& loop, const Command& command, Duration limit,
                                                       std::function<void(Outcome)> done, std::function<void()> overdue = {});
  ~RunningCommand();
  RunningCommand(const RunningCommand&) = delete;
  RunningCommand& operator=(const RunningCommand&) = delete;
  pid_t pid() const { return pid_; }

 private:
  RunningCommand(Loop& loop, pid_t pid, std::function<void(Outcome)> done, std::function<void()> overdue);
  void exceed_limit();

  pid_t pid_;
  bool timed_out_ = false;
  bool killed_ = false;
  bool finished_ = false;
  std::function<void(Outcome)> done_;
  std::function<void()> overdue_;
  Timer limit_;
  Loop::Source child_;
};

}  // namespace xd
