#include "daemon/sync_daemon.h"

#include <cerrno>
#include <utility>

#include "base/log.h"

namespace xd::daemon {

void SyncDaemon::run(const std::optional<conf::LvsSyncDaemon>& conf, std::uint8_t id, bool master, bool backup) {
  if (!conf && !running_) return;
  Wanted wanted{conf.value_or(conf::LvsSyncDaemon{}), id, conf && master, conf && backup};
  if (running_ == wanted) return;
  if (!table_) {
    auto table = ipvs::Table::open();
    if (!table) return log::error("IPVS sync daemon: {}", table.error().message);
    table_.emplace(std::move(*table));
  }
  running_.reset();
  // The kernel changes no running daemon; it is ended and started anew.
  using Side = ipvs::SyncSide;
  for (const Side side : {Side::master, Side::backup}) {
    const auto ended = table_->stop_sync(side);
    if (!ended && ended.error().code != ESRCH) log::warning("{}", ended.error().message);
  }
  bool complete = true;
  const auto start = [&](Side side, std::string_view what) {
    const auto& c = wanted.conf;
    const auto started =
        table_->start_sync({side, c.interface, c.id.value_or(id), c.maxlen.value_or(0), c.port.value_or(0), c.ttl.value_or(0), c.group});
    complete &= static_cast<bool>(started);
    if (started) {
      log::info("IPVS sync daemon: {} on {}", what, c.interface);
    } else {
      log::error("{}", started.error().message);
    }
  };
  if (wanted.master) start(Side::master, "master");
  if (wanted.backup) start(Side::backup, "backup");
  if (complete && conf) running_ = std::move(wanted);
}

}  // namespace xd::daemon
