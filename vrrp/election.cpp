#include "vrrp/election.h"

#include <algorithm>
#include <utility>

#include "vrrp/timing.h"

namespace xd::vrrp {
namespace {

constexpr std::uint8_t owner_priority = 255;

Duration down_interval(const InstanceConfig& config, const State& state) {
  return master_down_interval(config.version, state.priority, state.master_interval, config.down_timer_adverts);
}

Duration skew(const InstanceConfig& config, const State& state) { return skew_time(config.version, state.priority, state.master_interval); }

// One step in the making: the state as it changes, and what there is to do.
class Machine {
 public:
  Machine(const InstanceConfig& config, const State& state, TimePoint now) : config_(config), now_(now), state_(state) {}

  Step take() && { return Step{state_, actions_}; }
  const State& state() const { return state_; }

  // ---- events

  void on(const Start&) {
    if (state_.role != Role::init) return;
    if (state_.faults.any()) return enter_fault();
    begin(Cause::started, config_.initial_state == conf::WantedState::master);
  }

  void on(const AdvertHeard& event) {
    if (!state_.heard_at || event.heard.at >= *state_.heard_at) hear(event.heard);
  }

  void on(const HeartbeatHeard& event) {
    const Heard& heard = event.heard;
    if (heard.at < state_.since) return;
    if (state_.role == Role::backup) {
      if (heard.priority == 0) {
        if (!state_.master_leaving) state_.due = heard.at + skew(config_, state_);
        state_.master_leaving = true;
      } else if (keeps_backup(config_, state_, heard)) {
        const TimePoint lost_at = heard.at + down_interval(config_, state_);
        if (!state_.due || *state_.due < lost_at || state_.master_leaving) state_.due = lost_at;
        state_.master_leaving = false;
        state_.wants_master = false;
        state_.fencing = false;
      }
    } else if (state_.role == Role::master && heard.priority != 0 &&
               !(config_.owner_ignores_adverts && state_.priority == owner_priority)) {
      const bool better = heard.priority > state_.priority || (heard.priority == state_.priority && heard.source > event.own);
      if (!better) return;  // it hears ours by this link as well
      enter_backup(Cause::better_advert);
      state_.due = heard.at + down_interval(config_, state_);
    }
  }

  void on(const FenceDone& event) {
    if (!std::exchange(state_.fencing, false) || state_.role != Role::backup) return;
    if (event.success) return take_over(Cause::master_silent);
    state_.due = now_ + down_interval(config_, state_);
  }

  void on(const Timeout& event) {
    if (event.last_heard && (!state_.heard_at || event.last_heard->at > *state_.heard_at)) hear(*event.last_heard);
    if (!state_.due || now_ < *state_.due) return;
    if (state_.role == Role::master) {
      if (overslept()) return enter_backup(Cause::overslept);
      actions_.add(Action::send_advert);
      // From the time it was due, so that adverts do not drift; but those missed in a stall are not sent in a burst.
      *state_.due += config_.interval;
      if (*state_.due <= now_) next_advert();
    } else if (state_.role == Role::backup) {
      ripe();
    }
  }

  void on(const PriorityChanged& event) {
    if (event.priority == state_.priority || state_.owner_gave_way) return;
    const Duration old_skew = skew(config_, state_);
    state_.priority = event.priority;
    if (state_.role == Role::backup && state_.due) *state_.due += skew(config_, state_) - old_skew;
    if (state_.role == Role::master) state_.master_priority = state_.priority;
    if (state_.role == Role::backup || state_.role == Role::master) actions_.add(Action::tell_priority);
  }

  void on(const FaultsChanged& event) {
    state_.faults = event.faults;
    if (state_.role == Role::init) return;
    if (state_.faults.any() && state_.role != Role::fault) enter_fault();
    if (!state_.faults.any() && state_.role == Role::fault) begin(Cause::fault_cleared, true);
  }

