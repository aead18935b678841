#include "base/fd.h"

#include <unistd.h>

#include <cerrno>

namespace xd {

void Fd::reset(int fd) {
  if (const int old = std::exchange(fd_, fd); old >= 0 && old != fd) {
    const int saved = errno;
    ::close(old);
    errno = saved;
  }
}

}  // namespace xd
