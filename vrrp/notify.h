// Who is told when an instance or a sync group changes, and in which words: notify scripts, and the lines of the FIFOs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/notify_fifo.h"
#include "base/process.h"
#include "conf/model.h"
#include "vrrp/scripts.h"

namespace xd::vrrp {

enum class Notification { master, backup, fault, stop, deleted, master_rx_lower_priority, master_priority, backup_priority };
std::string_view name(Notification what);  // "MASTER", "MASTER_RX_LOWER_PRI": the words scripts get

// What FIFOs hear, keepalived's form with the name in quotes: `INSTANCE "VI_1" MASTER 100` and a newline.
std::string fifo_line(Notification what, std::string_view kind, std::string_view who, unsigned priority);

// conf::NotifyScripts, looked up and checked. A script that cannot be run is dropped with a sentence in `problems`.
class Notify {
 public:
  Notify() = default;
  Notify(const conf::NotifyScripts& scripts, const ScriptSecurity& security, const std::string& whose, std::vector<std::string>& problems);

  // In the order to start them: the script of the state, without words of ours; then the general one, which gets "INSTANCE" or
  // "GROUP", the name, the state and the priority (of a group: 0). MASTER_RX_LOWER_PRI has its own script only, MASTER_PRIORITY
  // and BACKUP_PRIORITY none: they are for FIFOs.
  std::vector<Command> commands(Notification what, std::string_view kind, const std::string& who, unsigned priority) const;
  // For dumps, without words of ours; null: none.
  const Command* of_state(Notification what) const;
  const Command* general() const { return any_.words.empty() ? nullptr : &any_; }

 private:
  std::vector<std::pair<Notification, Command>> of_state_;
  Command any_;  // no words: none
};

// notify_fifo and vrrp_notify_fifo. An owner or a reader that cannot be is left out, with a sentence in `problems`.
std::vector<NotifyFifo::Definition> fifos_of(const conf::Global& global, const ScriptSecurity& security,
                                             std::vector<std::string>& problems);

}  // namespace xd::vrrp
