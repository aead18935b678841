// The BFD role: a session for each bfd_instance, its sockets and timers, and what others are told of it.
//
// Others believe what a session says, so what they are told is more careful than the session: after this process was replaced or
// stood still, a session that goes down is reported only when it has not come up again within a few seconds. The neighbour has
// noticed our silence, not we its.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/loop.h"
#include "base/result.h"
#include "bfd/session.h"
#include "conf/model.h"

namespace xd::bfd {

struct SessionSnapshot {
  std::string name;
  std::uint32_t discriminator = 0;
  int state = 0;  // SessionState
  Remote remote;
  bool reported_up = false;
};
struct Snapshot {
  std::vector<SessionSnapshot> sessions;
};

struct SessionStatus {
  std::string name;
  IpAddress neighbor;
  SessionState state = SessionState::down;
  SessionState remote_state = SessionState::down;
  Diagnostic diagnostic = Diagnostic::none;
  bool reported_up = false;
  TimePoint since{};
  Duration transmit_interval{}, detection_time{};
  std::uint64_t sent = 0, received = 0, went_down = 0;
};

class Engine {
 public:
  // By name: is the session up, as others are to believe it.
  using Report = std::function<void(const std::map<std::string, bool>& sessions)>;
  Engine(Loop& loop, Report report);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Two phases, as in the other engines.
  Status prepare(const conf::Model& model);
  void commit();
  void abort();
  void resume(const Snapshot& snapshot);
  Snapshot snapshot() const;
  std::vector<SessionStatus> status() const;
  std::map<std::string, std::uint64_t> rejects() const;  // by name(Reject); only those above 0
  std::map<std::string, bool> reported() const;
  std::string dump() const;
  // Neighbours hear that the sessions are administratively down.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace xd::bfd
