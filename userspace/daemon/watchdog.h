// When a child is greeted, given up and started again. Pure: times and events in, decisions out; child.h does what is decided.
//
// The parent says hello every few seconds and the child's own event loop answers, so an answer proves that the loop turns and
// not only that the process exists. A child that does not answer in time is killed and takes the same way back as one that died:
// at once when it had lived a while, else after 0, 1, 2, 4 ... seconds, as keepalived does it.
#pragma once

#include <optional>

#include "base/time.h"

namespace xd::daemon {

struct WatchdogPolicy {
  Duration hello_interval = 5s;
  Duration answer_limit = 10s;   // of silence after a hello
  Duration work_limit = 60s;     // likewise, while it prepares or commits a configuration
  Duration settled_after = 60s;  // a child that lived this long starts again at once
  Duration longest_delay = 60s;
  bool respawn = true;  // false: its death is the daemon's end (-R)
};

class Watchdog {
 public:
  enum class Action { none, say_hello, kill };
  struct Decision {
    Action action = Action::none;
    TimePoint next{};  // ask again then
  };
  struct Restart {
    bool again = true;
    Duration delay{};
  };

  explicit Watchdog(WatchdogPolicy policy = {}) : policy_(policy) {}

  void started(TimePoint now);
  void answered(TimePoint now);
  // A configuration was given to the child, or it is done with it. On a slow host the kernel's verifier alone may need half a minute.
  void at_work(bool is) { at_work_ = is; }
  // What to do now. Deciding to say hello or to kill counts as done.
  Decision decide(TimePoint now);
  // The child is gone; whether it is started again, and when.
  Restart exited(TimePoint now);

  TimePoint start_time() const { return started_; }
  // The last moment at which the child is known to have been well.
  TimePoint last_sign() const { return last_sign_; }
  bool given_up() const { return killed_; }  // it was killed because it did not answer
  unsigned restarts() const { return restarts_; }

 private:
  WatchdogPolicy policy_;
  TimePoint started_{};
  TimePoint last_sign_{};
  TimePoint next_hello_{};
  std::optional<TimePoint> unanswered_;  // the oldest hello without an answer
  bool at_work_ = false;
  bool killed_ = false;
  Duration delay_{};  // of the next quick restart
  unsigned restarts_ = 0;
};

}  // namespace xd::daemon