  void on(const AddressLost& event) {
    if (state_.role != Role::master) return;
    actions_.add(Action::send_priority_zero);
    enter_backup(event.by_another ? Cause::sync_group : Cause::address_lost);
    state_.due = now_ + skew(config_, state_);
  }

  void on(const GroupMaster&) {
    if (state_.role == Role::backup) enter_master(Cause::sync_group);
  }

  void on(const GroupBackup&) {
    if (state_.role == Role::master) enter_backup(Cause::sync_group);
  }

  void on(const Stop&) {
    if (state_.role == Role::init) return;
    if (state_.role == Role::master) actions_.add(Action::send_priority_zero);
    enter(Role::init, Cause::stopped, Action::become_init);
  }

  // An advert that this instance may believe, whatever its role.
  void hear(const Heard& heard) {
    if (state_.role != Role::backup && state_.role != Role::master) return;
    if (heard.at < state_.since) return;  // before a fault, as somebody else's backup: it says nothing about now
    state_.heard_at = heard.at;
    if (state_.role == Role::backup)
      hear_as_backup(heard);
    else
      hear_as_master(heard);
  }

 private:
  void hear_as_backup(const Heard& heard) {
    if (state_.owner_gave_way && (heard.priority != owner_priority || heard.source != state_.rival_owner)) be_owner_again();
    if (heard.priority == 0) {
      // Only the master can leave. Another that stops (the loser of a split brain) says nothing about it; and repeating
      // the message must not put the takeover off.
      if (!state_.master.is_unset() && state_.master != heard.source) return;
      if (!state_.master_leaving) state_.due = heard.at + skew(config_, state_);
      state_.master_leaving = true;
      state_.preempt_at.reset();
      return;
    }
    const bool counts = keeps_backup(config_, state_, heard);
    follow(heard);
    state_.fencing = false;
    if (!counts) return;  // to be preempted: the timer runs on
    state_.wants_master = false;
    state_.due = heard.at + down_interval(config_, state_);
    if (heard.priority >= state_.priority)
      state_.preempt_at.reset();
    else if (config_.preempt && config_.preempt_delay > 0s && !state_.preempt_at)
      state_.preempt_at = heard.at + config_.preempt_delay;
  }

  void hear_as_master(const Heard& heard) {
    if (heard.source == config_.source) return;
    if (config_.owner_ignores_adverts && state_.priority == owner_priority) return;
    if (heard.priority == 0) {  // it goes: its listeners shall hear at once that we are here
      actions_.add(Action::send_advert);
      next_advert();
      return;
    }
    const bool better = heard.priority > state_.priority || (heard.priority == state_.priority && heard.source > config_.source);
    if (better) {
      if (config_.higher_prio_send_advert) actions_.add(Action::send_advert);
      enter_backup(Cause::better_advert);
      // From the moment it was there to be heard: who slept through it has the adverts after it still to read.
      state_.since = std::min(now_, heard.at);
      follow(heard);
      state_.due = heard.at + down_interval(config_, state_);
      return;
    }
    // Whoever sends lower adverts without end has been told: he gets no more than ten answers an interval.
    const bool just_told = state_.due && now_ - (*state_.due - config_.interval) < config_.interval / 10;
    if (!config_.lower_prio_no_advert && !just_told) {
      actions_.add(Action::send_advert);
      next_advert();
    }
    if (heard.priority == owner_priority && two_owners(heard)) return;
    actions_.add(Action::announce_again);
    actions_.add(Action::tell_lower_priority);
  }

  // Its address is the lower one, so it should give way when it hears us. If it does not by the second advert from now, and some time
  // for it to be heard, somebody has to: better one master than two owners.
  bool two_owners(const Heard& heard) {
    const bool is_known = state_.rival_owner == heard.source && heard.at < state_.rival_until + 3 * config_.interval;
    if (!is_known) {
      state_.rival_owner = heard.source;
      state_.rival_until = heard.at + 2 * config_.interval + std::max(config_.interval, heard.interval) * 6 / 5;
      return false;
    }
    if (heard.at < state_.rival_until) return false;
    state_.priority = owner_priority - 1;
    enter_backup(Cause::rival_owner);
    state_.owner_gave_way = true;
    state_.rival_owner = heard.source;
    follow(heard);
    state_.due = heard.at + down_interval(config_, state_);
    return true;
  }

