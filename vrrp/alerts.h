// Mails of instances and sync groups (smtp_alert), with keepalived's subjects and sentences.
#pragma once

#include <optional>
#include <string>

#include "vrrp/election.h"
#include "vrrp/notify.h"

namespace xd::vrrp {

struct Alert {
  std::string subject;
  std::string body;
};

// None: nothing that mails are about.
std::optional<Alert> instance_alert(const std::string& name, Notification what);
std::optional<Alert> group_alert(const std::string& name, Notification what);

}  // namespace xd::vrrp
