// Routing netlink messages that make, change and remove links.
#pragma once

#include "netlink/messages.h"

namespace xd::netlink {

Message add_link_request(const NewLink& link);
Message remove_link_request(int index);
Message set_up_request(int index);

}  // namespace xd::netlink
