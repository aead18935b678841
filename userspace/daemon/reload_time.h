// reload_time_file: a reload at a time that stands in a file. The file may come, change and go while the daemon runs.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/loop.h"
#include "conf/model_daemon.h"

namespace xd::daemon {

// The next moment that "HH:MM:SS", "[YY]YY-MM-DD HH:MM:SS" or the same with a Z behind (UTC) means; without a date the next time that
// the clock shows it. Nothing: it is not written so, or it has passed.
std::optional<std::chrono::system_clock::time_point> reload_time(std::string_view line, std::chrono::system_clock::time_point now);

class ReloadTime {
 public:
  ReloadTime(Loop& loop, std::function<void()> reload);

  // Of the configuration that runs from now on.
  void watch(const conf::ReloadSettings& settings);

 private:
  void changed();
  void look();
  void due();

  Loop& loop_;
  std::function<void()> reload_;
  std::string file_;
  bool repeat_ = false;
  Fd inotify_;
  Loop::Source events_;
  std::optional<std::chrono::system_clock::time_point> at_;
  Timer timer_;
};

}  // namespace xd::daemon
