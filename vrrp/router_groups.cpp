// Sync groups: their members act together, and are told of after them.
#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "vrrp/router_parts.h"
#include "vrrp/sync.h"

namespace xd::vrrp {

std::vector<const State*> Group::states() const {
  std::vector<const State*> out;
  for (const Instance* member : members) out.push_back(&member->state);
  return out;
}

Role Group::role() const { return group_role(states()); }

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
  const Role role = group.role();
  // Keepalived's groups do not hear of the moment in which members take back what somebody removed, and hear MASTER anew.
  const auto takes_back = [](const Instance* member) {
    return member->state.cause == Cause::address_lost && member->state.master.is_unset();
  };
  if (role == Role::backup && std::any_of(group.members.begin(), group.members.end(), takes_back)) {
    group.told = Role::init;
    return;
  }
  if (role == std::exchange(group.told, role) || role == Role::init) return;
  log::info("VRRP_Group({}) Syncing instances to {} state", group.conf.name, vrrp::name(role));
  teller_.tell_role(group);
}

// fifo_write_vrrp_states_on_reload.
void Router::repeat_roles() {
  for (const auto& group : groups_) teller_.repeat_role(*group);
  for (const auto& instance : instances_) teller_.repeat_role(*instance);
}

}  // namespace xd::vrrp
