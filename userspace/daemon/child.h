// The mechanics of one child process: started as the same binary with a role, spoken to over a channel, killed, reaped. What
// to do with it and when is decided elsewhere (watchdog.h, parent.h).
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/loop.h"
#include "base/result.h"
#include "daemon/messages.h"
#include "daemon/role.h"
#include "ipc/channel.h"

namespace xd::daemon {

class Child {
 public:
  struct Handlers {
    std::function<void(Words)> said;
    // It has died and was reaped; all that it said was delivered before. The Child may be destroyed here.
    std::function<void(const siginfo_t&)> died;
  };

  // `words` are the parent's command line, `pins` where the packet path's maps are. The child inherits the signal mask: signals wait until it can take them.
  static Result<std::unique_ptr<Child>> start(Loop& loop, RoleName role, const std::vector<std::string>& words, const std::string& pins,
                                              Handlers handlers);
  ~Child();  // does not kill
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  void say(const Words& words, Fd fd = {});
  void kill(int signo);

 private:
  Child(Loop& loop, pid_t pid, Fd socket, Handlers handlers);
  void tell_death();

  pid_t pid_;
  Handlers handlers_;
  ipc::Channel channel_;
  Loop::Source watch_;
  Loop::Source last_words_;
  bool channel_open_ = true;
  std::optional<siginfo_t> death_;
};

}  // namespace xd::daemon
