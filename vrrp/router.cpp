#include "vrrp/router.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "base/log.h"
#include "vrrp/timing.h"

namespace xd::vrrp {

namespace {

// Where the kernel keeps the down timer, ours only guards against a lost event: it wakes this much later.
constexpr Duration down_timer_guard = 30s;
constexpr Duration down_timer_guard_grid = 500ms;  // many together
constexpr int down_timer_guard_phases = 8;         // but not all
// A master that has something to send takes along the adverts that are due in a moment, 1/50 of their interval, and from then on they
// are due together: one timer and one system call for all. Not more than a receiver's queue takes.
constexpr int early_part = 50;
constexpr Duration early_most = 20ms;
constexpr std::size_t taken_along_most = 64;
// Five announcements of each of thousands of addresses are sent in pieces: adverts go in between.
constexpr std::size_t announced_at_once = 256;
// Work on thousands of instances looks this often whether an advert is due.
constexpr Duration punctual = 500us;
constexpr Duration reject_told_again = 60s;
constexpr Duration rival_told_again = 60s;
constexpr Duration rival_answered_again = 500ms;
// A new master announces its addresses right after its first advert. When it has not by now, it is no new one.
constexpr Duration farewell_delay = 250ms;
constexpr Duration claim_may_precede = 1s;

// Of a role that is told about: INIT is not.
Notification notification_of(Role role) {
  return role == Role::master ? Notification::master : role == Role::backup ? Notification::backup : Notification::fault;
}

// What on the way could keep adverts from arriving.
std::string filterable(const Instance& instance) {
  return instance.conf.unicast_peers.empty() ? "multicast (" + instance.multicast_group.str() + ")" : "unicast adverts";
}

// Trouble that was not seen for this long has ended.
Duration still_going_on(const Instance& instance) { return std::max<Duration>(4 * instance.election.interval, 5s); }

int link_index_of(const Instance& instance, const netlink::Table& table) {
  if (instance.conf.link.kind == conf::VirtualLink::Kind::none) return 0;
  const auto* link = table.link(instance.conf.link.name);
  return link != nullptr ? link->index : 0;
}

std::vector<const State*> states_of(const std::vector<Instance*>& members) {
  std::vector<const State*> out;
  for (const Instance* member : members) out.push_back(&member->state);
  return out;
}

std::string in_words(Cause cause, const Instance& instance) {
  switch (cause) {
    case Cause::master_silent: return "Receive advertisement timeout";
    case Cause::master_left: return "Backup received priority 0 advertisement";
    case Cause::better_advert:
      return fmt::format("Master received advert from {} with priority {}, ours {}", instance.state.master.str(),
                         instance.state.master_priority, instance.state.priority);
    default: return std::string(sentence(cause));
  }
}

}  // namespace

// A turn ends, and is finished, when the outermost one does.
class Router::Turn {
 public:
  explicit Turn(Router& router) : router_(router) { ++router_.depth_; }
  ~Turn() {
    if (router_.depth_ == 1) router_.finish();
    --router_.depth_;
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Router& router_;
};

// What an instance's ear reports.
class Router::Ears final : public Listener {
 public:
  Ears(Router& router, Instance& instance) : router_(router), instance_(instance) {}

  void on_advert(const Heard& heard, const Remarks& remarks) override {
    Turn turn(router_);
    if (remarks.any() && remarks != instance_.last_remarks) tell(heard, remarks);
    instance_.last_remarks = remarks;
    note(heard, remarks);
    router_.give(instance_, AdvertHeard{heard});
    const State& state = instance_.state;
    if (state.role == Role::master && heard.priority != priority_released && heard.source != state.master)
      router_.note_rival(instance_, heard);
  }

  void on_rejected(const IpAddress& source, const Rejection& rejection) override {
    if (is_telling(rejection.reason))
      instance_.findings.note(Trouble::refused, source.str(), std::string(sentence(rejection.reason)), router_.ports_.now());
    // Anybody on the link can send these: one line a minute for each reason.
    TimePoint& told = instance_.reject_told[static_cast<std::size_t>(rejection.reason)];
    const TimePoint now = router_.ports_.now();
    if (told != TimePoint{} && now - told < reject_told_again) return;
    told = now;
    log::warning("({}) ignores adverts from {}: {}", instance_.conf.name, source.str(),
                 rejection.value == 0 ? std::string(sentence(rejection.reason)) : rejection.str());
  }

  void on_master_down() override {
    Turn turn(router_);
    router_.time_out(instance_);
  }

 private:
  // Refusals of what a misconfigured peer sends; the rest is noise, or an attack.
  static bool is_telling(Reject reason) {
    switch (reason) {
      case Reject::ttl:
      case Reject::checksum:
      case Reject::own_source:
      case Reject::too_short:
      case Reject::length:
      case Reject::type: return false;
      default: return true;
    }
  }

  void note(const Heard& heard, const Remarks& remarks) {
    const TimePoint now = router_.ports_.now();
    if (remarks.addresses_differ) instance_.findings.note(Trouble::other_addresses, heard.source.str(), {}, now);
    if (remarks.interval_differs)
      instance_.findings.note(Trouble::other_interval, heard.source.str(),
                              fmt::format("{:g} s, ours every {:g} s", to_seconds(heard.interval), to_seconds(instance_.election.interval)),
                              now);
  }

  void tell(const Heard& heard, const Remarks& remarks) const {
    const auto& name = instance_.conf.name;
    const auto from = heard.source.str();
    if (remarks.addresses_differ) log::warning("({}) adverts from {} name other virtual addresses than ours", name, from);
    if (remarks.interval_differs)
      log::info("({}) adverts from {} come every {} s, ours every {} s", name, from, to_seconds(heard.interval),
                to_seconds(instance_.election.interval));
    if (remarks.checksum_differs) log::info("({}) adverts from {} have another form of checksum than ours", name, from);
  }

  Router& router_;
  Instance& instance_;
};

// What arrives by a heartbeat link.
class Router::HeartbeatEars final : public Listener {
 public:
  HeartbeatEars(Router& router, Instance& instance, HeartbeatWay& way) : router_(router), instance_(instance), way_(way) {}
  void on_advert(const Heard& heard, const Remarks&) override {
    Turn turn(router_);
    router_.hear_heartbeat(instance_, way_, heard);
  }
  void on_rejected(const IpAddress& source, const Rejection& rejection) override { instance_.listener->on_rejected(source, rejection); }
  void on_master_down() override {}

