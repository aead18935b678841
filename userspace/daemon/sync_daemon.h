// The kernel's IPVS connection synchronisation (ipvsadm --start-daemon), as lvs_sync_daemon of the configuration wants it.
#pragma once

#include <cstdint>
#include <optional>
#include <tuple>

#include "conf/model.h"
#include "ipvs/ipvs.h"

namespace xd::daemon {

class SyncDaemon {
 public:
  // Makes it so that these sides run, with those settings, and no others. What the kernel refuses is logged, and tried again at the next
  // change. The first call ends what an earlier process left. `id`: where the configuration names none.
  void run(const std::optional<conf::LvsSyncDaemon>& conf, std::uint8_t id, bool master, bool backup);

 private:
  struct Wanted {
    conf::LvsSyncDaemon conf;
    std::uint8_t id = 0;
    bool master = false, backup = false;
    bool operator==(const Wanted&) const = default;
  };
  std::optional<ipvs::Table> table_;
  std::optional<Wanted> running_;
};

}  // namespace xd::daemon