  void be_owner_again() {
    state_.owner_gave_way = false;
    state_.rival_owner = {};
    state_.priority = owner_priority;
    actions_.add(Action::tell_priority);
  }

  // Our last advert left so long ago that the highest other router has taken over, if there is one.
  bool overslept() const {
    if (config_.timer_expired_backup == 0 || config_.preempt) return false;
    const TimePoint last_sent = *state_.due - config_.interval;
    return now_ - last_sent > master_down_interval(config_.version, config_.timer_expired_backup, config_.interval);
  }

  void follow(const Heard& heard) {
    state_.master = heard.source;
    state_.master_priority = heard.priority;
    state_.master_leaving = false;
    if (config_.version == 3) state_.master_interval = heard.interval;
  }

  // The down timer has run out.
  void ripe() {
    const bool beside_a_lower =
        state_.heard_at && now_ - *state_.heard_at < down_interval(config_, state_) && state_.master_priority < state_.priority;
    const Cause cause = state_.master_leaving ? Cause::master_left : beside_a_lower ? Cause::preempted : Cause::master_silent;
    if (cause != Cause::master_silent || config_.fence_limit == 0s || state_.wants_master) return take_over(cause);
    if (std::exchange(state_.fencing, true)) {  // it has not answered
      state_.fencing = false;
      state_.due = now_ + down_interval(config_, state_);
      return;
    }
    actions_.add(Action::fence);
    state_.due = now_ + config_.fence_limit + 5s;
  }

  void take_over(Cause cause) {
    if (!config_.in_sync_group) return enter_master(cause);
    state_.wants_master = true;
    state_.due = now_ + down_interval(config_, state_);
  }

  void begin(Cause cause, bool owner_at_once) {
    if (owner_at_once && state_.priority == owner_priority) {
      if (!config_.in_sync_group) return enter_master(Cause::owner);
      enter_backup(cause);
      state_.due = now_;
      return;
    }
    enter_backup(cause);
  }

  void enter(Role role, Cause cause, Action action) {
    state_.role = role;
    state_.cause = cause;
    state_.since = now_;
    state_.due.reset();
    state_.preempt_at.reset();
    state_.wants_master = false;
    state_.master_leaving = false;
    state_.fencing = false;
    state_.master = {};
    state_.master_priority = 0;
    state_.master_interval = config_.interval;
    actions_.add(action);
  }

  void enter_master(Cause cause) {
    if (state_.owner_gave_way) be_owner_again();
    actions_.add(Action::send_advert);  // before the addresses: the sooner others hear it, the fewer try as well
    enter(Role::master, cause, Action::become_master);
    state_.master = config_.source;
    state_.master_priority = state_.priority;
    next_advert();
  }

  void enter_backup(Cause cause) {
    enter(Role::backup, cause, Action::become_backup);
    state_.due = now_ + down_interval(config_, state_);
  }

  void enter_fault() {
    if (state_.role == Role::master) actions_.add(Action::send_priority_zero);
    enter(Role::fault, Cause::fault, Action::become_fault);
  }

  void next_advert() { state_.due = now_ + config_.interval; }