 private:
  Router& router_;
  Instance& instance_;
  HeartbeatWay& way_;
};

struct Router::PlannedInstance {
  conf::VrrpInstance conf;
  Notify notify;
  std::optional<Remembered> remembered;
  std::uint64_t became_master = 0;
  std::uint32_t ah_sequence = 0;
  HmacKeys hmac_keys;
  std::vector<conf::HeartbeatPath> heartbeats = {};
  std::optional<Command> fence = {};
  Duration fence_limit = 0s;
};

struct Router::Plan {
  conf::Global global;
  std::vector<PlannedInstance> instances;
  std::vector<std::unique_ptr<Group>> groups;  // members not filled in yet
  std::vector<ScriptTracker::Definition> scripts;
  conf::Model statics;  // nothing else of it
};

Router::Router(RouterPorts ports)
    : ports_(std::move(ports)),
      scripts_(ports_.runner, ports_.now,
               [this] {
                 Turn turn(*this);
                 reconsider_all();
               }),
      statics_(ports_.netlink),
      settings_(ports_.settings),
      links_(ports_.netlink, settings_) {
  subscription_ = ports_.netlink.subscribe([this](const netlink::Change& change) { on_netlink(change); });
}

Router::~Router() = default;

// ---- Configurations ---------------------------------------------------------------------------------------------------

namespace {

Status check_instance(const conf::VrrpInstance& conf, const netlink::Table& table, bool may_come_later) {
  const auto refuse = [&](const std::string& why) { return Error{"vrrp_instance " + conf.name + ": " + why}; };
  if (conf.vrid == 0) return refuse("it has no virtual_router_id");
  if (conf.interface.empty()) return refuse("it has no interface; xdirectord needs one for unicast as well");
  if (!may_come_later && table.link(conf.interface) == nullptr) return refuse("interface " + conf.interface + " does not exist");
  return {};
}

IpAddress multicast_group(const conf::Global& global, int family) {
  const IpAddress& configured = family == AF_INET ? global.vrrp_mcast_group4 : global.vrrp_mcast_group6;
  return configured.is_unset() ? *IpAddress::parse(family == AF_INET ? "224.0.0.18" : "ff02::12") : configured;
}

// What an instance is called on the wire.
using WireName = std::tuple<std::uint8_t, int, std::string>;

Status check_unique(const std::vector<conf::VrrpInstance>& instances) {
  std::set<WireName> seen;
  for (const auto& conf : instances) {
    if (seen.insert({conf.vrid, conf.family, conf.interface}).second) continue;
    return Error{"vrrp_instance " + conf.name + ": virtual_router_id " + std::to_string(conf.vrid) + " is used twice on " + conf.interface};
  }
  return {};
}

}  // namespace

Status Router::prepare(const conf::Model& model) {
  warnings_.clear();
  plan_.reset();
  if (auto status = check_unique(model.vrrp_instances); !status) return status;
  for (const auto& conf : model.vrrp_instances) {
    if (auto status = check_instance(conf, ports_.netlink.table(), model.global.dynamic_interfaces); !status) return status;
  }

  auto plan = std::make_unique<Plan>();
  plan->global = model.global;
  const ScriptSecurity security{model.global.enable_script_security, model.global.script_user, model.global.script_group};
  for (const auto& script : model.vrrp_scripts) {
    if (auto command = resolve_script(script.script, security)) {
      plan->scripts.push_back({script, std::move(*command)});
    } else {
      warnings_.push_back("vrrp_script " + script.name + " is not tracked: " + command.error().message);
    }
  }
  for (const auto& conf : model.vrrp_instances) {
    if (const auto at = next(); at && *at <= ports_.now()) run();  // what runs goes on
    auto keys = HmacKeys::load(conf.auth_hmac);
    if (!keys) return Error{"vrrp_instance " + conf.name + ": " + keys.error().message};
    plan->instances.push_back({conf, Notify(conf.notify, security, conf.name, warnings_), std::nullopt, 0, 0, std::move(*keys)});
    for (const auto& heartbeat : model.xdirector.heartbeats) {
      if (heartbeat.instance == conf.name) plan->instances.back().heartbeats = heartbeat.paths;
    }
    for (const auto& fence : model.xdirector.fences) {
      if (fence.instance != conf.name) continue;
      auto command = resolve_script(fence.script.script, security);
      // Taking over without it is what it was written to prevent.
      if (!command) return Error{"fence of " + conf.name + ": " + command.error().message};
      plan->instances.back().fence = std::move(*command);
      plan->instances.back().fence_limit = fence.script.timeout;
    }
  }
  for (const auto& conf : model.vrrp_sync_groups) {
    auto group = std::make_unique<Group>();
    group->conf = conf;
    group->notify = Notify(conf.notify, security, conf.name, warnings_);
    plan->groups.push_back(std::move(group));
  }
  plan->statics.global = model.global;
  plan->statics.static_addresses = model.static_addresses;
  plan->statics.static_routes = model.static_routes;
  plan->statics.static_rules = model.static_rules;
  plan_ = std::move(plan);
  return {};
}

void Router::abort() { plan_.reset(); }

void Router::resume(const Snapshot& snapshot, TimePoint alive_until) {
  if (!plan_) return;
  std::map<WireName, const InstanceSnapshot*> known;
  for (const auto& s : snapshot.instances) known[{s.vrid, s.family, s.interface}] = &s;
  for (auto& planned : plan_->instances) {
    const auto& conf = planned.conf;
    const auto place = known.find({conf.vrid, conf.family, conf.interface});
    if (place == known.end()) continue;
    const InstanceSnapshot* found = place->second;
    planned.became_master = found->became_master;
    // Adverts went on after the snapshot was taken, and peers believe only higher numbers. Version 2 sends one a second, more only
    // in answer to others.
    if (found->ah_sequence != 0) {
      const auto seconds = (ports_.now() - found->ah_sequence_at) / 1s;
      planned.ah_sequence = found->ah_sequence + static_cast<std::uint32_t>(1000 + 4 * seconds);
    }
    const Duration silence = ports_.now() - alive_until;
    // The most impatient peer, priority 254, has taken over after this.
    const Duration patience =
        master_down_interval(conf.version, 254, wire_interval(conf.version, conf.advert_interval), conf.down_timer_adverts);
    if (found->election.role == Role::master && silence > patience) continue;
    if (found->election.role == Role::master || found->election.role == Role::backup) planned.remembered = found->election;
  }
}

void Router::commit() {
  if (!plan_) return;
  Turn turn(*this);
  const auto plan = std::exchange(plan_, nullptr);
  const TimePoint now = ports_.now();
  const bool is_reload = committed_;
  if (!committed_) {
    // The clock begins at boot.
    const TimePoint at = std::max(now + plan->global.vrrp_startup_delay, TimePoint{plan->global.vrrp_delay_after_boot});
    if (at > now) start_at_ = at;
  }
  committed_ = true;
  global_ = plan->global;
  if (ports_.accept_filter != nullptr) ports_.accept_filter->configure(global_.nftables);
  garp_.set_pace(plan->global.garp_interval, plan->global.gna_interval);
  for (auto& instance : instances_) instance->group = nullptr;

  statics_.become(plan->statics);

  // Matched by what is on the wire; a new name is no new instance.
  auto old = std::exchange(instances_, {});
  std::map<WireName, std::unique_ptr<Instance>*> by_wire_name;
  for (auto& i : old) by_wire_name[{i->conf.vrid, i->conf.family, i->conf.interface}] = &i;
  std::vector<bool> fresh;
  for (auto& planned : plan->instances) {
    const auto same = by_wire_name.find({planned.conf.vrid, planned.conf.family, planned.conf.interface});
    fresh.push_back(same == by_wire_name.end());
    instances_.push_back(fresh.back() ? make_instance() : std::move(*same->second));
    instances_.back()->multicast_group = planned.conf.mcast_dst_ip.value_or(multicast_group(plan->global, planned.conf.family));
  }
  std::erase(old, nullptr);
  remove_instances(std::move(old));

  VirtualLinks::ByName wanted_links;
  for (const auto& planned : plan->instances) VirtualLinks::add_wanted(wanted_links, planned.conf);
  std::vector<std::string> link_problems;
  links_.want(std::move(wanted_links), link_problems);

  build_groups(*plan);
  // All leave what they no longer have before any takes what is new: an address may move from one to another.
  std::vector<std::optional<Remembered>> remembered;
  for (std::size_t i = 0; i < plan->instances.size(); ++i) {
    remembered.push_back(plan->instances[i].remembered);
    configure(*instances_[i], std::move(plan->instances[i]));
    keep_time(Which::masters);
  }
  build_index();
  for (std::size_t i = 0; i < instances_.size(); ++i) {
    Instance& instance = *instances_[i];
    keep_time(Which::masters);
    choose_source(instance);
    look_at_heartbeats(instance);
    note_change(instance);
    if (fresh[i]) {
      listen(instance);
      if (remembered[i]) {
        auto known = *remembered[i];
        const auto seen = instance.ear ? instance.ear->last_heard() : std::nullopt;
        if (seen && (!known.last_heard || seen->at > known.last_heard->at)) known.last_heard = seen;
        instance.state = vrrp::resume(instance.election, known, now);
        instance.started = true;
      } else {
        instance.state = initial_state(instance.election, instance.conf.priority);
      }
      follow(instance);
      begin(instance);
      continue;
    }
    tune(instance);
    std::vector<std::string> problems;
    if (instance.state.role != Role::master) {
      instance.addresses.close_gates(problems);
      log_problems(instance, problems);
      continue;
    }
    instance.state.due = std::min(instance.state.due.value_or(now), now + instance.election.interval);
    schedule(instance);
    filter(instance, true);
    const auto gained = instance.addresses.acquire(problems);
    instance.routes.acquire(problems);
    log_problems(instance, problems);
    std::vector<GarpSchedule::Target> targets;
    for (const auto& entry : gained) {
      if (const auto* link = ports_.netlink.table().link(entry.interface)) targets.push_back({link->index, entry.conf.prefix.address});
    }
    garp_.add(instance.id, targets, instance.conf.garp, now);
  }
  trim_filters();
  follow_sync_daemon();
  // A group begins as one: at once only if every member owns its addresses.
  for (auto& group : groups_) {
    const auto initial = group_initial_state(states_of(group->members));
    for (Instance* member : group->members) member->election.initial_state = initial;
  }
  links_.remove_unwanted(link_problems);
  log_problems(link_problems);
  adapt_settings();
  link_told_.clear();
  links_up_.clear();
  for (const auto& [index, link] : ports_.netlink.table().links) {
    if (link.up) links_up_.insert(index);
  }
  scripts_.define(std::move(plan->scripts));
  scripts_.run();
  if (is_reload && plan->global.fifo_write_vrrp_states_on_reload) repeat_states();
  reconsider_all();
  for (auto& group : groups_) {
    // Those that go on have been told about by the process before.
    const auto goes_on = [](const Instance* member) { return member->state.cause == Cause::resumed; };
    const auto& members = group->members;
    if (std::all_of(members.begin(), members.end(), goes_on)) group->told = group_role(states_of(members));
  }
  changed_ = true;
}

void Router::build_index() {
  by_address_.clear();
  by_interface_.clear();
  by_id_.clear();
  for (const auto& instance : instances_) {
    by_id_[instance->id] = instance.get();
    by_interface_[instance->conf.interface].push_back(instance.get());
    for (const auto& entry : instance->addresses.entries()) {
      auto& holders = by_address_[entry.conf.prefix.address];
      if (holders.empty() || holders.back() != instance.get()) holders.push_back(instance.get());
    }
  }
}

const std::vector<Instance*>& Router::with_address(const IpAddress& address) const {
  static const std::vector<Instance*> nobody;
  const auto place = by_address_.find(address);
  return place == by_address_.end() ? nobody : place->second;
}

const std::vector<Instance*>& Router::on_interface(const std::string& name) const {
  static const std::vector<Instance*> nobody;
  const auto place = by_interface_.find(name);
  return place == by_interface_.end() ? nobody : place->second;
}

std::unique_ptr<Instance> Router::make_instance() {
  auto instance = std::make_unique<Instance>(next_id_++, ports_.netlink, ports_.set_gate);
  instance->listener = std::make_unique<Ears>(*this, *instance);
  return instance;
}

void Router::remove_instances(std::vector<std::unique_ptr<Instance>> leaving) {
  for (auto& instance : leaving) {
    instance->deleted = true;
    give(*instance, Stop{});
  }
  finish();  // while they are still there
  for (const auto& instance : leaving) {
    forget_gates(*instance);
    unschedule(*instance);
    InstanceSnapshot& gone = gone_.emplace_back();
    gone.interface = instance->conf.interface;
    gone.family = instance->conf.family;
    gone.vrid = instance->conf.vrid;
    gone.gone = true;
    std::erase(to_report_, instance.get());
  }
}

void Router::build_groups(Plan& plan) {
  auto old = std::exchange(groups_, std::move(plan.groups));
  std::map<std::string_view, Instance*> by_name;
  for (std::size_t i = 0; i < instances_.size(); ++i) by_name.emplace(plan.instances[i].conf.name, instances_[i].get());
  std::map<std::string_view, const Group*> old_by_name;
  for (const auto& group : old) old_by_name.emplace(group->conf.name, group.get());
  for (auto& group : groups_) {
    for (const auto& name : group->conf.members) {
      const auto at = by_name.find(name);
      if (at == by_name.end()) continue;
      Instance* member = at->second;
      member->group = group.get();
      group->members.push_back(member);
    }
    group->unsettled = true;
    const auto before = old_by_name.find(group->conf.name);
    if (before != old_by_name.end()) group->told = before->second->told;
  }
}

void Router::configure(Instance& instance, PlannedInstance planned) {
  const bool was_configured = !instance.conf.name.empty();
  instance.conf = std::move(planned.conf);
  instance.notify = std::move(planned.notify);
  instance.hmac_keys = std::move(planned.hmac_keys);
  std::vector<std::unique_ptr<HeartbeatWay>> ways;
  for (auto& path : planned.heartbeats) {
    const auto same =
        std::find_if(instance.heartbeats.begin(), instance.heartbeats.end(), [&](const auto& w) { return w && w->conf == path; });
    if (same != instance.heartbeats.end()) {
      ways.push_back(std::move(*same));
      continue;
    }
    ways.push_back(std::make_unique<HeartbeatWay>());
    ways.back()->conf = std::move(path);
    // Above what an earlier process sent.
    ways.back()->ah_sequence = static_cast<std::uint32_t>(realtime_now() / 1s);
    ways.back()->listener = std::make_unique<HeartbeatEars>(*this, instance, *ways.back());
  }
  instance.heartbeats = std::move(ways);
  instance.fence = std::move(planned.fence);
  instance.hmac_replay.keep(instance.conf.unicast_peers.size());
  if (!was_configured) {
    instance.became_master = planned.became_master;
    instance.ah_sequence = planned.ah_sequence;
  }
  instance.election = config_of(instance.conf, instance.election.source, instance.group != nullptr);
  instance.election.fence_limit = planned.fence_limit;
  instance.track_interfaces = instance.conf.track_interfaces;
  instance.track_scripts = instance.conf.track_scripts;
  instance.track_files = instance.conf.track_files;
  instance.track_processes = instance.conf.track_processes;
  instance.track_bfds = instance.conf.track_bfds;
  if (instance.group != nullptr) {
    auto tracks = member_tracks(instance.conf, instance.group->conf);
    instance.track_interfaces = std::move(tracks.interfaces);
    instance.track_scripts = std::move(tracks.scripts);
    instance.track_files = std::move(tracks.files);
    instance.track_processes = std::move(tracks.processes);
    instance.track_bfds = std::move(tracks.bfds);
  }
  if (instance.conf.version == 2) instance.state.master_interval = instance.election.interval;
  instance.packets_changed();
  std::vector<std::string> problems;
  instance.routes.define(instance.conf.routes, instance.conf.rules, problems);
  instance.addresses.define(instance.conf, problems);
  log_problems(instance, problems);
}

void Router::begin(Instance& instance) {
  std::vector<std::string> problems;
  if (instance.state.role == Role::master) {
    // Going on: the addresses are there; what is missing comes back. The network knows where they are.
    filter(instance, true);
    instance.addresses.acquire(problems);
    instance.routes.acquire(problems);
    auto refresh_only = instance.conf.garp;
    refresh_only.repeat = 0;
    garp_.begin(instance.id, instance.announced(ports_.netlink.table()), refresh_only, ports_.now());
  } else {
    const auto held_by_another = [&](const VirtualAddresses::Entry& entry) {
      const auto& all = with_address(entry.conf.prefix.address);
      return std::any_of(all.begin(), all.end(),
                         [&](const Instance* other) { return other != &instance && other->addresses.holds(entry); });
    };
    // An owner takes them at once: taking them off first would cut the host off for nothing.
    if (instance.conf.priority != priority_owner) {
      instance.routes.remove_leftovers(problems);
      instance.addresses.remove_leftovers(held_by_another, problems);
    } else {
      instance.addresses.close_gates(problems);
    }
  }
  log_problems(instance, problems);
}

void Router::forget_gates(const Instance& instance) {
  if (!ports_.forget_gate) return;
  for (const auto& entry : instance.addresses.entries()) {
    if (auto status = ports_.forget_gate(entry.conf.prefix.address); !status)
      log::warning("({}) {}", instance.conf.name, status.error().message);
  }
}

void Router::stop(bool release) {
  if (stopped_) return;
  Turn turn(*this);
  stopped_ = true;
  scripts_.clear();
  if (release) {
    for (auto& instance : instances_) {
      instance->group = nullptr;  // each goes by itself
      give(*instance, Stop{});
    }
    finish();
    for (const auto& instance : instances_) forget_gates(*instance);
    statics_.release();
    std::vector<std::string> problems;
    links_.remove_all(problems);
    log_problems(problems);
    adapt_settings();
  }
  // Said when all addresses are gone, instances before groups.
  for (auto& instance : instances_) {
    if (instance->started) notify(*instance, Notification::stop);
  }
  for (const auto& group : groups_) notify(*group, Notification::stop);
  for (auto& instance : instances_) instance->ear.reset();
  follow_sync_daemon(true);
}

// ---- Time -------------------------------------------------------------------------------------------------------------

bool Router::kernel_watches(const Instance& instance) const {
  return instance.state.role == Role::backup && instance.ear && instance.ear->keeps_down_timer();
}

std::optional<TimePoint> Router::timeout_at(const Instance& instance) const {
  if (!instance.state.due || !kernel_watches(instance)) return instance.state.due;
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
  std::sort(due_.begin(), due_.end(), [](const Instance* a, const Instance* b) { return a->id < b->id; });  // as in the file
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

void Router::in_one_turn(const std::function<void()>& events) {
  Turn turn(*this);
  events();
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
  if (kernel_watches(instance) && is_steady(instance, last)) return schedule(instance);
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

// Two masters hear each other: one of them is us. Said once a minute, with what to look at.
void Router::note_rival(Instance& instance, const Heard& heard) {
  const TimePoint now = ports_.now();
  ++instance.rival_adverts;
  instance.rival = heard.source;
  instance.rival_heard = now;
  instance.findings.note(Trouble::two_masters, heard.source.str(), filterable(instance), now);
  if (instance.rival_told != TimePoint{} && now - instance.rival_told < rival_told_again) return;
  instance.rival_told = now;
  log::info("({}) Received advert from {} with lower priority {}, ours {}", instance.conf.name, heard.source.str(), heard.priority,
            instance.state.priority);
  log::warning(
      "({}) two masters: {} sends adverts of virtual router {} on {} as well. If it goes on, it does not hear or believe ours: "
      "look for filtered {}, another password or interval there, or a foreign router with this virtual_router_id",
      instance.conf.name, heard.source.str(), instance.conf.vrid, instance.conf.interface, filterable(instance));
}

// Whoever took over from us has announced the addresses by now. If nobody has, the other was master all along: a split has healed, and
// it does not know that clients were sending to us. An advert of ours, lower than its own, tells it: it answers and announces again,
// as keepalived does.
void Router::say_farewell(Instance& instance) {
  instance.farewell_at.reset();
  if (instance.state.role != Role::backup || instance.state.master.is_unset()) return;
  if (instance.claimed_at + claim_may_precede >= instance.yielded_at) return;
  log::info("({}) {} was master as well and has not announced the addresses: a last advert makes it do so", instance.conf.name,
            instance.state.master.str());
  instance.queue_advert(ports_.sender);
}

void Router::hear_claim(const Claim& claim) {
  if (with_address(claim.address).empty()) return;
  for (const auto& [index, link] : ports_.netlink.table().links) {
    // Our own, come back by another port. A virtual MAC is the other routers' as well.
    if (link.mac == claim.mac && link.kind != netlink::LinkKind::macvlan) return;
  }
  const TimePoint now = ports_.now();
  for (Instance* instance : with_address(claim.address)) {
    const TimePoint before = std::exchange(instance->claimed_at, now);
    // A new master's announcement can be read before its advert. Only who goes on beside us is worth a word.
    const bool goes_on = before > instance->state.since && now - before > instance->election.interval / 2;
    if (instance->state.role != Role::master || !goes_on) continue;
    instance->findings.note(Trouble::foreign_claim, claim.mac.str(), claim.address.str(), now);
    if (instance->claim_told != TimePoint{} && now - instance->claim_told < rival_told_again) continue;
    instance->claim_told = now;
    log::warning("({}) {} is announced by {} while we are master: another host has this address, or another master does not hear us",
                 instance->conf.name, claim.address.str(), claim.mac.str());
  }
}

// A backup whose transport is not what it would be now: the XDP program was taken off its interface.
bool Router::is_deaf(Instance& instance) const {
  return instance.ear && instance.state.role == Role::backup && instance.ear->kind() == TransportKind::xdp &&
         ports_.transport.kind_for(instance.tuning()) != TransportKind::xdp;
}

// ---- One turn ---------------------------------------------------------------------------------------------------------

void Router::give(Instance& instance, const Event& event) {
  const Role before = instance.state.role;
  const bool wanted_master = instance.state.wants_master;
  const auto master_before = std::pair(instance.state.master, instance.state.priority);
  const Step step = vrrp::step(instance.election, instance.state, event, ports_.now());
  instance.state = step.next;
  for (const Action action : step.actions) {
    if (action == Action::send_advert) {
      instance.queue_advert(ports_.sender);
    } else if (action == Action::send_priority_zero) {
      instance.queue_priority_zero(ports_.sender);
      log::info("({}) sent 0 priority", instance.conf.name);
    } else {
      todo_.push_back({&instance, action, before, instance.state.cause});
      if (instance.group != nullptr) ++instance.group->todos;
    }
  }
  if (instance.state.role != before || master_before != std::pair(instance.state.master, instance.state.priority)) note_change(instance);
  if (instance.group != nullptr) {
    instance.group->unsettled = true;
    if (instance.state.role != before) instance.group->to_tell = true;
    if (instance.state.wants_master && !wanted_master) instance.group->ripe = &instance;
  }
  follow(instance);
}

void Router::note_change(Instance& instance) {
  changed_ = true;
  if (!std::exchange(instance.changed, true)) to_report_.push_back(&instance);
}

void Router::finish() {
  const bool synchronises = global_.lvs_sync_daemon && !global_.lvs_sync_daemon->instance.empty();
  bool roles_changed = false;
  do {
    while (settle_groups()) {
    }
    flush();
    if (!todo_.empty()) {
      const Todo todo = todo_.front();
      todo_.pop_front();
      if (todo.instance->group != nullptr) --todo.instance->group->todos;
      carry_out(todo);
      keep_time(Which::all);
      roles_changed |= todo.action == Action::become_master || todo.action == Action::become_backup || todo.action == Action::become_fault;
      tell_settled_group(*todo.instance);
    }
    send_due_announcements();
  } while (!todo_.empty());
  flush();
  if (synchronises && roles_changed) follow_sync_daemon();
  tell_groups();
  if (std::exchange(changed_, false) && on_change_) on_change_();
}

bool Router::settle_groups() {
  bool pulled = false;
  for (auto& group : groups_) {
    if (!std::exchange(group->unsettled, false)) continue;
    member_states_.clear();
    for (const Instance* member : group->members) member_states_.push_back(&member->state);
    auto pulls = settle(member_states_);
    // Its own timer made it so; the others follow in the order of the file.
    std::stable_partition(pulls.begin(), pulls.end(), [&](const Pull& pull) { return group->members[pull.member] == group->ripe; });
    for (const auto& pull : pulls) {
      give(*group->members[pull.member], pull.event);
      pulled = true;
    }
  }
  return pulled;
}

void Router::carry_out(const Todo& todo) {
  Instance& instance = *todo.instance;
  const auto& name = instance.conf.name;
  switch (todo.action) {
    case Action::become_master: become_master(instance, todo.cause); break;
    case Action::become_backup:
      if (todo.before == Role::master) log::info("({}) {}", name, in_words(todo.cause, instance));
      if (todo.before == Role::master && todo.cause == Cause::better_advert && !instance.election.higher_prio_send_advert) {
        instance.yielded_at = ports_.now();
        instance.farewell_at = instance.yielded_at + farewell_delay;
        schedule(instance);
      }
      log::info("({}) Entering BACKUP STATE{}", name, todo.before == Role::init && !instance.waited ? " (init)" : "");
      leave(instance, todo);
      notify(instance, Notification::backup);
      break;
    case Action::become_fault:
      log::info("({}) in fault: {}", name, instance.state.faults.str());
      log::info("({}) Entering FAULT STATE{}", name, todo.before == Role::init ? " (init)" : "");
      leave(instance, todo);
      notify(instance, Notification::fault);
      break;
    case Action::become_init:
      leave(instance, todo);
      if (instance.deleted) notify(instance, Notification::deleted);
      break;
    case Action::announce_again: {
      // A flood of lower adverts is not to become one of announcements and scripts.
      const TimePoint now = ports_.now();
      instance.answers_rival = instance.rival_answered == TimePoint{} || now - instance.rival_answered >= rival_answered_again;
      if (!instance.answers_rival) break;
      instance.rival_answered = now;
      const auto again = [&](const Instance& i) { garp_.again(i.id, i.announced(ports_.netlink.table()), i.conf.garp, ports_.now()); };
      if (instance.group == nullptr) return again(instance);
      for (const Instance* member : instance.group->members) again(*member);
      break;
    }
    case Action::tell_lower_priority:
      if (instance.answers_rival) notify(instance, Notification::master_rx_lower_priority);
      break;
    case Action::tell_priority:
      if (!instance.conf.notify_priority_changes) break;
      notify(instance, instance.state.role == Role::master ? Notification::master_priority : Notification::backup_priority);
      break;
    case Action::fence: start_fence(instance); break;
    case Action::send_advert:
    case Action::send_priority_zero: break;
  }
}

void Router::become_master(Instance& instance, Cause cause) {
  log::info("({}) {}", instance.conf.name, in_words(cause, instance));
  log::info("({}) Entering MASTER STATE", instance.conf.name);
  ++instance.became_master;
  std::vector<std::string> problems;
  filter(instance, true);
  instance.addresses.acquire(problems);
  instance.routes.acquire(problems);
  log_problems(instance, problems);
  const auto targets = instance.announced(ports_.netlink.table());
  garp_.begin(instance.id, targets, instance.conf.garp, ports_.now());
  send_due_announcements();
  flush();
  notify(instance, Notification::master);
}

void Router::leave(Instance& instance, const Todo& todo) {
  garp_.cancel(instance.id);
  if (todo.before == Role::master) ++instance.released_master;
  std::vector<std::string> problems;
  instance.routes.release(problems);
  instance.addresses.release(problems);
  filter(instance, false);
  log_problems(instance, problems);
}

void Router::tell_groups() {
  if (stopped_) return;
  for (auto& group : groups_) {
    if (std::exchange(group->to_tell, false) && !group->members.empty()) tell_group(*group);
  }
}

// Right after the last of its members.
void Router::tell_settled_group(const Instance& member) {
  Group* group = member.group;
  if (stopped_ || group == nullptr || group->unsettled || group->todos != 0) return;
  tell_group(*group);
}

void Router::tell_group(Group& group) {
  const Role role = group_role(states_of(group.members));
  if (role == std::exchange(group.told, role) || role == Role::init) return;
  log::info("VRRP_Group({}) Syncing instances to {} state", group.conf.name, vrrp::name(role));
  notify(group, notification_of(role));
}

// An owner accepts whatever the line says (RFC 9568, 6.1).
FilteredAddresses Router::filtered(const Instance& instance) const {
  FilteredAddresses out;
  if (instance.conf.accept || instance.conf.priority == priority_owner) return out;
  for (const auto& entry : instance.addresses.entries()) {
    const auto* link = ports_.netlink.table().link(entry.interface);
    out.insert({entry.conf.prefix.address, entry.interface, link == nullptr ? 0 : link->index});
  }
  return out;
}

void Router::filter(const Instance& instance, bool on) {
  const auto addresses = filtered(instance);
  if (ports_.accept_filter == nullptr || addresses.empty()) return;
  const auto status = on ? ports_.accept_filter->add(addresses) : ports_.accept_filter->remove(addresses);
  if (!status) log::error("({}) {}", instance.conf.name, status.error().message);
}

// What a reload took out of the configuration.
void Router::trim_filters() {
  if (ports_.accept_filter == nullptr) return;
  FilteredAddresses wanted;
  for (const auto& instance : instances_) {
    if (instance->state.role == Role::master) wanted.merge(filtered(*instance));
  }
  if (auto status = ports_.accept_filter->set(std::move(wanted)); !status) log::error("{}", status.error().message);
}

// The IPVS sync daemon sends what a master knows of connections, and else listens.
void Router::follow_sync_daemon(bool end) {
  const auto& daemon = global_.lvs_sync_daemon;
  if (!ports_.sync_daemon) return;
  const auto it =
      std::find_if(instances_.begin(), instances_.end(), [&](const auto& i) { return daemon && i->conf.name == daemon->instance; });
  if (end || it == instances_.end()) return ports_.sync_daemon(std::nullopt, 0, Role::init);
  ports_.sync_daemon(daemon, (*it)->conf.vrid, (*it)->state.role);
}

void Router::log_problems(const std::vector<std::string>& problems) {
  for (const auto& problem : problems) log::error("{}", problem);
}

// What the kernel is to do differently on the interfaces of this configuration.
void Router::adapt_settings() {
  KernelSettings::Wanted wanted;
  links_.add_settings(wanted);
  if (global_.disable_local_igmp) wanted["net/ipv4/igmp_link_local_mcast_reports"] = "0";
  for (const auto& instance : instances_) {
    if (instance->conf.promote_secondaries) wanted["net/ipv4/conf/" + instance->conf.interface + "/promote_secondaries"] = "1";
  }
  std::vector<std::string> problems;
  settings_.become(stopped_ ? KernelSettings::Wanted() : wanted, problems);
  log_problems(problems);
}

void Router::log_problems(const Instance& instance, const std::vector<std::string>& problems) {
  for (const auto& problem : problems) log::error("({}) {}", instance.conf.name, problem);
}

void Router::notify(Instance& instance, Notification what) {
  const auto& name = instance.conf.name;
  fire(instance.notify.commands(what, "INSTANCE", name, instance.state.priority), name);
  tell_fifos(what, "INSTANCE", name, instance.state.priority);
  mail(instance.conf.smtp_alert, what, instance_alert(name, what));
}

void Router::notify(const Group& group, Notification what) {
  const auto& name = group.conf.name;
  fire(group.notify.commands(what, "GROUP", name, 0), name);
  tell_fifos(what, "GROUP", name, 0);
  mail(group.conf.smtp_alert, what, group_alert(name, what));
}

void Router::tell_fifos(Notification what, std::string_view kind, const std::string& who, unsigned priority) {
  if (ports_.tell_fifos) ports_.tell_fifos(fifo_line(what, kind, who, priority));
}

// fifo_write_vrrp_states_on_reload: a reader that was started anew learns where things stand.
void Router::repeat_states() {
  for (const auto& group : groups_) {
    const Role role = group_role(states_of(group->members));
    if (role != Role::init) tell_fifos(notification_of(role), "GROUP", group->conf.name, 0);
  }
  for (const auto& instance : instances_) {
    if (instance->state.role != Role::init)
      tell_fifos(notification_of(instance->state.role), "INSTANCE", instance->conf.name, instance->state.priority);
  }
}

void Router::mail(bool wanted, Notification what, const std::optional<Alert>& alert) {
  if (!wanted || !alert || !ports_.mail || (what == Notification::fault && global_.no_email_faults)) return;
  ports_.mail(*alert);
}

void Router::fire(const std::vector<Command>& commands, const std::string& whose) {
  for (const auto& command : commands) {
    if (auto status = ports_.runner.fire(command); !status) log::error("({}) {}", whose, status.error().message);
  }
}

void Router::send_due_announcements() {
  due_announcements_.clear();
  garp_.take_due(ports_.now(), due_announcements_, announced_at_once);
  for (const auto& due : due_announcements_) {
    const auto* link = ports_.netlink.table().link(due.target.index);
    if (link == nullptr || link->mac.is_zero()) continue;  // gone, or a link without Ethernet addresses
    ports_.sender.queue_frame(due.owner, due.target.index, build_announcement(due.target.address, link->mac));
  }
}

void Router::flush() {
  ports_.sender.flush([this](std::uint32_t owner, int error) {
    const auto it = by_id_.find(owner);
    if (it == by_id_.end() || std::exchange(it->second->last_send_error, error) == error) return;
    log::warning("({}) cannot send on {}: {}", it->second->conf.name, it->second->conf.interface, std::strerror(error));
  });
}

// ---- Trackers ---------------------------------------------------------------------------------------------------------

FaultSet Router::link_faults(const Instance& instance) const {
  FaultSet faults;
  const auto* link = ports_.netlink.table().link(instance.conf.interface);
  bool is_down = link == nullptr || !link->usable();
  if (instance.conf.link.kind != conf::VirtualLink::Kind::none) {
    // Its own link is there as soon as it is up: the carrier is that of the interface below.
    const auto* own = ports_.netlink.table().link(instance.conf.link.name);
    is_down |= own == nullptr || !own->up;
  }
  if (!instance.conf.dont_track_primary) faults = faults.with(Fault::interface_down, is_down);
  faults = faults.with(Fault::no_unicast_peer, instance.conf.unicast_fault_no_peer && instance.conf.unicast_peers.empty());
  faults = faults.with(Fault::no_source_address, instance.election.source.is_unset());
  if (instance.conf.track_src_ip) faults = faults.with(Fault::tracked_source_address, !source_is_there(instance));
  return faults.with(Fault::configuration, !instance.ear && link != nullptr && link->usable());
}

// The configured one: one that the kernel chooses has gone when the interface has no address left.
bool Router::source_is_there(const Instance& instance) const {
  const auto& configured = instance.conf.unicast_peers.empty() ? instance.conf.mcast_src_ip : instance.conf.unicast_src_ip;
  if (!configured) return true;
  const auto* link = ports_.netlink.table().link(instance.conf.interface);
  const auto& addresses = ports_.netlink.table().addresses;
  return link != nullptr && std::any_of(addresses.begin(), addresses.end(),
                                        [&](const auto& a) { return a.index == link->index && a.prefix.address == *configured; });
}

void Router::reconsider_all() {
  for (auto& instance : instances_) {
    reconsider(*instance);
    keep_time(Which::masters);
  }
}

void Router::reconsider_who_tracks(std::vector<conf::Track> Instance::*list, const std::string& name) {
  if (!committed_ || stopped_) return;
  Turn turn(*this);
  keep_time(Which::all);  // a mass of changes is told in one go
  for (auto& instance : instances_) {
    const auto& tracks = (*instance).*list;
    if (std::any_of(tracks.begin(), tracks.end(), [&](const conf::Track& track) { return track.name == name; })) reconsider(*instance);
  }
}

void Router::observe_file(const std::string& name, std::int64_t number) {
  observed_.files[name] = number;
  reconsider_who_tracks(&Instance::track_files, name);
}

void Router::observe_process(const std::string& name, bool up) {
  observed_.processes[name] = up;
  reconsider_who_tracks(&Instance::track_processes, name);
}

void Router::observe_bfd(const std::string& name, bool up) {
  observed_.bfds[name] = up;
  reconsider_who_tracks(&Instance::track_bfds, name);
}

void Router::reconsider(Instance& instance) {
  tracked_.clear();
  for (const auto& track : instance.track_interfaces) {
    const auto* link = ports_.netlink.table().link(track.name);
    tracked_.push_back({Fault::tracked_interface, track.weight, track.reverse, link != nullptr && link->usable(), {}});
  }
  for (const auto& track : instance.track_scripts) {
    // One that cannot be run was dropped with a warning when the configuration was read: it is no fault.
    if (!scripts_.known(track.name)) continue;
    tracked_.push_back({Fault::tracked_script, track.weight, track.reverse, scripts_.up(track.name), {}});
  }
  for (const auto& track : instance.track_files) {
    if (const auto file = observed_.files.find(track.name); file != observed_.files.end())
      tracked_.push_back({Fault::tracked_file, track.weight, track.reverse, true, file->second});
  }
  for (const auto& track : instance.track_processes) {
    if (const auto process = observed_.processes.find(track.name); process != observed_.processes.end())
      tracked_.push_back({Fault::tracked_process, track.weight, track.reverse, process->second, {}});
  }
  for (const auto& track : instance.track_bfds) {
    if (const auto session = observed_.bfds.find(track.name); session != observed_.bfds.end())
      tracked_.push_back({Fault::tracked_bfd, track.weight, track.reverse, session->second, {}});
  }
  const Evaluation evaluation = evaluate(instance.conf.priority, tracked_);
  instance.waiting = evaluation.waiting;
  instance.waited |= evaluation.waiting;
  const FaultSet faults = (evaluation.faults | link_faults(instance)).with(Fault::sync_group, instance.state.faults.has(Fault::sync_group));
  if (evaluation.priority != instance.state.priority && !instance.state.owner_gave_way) {
    log::info("({}) Changing effective priority from {} to {}", instance.conf.name, instance.state.priority, evaluation.priority);
    give(instance, PriorityChanged{evaluation.priority});
  }
  if (faults != instance.state.faults) give(instance, FaultsChanged{faults});
  start_if_ready(instance);
}

void Router::start_if_ready(Instance& instance) {
  if (stopped_ || start_at_) return;
  const auto ready = [](const Instance* i) { return !i->waiting; };
  if (instance.group == nullptr) {
    if (!ready(&instance) || std::exchange(instance.started, true)) return;
    return give(instance, Start{});
  }
  // A group begins together.
  const auto& members = instance.group->members;
  if (!std::all_of(members.begin(), members.end(), ready)) return;
  for (Instance* member : members) {
    if (!std::exchange(member->started, true)) give(*member, Start{});
  }
  while (settle_groups()) {
  }
  // At its beginning, and only then, a group is told about before its members.
  if (instance.group->told == Role::init) tell_group(*instance.group);
}

// ---- The kernel's events ----------------------------------------------------------------------------------------------

void Router::on_netlink(const netlink::Change& change) {
  if (!committed_ || stopped_) return;
  Turn turn(*this);
  statics_.on_change(change);
  if (const auto* c = std::get_if<netlink::LinkChanged>(&change)) {
    on_link(c->link, false);
  } else if (const auto* g = std::get_if<netlink::LinkGone>(&change)) {
    on_link(g->link, true);
  } else if (const auto* a = std::get_if<netlink::AddressChanged>(&change)) {
    on_address(a->address);
  } else if (const auto* d = std::get_if<netlink::AddressGone>(&change)) {
    on_address_gone(*d);
  } else {
    on_route_gone(change);
  }
}

void Router::on_link(const netlink::Link& link, bool gone) {
  if (!links_.empty() && (gone || !links_up_.contains(link.index))) {
    std::vector<std::string> problems;
    links_.make_missing(problems);
    log_problems(problems);
  }
  const bool up = !gone && link.usable();
  bool in_use = false;
  for (auto& instance : instances_) {
    const auto& tracks = instance->track_interfaces;
    in_use |= instance->conf.interface == link.name;
    in_use |= std::any_of(tracks.begin(), tracks.end(), [&](const conf::Track& t) { return t.name == link.name; });
    // A link of the same name with another index is another link; and a link may have been renamed.
    const auto* mine = ports_.netlink.table().link(instance->conf.interface);
    if (instance->ear && (mine == nullptr || mine->index != instance->index)) instance->ear.reset();
    if (instance->ear && instance->link_index != link_index_of(*instance, ports_.netlink.table())) instance->ear.reset();
    if (!instance->ear && mine != nullptr && mine->usable()) {
      choose_source(*instance);
      tune(*instance);
    }
  }
  if (in_use) {
    const auto told = link_told_.find(link.name);
    if (told == link_told_.end() ? !up : told->second != up) log::info("Netlink reports {} {}", link.name, up ? "up" : "down");
    link_told_[link.name] = up;
  }
  look_at_heartbeats(link.name);
  if (gone || !link.up) {
    links_up_.erase(link.index);
  } else if (links_up_.insert(link.index).second) {
    restore(link);
  }
  reconsider_all();
}

void Router::on_address(const netlink::Address& address) {
  const auto* link = ports_.netlink.table().link(address.index);
  if (link == nullptr) return;
  const IpAddress& ip = address.prefix.address;
  const bool vip = is_vip(ip);
  for (Instance* instance : on_interface(link->name)) {
    if (instance->conf.track_src_ip) reconsider(*instance);
    const IpAddress before = instance->election.source;
    // What comes after the source that we have, or goes without being it, changes nothing; only an owner that sends from a VIP
    // takes another address when there is one. Thousands that come and go need not be looked through each time.
    if (!before.is_unset() && before != ip && (vip || !is_vip(before))) continue;
    choose_source(*instance);
    if (instance->election.source == before) continue;
    tune(*instance);
    reconsider(*instance);
  }
  look_at_heartbeats(link->name);
}

void Router::on_address_gone(const netlink::AddressGone& gone) {
  for (Instance* instance : with_address(gone.address.prefix.address)) {
    if (!instance->addresses.lost(gone)) continue;
    const auto* link = ports_.netlink.table().link(gone.address.index);
    log::info("Netlink reflector reports IP {} removed from {}", gone.address.prefix.address.str(), link != nullptr ? link->name : "?");
    lose(*instance);
  }
  on_address(gone.address);
}

void Router::on_route_gone(const netlink::Change& change) {
  const auto* route = std::get_if<netlink::RouteGone>(&change);
  const auto* rule = std::get_if<netlink::RuleGone>(&change);
  if (route == nullptr && rule == nullptr) return;
  for (auto& instance : instances_) {
    if (route != nullptr && instance->routes.lost(*route)) {
      log::info("({}) Netlink reports route to {} removed", instance->conf.name, route->route.destination.str());
    } else if (rule != nullptr && instance->routes.lost(*rule)) {
      log::info("({}) Netlink reports rule {} removed", instance->conf.name, rule->rule.priority);
    } else {
      continue;
    }
    lose(*instance);
  }
}

// Somebody took away what belongs to a master: it and its group are elected anew.
void Router::lose(Instance& instance) {
  if (instance.group == nullptr) return give(instance, AddressLost{});
  for (Instance* member : instance.group->members) give(*member, AddressLost{});
}

// What an interface took along when it went.
void Router::restore(const netlink::Link& link) {
  statics_.restore();
  for (auto& instance : instances_) {
    if (instance->state.role != Role::master) continue;
    std::vector<std::string> problems;
    instance->addresses.restore(&link, problems);
    instance->routes.restore(problems);
    log_problems(*instance, problems);
  }
}

void Router::listen(Instance& instance) {
  instance.ear.reset();
  const auto* link = ports_.netlink.table().link(instance.conf.interface);
  if (link == nullptr) return;
  instance.index = link->index;
  instance.link_index = link_index_of(instance, ports_.netlink.table());
  auto ear = ports_.transport.listen(instance.tuning(), *instance.listener);
  if (!ear) return log::error("({}) {}", instance.conf.name, ear.error().message);
  instance.ear = std::move(*ear);
}

// Their links and addresses may have come or gone.
void Router::look_at_heartbeats(Instance& instance) {
  for (auto& way : instance.heartbeats) {
    const bool changed = way->look(ports_.netlink.table(), instance.conf.family);
    if (changed) {
      instance.packets_changed();
      way->ear.reset();
    }
    if (!way->usable()) continue;
    if (way->ear) {
      if (auto status = way->ear->tune(way->tuning(instance.tuning())); !status)
        log::error("({}) {}", instance.conf.name, status.error().message);
      continue;
    }
    auto ear = ports_.transport.listen(way->tuning(instance.tuning()), *way->listener);
    if (ear) {
      way->ear = std::move(*ear);
    } else {
      log::error("({}) heartbeat: {}", instance.conf.name, ear.error().message);
    }
  }
}

void Router::look_at_heartbeats(const std::string& interface) {
  for (auto& instance : instances_) {
    const auto by = [&](const auto& way) { return way->conf.interface == interface; };
    if (std::any_of(instance->heartbeats.begin(), instance->heartbeats.end(), by)) look_at_heartbeats(*instance);
  }
}

void Router::hear_heartbeat(Instance& instance, HeartbeatWay& way, const Heard& heard) {
  const TimePoint now = ports_.now();
  const State& state = instance.state;
  const Duration patience =
      master_down_interval(instance.election.version, state.priority, state.master_interval, instance.election.down_timer_adverts);
  const TimePoint last = std::max(state.heard_at.value_or(state.since), state.since);
  if (state.role == Role::backup && heard.priority != priority_released && now - last > patience)
    instance.findings.note(Trouble::link_silent, heard.source.str(),
                           fmt::format("by {}, and not by {}", way.conf.interface, instance.conf.interface), now);
  give(instance, HeartbeatHeard{heard, way.source});
}

void Router::start_fence(Instance& instance) {
  log::info("({}) The master is silent: running the fence {}", instance.conf.name, instance.fence ? instance.fence->str() : "");
  const auto done = [this, &instance](const Runner::Outcome& outcome) {
    Turn turn(*this);
    const auto run = std::move(instance.fencing);
    if (outcome.success) {
      log::info("({}) The fence has succeeded", instance.conf.name);
    } else {
      log::error("({}) The fence {}: there is no takeover", instance.conf.name, outcome.words);
    }
    give(instance, FenceDone{outcome.success});
  };
  if (!instance.fence) return give(instance, FenceDone{true});  // a reload took it away
  auto run = ports_.runner.check(*instance.fence, instance.election.fence_limit, done);
  if (run) {
    instance.fencing = std::move(*run);
    return;
  }
  log::error("({}) The fence cannot be run: {}: there is no takeover", instance.conf.name, run.error().message);
  give(instance, FenceDone{false});
}

void Router::follow(Instance& instance) {
  if (instance.ear) {
    if (auto status = instance.ear->follow(instance.state); !status) log::error("({}) {}", instance.conf.name, status.error().message);
  }
  schedule(instance);  // at a time that depends on who keeps the down timer
}

void Router::tune(Instance& instance) {
  instance.link_index = link_index_of(instance, ports_.netlink.table());
  if (!instance.ear || instance.ear->kind() != ports_.transport.kind_for(instance.tuning())) {
    listen(instance);
  } else if (auto status = instance.ear->tune(instance.tuning()); !status) {
    log::error("({}) {}", instance.conf.name, status.error().message);
  }
  follow(instance);
}

bool Router::is_vip(const IpAddress& address) const { return !with_address(address).empty(); }

void Router::choose_source(Instance& instance) {
  const auto source = vrrp::choose_source(instance.conf, ports_.netlink.table(), [this](const IpAddress& ip) { return is_vip(ip); });
  if (source.value_or(IpAddress()) == instance.election.source) return;
  instance.election.source = source.value_or(IpAddress());
  if (instance.state.role == Role::master) instance.state.master = instance.election.source;
  instance.packets_changed();
}

// ---- For others to see ------------------------------------------------------------------------------------------------

namespace {

InstanceSnapshot snapshot_of(const Instance& i, TimePoint now) {
  Remembered remembered{i.state.role, i.state.since, i.state.priority, std::nullopt};
  if (i.state.heard_at && !i.state.master.is_unset() && i.state.role == Role::backup) {
    remembered.last_heard = Heard{i.state.master, i.state.master_priority, i.state.master_interval, *i.state.heard_at};
  }
  return {i.conf.interface, i.conf.family, i.conf.vrid, remembered, i.became_master, i.ah_sequence, now, false};
}

}  // namespace

Snapshot Router::snapshot() const {
  Snapshot out;
  for (const auto& i : instances_) out.instances.push_back(snapshot_of(*i, ports_.now()));
  return out;
}

Snapshot Router::changes(std::size_t most) {
  Snapshot out{std::exchange(gone_, {})};
  while (!to_report_.empty() && out.instances.size() < most) {
    Instance& instance = *to_report_.front();
    to_report_.pop_front();
    instance.changed = false;
    out.instances.push_back(snapshot_of(instance, ports_.now()));
  }
  return out;
}

std::vector<Finding> Router::findings(const Instance& instance) const {
  Findings all = instance.findings;
  // A steady master wakes nobody: what is remarkable about it holds until it is another.
  if (instance.state.role == Role::backup && !instance.state.master.is_unset() && instance.last_remarks.addresses_differ)
    all.note(Trouble::other_addresses, instance.state.master.str(), {}, ports_.now());
  return all.current(ports_.now(), still_going_on(instance));
}

std::vector<InstanceStatus> Router::status() const {
  std::vector<InstanceStatus> out;
  for (const auto& i : instances_) {
    InstanceStatus s;
    s.name = i->conf.name;
    s.interface = i->conf.interface;
    s.vrid = i->conf.vrid;
    s.version = i->conf.version;
    s.family = i->conf.family;
    if (i->group != nullptr) s.sync_group = i->group->conf.name;
    s.role = i->state.role;
    s.cause = i->state.cause;
    s.since = i->state.since;
    s.base_priority = i->conf.priority;
    s.priority = i->state.priority;
    s.advert_interval = i->election.interval;
    s.master = i->state.master;
    s.master_priority = i->state.master_priority;
    if (i->ear) s.transport = i->ear->kind();
    for (const auto& entry : i->addresses.entries())
      (entry.excluded ? s.excluded_addresses : s.addresses).push_back(entry.conf.prefix.str());
    for (std::uint32_t bit = 1; bit != 0; bit <<= 1) {
      if ((i->state.faults.bits() & bit) != 0) s.faults.emplace_back(sentence(static_cast<Fault>(bit)));
    }
    s.findings = findings(*i);
    if (i->waiting) s.faults.emplace_back("waits for the first result of its scripts");
    s.adverts_sent = i->adverts_sent;
    s.priority_zero_sent = i->priority_zero_sent;
    s.rival_adverts = i->rival_adverts;
    if (!i->rival.is_unset() && ports_.now() - i->rival_heard < 3 * i->election.interval) s.rival = i->rival;
    s.became_master = i->became_master;
    s.released_master = i->released_master;
    const Tally tally = i->ear ? i->ear->tally() : Tally{};
    s.adverts_received = tally.received;
    s.priority_zero_received = tally.priority_zero;
    for (std::size_t r = 0; r < tally.rejected.size(); ++r) {
      if (tally.rejected[r] != 0) s.rejects.push_back({std::string(vrrp::name(static_cast<Reject>(r))), tally.rejected[r]});
    }
    out.push_back(std::move(s));
  }
  return out;
}

}  // namespace xd::vrrp
