// Others are told: scripts, FIFOs, mails.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "vrrp/router_parts.h"

namespace xd::vrrp {

namespace {

// Of a role that is told about: INIT is not.
Notification notification_of(Role role) {
  return role == Role::master ? Notification::master : role == Role::backup ? Notification::backup : Notification::fault;
}

}  // namespace

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
  notify(group, notification_of(role));
}

void Router::notify(Instance& instance, Notification what) {
  const auto& name = instance.conf.name;
  fire(instance.notify.commands(what, "INSTANCE", name, instance.state.priority), name);
  tell_fifos(what, "INSTANCE", name, instance.state.priority);
  mail(instance.conf.smtp_alert, what, instance_alert(name, what));
}

// Without notify_deleted it is told as a fault, of one that was not in fault before.
void Router::tell_deletion(Instance& instance, Role before) {
  if (instance.conf.notify.tells_deleted) return notify(instance, Notification::deleted);
  if (before != Role::fault) notify(instance, Notification::fault);
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
  if (!wanted || !alert || !ports_.mail || (what == Notification::fault && others_.global.no_email_faults)) return;
  ports_.mail(*alert);
}

void Router::fire(const std::vector<Command>& commands, const std::string& whose) {
  for (const auto& command : commands) {
    if (auto status = ports_.runner.fire(command); !status) log::error("({}) {}", whose, status.error().message);
  }
}

}  // namespace xd::vrrp