  const InstanceConfig& config_;
  const TimePoint now_;
  State state_;
  Actions actions_;
};

}  // namespace

std::string_view name(Role role) {
  switch (role) {
    case Role::init: return "INIT";
    case Role::backup: return "BACKUP";
    case Role::master: return "MASTER";
    case Role::fault: return "FAULT";
  }
  return "";
}

std::string_view sentence(Cause cause) {
  switch (cause) {
    case Cause::started: return "it was started";
    case Cause::owner: return "it owns its addresses (priority 255)";
    case Cause::master_silent: return "no advert was heard for the master-down interval";
    case Cause::master_left: return "the master stepped down with priority 0";
    case Cause::preempted: return "the master's priority was lower";
    case Cause::better_advert: return "a better advert was heard";
    case Cause::fault: return "it is in fault";
    case Cause::fault_cleared: return "its faults are cleared";
    case Cause::sync_group: return "its sync group changed";
    case Cause::rival_owner: return "another router says it owns the addresses (priority 255) and does not give way";
    case Cause::overslept: return "its adverts were late, and another has taken over by now";
    case Cause::address_lost: return "an address or route of it was removed by somebody else";
    case Cause::stopped: return "it was stopped";
    case Cause::resumed: return "its process was restarted and went on";
  }
  return "";
}

std::string_view name(Action action) {
  switch (action) {
    case Action::send_advert: return "send_advert";
    case Action::send_priority_zero: return "send_priority_zero";
    case Action::fence: return "fence";
    case Action::become_master: return "become_master";
    case Action::become_backup: return "become_backup";
    case Action::become_fault: return "become_fault";
    case Action::become_init: return "become_init";
    case Action::announce_again: return "announce_again";
    case Action::tell_lower_priority: return "tell_lower_priority";
    case Action::tell_priority: return "tell_priority";
  }
  return "";
}

bool Actions::has(Action action) const { return std::find(begin(), end(), action) != end(); }

InstanceConfig config_of(const conf::VrrpInstance& instance, const IpAddress& source, bool in_sync_group) {
  return InstanceConfig{.version = instance.version,
                        .interval = wire_interval(instance.version, instance.advert_interval),
                        .down_timer_adverts = instance.down_timer_adverts,
                        .initial_state = instance.initial_state,
                        .preempt = !instance.nopreempt,
                        .preempt_delay = instance.preempt_delay,
                        .lower_prio_no_advert = instance.lower_prio_no_advert,
                        .higher_prio_send_advert = instance.higher_prio_send_advert,
                        .owner_ignores_adverts = instance.owner_ignores_adverts,
                        .timer_expired_backup = instance.timer_expired_backup,
                        .in_sync_group = in_sync_group,
                        .source = source};
}

State initial_state(const InstanceConfig& config, std::uint8_t priority) {
  State state;
  state.priority = priority;
  state.master_interval = config.interval;
  return state;
}

Step step(const InstanceConfig& config, const State& state, const Event& event, TimePoint now) {
  Machine machine(config, state, now);
  std::visit([&](const auto& e) { machine.on(e); }, event);
  return std::move(machine).take();
}

bool keeps_backup(const InstanceConfig& config, const State& state, const Heard& heard) {
  if (!config.preempt || heard.priority >= state.priority) return true;
  return config.preempt_delay > 0s && (!state.preempt_at || heard.at < *state.preempt_at);
}

TimePoint believe_timeout_at(const InstanceConfig& config, const State& state, const std::optional<Heard>& last_heard) {
  Machine machine(config, state, TimePoint{});
  if (last_heard && (!state.heard_at || last_heard->at > *state.heard_at)) machine.hear(*last_heard);
  return machine.state().due.value_or(TimePoint::max());
}

State resume(const InstanceConfig& config, const Remembered& remembered, TimePoint now) {
  State state = initial_state(config, remembered.priority);
  if (remembered.role != Role::master && remembered.role != Role::backup) return state;
  state.role = remembered.role;
  state.cause = Cause::resumed;
  state.since = remembered.since;
  const auto& heard = remembered.last_heard;
  if (state.role == Role::master) {
    state.master = config.source;
    state.master_priority = state.priority;
    state.due = now;
    // What was heard long ago was answered long ago; what is fresh, the first Timeout brings along and hears.
    if (heard && now - heard->at > down_interval(config, state)) state.heard_at = heard->at;
    return state;
  }
  state.due = now + down_interval(config, state);
  if (heard) {
    Machine machine(config, state, now);
    machine.hear(*heard);
    state = machine.state();
  }
  return state;
}

}  // namespace xd::vrrp
