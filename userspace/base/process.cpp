#include "base/process.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/turns.h"

namespace xd {

namespace {

constexpr Duration patience = 2s;  // with one that got SIGTERM or SIGKILL

cpu_set_t cpus_of_this_process() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  ::sched_getaffinity(0, sizeof cpus, &cpus);
  return cpus;
}

const cpu_set_t started_with = cpus_of_this_process();

rlimit files_of_this_process() {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  return files;
}

const rlimit files_started_with = files_of_this_process();

std::vector<std::string> clean_environment() {
  std::vector<std::string> kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto is = [text](std::string_view name) {
      return text.size() > name.size() && text.starts_with(name) && text[name.size()] == '=';
    };
    if (!is("LD_PRELOAD") && !is("LD_LIBRARY_PATH") && !is("IFS") && !is("NOTIFY_SOCKET") && !is("WATCHDOG_USEC") && !is("WATCHDOG_PID")) {
      kept.emplace_back(text);
    }
  }
  return kept;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  out.reserve(words.size() + 1);
  for (auto& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

bool all_groups = false;

// Beside the group of its own, which setgid() sets.
std::vector<gid_t> groups_of(const Command& command) {
  const passwd* entry = all_groups && command.uid && command.gid ? ::getpwuid(*command.uid) : nullptr;
  if (entry == nullptr) return {};
  int count = 0;
  ::getgrouplist(entry->pw_name, *command.gid, nullptr, &count);
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  if (::getgrouplist(entry->pw_name, *command.gid, groups.data(), &count) < 0) return {};
  groups.resize(static_cast<std::size_t>(count));
  return groups;
}

// Between fork and exec: only async-signal-safe calls.
[[noreturn]] void become(const Command& command, const std::vector<gid_t>& groups, char* const* argv, char* const* envp, int report) {
  const auto give_up = [report] {
    const int code = errno;
    (void)!::write(report, &code, sizeof code);
    ::_exit(127);
  };
  ::setpgid(0, 0);
  const sched_param normal{};
  ::sched_setscheduler(0, SCHED_OTHER, &normal);
  ask_for_turns_of(0s);
  ::setpriority(PRIO_PROCESS, 0, 0);
  restore_cpus();
  restore_file_limit();
  ::munlockall();
  for (int signo = 1; signo < NSIG; ++signo) ::signal(signo, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int null = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
  // `report` is close-on-exec; everything else above 2 goes as well.
  ::close_range(3, static_cast<unsigned>(report) - 1, 0);
  ::close_range(static_cast<unsigned>(report) + 1, ~0u, 0);
  if (command.gid && (::setgroups(groups.size(), groups.data()) != 0 || ::setgid(*command.gid) != 0)) give_up();
  if (command.uid && ::setuid(*command.uid) != 0) give_up();
  ::execvpe(argv[0], argv, envp);
  give_up();
  __builtin_unreachable();
}

}  // namespace

int restore_cpus() { return ::sched_setaffinity(0, sizeof started_with, &started_with); }

void raise_file_limit() {
  constexpr rlim_t enough = 65536;
  rlimit files = files_started_with;
  files.rlim_cur = std::max(files.rlim_cur, enough);
  files.rlim_max = std::max(files.rlim_max, files.rlim_cur);
  if (::setrlimit(RLIMIT_NOFILE, &files) == 0) return;
  files = files_started_with;  // only root gets more than that
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

void restore_file_limit() { ::setrlimit(RLIMIT_NOFILE, &files_started_with); }

std::string Command::str() const {
  std::string out;
  for (const auto& word : words) {
    if (!out.empty()) out += ' ';
    const bool quote = word.empty() || word.find_first_of(" \t\"'") != std::string::npos;
    out += quote ? "'" + word + "'" : word;
  }
  return out;
}

void give_all_groups(bool all) { all_groups = all; }

Result<pid_t> spawn(const Command& command) {
  std::vector<std::string> words = command.words;
  if (words.empty()) return Error{"run a command: it has no words"};
  auto environment = clean_environment();
  const auto argv = pointers(words);
  const auto envp = pointers(environment);

  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::from_errno("run " + command.str() + ": pipe");
  Fd read_end(ends[0]);
  Fd write_end(::fcntl(ends[1], F_DUPFD_CLOEXEC, 3));  // out of the way of 0-2
  ::close(ends[1]);

  const auto groups = groups_of(command);
  const pid_t pid = ::fork();
  if (pid < 0) return Error::from_errno("run " + command.str() + ": fork");
  if (pid == 0) become(command, groups, argv.data(), envp.data(), write_end.get());

  write_end.reset();
  int code = 0;
  ssize_t n = 0;
  do {
    n = ::read(read_end.get(), &code, sizeof code);
  } while (n < 0 && errno == EINTR);
  if (n == sizeof code) {
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    return Error::from_errno("run " + command.str(), code);
  }
  return pid;
}

std::string describe_exit(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return "exited with status " + std::to_string(info.si_status);
  return "killed by signal " + std::to_string(info.si_status) + " (" + ::strsignal(info.si_status) + ")";
}

namespace {

// Killed, and not dead yet when last looked at.
std::vector<pid_t> survivors;

void reap_survivors() {
  std::erase_if(survivors, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
}

}  // namespace

bool RunningCommand::Outcome::success() const { return exit_status() == 0; }

int RunningCommand::Outcome::exit_status() const { return !timed_out && info.si_code == CLD_EXITED ? info.si_status : -1; }

Result<std::unique_ptr<RunningCommand>> RunningCommand::start(Loop& loop, const Command& command, Duration limit,
                                                              std::function<void(Outcome)> done, std::function<void()> overdue) {
  reap_survivors();
  auto pid = spawn(command);
  if (!pid) return std::move(pid).error();
  std::unique_ptr<RunningCommand> running(new RunningCommand(loop, *pid, std::move(done), std::move(overdue)));
  if (limit > Duration::zero()) running->limit_.arm_in(limit);
  return running;
}

RunningCommand::RunningCommand(Loop& loop, pid_t pid, std::function<void(Outcome)> done, std::function<void()> overdue)
    : pid_(pid),
      done_(std::move(done)),
      overdue_(std::move(overdue)),
      limit_(loop, [this] { exceed_limit(); }),
      child_(loop.child(pid, [this](const siginfo_t& info) {
        finished_ = true;
        limit_.disarm();
        const auto report = std::move(done_);  // may destroy this object
        if (report) report(Outcome{timed_out_, info});
      })) {}

void RunningCommand::exceed_limit() {
  if (killed_) {
    const auto report = std::move(done_);  // may destroy this object
    return report(Outcome{true, {}});
  }
  killed_ = std::exchange(timed_out_, true);
  ::kill(-pid_, killed_ ? SIGKILL : SIGTERM);
  limit_.arm_in(patience);
  if (overdue_) overdue_();
}

RunningCommand::~RunningCommand() {
  if (finished_) return;
  child_.reset();  // stop watching before the reaping
  ::kill(-pid_, SIGKILL);
  survivors.push_back(pid_);
  reap_survivors();
}

}  // namespace xd
