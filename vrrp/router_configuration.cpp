// A configuration is prepared, becomes the running one, and ends.
#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "base/log.h"
#include "vrrp/router_parts.h"
#include "vrrp/timing.h"

namespace xd::vrrp {

namespace {

Status check_instance(const conf::VrrpInstance& conf, const netlink::Table& table, bool may_come_later) {
  const auto refuse = [&](const std::string& why) { return Error{"vrrp_instance " + conf.name + ": " + why}; };
  if (conf.vrid == 0) return refuse("it has no virtual_router_id");
  if (conf.place().empty()) return refuse("it has neither an interface nor a unicast_src_ip");
  const std::string& way = conf.way();
  if (!way.empty() && !may_come_later && table.link(way) == nullptr) return refuse("interface " + way + " does not exist");
  return {};
}

IpAddress multicast_group(const conf::Global& global, int family) {
  const IpAddress& configured = family == AF_INET ? global.vrrp_mcast_group4 : global.vrrp_mcast_group6;
  return configured.is_unset() ? *IpAddress::parse(family == AF_INET ? "224.0.0.18" : "ff02::12") : configured;
}

// The interfaces of static objects that an instance goes with (track_group): without them it is in fault.
void track_statics(const conf::Model& statics, const std::string& instance, std::vector<conf::Track>& tracks) {
  std::set<std::string> interfaces;
  const auto follows = [&](const std::string& group) {
    return std::any_of(statics.track_groups.begin(), statics.track_groups.end(), [&](const conf::TrackGroup& g) {
      return g.name == group && std::find(g.members.begin(), g.members.end(), instance) != g.members.end();
    });
  };
  for (const auto& address : statics.static_addresses) {
    if (follows(address.track_group)) interfaces.insert(address.interface.empty() ? statics.global.default_interface : address.interface);
  }
  for (const auto& route : statics.static_routes) {
    if (!follows(route.track_group)) continue;
    interfaces.insert(route.route.hop.interface);
    for (const auto& hop : route.route.hops) interfaces.insert(hop.interface);
  }
  for (const auto& rule : statics.static_rules) {
    if (follows(rule.track_group)) interfaces.insert({rule.rule.in_interface, rule.rule.out_interface});
  }
  interfaces.erase("");
  for (const auto& name : interfaces) {
    const auto track = std::find_if(tracks.begin(), tracks.end(), [&](const conf::Track& t) { return t.name == name; });
    if (track == tracks.end()) tracks.push_back({name, 0, false});
  }
}

// What an instance is called on the wire.
using WireName = std::tuple<std::uint8_t, int, std::string>;

Status check_unique(const std::vector<conf::VrrpInstance>& instances) {
  std::set<WireName> seen;
  for (const auto& conf : instances) {
    if (seen.insert({conf.vrid, conf.family, conf.place()}).second) continue;
    return Error{"vrrp_instance " + conf.name + ": virtual_router_id " + std::to_string(conf.vrid) + " is used twice on " + conf.place()};
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
  plan->others.global = model.global;
  plan->others.static_addresses = model.static_addresses;
  plan->others.static_routes = model.static_routes;
  plan->others.static_rules = model.static_rules;
  plan->others.track_groups = model.track_groups;
  plan->others.track_files = model.track_files;
  plan->others.track_processes = model.track_processes;
  plan->others.bfd_instances = model.bfd_instances;
  plan->others.garp_groups = model.garp_groups;
  plan->others.link_delays = model.link_delays;
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
    const auto place = known.find({conf.vrid, conf.family, conf.place()});
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
  others_ = std::move(plan->others);
  teller_.mail_faults(!others_.global.no_email_faults);
  if (!committed_) {
    // The clock begins at boot.
    const TimePoint at = std::max(now + others_.global.vrrp_startup_delay, TimePoint{others_.global.vrrp_delay_after_boot});
    if (at > now) start_at_ = at;
  }
  committed_ = true;
  filters_.configure(others_.global.nftables);
  garp_.set_pace(others_.global.garp_interval, others_.global.gna_interval);
  share_garp_clocks();
  for (auto& instance : instances_) instance->group = nullptr;

  statics_.become(others_);

  // Matched by what is on the wire; a new name is no new instance.
  auto old = std::exchange(instances_, {});
  std::map<WireName, std::unique_ptr<Instance>*> by_wire_name;
  for (auto& i : old) by_wire_name[{i->conf.vrid, i->conf.family, i->conf.place()}] = &i;
  std::vector<bool> fresh;
  for (auto& planned : plan->instances) {
    const auto same = by_wire_name.find({planned.conf.vrid, planned.conf.family, planned.conf.place()});
    fresh.push_back(same == by_wire_name.end());
    instances_.push_back(fresh.back() ? make_instance() : std::move(*same->second));
    instances_.back()->place = instances_.size();
    instances_.back()->multicast_group = planned.conf.mcast_dst_ip.value_or(multicast_group(others_.global, planned.conf.family));
  }
  std::erase(old, nullptr);
  remove_instances(std::move(old));

  VirtualLinks::ByName wanted_links;
  RoleFilters::Links silent_links;
  for (std::size_t i = 0; i < plan->instances.size(); ++i) {
    VirtualLinks::add_wanted(wanted_links, plan->instances[i].conf);
    RoleFilters::add_silent(silent_links, plan->instances[i].conf, instances_[i]->state.role);
  }
  filters_.hold_reports(silent_links);  // before there are links that could report
  std::vector<std::string> link_problems;
  links_.want(std::move(wanted_links), link_problems);

  build_groups(*plan);
  // All leave what they no longer have before any takes what is new: an address may move from one to another.
  std::vector<std::optional<Remembered>> remembered;
  std::vector<bool> announces_otherwise;
  for (std::size_t i = 0; i < plan->instances.size(); ++i) {
    Instance& instance = *instances_[i];
    const auto announcements = [&] {
      return std::tuple(instance.announced(ports_.netlink.table()), instance.conf.garp, instance.conf.garp_extra_if);
    };
    remembered.push_back(plan->instances[i].remembered);
    const auto before = announcements();
    configure(instance, std::move(plan->instances[i]));
    announces_otherwise.push_back(announcements() != before);
    track_statics(others_, instance.conf.name, instance.track_interfaces);
    keep_time(Which::masters);
  }
  index_.build(instances_);
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
    filters_.close(instance);
    const auto gained = instance.addresses.acquire(problems);
    instance.routes.acquire(problems);
    log_problems(instance, problems);
    if (announces_otherwise[i]) refresh_announcements(instance);
    if (!gained.empty()) garp_.add(instance.id, instance.announced(ports_.netlink.table()), instance.conf.garp, now);
  }
  filters_.trim(instances_);
  filters_.hold_reports(instances_);
  follow_sync_daemon();
  // A group begins as one: at once only if every member owns its addresses.
  for (auto& group : groups_) {
    const auto initial = group_initial_state(group->states());
    for (Instance* member : group->members) member->election.initial_state = initial;
  }
  delay_links();
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
  if (is_reload && others_.global.fifo_write_vrrp_states_on_reload) repeat_roles();
  reconsider_all();
  for (auto& group : groups_) {
    // Those that go on have been told about by the process before.
    const auto goes_on = [](const Instance* member) { return member->state.cause == Cause::resumed; };
    const auto& members = group->members;
    if (std::all_of(members.begin(), members.end(), goes_on)) group->told = group->role();
  }
  changed_ = true;
}

// A backup must not take over before we have owned up to a loss: a delay ends before its last advert is missed.
void Router::delay_links() {
  auto delays = others_.link_delays;
  for (auto& delay : delays) {
    for (const auto& instance : instances_) {
      const auto& tracks = instance->track_interfaces;
      const bool uses = instance->conf.way() == delay.interface ||
                        std::any_of(tracks.begin(), tracks.end(), [&](const conf::Track& t) { return t.name == delay.interface; });
      const Duration most = (std::max(instance->conf.down_timer_adverts, 2U) - 1) * instance->election.interval;
      if (!uses || std::max(delay.down, delay.up) < most) continue;
      log::warning("interface_up_down_delays of {} are cut to {} s, before the routers of {} give it up", delay.interface, to_seconds(most),
                   instance->conf.name);
      delay.down = std::min(delay.down, most);
      delay.up = std::min(delay.up, most);
    }
  }
  link_states_.configure(delays, ports_.netlink.table());
}

void Router::share_garp_clocks() {
  std::map<int, GarpSchedule::SharedClock> clocks;
  int number = 0;
  for (const auto& group : others_.garp_groups) {
    ++number;
    for (const auto& name : group.interfaces) {
      if (const auto* link = ports_.netlink.table().link(name)) clocks[link->index] = {number, group.garp_interval, group.gna_interval};
    }
  }
  garp_.share_clocks(std::move(clocks));
}

std::unique_ptr<Instance> Router::make_instance() {
  auto instance = std::make_unique<Instance>(next_id_++, ports_.netlink, ports_.set_gate);
  instance->listener = ears_of(*instance);
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
    gone.interface = instance->conf.place();
    gone.family = instance->conf.family;
    gone.vrid = instance->conf.vrid;
    gone.gone = true;
    std::erase(to_report_, instance.get());
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
    ways.back()->listener = ears_of(instance, *ways.back());
  }
  instance.heartbeats = std::move(ways);
  instance.fence = std::move(planned.fence);
  if (instance.conf.old_unicast_checksum != conf::OldChecksum::automatic) instance.old_checksum_peers.clear();
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
    filters_.close(instance);
    instance.addresses.acquire(problems);
    instance.routes.acquire(problems);
    refresh_announcements(instance);
  } else {
    const auto held_by_another = [&](const VirtualAddresses::Entry& entry) {
      const auto& all = index_.with_address(entry.conf.prefix.address);
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
    if (instance->started) teller_.tell(*instance, Notification::stop);
  }
  for (const auto& group : groups_) teller_.tell(*group, Notification::stop);
  for (auto& instance : instances_) instance->ear.reset();
  filters_.hold_reports(RoleFilters::Links{});
  follow_sync_daemon(true);
}

}  // namespace xd::vrrp
