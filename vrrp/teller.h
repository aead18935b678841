// Others are told of what became of instances and sync groups: notify scripts are started, FIFOs get their line, mails are sent.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "vrrp/alerts.h"
#include "vrrp/group.h"
#include "vrrp/instance.h"
#include "vrrp/notify.h"
#include "vrrp/scripts.h"

namespace xd::vrrp {

class Teller {
 public:
  // Of the functions either may be empty: there are no FIFOs, no mail is sent.
  Teller(Runner& runner, std::function<void(const std::string& line)> fifos, std::function<void(const Alert&)> mail)
      : runner_(runner), fifos_(std::move(fifos)), mail_(std::move(mail)) {}

  // no_email_faults: of a fault no mail is sent.
  void mail_faults(bool yes) { mail_faults_ = yes; }

  void tell(const Instance& instance, Notification what);
  void tell(const Group& group, Notification what);
  // By its role. Of INIT nobody is told.
  void tell_role(const Group& group);
  void tell_deletion(const Instance& instance, Role before);
  // FIFOs alone, once more: a reader that was started anew learns where things stand.
  void repeat_role(const Instance& instance);
  void repeat_role(const Group& group);

 private:
  void write(Notification what, std::string_view kind, const std::string& who, unsigned priority);
  void mail(bool wanted, Notification what, const std::optional<Alert>& alert);
  void run(const std::vector<Command>& commands, const std::string& whose);

  Runner& runner_;
  std::function<void(const std::string& line)> fifos_;
  std::function<void(const Alert&)> mail_;
  bool mail_faults_ = true;
};

}  // namespace xd::vrrp
