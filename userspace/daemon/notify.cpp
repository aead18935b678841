#include "daemon/notify.h"

#include <systemd/sd-daemon.h>

namespace xd::daemon {

ServiceManager::ServiceManager(Loop& loop)
    : watchdog_(loop, [this] {
        ::sd_notify(0, "WATCHDOG=1");
        watchdog_.arm_in(*interval_);
      }) {
  std::uint64_t limit_us = 0;
  if (::sd_watchdog_enabled(0, &limit_us) <= 0) return;
  interval_ = std::chrono::microseconds(limit_us) / 2;  // half the limit, as sd_watchdog_enabled(3) recommends
  watchdog_.arm_in(*interval_);
}

void ServiceManager::ready() { ::sd_notify(0, "READY=1"); }

void ServiceManager::reloading() {
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch()).count();
  ::sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", static_cast<long long>(now));
}

void ServiceManager::stopping() { ::sd_notify(0, "STOPPING=1"); }

void ServiceManager::status(const std::string& words) {
  if (words == last_status_) return;
  last_status_ = words;
  ::sd_notifyf(0, "STATUS=%s", words.c_str());
}

}  // namespace xd::daemon
