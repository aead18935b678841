// The verbs of the command line, one row each.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace xd::ctl {

// Exit codes.
inline constexpr int fine = 0;
inline constexpr int failed = 1;       // the daemon could not answer, or a wrong command line
inline constexpr int not_running = 3;  // no daemon in this network namespace, as `systemctl status` counts

struct Context {
  std::vector<std::string> sockets;  // where the daemon may listen, tried in order
  bool json = false;   // -j
  std::string file;    // operand of `check`
};

struct Verb {
  const char* name;
  const char* help;
  const char* operand;  // "FILE"; null: takes none
  int (*run)(const Context& context);
};

std::span<const Verb> verbs();

}  // namespace xd::ctl
