// DNS_CHECK: one question over UDP. Good when the answer to it says that there was no error.
#pragma once

#include "checkers/exchange.h"

namespace xd::checkers {

// `id`: the number of the question, which the answer repeats.
Exchange dns_exchange(const conf::DnsCheck& check, std::uint16_t id);

}  // namespace xd::checkers
