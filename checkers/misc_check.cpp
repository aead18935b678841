#include "checkers/misc_check.h"

#include <utility>

namespace xd::checkers {

namespace {

class MiscProbe final : public Probe {
 public:
  MiscProbe(Loop& loop, const conf::MiscCheck& check, const Command& command, ProbeDone done)
      : dynamic_(check.dynamic), done_(std::move(done)) {
    auto running = RunningCommand::start(loop, command, check.timeout, [this](const RunningCommand::Outcome& outcome) { ended(outcome); });
    if (running) {
      running_ = std::move(*running);
    } else {
      // A program that cannot be started has not found its server good.
      failed_ = loop.defer([this, why = running.error().message] { tell({OutcomeKind::script_failed, 0, why, {}}); });
    }
  }

 private:
  void ended(const RunningCommand::Outcome& outcome) {
    const int status = outcome.timed_out ? -1 : outcome.exit_status();
    if (status == 0) return tell({OutcomeKind::good, 0, "", dynamic_ ? std::optional(Outcome::configured_weight) : std::nullopt});
    if (dynamic_ && status >= 2) return tell({OutcomeKind::good, 0, "", static_cast<std::uint32_t>(status - 2)});
    tell({OutcomeKind::script_failed, 0, outcome.timed_out ? "timed out" : describe_exit(outcome.info), {}});
  }

  void tell(Outcome outcome) {
    const auto done = std::move(done_);  // may destroy this object
    done(std::move(outcome));
  }

  bool dynamic_;
  ProbeDone done_;
  std::unique_ptr<RunningCommand> running_;
  Loop::Source failed_;
};

}  // namespace

std::unique_ptr<Probe> start_misc_check(Loop& loop, const conf::MiscCheck& check, const Command& command, ProbeDone done) {
  return std::make_unique<MiscProbe>(loop, check, command, std::move(done));
}

}  // namespace xd::checkers
