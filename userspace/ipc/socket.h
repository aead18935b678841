// Named local sockets of the daemon: where they are, listening and connecting. Only root, or whoever the daemon runs as, may
// talk to them: by file mode, and by the peer's credentials.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/loop.h"
#include "base/result.h"

namespace xd::ipc {

// Where the daemon of this process's network namespace keeps its sockets: /run/xdirector in the network namespace of
// PID 1, else /run/xdirector/netns-INODE; also where we may not look at PID 1 (a container, a unit without CAP_SYS_PTRACE). So
// `ip netns exec dir1 xdirector status` finds the daemon that runs in dir1.
std::string runtime_directory();
// The operator's socket: runtime_directory()/control.sock.
std::string default_control_socket();
// Where to look for it: the daemon may see less of PID 1 than the one who asks.
std::vector<std::string> possible_control_sockets();

// Creates the directory (mode 0700) and the missing ones above it (0755).
Status make_runtime_directory(const std::string& path);

// A listening socket at `path`; the file is removed when the Listener goes. Whoever is not root or our own user is
// disconnected without an answer.
class Listener {
 public:
  using Handler = std::function<void(Fd connection)>;
  // A socket file left behind is replaced: the caller holds the daemon's lock, so its owner is dead.
  static Result<Listener> open(Loop& loop, const std::string& path, Handler on_connection);
  Listener(Listener&&) = default;
  Listener& operator=(Listener&&) = delete;
  ~Listener();

 private:
  Listener() = default;
  std::string path_;
  ino_t inode_ = 0;  // removed only while it is still ours
  Fd fd_;
  Loop::Source io_;
};

Result<Fd> connect_to(const std::string& path);
Result<ucred> peer_credentials(int fd);

// One question, one answer, at most `limit` for all of it.
Result<std::string> ask(const std::string& path, const std::string& question, Duration limit);

}  // namespace xd::ipc
