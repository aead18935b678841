// What instances track: links, scripts, files, processes, BFD sessions.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "vrrp/router_parts.h"

namespace xd::vrrp {

bool Router::is_up(const std::string& interface) const { return link_states_.up(interface, ports_.netlink.table().link(interface)); }

FaultSet Router::link_faults(const Instance& instance) const {
  FaultSet faults;
  const std::string& way = instance.conf.way();
  bool is_down = !way.empty() && !is_up(way);
  if (instance.conf.link.kind != conf::VirtualLink::Kind::none) {
    // Its own link is there as soon as it is up: the carrier is that of the interface below.
    const auto* own = ports_.netlink.table().link(instance.conf.link.name);
    is_down |= own == nullptr || !own->up;
  }
  if (!instance.conf.dont_track_primary) faults = faults.with(Fault::interface_down, is_down);
  faults = faults.with(Fault::no_unicast_peer, instance.conf.unicast_fault_no_peer && instance.conf.unicast_peers.empty());
  // Peers answer to the configured address: without it a beginner would hear nobody and be a second master. Who has begun stays what he is
  // when it goes, as in keepalived: that is what track_src_ip is for.
  const bool has_begun = instance.state.role == Role::master || instance.state.role == Role::backup;
  const bool is_deaf = !has_begun && !instance.conf.unicast_peers.empty() && !is_local(instance.election.source);
  faults = faults.with(Fault::no_source_address, instance.election.source.is_unset() || is_deaf);
  if (instance.conf.track_src_ip) faults = faults.with(Fault::tracked_source_address, !source_is_there(instance));
  return faults.with(Fault::configuration, !instance.ear && can_listen(instance));
}

bool Router::is_local(const IpAddress& address) const {
  const auto& addresses = ports_.netlink.table().addresses;
  return std::any_of(addresses.begin(), addresses.end(), [&](const auto& a) { return a.prefix.address == address; });
}

// The configured one: one that the kernel chooses has gone when the interface has no address left.
bool Router::source_is_there(const Instance& instance) const {
  const auto& configured = instance.conf.unicast_peers.empty() ? instance.conf.mcast_src_ip : instance.conf.unicast_src_ip;
  if (!configured) return true;
  const auto* link = ports_.netlink.table().link(instance.conf.interface);
  const bool anywhere = instance.conf.interface.empty();
  const auto& addresses = ports_.netlink.table().addresses;
  return std::any_of(addresses.begin(), addresses.end(), [&](const auto& a) {
    return a.prefix.address == *configured && (anywhere || (link != nullptr && a.index == link->index));
  });
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

void Router::observe_link(const std::string& name, bool up) {
  link_states_.note_poll(name, up);
  if (!committed_ || stopped_) return;
  Turn turn(*this);
  if (!link_states_.look(name, ports_.netlink.table().link(name), ports_.now())) return;
  tell_link(name);
  reconsider_all();
}

void Router::reconsider(Instance& instance) {
  tracked_.clear();
  for (const auto& track : instance.track_interfaces) {
    tracked_.push_back({Fault::tracked_interface, track.weight, track.reverse, is_up(track.name), {}});
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
  // Who falls is no more told of priorities.
  if (faults.any() && !instance.state.faults.any()) give(instance, FaultsChanged{faults});
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
  // A group begins together, and in the order of the file.
  auto members = instance.group->members;
  if (!std::all_of(members.begin(), members.end(), ready)) return;
  std::sort(members.begin(), members.end(), [](const Instance* a, const Instance* b) { return a->place < b->place; });
  while (settle_groups()) {  // with another's fault, they begin in it
  }
  for (Instance* member : members) {
    if (!std::exchange(member->started, true)) give(*member, Start{});
  }
  while (settle_groups()) {
  }
  // A group that begins with the daemon, and only then, is told about before its members; one that waited for scripts, after them.
  const bool waited = std::any_of(members.begin(), members.end(), [](const Instance* i) { return i->waited; });
  if (!waited && instance.group->told == Role::init) tell_group(*instance.group);
}

}  // namespace xd::vrrp
