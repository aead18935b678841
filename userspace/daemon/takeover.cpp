#include "daemon/takeover.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <optional>
#include <variant>

#include "base/log.h"
#include "base/loop.h"
#include "daemon/role_process.h"
#include "ipc/channel.h"
#include "ipc/socket.h"

namespace xd::daemon {

namespace {

constexpr Duration leave_limit = 3s;

Fd open_pid(pid_t pid) { return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

bool wait_for_exit(const Fd& process, Duration limit) {
  pollfd wait{process.get(), POLLIN, 0};
  return ::poll(&wait, 1, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(limit).count())) == 1;
}

Result<std::optional<Handover>> take_over(RoleName role) {
  const std::optional<Handover> nothing;
  auto socket = ipc::connect_to(role_socket(role));
  if (!socket) return nothing;  // nobody is there
  const auto peer = ipc::peer_credentials(socket->get());
  if (!peer) return nothing;
  // By descriptor: the number cannot come to mean another process while we wait.
  const Fd process = open_pid(peer->pid);

  Handover handover;
  Loop loop;
  bool over = false;
  bool serves_another = false;
  ipc::Channel channel(
      loop, std::move(*socket),
      [&](ipc::Message message) {
        auto words = decode(message.text);
        if (!words) return;
        if (std::holds_alternative<Alive>(*words)) {
          serves_another = true;
          over = true;
        }
        if (auto* snapshot = std::get_if<Snapshot>(&*words)) handover = {std::move(snapshot->text), Clock::now()};
      },
      [&](const std::string&) { over = true; });
  channel.send(encode(Stop{.quietly = true}));
  Timer limit(loop, [&] { over = true; });
  limit.arm_in(leave_limit);
  while (!over) loop.run_once(leave_limit);

  if (serves_another) return Error{"another daemon runs in this network namespace: its " + std::string(name(role)) + " process is " + std::to_string(peer->pid), EEXIST};
  if (process && !wait_for_exit(process, leave_limit)) {
    log::warning("The {} process {} of an earlier daemon does not leave: killing it", name(role), peer->pid);
    ::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
    wait_for_exit(process, leave_limit);
  }
  if (handover.snapshot.empty()) return nothing;
  log::info("Took over from the {} process {} of an earlier daemon", name(role), peer->pid);
  return std::optional(std::move(handover));
}

}  // namespace

Result<std::map<RoleName, Handover>> take_over_orphans() {
  std::map<RoleName, Handover> found;
  for (const RoleName role : all_roles) {
    auto handover = take_over(role);
    if (!handover) return std::move(handover).error();
    if (*handover) found[role] = std::move(**handover);
  }
  return found;
}

}  // namespace xd::daemon
