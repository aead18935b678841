#include "daemon/environment.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <string>

#include "base/fd.h"
#include "base/network_namespace.h"

namespace xd::daemon {

void block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signo : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD, SIGPIPE, SIGRTMAX - 1, SIGRTMIN + 2, SIGRTMAX})
    sigaddset(&set, signo);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

Status apply_environment(const Options& options) {
  // A child has its parent's, which may come from the configuration.
  if (!options.role || options.umask) ::umask(options.umask.value_or(default_umask));
  if (options.core_dump) {
    rlimit limit{};
    ::getrlimit(RLIMIT_CORE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_CORE, &limit);
  }
  if (options.core_pattern) {
    const char* path = "/proc/sys/kernel/core_pattern";
    const Fd file(::open(path, O_WRONLY | O_CLOEXEC));
    if (!file || ::write(file.get(), options.core_pattern->data(), options.core_pattern->size()) < 0)
      return Error::from_errno(std::string("write ") + path);
  }
  if (options.network_namespace) {
    if (auto entered = enter_network_namespace("/run/netns/" + *options.network_namespace); !entered) return entered;
  }
  return {};
}

log::Options log_options(const Options& options) {
  log::Options out;
  std::string part;
  out.ident = "Keepalived";
  if (options.role) {
    switch (*options.role) {
      case RoleName::vrrp: out.ident = "Keepalived_vrrp", part = "vrrp"; break;
      case RoleName::checkers: out.ident = "Keepalived_healthcheckers", part = "check"; break;
      case RoleName::bfd: out.ident = "Keepalived_bfd", part = "bfd"; break;
    }
  }
  out.ident += options.log_suffix;
  out.console = options.log_console;
  out.syslog = options.syslog;
  out.facility = options.log_facility.value_or(LOG_DAEMON);
  out.detail = options.log_detail >= 2;
  if (options.log_file) out.file = part.empty() ? *options.log_file : log_file_of(*options.log_file, part);
  out.flush_file = options.flush_log_file;
  return out;
}

}  // namespace xd::daemon
