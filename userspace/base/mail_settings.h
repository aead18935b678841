// What mails are sent with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"

namespace xd {

struct MailSettings {
  std::vector<std::string> to;
  std::string from;    // empty: the daemon's user at this host
  std::string server;  // empty: no mail is sent
  std::uint16_t port = 25;
  Duration connect_timeout = 30s;
  std::string helo_name;  // empty: the host's name
  std::string router_id;  // begins each subject
  bool operator==(const MailSettings&) const = default;
};

}  // namespace xd
