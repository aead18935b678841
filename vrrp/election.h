// One VRRP instance's election, free of I/O: an event and the time in, the next state and what to do out.
//
//             Start                      Timeout (master silent)
//   INIT ───────────────► BACKUP ─────────────────────────────────► MASTER
//     │   owner ──────────────────────────────────────────────────►   │
//     │                    ▲  └── better advert, group, address lost ◄┘
//     └──► FAULT ──────────┘       any role ── fault ──► FAULT (a master sends priority 0 first)
//
// Behaviour is keepalived's (RFC 9568, section 6.4, where that is silent). The engine keeps one timer per instance, at
// State::due; it gives Timeout when that has passed. step() may be called at any time with any event: what cannot matter
// in a role is ignored.
//
// Who is late is never believed. Every advert carries the time at which the kernel saw it, timers run from that time, and a
// Timeout brings along the last advert that the transport has seen (the XDP watch notes it even while this process is
// frozen), so that a process that slept through ten adverts does not mistake its own absence for the master's.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "base/ip.h"
#include "base/time.h"
#include "conf/model.h"
#include "vrrp/priority.h"

namespace xd::vrrp {

enum class Role : std::uint8_t { init, backup, master, fault };
inline constexpr std::size_t role_count = 4;
std::string_view name(Role role);  // "INIT", "BACKUP", "MASTER", "FAULT"

// Why the instance is in its role: for the log, `xdirector status` and the notify scripts' readers.
enum class Cause : std::uint8_t {
  started,
  owner,          // priority 255
  master_silent,  // nothing heard for the master-down interval
  master_left,    // it sent priority 0
  preempted,      // we took over from a lower priority
  better_advert,  // higher priority, or equal from a higher address
  fault,
  fault_cleared,
  sync_group,
  rival_owner,   // another router with priority 255 does not give way
  overslept,     // timer_expired_backup: our adverts were so late that another has taken over
  address_lost,  // somebody removed a VIP, route or rule of ours
  stopped,
  resumed,  // the process was restarted, the role was not
};
std::string_view sentence(Cause cause);

struct InstanceConfig {
  int version = 2;
  Duration interval = 1s;  // our adverts'
  unsigned down_timer_adverts = 3;
  conf::WantedState initial_state = conf::WantedState::backup;
  bool preempt = true;
  Duration preempt_delay = 0s;
  bool lower_prio_no_advert = false;
  bool higher_prio_send_advert = false;
  bool owner_ignores_adverts = false;
  std::uint8_t timer_expired_backup = 0;  // priority of the highest other router; 0: off
  Duration fence_limit = 0s;              // 0: none; else how long the fence may take that must succeed before a takeover by silence
  bool in_sync_group = false;             // a timeout only makes it want to be master: see vrrp/sync.h
  IpAddress source;                       // we send from: breaks ties
};
InstanceConfig config_of(const conf::VrrpInstance& instance, const IpAddress& source, bool in_sync_group);

// An advert that was parsed and found acceptable.
struct Heard {
  IpAddress source;
  std::uint8_t priority = 0;
  Duration interval = 1s;
  TimePoint at;  // when the kernel received it. A socket that may have dropped newer ones must say "now" instead
};

struct State {
  Role role = Role::init;
  Cause cause = Cause::started;
  std::uint8_t priority = 100;  // effective
  FaultSet faults;
  TimePoint since;                // in this role
  std::optional<TimePoint> due;   // give Timeout then. MASTER: next advert; BACKUP: master is lost; else empty
  Duration master_interval = 1s;  // the one the down timer counts in
  IpAddress master;               // whom we heard last as backup; own source as master; unset: unknown
  std::uint8_t master_priority = 0;
  std::optional<TimePoint> heard_at;    // last advert of any acceptable sender: older ones are not looked at again
  std::optional<TimePoint> preempt_at;  // preempt_delay runs until then
  bool master_leaving = false;          // it sent priority 0
  bool wants_master = false;            // ripe member of a sync group
  // Two owners (priority 255). The other one's address, how long it may go on before we give way, and whether we have: then our
  // priority is 254 until it is gone.
  IpAddress rival_owner;
  TimePoint rival_until;
  bool owner_gave_way = false;
  bool fencing = false;  // the master is silent, and the fence runs
};

// ---- Events -----------------------------------------------------------------------------------------------------------

struct Start {};  // links, addresses and trackers are known; delays are over
struct AdvertHeard {
  Heard heard;
};
// By a heartbeat link, where we send from `own`: it says that the master is alive, and nothing about the instance's own link.
struct HeartbeatHeard {
  Heard heard;
  IpAddress own;
};
struct FenceDone {
  bool success = false;
};
struct Timeout {
  std::optional<Heard> last_heard;
};  // what the transport saw last, when it keeps note
struct PriorityChanged {
  std::uint8_t priority = 100;
};
struct FaultsChanged {
  FaultSet faults;
};
struct AddressLost {
  bool by_another = false;  // of the sync group
};
struct GroupMaster {};  // the sync group pulls
struct GroupBackup {};
struct Stop {};

using Event = std::variant<Start, AdvertHeard, HeartbeatHeard, FenceDone, Timeout, PriorityChanged, FaultsChanged, AddressLost, GroupMaster,
                           GroupBackup, Stop>;

// ---- What to do -------------------------------------------------------------------------------------------------------

enum class Action : std::uint8_t {
  send_advert,  // with State::priority
  send_priority_zero,
  fence,          // run the fence; its end is to be given as FenceDone
  become_master,  // firewall, VIPs, routes, GARPs, notify
  become_backup,  // VIPs and the rest away when it was master, notify
  become_fault,
  become_init,          // stopped: VIPs away
  announce_again,       // GARPs for a heard lower advert, for every member of the sync group
  tell_lower_priority,  // notify: MASTER_RX_LOWER_PRI
  tell_priority,        // notify: MASTER_PRIORITY, BACKUP_PRIORITY
};
std::string_view name(Action action);

// In the order in which to do them. No allocation: a master's step is done for each advert it sends.
class Actions {
 public:
  void add(Action action) { list_[size_++] = action; }
  const Action* begin() const { return list_.data(); }
  const Action* end() const { return list_.data() + size_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  bool has(Action action) const;

 private:
  std::array<Action, 8> list_{};
  std::size_t size_ = 0;
};

struct Step {
  State next;
  Actions actions;
};

// INIT with the configured priority.
State initial_state(const InstanceConfig& config, std::uint8_t priority);

Step step(const InstanceConfig& config, const State& state, const Event& event, TimePoint now);

// Would this advert keep a backup a backup (restart its down timer)? False for lower priorities that it preempts.
bool keeps_backup(const InstanceConfig& config, const State& state, const Heard& heard);

// When a backup may believe that the master is lost, given the last advert that its transport saw; at or before `now`: it
// may. Later: arm for that time instead. (Part of what Timeout does.)
TimePoint believe_timeout_at(const InstanceConfig& config, const State& state, const std::optional<Heard>& last_heard);

// A restarted process goes on in the role of the one before it, without an election. A master is due at once, since nobody
// knows when its last advert went out; a backup's timer runs from the last advert heard, or from now.
struct Remembered {
  Role role = Role::backup;
  TimePoint since;
  std::uint8_t priority = 100;
  std::optional<Heard> last_heard;
};
State resume(const InstanceConfig& config, const Remembered& remembered, TimePoint now);

}  // namespace xd::vrrp
