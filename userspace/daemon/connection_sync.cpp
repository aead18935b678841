#include "daemon/connection_sync.h"

#include <cerrno>

#include "base/log.h"

namespace xd::daemon {

void ConnectionSync::run(const std::optional<conf::LvsSyncDaemon>& wanted, std::uint8_t default_id, const std::set<ipvs::SyncRole>& roles) {
  if (running_.empty() && (!wanted || roles.empty())) return;
  if (!open()) return;
  ipvs::SyncDaemon daemon;
  if (wanted) {
    daemon = {
        ipvs::SyncRole::master,  wanted->interface, wanted->id.value_or(default_id), wanted->maxlen.value_or(0), wanted->port.value_or(0),
        wanted->ttl.value_or(0), wanted->group};
  }
  const bool same = running_as_ == daemon;
  if (same && running_ == roles) return;
  for (const auto role : std::set(running_)) {
    if (same && roles.contains(role)) continue;
    running_.erase(role);
    if (auto stopped = table_->stop_sync_daemon(role); !stopped && stopped.error().code != ESRCH) tell(stopped.error());
  }
  running_as_ = daemon;
  for (const auto role : roles) {
    if (running_.contains(role)) continue;
    daemon.role = role;
    if (auto started = table_->start_sync_daemon(daemon)) {
      running_.insert(role);
      told_.clear();
    } else {
      tell(started.error());
    }
  }
}

bool ConnectionSync::open() {
  if (table_) return true;
  auto table = ipvs::Table::open();
  if (!table) {
    tell(table.error());
    return false;
  }
  table_.emplace(std::move(*table));
  // What an earlier process left is ended by the first change that wants another.
  if (const auto left = table_->sync_daemons()) {
    for (const auto& daemon : *left) running_.insert(daemon.role);
  }
  return true;
}

void ConnectionSync::tell(const Error& error) {
  if (told_ != error.message) log::error("lvs_sync_daemon: {}", error.message);
  told_ = error.message;
}

}  // namespace xd::daemon
