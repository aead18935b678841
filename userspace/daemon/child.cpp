#include "daemon/child.h"

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <cerrno>

#include "base/process.h"
#include "daemon/options.h"

namespace xd::daemon {

namespace {

// Where the child finds its socket.
constexpr int child_socket = 3;

}  // namespace

Result<std::unique_ptr<Child>> Child::start(Loop& loop, RoleName role, const std::vector<std::string>& words, const std::string& pins,
                                            Handlers handlers) {
  const std::string what = "start the " + std::string(name(role)) + " process";
  auto pair = ipc::socket_pair();
  if (!pair) return Error{what + ": " + pair.error().message, pair.error().code};
  auto& [ours, theirs] = *pair;
  // dup2 onto itself would leave close-on-exec set.
  if (theirs.get() == child_socket) theirs.reset(::fcntl(theirs.get(), F_DUPFD_CLOEXEC, child_socket + 1));

  std::vector<std::string> copies = child_words(words, role, child_socket, pins);
  std::vector<char*> argv;
  for (auto& word : copies) argv.push_back(word.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, theirs.get(), child_socket);
  pid_t pid = -1;
  // By /proc, so that a package upgrade under a running daemon does not mix two versions.
  restore_file_limit();  // it raises its own
  const int code = ::posix_spawn(&pid, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
  raise_file_limit();
  ::posix_spawn_file_actions_destroy(&actions);
  if (code != 0) return Error::from_errno(what, code);
  return std::unique_ptr<Child>(new Child(loop, pid, std::move(ours), std::move(handlers)));
}

Child::Child(Loop& loop, pid_t pid, Fd socket, Handlers handlers)
    : pid_(pid),
      handlers_(std::move(handlers)),
      channel_(
          loop, std::move(socket),
          [this](ipc::Message message) {
            // A child that talks nonsense is not spoken to; the watchdog ends it.
            if (auto words = decode(message.text)) handlers_.said(std::move(*words));
          },
          [this](const std::string&) {
            channel_open_ = false;
            if (death_) tell_death();
          }),
      watch_(loop.child(pid, [this, &loop](const siginfo_t& info) {
        death_ = info;
        // Its last words may still be in the socket; the end of the connection comes after them.
        if (!channel_open_) last_words_ = loop.defer([this] { tell_death(); });
      })) {}

Child::~Child() = default;

// The handler destroys this Child: what it is given must not live in it.
void Child::tell_death() {
  const auto died = handlers_.died;
  const siginfo_t death = *death_;
  died(death);
}

void Child::say(const Words& words, Fd fd) { channel_.send(encode(words), std::move(fd)); }

void Child::kill(int signo) {
  if (!death_) ::kill(pid_, signo);
}

}  // namespace xd::daemon
