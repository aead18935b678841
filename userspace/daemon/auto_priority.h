// max_auto_priority: a process whose timers fire late becomes a real-time one, a step higher each time, until they do not.
#pragma once

#include "base/loop.h"
#include "conf/model_daemon.h"

namespace xd::daemon {

class AutoPriority {
 public:
  explicit AutoPriority(Loop& loop);
  // A process that has a real-time priority of its own keeps it.
  void configure(const conf::DaemonSettings& settings, const conf::ProcessSettings& process);

 private:
  void look();

  Timer timer_;
  conf::ProcessSettings process_;
  int most_ = 0;
  Duration delay_{};
};

}  // namespace xd::daemon
