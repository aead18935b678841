#include "vrrp/runner.h"

#include <optional>
#include <string>
#include <utility>

namespace xd::vrrp {
namespace {

// As keepalived's log has it.
std::string in_words(const RunningCommand::Outcome& outcome) {
  if (outcome.timed_out) return "timed out";
  return outcome.exit_status() < 0 ? "due to signal " + std::to_string(outcome.info.si_status) : describe_exit(outcome.info);
}

}  // namespace

Result<std::unique_ptr<Runner::Run>> LoopRunner::check(const Command& command, Duration limit, Done done) {
  struct Checked final : Run {
    std::unique_ptr<RunningCommand> running;
  };
  const auto ended = [done](const RunningCommand::Outcome& outcome) {
    const int status = outcome.exit_status();
    done({.success = outcome.success(),
          .words = in_words(outcome),
          .status = status < 0 ? std::nullopt : std::optional(status),
          .ended = true,
          .counts = !outcome.timed_out});
  };
  const auto overdue = [done] { done({.success = false, .words = "timed out", .ended = false, .counts = true}); };
  auto started = RunningCommand::start(loop_, command, limit, ended, overdue);
  if (!started) return std::move(started).error();
  auto run = std::make_unique<Checked>();
  run->running = std::move(*started);
  return std::unique_ptr<Run>(std::move(run));
}

Status LoopRunner::fire(const Command& command) {
  auto pid = spawn(command);
  if (!pid) return std::move(pid).error();
  fired_[*pid] = loop_.child(*pid, [this, pid = *pid](const siginfo_t&) { fired_.erase(pid); });
  return {};
}

}  // namespace xd::vrrp
