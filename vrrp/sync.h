// Sync groups: instances that are MASTER together or not at all. Pure: it looks at all members and says which event to give
// to whom; the engine gives them (vrrp/election.h) and asks again until nothing is left to do.
//
//   - all members that are not master want to be: all become master at once, skipping their own timers
//   - a master beside a backup that does not want: the master becomes backup, without priority 0
//   - a member with a fault of its own: all others get Fault::sync_group (a master sends priority 0); they leave it together.
//     The engine keeps that bit when it reports a change of a member's own faults
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "conf/model.h"
#include "vrrp/election.h"

namespace xd::vrrp {

struct Pull {
  std::size_t member;
  Event event;  // GroupMaster, GroupBackup or FaultsChanged
};

// After a member's step. Empty: the group is settled.
std::vector<Pull> settle(std::span<const State* const> members);

// The group's role: MASTER when all are, FAULT when one is, INIT while one has not begun, else BACKUP. Its notifications
// come after the members', when settle() has nothing left.
Role group_role(std::span<const State* const> members);

// A group starts as MASTER only when every member is the owner of its addresses; else each member starts as BACKUP whatever
// its `state` line says. Returns what InstanceConfig::initial_state must be for all of them.
conf::WantedState group_initial_state(std::span<const State* const> members);

// The trackers that a member really has: its own and the group's; one tracked by both takes the group's weight. Without
// sync_group_tracking_weight an interface's weight becomes 0 (so it faults) and weighted scripts are dropped, as in keepalived.
struct MemberTracks {
  std::vector<conf::Track> interfaces;
  std::vector<conf::Track> scripts;
  std::vector<conf::Track> files, processes, bfds;  // a group's weights count; of a member's the configuration has kept those that do
};
MemberTracks member_tracks(const conf::VrrpInstance& instance, const conf::VrrpSyncGroup& group);

}  // namespace xd::vrrp
