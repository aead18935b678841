// What the dumps of data and of JSON have in common.
#pragma once

#include <string>
#include <vector>

#include "base/time.h"
#include "vrrp/instance.h"
#include "vrrp/notify.h"

namespace xd::vrrp {

double wall_clock(TimePoint at, TimePoint now);

// "192.0.2.10/24 dev eth0 scope global set"
std::string dumped_address(const VirtualAddresses::Entry& entry, const std::string& interface);

std::string dumped_route(const conf::VirtualRoute& route);
std::string dumped_rule(const conf::VirtualRule& rule);

// "'/bin/true' 'one word'"
std::string quoted(const std::vector<std::string>& words);

// The scripts of states, as keepalived calls them in its data and in its JSON, in its order.
struct StateScript {
  Notification what;
  const char* words;
  const char* key;
};
inline constexpr StateScript state_scripts[] = {
    {Notification::backup, "Backup state transition", "script_backup"},
    {Notification::master, "Master state transition", "script_master"},
    {Notification::fault, "Fault state transition", "script_fault"},
    {Notification::stop, "Stop state transition", "script_stop"},
    {Notification::deleted, "Deleted state transition", "script_deleted"},
    {Notification::master_rx_lower_priority, "Master rx lower pri", "script_master_rx_lower_pri"},
};

}  // namespace xd::vrrp
