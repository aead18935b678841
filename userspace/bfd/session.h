// One BFD session (RFC 5880, asynchronous mode without echo): received packets and the time in, packets to send and the next state
// out. Nothing in it sends, sleeps or logs.
//
//          Down ──hears Down──► Init ──hears Init or Up──► Up
//            └──────────hears Init──────────────────────────┘
//   Init, Up ──silence for the detection time──► Down        Up ──hears Down──► Down
//   any      ──hears AdminDown──► Down
//
// While it is not up it sends every idle_tx (at least a second: 6.8.3); its way to min_tx, once up, is a poll sequence. Intervals
// are 75 to 100 % of what was agreed (6.8.7), and what changes the state leaves at once.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/time.h"
#include "bfd/packet.h"

namespace xd::bfd {

struct SessionConfig {
  Duration min_tx = 10ms;  // while up
  Duration idle_tx = 1s;   // else
  Duration min_rx = 10ms;
  std::uint8_t multiplier = 5;
  bool passive = false;  // sends nothing before it has heard the neighbour
  bool operator==(const SessionConfig&) const = default;
};

// What the neighbour has said.
struct Remote {
  std::uint32_t discriminator = 0;  // 0: unknown
  SessionState state = SessionState::down;
  std::uint32_t min_rx = 1;      // microseconds (6.8.1)
  std::uint32_t desired_tx = 0;  // microseconds
  std::uint8_t multiplier = 0;
  bool demand = false;
  bool operator==(const Remote&) const = default;
};

class Session {
 public:
  // Packets that a step asks for, at most one of each: the answer to a poll leaves beside the regular one.
  struct Step {
    std::optional<Packet> packet, answer;
    bool state_changed = false;
  };
  // A number from 0 to 1, for the jitter.
  using Random = std::function<double()>;

  Session(const SessionConfig& config, std::uint32_t discriminator, Random random, TimePoint now);

  Step receive(const Packet& packet, TimePoint now);
  // To be called at next().
  Step run(TimePoint now);
  std::optional<TimePoint> next() const;
  // Another configuration for the same neighbour: a poll sequence tells it while the session is up (6.8.3).
  void reconfigure(const SessionConfig& config, TimePoint now);
  // Goes on where an earlier process stopped, as if a packet had been heard now.
  void resume(SessionState state, const Remote& remote, TimePoint now);
  // The last packet of a session that is taken out of service (6.8.16).
  Packet farewell() const;

  SessionState state() const { return state_; }
  Diagnostic diagnostic() const { return diagnostic_; }
  const Remote& remote() const { return remote_; }
  std::uint32_t discriminator() const { return discriminator_; }
  Duration transmit_interval() const;  // without jitter
  Duration detection_time() const;     // 0: unknown

 private:
  Packet packet() const;
  void become(SessionState state, Diagnostic diagnostic, Step& step, TimePoint now);
  void schedule(TimePoint now);
  bool may_send() const;
  Duration wanted_tx() const { return state_ == SessionState::up ? config_.min_tx : config_.idle_tx; }

  SessionConfig config_;
  std::uint32_t discriminator_;
  Random random_;
  SessionState state_ = SessionState::down;
  Diagnostic diagnostic_ = Diagnostic::none;
  Remote remote_;
  bool polling_ = false;
  // In force until a poll sequence has ended: a slower rate of ours, a faster one of the neighbour's.
  Duration sending_;    // the interval we send at, as far as it is ours
  Duration receiving_;  // the interval we count on
  std::optional<TimePoint> send_at_, silent_at_;
};

}  // namespace xd::bfd
