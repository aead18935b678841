#include "vrrp/notify.h"

#include <fmt/core.h>

#include <algorithm>
#include <tuple>

namespace xd::vrrp {

std::string_view name(Notification what) {
  switch (what) {
    case Notification::master: return "MASTER";
    case Notification::backup: return "BACKUP";
    case Notification::fault: return "FAULT";
    case Notification::stop: return "STOP";
    case Notification::deleted: return "DELETED";
    case Notification::master_rx_lower_priority: return "MASTER_RX_LOWER_PRI";
    case Notification::master_priority: return "MASTER_PRIORITY";
    case Notification::backup_priority: return "BACKUP_PRIORITY";
  }
  return "";
}

namespace {

bool is_for_scripts(Notification what) {
  return what != Notification::master_rx_lower_priority && what != Notification::master_priority && what != Notification::backup_priority;
}

}  // namespace

std::string fifo_line(Notification what, std::string_view kind, std::string_view who, unsigned priority) {
  return fmt::format("{} \"{}\" {} {}\n", kind, who, name(what), priority);
}

Notify::Notify(const conf::NotifyScripts& scripts, const ScriptSecurity& security, const std::string& whose,
               std::vector<std::string>& problems) {
  const auto resolve = [&](const conf::Script& script, std::string_view keyword, auto take) {
    if (!script) return;
    if (auto command = resolve_script(script, security)) {
      take(std::move(*command));
    } else {
      problems.push_back("(" + whose + ") " + std::string(keyword) + " is not run: " + command.error().message);
    }
  };
  const auto state = [&](Notification what, const conf::Script& script, std::string_view keyword) {
    resolve(script, keyword, [&](Command command) { of_state_.emplace_back(what, std::move(command)); });
  };
  state(Notification::master, scripts.master, "notify_master");
  state(Notification::backup, scripts.backup, "notify_backup");
  state(Notification::fault, scripts.fault, "notify_fault");
  state(Notification::stop, scripts.stop, "notify_stop");
  state(Notification::deleted, scripts.deleted, "notify_deleted");
  state(Notification::master_rx_lower_priority, scripts.master_rx_lower_pri, "notify_master_rx_lower_pri");
  resolve(scripts.any, "notify", [&](Command command) { any_ = std::move(command); });
}

const Command* Notify::of_state(Notification what) const {
  const auto own = std::find_if(of_state_.begin(), of_state_.end(), [what](const auto& entry) { return entry.first == what; });
  return own == of_state_.end() ? nullptr : &own->second;
}

std::vector<Command> Notify::commands(Notification what, std::string_view kind, const std::string& who, unsigned priority) const {
  std::vector<Command> out;
  if (const Command* own = of_state(what)) out.push_back(*own);
  if (!any_.words.empty() && is_for_scripts(what)) {
    Command general = any_;
    general.words.insert(general.words.end(), {std::string(kind), who, std::string(name(what)), std::to_string(priority)});
    out.push_back(std::move(general));
  }
  return out;
}

std::vector<NotifyFifo::Definition> fifos_of(const conf::Global& global, const ScriptSecurity& security,
                                             std::vector<std::string>& problems) {
  std::vector<NotifyFifo::Definition> out;
  for (const conf::Fifo* fifo : {&global.notify_fifo, &global.vrrp_notify_fifo}) {
    if (!*fifo) continue;
    NotifyFifo::Definition definition{.path = fifo->path, .uid = {}, .gid = {}, .reader = {}};
    if (auto owner = fifo_owner(fifo->user, fifo->group)) {
      std::tie(definition.uid, definition.gid) = *owner;
    } else {
      problems.push_back("FIFO " + fifo->path + " stays ours: " + owner.error().message);
    }
    if (fifo->reader) {
      if (auto command = resolve_script(fifo->reader, security)) {
        definition.reader = std::move(*command);
      } else {
        problems.push_back("FIFO " + fifo->path + " gets no reader: " + command.error().message);
      }
    }
    out.push_back(std::move(definition));
  }
  return out;
}

}  // namespace xd::vrrp
