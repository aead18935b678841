// What systemd is told (sd_notify(3)). Without NOTIFY_SOCKET every call does nothing.
#pragma once

#include <optional>
#include <string>

#include "base/loop.h"

namespace xd::daemon {

class ServiceManager {
 public:
  // Keeps the watchdog of the unit (WatchdogSec) quiet from now on, from this loop.
  explicit ServiceManager(Loop& loop);

  void ready();
  void reloading();
  void stopping();
  void status(const std::string& words);  // told again only when it changed

 private:
  std::string last_status_;
  std::optional<Duration> interval_;
  Timer watchdog_;
};

}  // namespace xd::daemon
