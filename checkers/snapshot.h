// What a restarted checkers process must know so that nothing moves in the tables: which checkers are up and what they make of
// weights, which service has its quorum, and in which order the destinations were added. Plain values, for the daemon to carry from one
// process to the next.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/lvs.h"
#include "base/time.h"
#include "checkers/health.h"

namespace xd::checkers {

struct CheckerSnapshot {
  std::string identity;  // checkers::identity(): what is checked and how; another configuration does not inherit
  Health health;
  std::optional<std::uint32_t> weight_asked = {};  // of a MISC_CHECK; what files add is read from them
  std::string why_down = {};                       // the last outcome of one that is down, for those who ask before the next
  bool operator==(const CheckerSnapshot&) const = default;
};

struct ServerSnapshot {
  Endpoint endpoint;
  TimePoint since;  // of the last change between up and down
  std::vector<CheckerSnapshot> checkers;
  bool operator==(const ServerSnapshot&) const = default;
};

struct ServiceSnapshot {
  lvs::ServiceKey key;
  bool quorum_up = false;
  std::vector<Endpoint> order;  // lvs::Service::order
  std::vector<ServerSnapshot> servers;
  bool operator==(const ServiceSnapshot&) const = default;
};

struct Snapshot {
  std::vector<ServiceSnapshot> services;
  bool operator==(const Snapshot&) const = default;
};

}  // namespace xd::checkers
