// PING_CHECK: an ICMP echo request, and its reply. By a raw socket: the kernel's ping sockets need a sysctl of the whole host
// (net.ipv4.ping_group_range), which keepalived changes for good.
#pragma once

#include "checkers/exchange.h"

namespace xd::checkers {

// `id`: tells this attempt's reply from others'.
Exchange ping_exchange(int family, std::uint16_t id);

}  // namespace xd::checkers
