#include "vrrp/teller.h"

#include "base/log.h"

namespace xd::vrrp {

namespace {

constexpr std::string_view of_instance = "INSTANCE";
constexpr std::string_view of_group = "GROUP";

// Of a role that is told about: INIT is not.
Notification notification_of(Role role) {
  return role == Role::master ? Notification::master : role == Role::backup ? Notification::backup : Notification::fault;
}

}  // namespace

void Teller::tell(const Instance& instance, Notification what) {
  const auto& name = instance.conf.name;
  run(instance.notify.commands(what, of_instance, name, instance.state.priority), name);
  write(what, of_instance, name, instance.state.priority);
  mail(instance.conf.smtp_alert, what, instance_alert(name, what));
}

void Teller::tell(const Group& group, Notification what) {
  const auto& name = group.conf.name;
  run(group.notify.commands(what, of_group, name, 0), name);
  write(what, of_group, name, 0);
  mail(group.conf.smtp_alert, what, group_alert(name, what));
}

void Teller::tell_role(const Group& group) {
  const Role role = group.role();
  if (role != Role::init) tell(group, notification_of(role));
}

// Without notify_deleted it is told as a fault, of one that was not in fault before.
void Teller::tell_deletion(const Instance& instance, Role before) {
  if (instance.conf.notify.tells_deleted) return tell(instance, Notification::deleted);
  if (before != Role::fault) tell(instance, Notification::fault);
}

void Teller::repeat_role(const Instance& instance) {
  const Role role = instance.state.role;
  if (role != Role::init) write(notification_of(role), of_instance, instance.conf.name, instance.state.priority);
}

void Teller::repeat_role(const Group& group) {
  const Role role = group.role();
  if (role != Role::init) write(notification_of(role), of_group, group.conf.name, 0);
}

void Teller::write(Notification what, std::string_view kind, const std::string& who, unsigned priority) {
  if (fifos_) fifos_(fifo_line(what, kind, who, priority));
}

void Teller::mail(bool wanted, Notification what, const std::optional<Alert>& alert) {
  if (!wanted || !alert || !mail_ || (what == Notification::fault && !mail_faults_)) return;
  mail_(*alert);
}

void Teller::run(const std::vector<Command>& commands, const std::string& whose) {
  for (const auto& command : commands) {
    if (auto status = runner_.fire(command); !status) log::error("({}) {}", whose, status.error().message);
  }
}

}  // namespace xd::vrrp
