#include "daemon/dump_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/fd.h"

namespace xd::daemon {

Status write_dump_file(std::string_view name, std::string_view text) {
  const char* folder = std::getenv("TMPDIR");
  const std::string path = std::string(folder != nullptr && *folder != '\0' ? folder : "/tmp") + "/" + std::string(name);
  std::string temporary = path + ".XXXXXX";
  const Fd file(::mkostemp(temporary.data(), O_CLOEXEC));  // O_EXCL, mode 0600
  if (!file) return Error::from_errno("write " + path);
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t n = ::write(file.get(), text.data() + at, text.size() - at);
    if (n <= 0) {
      const Error error = Error::from_errno("write " + temporary);
      ::unlink(temporary.c_str());
      return error;
    }
    at += static_cast<std::size_t>(n);
  }
  if (::rename(temporary.c_str(), path.c_str()) == 0) return {};
  const Error error = Error::from_errno("write " + path);
  ::unlink(temporary.c_str());
  return error;
}

}  // namespace xd::daemon
