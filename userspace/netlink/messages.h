// Routing netlink messages ↔ values. No socket here: bytes in, values out, and the reverse (rtnetlink(7), linux/rtnetlink.h).
#pragma once

#include <netlink/msg.h>

#include <memory>
#include <optional>

#include "netlink/values.h"

namespace xd::netlink {

struct FreeMessage {
  void operator()(nl_msg* message) const { nlmsg_free(message); }
};
using Message = std::unique_ptr<nl_msg, FreeMessage>;

// What a notification or an entry of a dump says. None: of no interest to us (another family, an incomplete entry).
std::optional<Change> parse_change(const nlmsghdr* header);
// The answer to route_request(). None: not a route, or one that forbids (blackhole, unreachable, prohibit).
std::optional<NextHop> parse_next_hop(const nlmsghdr* header);

Message dump_request(int type);  // RTM_GETLINK, RTM_GETADDR, RTM_GETNEIGH; every family
Message add_address_request(const Address& address);
Message remove_address_request(const Address& address);
Message route_request(const IpAddress& to);
Message resolve_request(int index, const IpAddress& address);

}  // namespace xd::netlink
