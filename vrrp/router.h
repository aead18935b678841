// The VRRP router (RFC 9568, 1.7): all instances and sync groups of a configuration, and what their elections ask for, over ports that
// tests replace. It keeps no timer and waits for nothing: run() is to be called at next(), and everything else comes in by
// callbacks of its ports. Engine (engine.h) puts it on the event loop.
//
// Each call and each callback is one turn: events are given to elections, the adverts they ask for leave at once and together,
// then come the slower actions (addresses, announcements, scripts), then sync groups' notifications.
//
// By subject: router.cpp a turn, router_configuration.cpp configurations, router_time.cpp what is due, router_hearing.cpp what arrives,
// router_kernel.cpp links and addresses, router_trackers.cpp what is tracked, router_groups.cpp sync groups,
// router_status.cpp what others see.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "conf/model.h"
#include "netlink/netlink.h"
#include "vrrp/claims.h"
#include "vrrp/engine.h"
#include "vrrp/garp.h"
#include "vrrp/group.h"
#include "vrrp/instance.h"
#include "vrrp/instance_index.h"
#include "vrrp/link_states.h"
#include "vrrp/process_counts.h"
#include "vrrp/role_filters.h"
#include "vrrp/scripts.h"
#include "vrrp/settings.h"
#include "vrrp/statics.h"
#include "vrrp/sync.h"
#include "vrrp/teller.h"
#include "vrrp/transport.h"
#include "vrrp/virtual_links.h"

namespace xd::vrrp {

struct RouterPorts {
  netlink::Netlink& netlink;
  Transport& transport;
  Sender& sender;
  Runner& runner;
  std::function<TimePoint()> now;
  VirtualAddresses::Gate set_gate;  // empty: no packet path
  std::function<Status(const IpAddress&)> forget_gate;
  std::function<void(const std::optional<conf::LvsSyncDaemon>&, std::uint8_t, Role)> sync_daemon = {};
  std::function<void(const Alert&)> mail = {};              // empty: none is sent
  AcceptFilter* accept_filter = nullptr;                    // none: no_accept has no effect
  ReportFilter* report_filter = nullptr;                    // none: MLD reports leave from virtual MACs
  SettingsPort settings = {};                               // empty: none is changed
  std::function<void(const std::string& line)> tell_fifos;  // empty: there are none
  std::function<std::map<std::string, ProcessCounts::Count>()> process_counts = {};
};

// What is known of the things that instances track and others watch.
struct Observed {
  std::map<std::string, std::int64_t> files;
  std::map<std::string, bool> processes;
  std::map<std::string, std::optional<bool>> bfds;  // empty: nothing has been heard yet
};

class Router {
 public:
  explicit Router(RouterPorts ports);
  ~Router();

  // As in Engine.
  Status prepare(const conf::Model& model);
  void commit();
  void abort();
  const std::vector<std::string>& warnings() const { return warnings_; }
  void resume(const Snapshot& snapshot, TimePoint alive_until);
  Snapshot snapshot() const;
  Snapshot changes(std::size_t most);
  void stop(bool release);
  std::vector<InstanceStatus> status(std::size_t first = 0, std::size_t most = static_cast<std::size_t>(-1)) const;
  std::array<std::size_t, role_count> roles() const;
  std::string dump(Dump what) const;  // dump.cpp, dump_data.cpp
  void clear_statistics();
  void on_change(std::function<void()> handler) { on_change_ = std::move(handler); }

  // What others watch (Observed): a file, a process, a BFD session of this name.
  void observe_file(const std::string& name, std::int64_t number);
  void observe_process(const std::string& name, bool up);
  void observe_bfd(const std::string& name, bool up);
  // An interface that is polled (vrrp/linkbeat.h); all of them before a commit.
  void observe_link(const std::string& name, bool up);
  void observe_links(std::map<std::string, bool> polled) { link_states_.set_polled(std::move(polled)); }
  // All at once, for a configuration that is about to be committed: what is not in it is not tracked.
  void observe(Observed observed) { observed_ = std::move(observed); }

  // Somebody else announced an address as his (vrrp/claims.h).
  void hear_claim(const Claim& claim);

  // When run() has something to do.
  std::optional<TimePoint> next() const;
  void run();
  // Many events in one turn: the adverts they ask for leave together, before the slower actions of any.
  void in_one_turn(const std::function<void()>& events);

 private:
  struct Plan;
  struct PlannedInstance;
  class Ears;
  class HeartbeatEars;
  class Turn;
  struct Todo {
    Instance* instance;
    Action action;
    Role before;  // the step that asked for it
    Cause cause;
  };

