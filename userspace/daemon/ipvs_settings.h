// What the operator has set of net.ipv4.vs.* and the packet path follows, so that a host that is used to IPVS need not be told anything twice. A
// line in the xdirector block counts more, and for the packet path alone. docs/dataplane.md has the list of all settings. Pure, but for read_setting().
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "conf/model.h"
#include "datapath/datapath.h"
#include "plan/director.h"

namespace xd::daemon {

// The number under a name below /proc/sys/net/ipv4, as this network namespace has it; nothing where there is none.
using ReadSetting = std::function<std::optional<std::uint32_t>(const std::string& name)>;
std::optional<std::uint32_t> read_setting(const std::string& name);

struct PathSettings {
  datapath::Behaviour behaviour;
  std::uint32_t drop_entry = 0;
  std::uint32_t amemthresh = 1024;  // pages
  bool operator==(const PathSettings&) const = default;
};
PathSettings path_settings(const conf::Xdirector& wanted, const ReadSetting& read);

// Why a service whose engine is automatic is better served by IPVS alone; nothing where it is not.
plan::Director::LeftToIpvs left_to_ipvs(const conf::Global& global, const ReadSetting& read);

}  // namespace xd::daemon
