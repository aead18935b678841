#include "vrrp/sync.h"

#include <algorithm>

namespace xd::vrrp {
namespace {

FaultSet own_faults(const State& state) { return state.faults.with(Fault::sync_group, false); }

bool is(const State* state, Role role) { return state->role == role; }

void merge(std::vector<conf::Track>& tracks, const std::vector<conf::Track>& of_group) {
  for (const conf::Track& track : of_group) {
    std::erase_if(tracks, [&](const conf::Track& t) { return t.name == track.name; });
    tracks.push_back(track);
  }
}

}  // namespace

std::vector<Pull> settle(std::span<const State* const> members) {
  std::vector<Pull> pulls;
  for (std::size_t i = 0; i < members.size(); ++i) {
    bool other_in_fault = false;
    for (std::size_t j = 0; j < members.size(); ++j) other_in_fault |= j != i && own_faults(*members[j]).any();
    const FaultSet faults = members[i]->faults.with(Fault::sync_group, other_in_fault);
    if (faults != members[i]->faults) pulls.push_back({i, FaultsChanged{faults}});
  }
  if (!pulls.empty()) return pulls;

  const auto masters = std::count_if(members.begin(), members.end(), [](auto* m) { return is(m, Role::master); });
  const auto ripe = std::count_if(members.begin(), members.end(), [](auto* m) { return m->wants_master; });
  const auto reluctant = std::count_if(members.begin(), members.end(), [](auto* m) { return is(m, Role::backup) && !m->wants_master; });
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (masters + ripe == std::ssize(members) && members[i]->wants_master) pulls.push_back({i, GroupMaster{}});
    if (reluctant > 0 && is(members[i], Role::master)) pulls.push_back({i, GroupBackup{}});
  }
  return pulls;
}

Role group_role(std::span<const State* const> members) {
  const auto any = [&](Role role) { return std::any_of(members.begin(), members.end(), [&](auto* m) { return is(m, role); }); };
  if (any(Role::fault)) return Role::fault;
  if (any(Role::init)) return Role::init;
  return any(Role::backup) ? Role::backup : Role::master;
}

conf::WantedState group_initial_state(std::span<const State* const> members) {
  const bool owners = std::all_of(members.begin(), members.end(), [](auto* m) { return m->priority == 255; });
  return owners ? conf::WantedState::master : conf::WantedState::backup;
}

MemberTracks member_tracks(const conf::VrrpInstance& instance, const conf::VrrpSyncGroup& group) {
  MemberTracks tracks{instance.track_interfaces, instance.track_scripts, instance.track_files, instance.track_processes,
                      instance.track_bfds};
  merge(tracks.interfaces, group.track_interfaces);
  merge(tracks.scripts, group.track_scripts);
  merge(tracks.files, group.track_files);
  merge(tracks.processes, group.track_processes);
  merge(tracks.bfds, group.track_bfds);
  if (!group.sync_group_tracking_weight) {
    for (conf::Track& track : tracks.interfaces) track.weight = 0;
    std::erase_if(tracks.scripts, [](const conf::Track& track) { return track.weight != 0; });
  }
  return tracks;
}

}  // namespace xd::vrrp
