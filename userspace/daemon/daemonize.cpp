#include "daemon/daemonize.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace xd::daemon {

namespace {

void point_at_null(std::initializer_list<int> fds) {
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int fd : fds) ::dup2(null.get(), fd);
}

[[noreturn]] void wait_and_exit(Fd line) {
  unsigned char code = 1;
  while (::read(line.get(), &code, sizeof code) < 0 && errno == EINTR) {
  }
  ::_exit(code);
}

}  // namespace

void let_go_of_stderr() { point_at_null({STDERR_FILENO}); }

void Readiness::tell(int code, bool keep_stderr) {
  if (!line_) return;
  if (code == 0 && !keep_stderr) let_go_of_stderr();
  const auto byte = static_cast<unsigned char>(code);
  (void)!::write(line_.get(), &byte, sizeof byte);
  line_.reset();
}

Result<Readiness> daemonize() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::from_errno("go into the background: pipe");
  Fd read_end(ends[0]);
  Fd write_end(ends[1]);

  const pid_t first = ::fork();
  if (first < 0) return Error::from_errno("go into the background: fork");
  if (first > 0) {
    write_end.reset();
    while (::waitpid(first, nullptr, 0) < 0 && errno == EINTR) {
    }
    wait_and_exit(std::move(read_end));
  }
  read_end.reset();
  ::setsid();
  const pid_t second = ::fork();
  if (second < 0) return Error::from_errno("go into the background: fork");
  if (second > 0) ::_exit(0);  // so that the daemon leads no session and never gets a terminal
  (void)!::chdir("/");
  point_at_null({STDIN_FILENO, STDOUT_FILENO});
  return Readiness(std::move(write_end));
}

}  // namespace xd::daemon
