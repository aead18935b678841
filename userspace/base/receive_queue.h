// Room for what waits in a socket to be read.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace xd {

// `force`: beyond the system's limit (net.core.rmem_max), for which CAP_NET_ADMIN is needed. 0 bytes: left as it is. `what` waits there,
// in the words of an Error.
Status set_receive_queue(int socket, std::uint32_t bytes, bool force, const std::string& what);

}  // namespace xd
