#include "daemon/pid_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>

namespace xd::daemon {

namespace {

std::string read_all(int fd) {
  std::array<char, 64> text{};
  const ssize_t n = ::pread(fd, text.data(), text.size() - 1, 0);
  return n <= 0 ? std::string() : std::string(text.data(), static_cast<std::size_t>(n));
}

bool is_keepalived(pid_t pid) {
  std::string command;
  std::ifstream("/proc/" + std::to_string(pid) + "/comm") >> command;
  return command == "keepalived";
}

}  // namespace

Result<PidFile> PidFile::claim(const std::string& path) {
  for (;;) {
    Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!fd) return Error::from_errno("open pid file " + path);
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    const auto pid = static_cast<pid_t>(std::atoi(read_all(fd.get()).c_str()));
    if (::fcntl(fd.get(), F_OFD_SETLK, &lock) != 0) {
      if (errno != EAGAIN && errno != EACCES) return Error::from_errno("lock pid file " + path);
      return Error{"process " + std::to_string(pid) + " holds " + path, EEXIST};
    }
    if (pid > 0 && pid != ::getpid() && is_keepalived(pid)) {
      return Error{"keepalived runs as process " + std::to_string(pid) + " of " + path, EEXIST};
    }
    // The file may have been removed by its last owner between open and lock: then our lock is on a file nobody sees.
    struct stat held {
    }, named{};
    if (::fstat(fd.get(), &held) != 0 || ::stat(path.c_str(), &named) != 0 || held.st_ino != named.st_ino) continue;

    const std::string text = std::to_string(::getpid()) + "\n";
    if (::fchmod(fd.get(), 0644) != 0 || ::ftruncate(fd.get(), 0) != 0 ||
        ::pwrite(fd.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
      return Error::from_errno("write pid file " + path);
    }
    PidFile file;
    file.path_ = path;
    file.fd_ = std::move(fd);
    return file;
  }
}

PidFile::~PidFile() {
  if (fd_) ::unlink(path_.c_str());
}

}  // namespace xd::daemon
