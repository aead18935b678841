// The verbs of the command line, one row each.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace xd::ctl {

// Exit codes.
inline constexpr int fine = 0;
inline constexpr int failed = 1;       // the daemon could not answer, or a wrong command line
inline constexpr int changes = 2;      // plan: a reload would change something
inline constexpr int not_running = 3;  // no daemon in this network namespace, as `systemctl status` counts

struct Context {
  std::vector<std::string> sockets;  // where the daemon may listen, tried in order
  bool json = false;                 // -j
  std::string file;                  // the operand
  bool markdown = false;             // conf keywords
  bool man = false;                  // of conf keywords: the page xdirector.conf(5)
};

struct Verb {
  const char* name;  // "conf print": a verb below another
  const char* help;
  const char* operand;  // "FILE", "[BLOCK]" when it may be left out; null: takes none
  int (*run)(const Context& context);
};

std::span<const Verb> verbs();

}  // namespace xd::ctl
