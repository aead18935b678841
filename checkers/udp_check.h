// UDP_CHECK: a datagram. Without require_reply silence is good and only an ICMP error is bad; with it an answer must come, of the
// right length and beginning as configured.
#pragma once

#include "checkers/exchange.h"

namespace xd::checkers {

Exchange udp_exchange(const conf::UdpCheck& check);

}  // namespace xd::checkers
