#include "daemon/takeover.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <functional>
#include <utility>
#include <variant>

#include "base/log.h"
#include "base/loop.h"
#include "daemon/role_process.h"
#include "ipc/channel.h"
#include "ipc/socket.h"

namespace xd::daemon {

namespace {

constexpr Duration answer_limit = 1s;
constexpr Duration leave_limit = 3s;

bool wait_for_exit(const Fd& process, Duration limit) {
  pollfd wait{process.get(), POLLIN, 0};
  return ::poll(&wait, 1, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(limit).count())) == 1;
}

// Says one thing and hears the answers until `heard` has enough, the connection ends or the time is over.
void converse(const Fd& socket, const Words& words, Duration limit, const std::function<bool(Words)>& heard) {
  Loop loop;
  bool over = false;
  ipc::Channel channel(
      loop, Fd(::dup(socket.get())),
      [&](const ipc::Message& message) {
        auto answer = decode(message.text);
        if (answer && !over) over = heard(std::move(*answer));
      },
      [&](const std::string&) { over = true; });
  channel.send(encode(words));
  Timer timer(loop, [&] { over = true; });
  timer.arm_in(limit);
  while (!over) loop.run_once(limit);
}

}  // namespace

Result<Orphans> Orphans::find() {
  Orphans found;
  for (const RoleName role : all_roles) {
    auto socket = ipc::connect_to(role_socket(role));
    if (!socket) continue;  // nobody is there
    const auto peer = ipc::peer_credentials(socket->get());
    if (!peer) continue;
    bool served = false;
    converse(*socket, Hello{}, answer_limit, [&](const Words& words) {
      const auto* alive = std::get_if<Alive>(&words);
      served = alive != nullptr && !alive->orphan;
      return true;
    });
    if (served)
      return Error{
          "another daemon runs in this network namespace: its " + std::string(name(role)) + " process is " + std::to_string(peer->pid),
          EEXIST};
    Fd process(static_cast<int>(::syscall(SYS_pidfd_open, peer->pid, 0)));
    found.orphans_[role] = {peer->pid, std::move(*socket), std::move(process)};
  }
  return found;
}

std::optional<Handover> Orphans::take_over(RoleName role, bool quietly) {
  const auto node = orphans_.extract(role);
  if (node.empty()) return std::nullopt;
  const Orphan& orphan = node.mapped();
  std::optional<Handover> handover;
  converse(orphan.socket, Stop{quietly}, leave_limit, [&](Words words) {
    if (auto* snapshot = std::get_if<Snapshot>(&words)) handover = {std::move(snapshot->changed), Clock::now()};
    return std::holds_alternative<Stopped>(words);
  });
  if (orphan.process && !wait_for_exit(orphan.process, leave_limit)) {
    log::warning("The {} process {} of an earlier daemon does not leave: killing it", name(role), orphan.pid);
    ::syscall(SYS_pidfd_send_signal, orphan.process.get(), SIGKILL, nullptr, 0);
    wait_for_exit(orphan.process, leave_limit);
  }
  log::info("Took over from the {} process {} of an earlier daemon", name(role), orphan.pid);
  return handover;
}

}  // namespace xd::daemon
