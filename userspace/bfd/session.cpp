#include "bfd/session.h"

#include <algorithm>
#include <utility>

namespace xd::bfd {

namespace {

constexpr Duration slowest_start = 1s;  // 6.8.3: not up, not faster than this

std::uint32_t microseconds(Duration d) { return static_cast<std::uint32_t>(d / 1us); }
Duration from_microseconds(std::uint32_t us) { return us * 1us; }

SessionConfig sound(SessionConfig config) {
  config.idle_tx = std::max(config.idle_tx, slowest_start);
  return config;
}

}  // namespace

Session::Session(const SessionConfig& config, std::uint32_t discriminator, Random random, TimePoint now)
    : config_(sound(config)),
      discriminator_(discriminator),
      random_(std::move(random)),
      sending_(config_.idle_tx),
      receiving_(config_.min_rx) {
  schedule(now);
}

Duration Session::transmit_interval() const { return std::max(sending_, from_microseconds(remote_.min_rx)); }

Duration Session::detection_time() const { return remote_.multiplier * std::max(receiving_, from_microseconds(remote_.desired_tx)); }

// 6.8.7
bool Session::may_send() const {
  if (remote_.discriminator == 0 && config_.passive) return false;
  if (remote_.min_rx == 0) return false;
  return !(remote_.demand && state_ == SessionState::up && remote_.state == SessionState::up && !polling_);
}

void Session::schedule(TimePoint now) {
  if (!may_send()) {
    send_at_.reset();
    return;
  }
  const double most = config_.multiplier == 1 ? 0.9 : 1.0;
  const double part = 0.75 + (most - 0.75) * random_();
  send_at_ = now + Duration(static_cast<Duration::rep>(static_cast<double>(transmit_interval().count()) * part));
}

Packet Session::packet() const {
  Packet p;
  p.state = state_;
  p.diagnostic = diagnostic_;
  p.poll = polling_;
  p.multiplier = config_.multiplier;
  p.my_discriminator = discriminator_;
  p.your_discriminator = remote_.discriminator;
  p.desired_min_tx = microseconds(wanted_tx());
  p.required_min_rx = microseconds(config_.min_rx);
  return p;
}

Packet Session::farewell() const {
  Packet p = packet();
  p.state = SessionState::admin_down;
  p.diagnostic = Diagnostic::administratively_down;
  p.poll = false;
  return p;
}

void Session::become(SessionState state, Diagnostic diagnostic, Step& step, TimePoint now) {
  if (state == state_) return;
  const bool was_up = std::exchange(state_, state) == SessionState::up;
  diagnostic_ = diagnostic;
  step.state_changed = true;
  // A faster rate may begin at once, and a slower one too while the session is not up; the neighbour is told by a poll sequence.
  sending_ = wanted_tx();
  receiving_ = config_.min_rx;
  polling_ = state == SessionState::up && config_.min_tx != config_.idle_tx;
  if (was_up) polling_ = false;
  if (may_send()) step.packet = packet();
  schedule(now);
}

Session::Step Session::receive(const Packet& p, TimePoint now) {
  Step step;
  const Duration interval = transmit_interval();
  const bool could_send = may_send();
  remote_ = {p.my_discriminator, p.state, p.required_min_rx, p.desired_min_tx, p.multiplier, p.demand};
  if (p.final && polling_) {
    polling_ = false;
    sending_ = wanted_tx();
    receiving_ = config_.min_rx;
  }
  if (p.state == SessionState::admin_down) {
    if (state_ != SessionState::down) become(SessionState::down, Diagnostic::neighbor_signaled_down, step, now);
  } else if (state_ == SessionState::down) {
    if (p.state == SessionState::down) become(SessionState::init, Diagnostic::none, step, now);
    if (p.state == SessionState::init) become(SessionState::up, Diagnostic::none, step, now);
  } else if (state_ == SessionState::init) {
    if (p.state == SessionState::init || p.state == SessionState::up) become(SessionState::up, Diagnostic::none, step, now);
  } else if (p.state == SessionState::down) {
    become(SessionState::down, Diagnostic::neighbor_signaled_down, step, now);
  }
  silent_at_ = now + detection_time();
  if (p.poll) {
    step.answer = packet();
    step.answer->poll = false;
    step.answer->final = true;
  }
  if (!step.state_changed && (transmit_interval() != interval || may_send() != could_send)) {
    // A shorter interval does not wait for the end of a longer one.
    const auto due = send_at_;
    schedule(now);
    if (due && send_at_ && *due < *send_at_) send_at_ = due;
  }
  return step;
}

Session::Step Session::run(TimePoint now) {
  Step step;
  if (silent_at_ && *silent_at_ <= now) {
    silent_at_.reset();
    remote_.discriminator = 0;  // 6.8.1
    remote_.demand = false;
    if (state_ == SessionState::init || state_ == SessionState::up) {
      become(SessionState::down, Diagnostic::detection_time_expired, step, now);
    }
    if (!may_send()) send_at_.reset();
  }
  if (send_at_ && *send_at_ <= now) {
    step.packet = packet();
    schedule(now);
  }
  return step;
}

std::optional<TimePoint> Session::next() const {
  if (!send_at_) return silent_at_;
  return silent_at_ ? std::min(*send_at_, *silent_at_) : *send_at_;
}

void Session::reconfigure(const SessionConfig& wanted, TimePoint now) {
  const SessionConfig config = sound(wanted);
  if (config == config_) return;
  config_ = config;
  if (state_ == SessionState::up) {
    // 6.8.3: while up, we do not send more slowly nor count on more than the neighbour knows.
    sending_ = std::min(sending_, config_.min_tx);
    receiving_ = std::max(receiving_, config_.min_rx);
    polling_ = true;
  } else {
    sending_ = config_.idle_tx;
    receiving_ = config_.min_rx;
  }
  schedule(now);
}

void Session::resume(SessionState state, const Remote& remote, TimePoint now) {
  state_ = state;
  remote_ = remote;
  sending_ = wanted_tx();
  receiving_ = config_.min_rx;
  if (remote_.discriminator != 0) silent_at_ = now + detection_time();
  send_at_.reset();
  if (may_send()) send_at_ = now;
}

}  // namespace xd::bfd
