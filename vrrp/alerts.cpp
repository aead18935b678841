#include "vrrp/alerts.h"

#include <fmt/format.h>

namespace xd::vrrp {

namespace {

std::optional<std::string> ending(Notification what) {
  switch (what) {
    case Notification::master:
    case Notification::backup:
    case Notification::fault: return fmt::format("Entering {} state", name(what));
    case Notification::stop: return "stopping";
    case Notification::deleted: return "deleted";
    default: return std::nullopt;
  }
}

}  // namespace

std::optional<Alert> instance_alert(const std::string& name, Notification what) {
  const auto end = ending(what);
  if (!end) return std::nullopt;
  return Alert{fmt::format("VRRP Instance {} - {}", name, *end),
               what == Notification::master ? "VRRP Instance is now owning VRRP VIPs" : "VRRP Instance is no longer owning VRRP VIPs"};
}

std::optional<Alert> group_alert(const std::string& name, Notification what) {
  const auto end = ending(what);
  if (!end) return std::nullopt;
  const bool is_state = what == Notification::master || what == Notification::backup || what == Notification::fault;
  return Alert{fmt::format("VRRP Group {} - {}", name, *end),
               is_state ? fmt::format("All VRRP group instances are now in {} state", vrrp::name(what))
                        : fmt::format("All VRRP group instances are {}", *end)};
}

}  // namespace xd::vrrp
