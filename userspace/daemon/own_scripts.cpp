#include "daemon/own_scripts.h"

#include <memory>

#include "base/log.h"
#include "base/loop.h"
#include "base/process.h"
#include "vrrp/scripts.h"

namespace xd::daemon {

void run_and_wait(const conf::TimedScript& script, const conf::Global& global, std::string_view keyword) {
  if (!script.script) return;
  const auto command = vrrp::resolve_script(script.script, {global.enable_script_security, global.script_user, global.script_group});
  if (!command) return log::error("{} is not run: {}", keyword, command.error().message);
  log::info("Running {} {}", keyword, command->str());
  Loop loop;
  auto running = RunningCommand::start(loop, *command, script.timeout, [&](const RunningCommand::Outcome& outcome) {
    if (outcome.timed_out) {
      log::warning("{} has not ended within {} s; it was killed", keyword, to_seconds(script.timeout));
    } else if (!outcome.success()) {
      log::warning("{} {}", keyword, describe_exit(outcome.info));
    }
    loop.exit(0);
  });
  if (!running) return log::error("{}: {}", keyword, running.error().message);
  loop.run();
}

}  // namespace xd::daemon
