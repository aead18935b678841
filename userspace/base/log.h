// Logging: one line per event, written by a thread of its own so that a slow journal, console or disk never stalls an
// election. When more lines are waiting than the queue holds, the oldest are dropped and the loss is logged.
//
// Only edges log: functions that return Result say nothing, the caller that can act tells it once.
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <utility>

namespace xd::log {

enum class Level { debug, info, warning, error };

struct Options {
  std::string ident;        // syslog name: Keepalived, Keepalived_vrrp, Keepalived_healthcheckers: what operators grep for
  bool console = false;     // stderr                               (-l)
  bool syslog = true;       // off with -G
  int facility = 3 << 3;    // LOG_DAEMON                           (-S)
  bool detail = false;      // debug lines too                      (-D twice)
  std::string file;         // also to this file, empty: none       (-g)
  bool flush_file = false;  // after every line                     (--flush-log-file)
};

// Starts the writer. Call once per process, after any fork; before it, lines go to stderr directly.
void start(const Options& options);
// Writes what is waiting and stops the writer. Called before exit.
void stop();

void write(Level level, std::string_view line);
bool enabled(Level level);

template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::debug)) write(Level::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::info, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::warning, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace xd::log