  std::string dump_data() const;
  void give(Instance& instance, const Event& event);
  void reconsider(Instance& instance);
  void reconsider_all();
  void reconsider_who_tracks(std::vector<conf::Track> Instance::*list, const std::string& name);
  FaultSet link_faults(const Instance& instance) const;
  bool is_up(const std::string& interface) const;
  void tell_link(const std::string& name);
  void delay_links();
  void share_garp_clocks();
  bool source_is_there(const Instance& instance) const;
  bool is_local(const IpAddress& address) const;
  void start_if_ready(Instance& instance);
  bool kernel_watches(const Instance& instance) const;
  std::optional<TimePoint> timeout_at(const Instance& instance) const;
  enum class Which { all, masters };
  void run_due(Which which);
  void take_along(TimePoint now);
  void keep_time(Which which);
  bool is_steady(Instance& instance, const std::optional<Heard>& last);

  void finish();
  bool settle_groups();
  void carry_out(const Todo& todo);
  void become_master(Instance& instance, Cause cause);
  void leave(Instance& instance, const Todo& todo);
  void tell_groups();
  void tell_group(Group& group);
  void tell_settled_group(const Instance& member);
  void repeat_roles();
  void announce(Instance& instance, const conf::GarpSettings& settings);
  void refresh_announcements(Instance& instance);
  void send_due_announcements();
  void flush();

  void on_netlink(const netlink::Change& change);
  void on_link(const netlink::Link& link, bool gone);
  void on_address(const netlink::Address& address);
  void on_address_gone(const netlink::AddressGone& gone);
  void on_route_gone(const netlink::Change& change);
  void lose(Instance& instance);
  void adapt_settings();
  void log_problems(const std::vector<std::string>& problems);
  void restore(const netlink::Link& link);
  std::optional<int> way_of(const Instance& instance) const;
  bool can_listen(const Instance& instance) const;
  void listen(Instance& instance);
  void look_at_heartbeats(Instance& instance);
  void look_at_heartbeats(const std::string& interface);
  void hear_heartbeat(Instance& instance, HeartbeatWay& way, const Heard& heard);
  void start_fence(Instance& instance);
  void tune(Instance& instance);
  void follow(Instance& instance);
  bool is_deaf(Instance& instance) const;
  void time_out(Instance& instance);
  void schedule(Instance& instance);
  void unschedule(Instance& instance);
  void note_rival(Instance& instance, const Heard& heard);
  void say_farewell(Instance& instance);
  std::vector<Finding> findings(const Instance& instance) const;
  void choose_source(Instance& instance);

  std::unique_ptr<Instance> make_instance();
  std::unique_ptr<Listener> ears_of(Instance& instance);
  std::unique_ptr<Listener> ears_of(Instance& instance, HeartbeatWay& way);
  void configure(Instance& instance, PlannedInstance planned);
  void build_groups(Plan& plan);
  void begin(Instance& instance);
  void remove_instances(std::vector<std::unique_ptr<Instance>> leaving);
  void note_change(Instance& instance);
  void forget_gates(const Instance& instance);
  void follow_sync_daemon(bool end = false);
  void log_problems(const Instance& instance, const std::vector<std::string>& problems);

  RouterPorts ports_;
  conf::Model others_;  // of the running configuration, what is no instance, group or script
  std::vector<std::unique_ptr<Instance>> instances_;
  InstanceIndex index_;                     // of instances_, since the last commit
  std::map<std::uint32_t, Tally> cleared_;  // by instance id: what had been received when statistics were cleared
  std::vector<std::unique_ptr<Group>> groups_;
  Teller teller_;
  ScriptTracker scripts_;
  Observed observed_;
  StaticObjects statics_;
  KernelSettings settings_;
  VirtualLinks links_;
  RoleFilters filters_;
  LinkStates link_states_;
  GarpSchedule garp_;
  std::unique_ptr<Plan> plan_;
  std::vector<std::string> warnings_;
  netlink::Netlink::Subscription subscription_;
  std::function<void()> on_change_;
  std::set<int> links_up_;
  std::map<std::string, bool> link_told_;  // interfaces in use: were they up when last told
  std::optional<TimePoint> start_at_;      // vrrp_startup_delay ends; empty: it is over
  bool committed_ = false;
  bool stopped_ = false;
  std::uint32_t next_id_ = 1;

  // By when run() has something to do for them: one look tells which of thousands are due.
  std::set<std::pair<TimePoint, Instance*>> schedule_;
  std::vector<Instance*> due_;  // kept between turns
  TimePoint kept_time_{};

  // The turn in progress.
  int depth_ = 0;
  std::deque<Todo> todo_;
  bool changed_ = false;
  std::deque<Instance*> to_report_;     // by changes()
  std::vector<InstanceSnapshot> gone_;  // likewise
  // Kept between turns, so that steady adverts allocate nothing.
  std::vector<Tracked> tracked_;
  std::vector<const State*> member_states_;
  std::vector<GarpSchedule::Due> due_announcements_;
  std::vector<Instance*> to_follow_;  // masters whose adverts and announcements leave before the kernel hears of it
};

}  // namespace xd::vrrp
