// IPVS's connection synchronization (lvs_sync_daemon): starts and stops the kernel's sender and receiver.
//
// With an instance it belongs to the vrrp process, which runs the sender while the instance is master and the receiver
// otherwise. Without one it belongs to the checkers process, which runs both. What is refused is logged once.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "conf/model.h"
#include "ipvs/ipvs.h"

namespace xd::daemon {

class ConnectionSync {
 public:
  // Makes exactly these run, as `wanted` says; what runs otherwise than it says is started anew. Nothing wanted: stops both, if we
  // started any.
  void run(const std::optional<conf::LvsSyncDaemon>& wanted, std::uint8_t default_id, const std::set<ipvs::SyncRole>& roles);
  void stop() { run(std::nullopt, 0, {}); }

 private:
  bool open();
  void tell(const Error& error);

  std::optional<ipvs::Table> table_;
  std::optional<ipvs::SyncDaemon> running_as_;  // its role means nothing
  std::set<ipvs::SyncRole> running_;
  std::string told_;
};

}  // namespace xd::daemon
