#include "base/receive_queue.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstdint>

namespace xd {

Status set_receive_queue(int socket, std::uint32_t bytes, bool force, const std::string& what) {
  if (bytes == 0) return {};
  const int size = static_cast<int>(std::min<std::uint32_t>(bytes, INT32_MAX));
  if (::setsockopt(socket, SOL_SOCKET, force ? SO_RCVBUFFORCE : SO_RCVBUF, &size, sizeof size) == 0) return {};
  return Error::from_errno("set the queue of " + what + " to " + std::to_string(bytes) + " bytes");
}

}  // namespace xd
