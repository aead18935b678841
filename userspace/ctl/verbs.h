// The verbs of the command line, one row each.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace xd::ctl {

// Exit codes.
inline constexpr int fine = 0;
inline constexpr int failed = 1;       // the daemon could not answer, or a wrong command line
inline constexpr int changes = 2;      // plan: a reload would change something
inline constexpr int not_running = 3;  // no daemon in this network namespace, as `systemctl status` counts

// What `services` and `flows` are asked to show.
struct View {
  bool stats = false, rate = false, thresholds = false, persistent = false, tunnels = false;
  bool exact = false, unsorted = false;
};

struct Context {
  std::vector<std::string> sockets;  // where the daemon may listen, tried in order
  bool json = false;                 // -j
  std::string file;                  // the operand; of several words, with spaces between
  std::vector<std::string> words;    // they, as the command line had them
  View view;
  std::uint32_t one_in = 1;  // trace
  bool elsewhere = false;    // check: the file is for another machine
  std::string config_id;     // -i of check and conf print
  bool markdown = false;     // conf keywords
  bool man = false;          // of conf keywords: the page xdirector.conf(5)
};

struct Verb {
  const char* name;  // "conf print": a verb below another
  const char* help;
  const char* operand;  // "FILE", "[BLOCK]" when it may be left out; null: takes none
  const char* operand_help;
  int (*run)(const Context& context);
  void (*options)(CLI::App& command, Context& context) = nullptr;  // what it takes beside the operand
  bool many_words = false;                                         // the operand is a sentence, quoted or not
};

std::span<const Verb> verbs();

}  // namespace xd::ctl
