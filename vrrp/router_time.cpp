// What is due, and when: adverts, master-down timers, and the kernel's keeping of them.
#include <algorithm>
#include <utility>

#include "vrrp/router_parts.h"
#include "vrrp/timing.h"

namespace xd::vrrp {

namespace {

// Where the kernel keeps the down timer, ours only guards against a lost event: it wakes this much later.
constexpr Duration down_timer_guard = 30s;
constexpr Duration down_timer_guard_grid = 500ms;  // many together
constexpr int down_timer_guard_phases = 8;         // but not all
// The kernel's timers of watches run in soft interrupts, which a busy host puts off, now and then by tens of milliseconds. To adverts as
// quick as these that is a whole master-down time: our own timer stands beside the kernel's.
constexpr Duration quick_adverts = 20ms;
// ... and asks in good time whether the kernel still hears, which takes a tenth of a millisecond. The answer counts for longer than this.
constexpr Duration ahead = 2ms;
// A master that has something to send takes along the adverts that are due in a moment, 1/50 of their interval, and from then on they
// are due together: one timer and one system call for all. Not more than a receiver's queue takes.
constexpr int early_part = 50;
constexpr Duration early_most = 20ms;
constexpr std::size_t taken_along_most = 64;
// Work on thousands of instances looks this often whether an advert is due.
constexpr Duration punctual = 500us;

}  // namespace

bool Router::kernel_watches(const Instance& instance) const {
  return instance.state.role == Role::backup && instance.ear && instance.ear->keeps_down_timer();
}

std::optional<TimePoint> Router::timeout_at(const Instance& instance) const {
  if (!instance.state.due || !kernel_watches(instance)) return instance.state.due;
  if (instance.state.master_interval <= quick_adverts)
    return instance.looked_ahead_of == instance.state.due ? *instance.state.due : *instance.state.due - ahead;
  const auto slots = (*instance.state.due + down_timer_guard).time_since_epoch() / down_timer_guard_grid + 1;
  return TimePoint{} + (slots + instance.id % down_timer_guard_phases) * down_timer_guard_grid;
}

std::optional<TimePoint> Router::next() const {
  std::optional<TimePoint> soonest;
  const auto consider = [&soonest](std::optional<TimePoint> at) {
    if (at && (!soonest || *at < *soonest)) soonest = at;
  };
  if (stopped_) return soonest;
  if (!schedule_.empty()) consider(schedule_.begin()->first);
  consider(garp_.next());
  consider(scripts_.next());
  consider(link_states_.next());
  consider(start_at_);
  return soonest;
}

void Router::run() {
  if (stopped_) return;
  Turn turn(*this);
  const TimePoint now = ports_.now();
  if (start_at_ && *start_at_ <= now) {
    start_at_.reset();
    for (auto& instance : instances_) start_if_ready(*instance);
  }
  run_due(Which::all);
  scripts_.run();
  if (const auto lasting = link_states_.run(now); !lasting.empty()) {
    for (const auto& name : lasting) tell_link(name);
    reconsider_all();
  }
}

void Router::run_due(Which which) {
  const TimePoint now = ports_.now();
  due_.clear();
  bool masters_on_time = true;
  bool sends = false;
  for (const auto& [at, instance] : schedule_) {
    if (at > now) break;
    const bool master = instance->state.role == Role::master;
    if (which == Which::masters && (!master || instance->deaf)) continue;
    due_.push_back(instance);
    sends |= master;
    masters_on_time &= master && now - at <= instance->election.interval;
  }
  if (due_.empty()) return;
  if (sends) take_along(now);
  std::sort(due_.begin(), due_.end(), [](const Instance* a, const Instance* b) { return a->place < b->place; });
  for (Instance* instance : due_) {
    if (std::exchange(instance->deaf, false)) tune(*instance);
  }
  // What arrived in time is heard before its absence is believed. A master that is on time believes nothing.
  if (which == Which::all && !masters_on_time) ports_.transport.drain();
  for (Instance* instance : due_) {
    if (const auto at = timeout_at(*instance); at && *at <= now) time_out(*instance);
    if (instance->farewell_at && *instance->farewell_at <= now) say_farewell(*instance);
    schedule(*instance);
  }
}

// Those that are due in a moment become due with the first of the masters that are due now.
void Router::take_along(TimePoint now) {
  const auto first = std::find_if(schedule_.begin(), schedule_.end(), [](const auto& entry) {
    return entry.second->state.role == Role::master && entry.second->state.due == entry.first;
  });
  if (first == schedule_.end() || first->first > now) return;
  for (auto next = schedule_.lower_bound({now + 1ns, nullptr}); next != schedule_.end() && due_.size() < taken_along_most; ++next) {
    const auto& [at, instance] = *next;
    if (at > now + early_most) break;
    if (instance->state.role != Role::master || instance->state.due != at) continue;
    if (at - now > instance->election.interval / early_part) continue;
    instance->state.due = first->first;
    due_.push_back(instance);
  }
}

// In the middle of long work: adverts do not wait for its end.
void Router::keep_time(Which which) {
  if (schedule_.empty() || stopped_) return;
  const TimePoint now = ports_.now();
  if (schedule_.begin()->first > now || now - kept_time_ < punctual) return;
  kept_time_ = now;
  run_due(which);
  flush();
}

// Its state, its ear or what it waits for may have changed.
void Router::schedule(Instance& instance) {
  std::optional<TimePoint> at = timeout_at(instance);
  if (instance.farewell_at && (!at || *instance.farewell_at < *at)) at = instance.farewell_at;
  if (instance.deaf) at = TimePoint{};
  if (at == instance.scheduled) return;
  if (!at) return unschedule(instance);
  if (instance.scheduled) {
    auto place = schedule_.extract({*instance.scheduled, &instance});  // used again: a steady advert allocates nothing
    place.value().first = *at;
    schedule_.insert(std::move(place));
  } else {
    schedule_.insert({*at, &instance});
  }
  instance.scheduled = at;
}

void Router::unschedule(Instance& instance) {
  if (instance.scheduled) schedule_.erase({*instance.scheduled, &instance});
  instance.scheduled.reset();
}

void Router::time_out(Instance& instance) {
  std::optional<Heard> last;
  // A master that is on time has been handed whatever there was to hear.
  const bool late = instance.state.due && ports_.now() - *instance.state.due > instance.election.interval;
  if (instance.ear && (instance.state.role == Role::backup || late)) last = instance.ear->last_heard();
  if (instance.state.due && ports_.now() < *instance.state.due) instance.looked_ahead_of = instance.state.due;
  if (kernel_watches(instance) && is_steady(instance, last)) {
    if (instance.looked_ahead_of == instance.state.due) is_deaf(instance);  // the transport remembers the answer
    return schedule(instance);
  }
  if (is_deaf(instance)) {
    // Its silence says nothing. It is replaced when no ear is in the middle of a call, and listens for a whole
    // master-down time before it believes a silence again.
    instance.deaf = true;
    instance.state.due = ports_.now() + master_down_interval(instance.election.version, instance.state.priority,
                                                             instance.state.master_interval, instance.election.down_timer_adverts);
    return schedule(instance);
  }
  give(instance, Timeout{last});
}

// The guard has looked, and the known master is there as before: nothing for the election, and nothing to tell the kernel.
bool Router::is_steady(Instance& instance, const std::optional<Heard>& last) {
  State& state = instance.state;
  if (!last || last->source != state.master || last->priority != state.master_priority || state.heard_at > last->at) return false;
  const TimePoint lost_at = believe_timeout_at(instance.election, state, last);
  if (lost_at <= ports_.now() || state.preempt_at || state.master_leaving || state.wants_master) return false;
  state.heard_at = last->at;
  state.due = lost_at;
  return true;
}

}  // namespace xd::vrrp
