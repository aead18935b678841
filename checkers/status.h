// What `xdirector status` shows of the health checks. Plain values; times are CLOCK_MONOTONIC.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/lvs.h"
#include "base/time.h"

namespace xd::checkers {

struct CheckerStatus {
  std::string kind;          // keepalived.conf's word: "TCP_CHECK", "HTTP_GET", "SSL_GET"
  Endpoint target;           // where it connects
  bool up = false;           // what is believed, after retries
  bool has_run = false;      // false: the belief is the initial one
  std::string last_outcome;  // a sentence fragment: "refused", "status 503"; empty before the first attempt
  std::optional<TimePoint> last_time;
  TimePoint next_time;             // of the next attempt; in the past while one is under way
  std::uint64_t runs = 0;          // attempts finished
  std::uint64_t failures = 0;      // of these, not good
  unsigned failures_in_a_row = 0;  // while it is still believed up; one more than `retry` takes it down
  unsigned retry = 0;
};

struct ServerStatus {
  Endpoint endpoint;  // as in the table: DR and TUN servers have the service's port
  lvs::Forward forward = lvs::Forward::nat;
  std::uint32_t weight = 1;            // configured
  std::uint32_t effective_weight = 1;  // in the table, as checkers have changed it; 0 when inhibited or not in the table
  bool up = false;
  bool in_table = false;  // false: removed, or replaced by the sorry server
  TimePoint since;        // of the last change of `up`
  std::vector<CheckerStatus> checkers;
};

struct SorryStatus {
  Endpoint endpoint;
  lvs::Forward forward = lvs::Forward::nat;
  bool in_use = false;
};

struct ServiceStatus {
  lvs::ServiceKey key;
  lvs::Scheduler scheduler = lvs::Scheduler::wlc;
  std::uint32_t persistence_seconds = 0;
  std::uint32_t quorum = 1;
  std::uint32_t hysteresis = 0;
  std::uint64_t live_weight = 0;  // sum over servers that are up
  bool quorum_up = false;
  bool suspended = false;  // ha_suspend: nobody is asked, since the address is not on this host
  std::optional<SorryStatus> sorry;
  std::vector<ServerStatus> servers;  // in file order
};

struct EngineStatus {
  std::vector<ServiceStatus> services;  // in file order
};

}  // namespace xd::checkers
