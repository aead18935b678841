#include "daemon/process_settings.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

#include "base/log.h"
#include "base/process.h"
#include "netlink/kernel_netlink.h"

namespace xd::daemon {

namespace {

// The soft limit is half of the hard one, at which the kernel kills: sleeping, however shortly, starts the count anew.
void let_others_run(int) {
  const int before = errno;
  const timespec moment{0, 1000};
  ::nanosleep(&moment, nullptr);
  errno = before;
}

int set_realtime(const conf::ProcessSettings& wanted) {
  struct sigaction action {};
  action.sa_handler = let_others_run;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGXCPU, &action, nullptr);

  rlimit limit{RLIM_INFINITY, RLIM_INFINITY};
  if (wanted.rt_priority > 0) {
    limit.rlim_max = static_cast<rlim_t>(wanted.rlimit_rttime);
    limit.rlim_cur = limit.rlim_max / 2;
  }
  ::setrlimit(RLIMIT_RTTIME, &limit);
  sched_param parameters{};
  parameters.sched_priority = static_cast<int>(wanted.rt_priority);
  // Programs that we run begin as ordinary processes.
  const int policy = wanted.rt_priority > 0 ? SCHED_RR | SCHED_RESET_ON_FORK : SCHED_OTHER;
  return ::sched_setscheduler(0, policy, &parameters);
}

}  // namespace

std::vector<std::string> apply(const conf::ProcessSettings& wanted) {
  static conf::ProcessSettings now;
  std::vector<std::string> refused;
  const auto change = [&refused](bool differs, const auto& what, const auto& call) {
    if (differs && call() != 0) refused.push_back(fmt::format("{}: {}", what, std::strerror(errno)));
  };
  change(wanted.nice != now.nice, fmt::format("cannot set the nice value to {}", wanted.nice),
         [&] { return ::setpriority(PRIO_PROCESS, 0, wanted.nice); });
  change(wanted.rt_priority != now.rt_priority || wanted.rlimit_rttime != now.rlimit_rttime,
         fmt::format("cannot set the real-time priority to {}", wanted.rt_priority), [&] { return set_realtime(wanted); });
  change(wanted.no_swap != now.no_swap, "cannot lock the memory",
         [&] { return wanted.no_swap ? ::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) : ::munlockall(); });
  change(wanted.cpus != now.cpus, "cannot choose the CPUs", [&] {
    if (wanted.cpus.empty()) return restore_cpus();
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    for (const unsigned cpu : wanted.cpus) CPU_SET(cpu, &cpus);
    return ::sched_setaffinity(0, sizeof cpus, &cpus);
  });
  now = wanted;
  return refused;
}

void set_queues(netlink::KernelNetlink& netlink, const conf::SocketBuffer& events, const conf::SocketBuffer& answers) {
  for (const Status& status :
       {netlink.set_event_queue(events.bytes, events.force), netlink.set_answer_queue(answers.bytes, answers.force)}) {
    if (!status) log::warning("{}", status.error().message);
  }
}

}  // namespace xd::daemon
