#include "daemon/parent.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <set>
#include <variant>

#include "base/log.h"
#include "base/network_namespace.h"
#include "base/process.h"
#include "base/words.h"
#include "conf/print.h"
#include "daemon/dump_files.h"
#include "daemon/environment.h"
#include "daemon/load.h"
#include "daemon/own_scripts.h"
#include "daemon/pid_file.h"
#include "daemon/places.h"
#include "ipc/socket.h"

namespace xd::daemon {

namespace {

// keepalived's exit codes.
constexpr int fatal = 1;
constexpr int unusable_configuration = 2;
constexpr int no_configuration = 6;

constexpr Duration phase_limit = 60s;  // for all children to prepare, and again to commit

// A child that ends with one of these would end so again: it is not started a second time.
bool is_permanent(const siginfo_t& death) {
  return death.si_code == CLD_EXITED && (death.si_status == 1 || death.si_status == 2 || death.si_status == 4);
}

// Passwords stay out of files that may be sent around.
std::string without_secrets(std::string text) {
  constexpr std::string_view key = "auth_pass ";
  for (std::size_t at = text.find(key); at != std::string::npos; at = text.find(key, at + 1)) {
    const std::size_t begin = at + key.size();
    text.replace(begin, std::min(text.find('\n', begin), text.size()) - begin, "********");
  }
  return text;
}

void log_lines(const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    log::info("{}", text.substr(at, end - at));
    at = end + 1;
  }
}

}  // namespace

Parent::Member::Member(Loop& loop, RoleName which, const WatchdogPolicy& policy, std::function<void()> due)
    : role(which), watchdog(policy), timer(loop, std::move(due)) {}

Parent::Parent(Loop& loop, const Options& options, const std::vector<std::string>& words, Readiness& readiness)
    : loop_(loop),
      options_(options),
      words_(words),
      readiness_(readiness),
      service_manager_(loop),
      packet_path_(loop),
      reload_limit_(loop, [this] { carry_out(reload_.timed_out()); }),
      kill_timer_(loop, [this] {
        for (const auto& member : members_) {
          if (!member->child) continue;
          log::warning("{}: has not stopped within {}; killing it", name(member->role), in_words(child_wait_time()));
          member->child->kill(SIGKILL);
        }
      }) {
  const WatchdogPolicy policy{.respawn = options.respawn};
  for (const RoleName role : all_roles) {
    members_[static_cast<std::size_t>(role)] = std::make_unique<Member>(loop, role, policy, [this, role] { due(member(role)); });
  }

  for (const int signo : {SIGTERM, SIGINT}) {
    signals_.push_back(loop.signal(signo, [this, signo](const signalfd_siginfo&) { stop(0, signo == SIGTERM ? "SIGTERM" : "SIGINT"); }));
  }
  signals_.push_back(loop.signal(SIGHUP, [this](const signalfd_siginfo&) { reload(); }));
  for (const int signo : {SIGUSR1, SIGUSR2, SIGRTMAX - 1, SIGRTMIN + 2}) {
    signals_.push_back(loop.signal(signo, [this, signo](const signalfd_siginfo&) { dump(signo); }));
  }
  signals_.push_back(loop.signal(
      SIGRTMAX, [](const signalfd_siginfo&) { log::info("There are no threads of keepalived's kind to dump: see xdirector status"); }));
  signals_.push_back(loop.signal(SIGCHLD, [this](const signalfd_siginfo&) { reap_strangers(); }));
}

Duration Parent::child_wait_time() const {
  return running_ ? running_->compiled.model.global.child_wait_time : conf::Global{}.child_wait_time;
}

// The children write what they know; ours are the configuration as it was understood, and the processes.
void Parent::dump(int signo) {
  for (const auto& m : members_) {
    if (m->child && m->committed != 0) m->child->kill(signo);
  }
  if (signo != SIGUSR1 || !running_) return;
  std::string text = "------< Processes >------\n";
  for (const auto& m : members_) {
    if (m->child) text += fmt::format(" {} = {}\n", name(m->role), m->child->pid());
  }
  text += "------< Configuration >------\n" + without_secrets(conf::print(running_->compiled.model));
  log::info("Printing parent data for process({}) on signal", ::getpid());
  if (auto written = write_dump_file("keepalived_parent.data", text); !written) log::error("{}", written.error().message);
}

bool Parent::wanted(RoleName role, const conf::Model& model) const {
  if (!options_.wants(role)) return false;
  if (options_.all_processes) return true;
  switch (role) {
    case RoleName::vrrp:
      return !model.vrrp_instances.empty() || !model.static_addresses.empty() || !model.static_routes.empty() ||
             !model.static_rules.empty();
    case RoleName::checkers: return !model.virtual_servers.empty();
    case RoleName::bfd: return !model.bfd_instances.empty();
  }
  return false;
}

void Parent::begin(conf::Compiled compiled, Orphans orphans) {
  auto background = Background::create(loop_);
  if (!background) return stop(fatal, background.error().message);
  background_ = std::move(*background);
  orphans_ = std::move(orphans);
  change_to(std::move(compiled));
}

// ---- Children ---------------------------------------------------------------------------------------------------------

Status Parent::start_child(Member& m) {
  auto child = Child::start(loop_, m.role, words_, packet_path_.pin_dir(),
                            {[this, &m](Words words) { said(m, std::move(words)); }, [this, &m](const siginfo_t& info) { died(m, info); }});
  if (!child) return std::move(child).error();
  m.child = std::move(*child);
  m.committed = 0;
  m.watchdog.started(Clock::now());
  log::info("Starting {} child process, pid={}",
            m.role == RoleName::vrrp       ? "VRRP"
            : m.role == RoleName::checkers ? "Healthcheck"
                                           : "BFD",
            m.child->pid());
  due(m);
  return {};
}

void Parent::configure(Member& m, const Configuration& configuration) {
  auto bundle = bundle_of(configuration.compiled.sources, configuration.compiled.model.global.daemon.tmp_config_directory);
  // Without the bundle the child says so in its answer.
  if (!bundle) log::error("{}", bundle.error().message);
  m.watchdog.at_work(true);
  m.child->say(Configure{configuration.generation}, bundle ? std::move(*bundle) : Fd());
}

void Parent::commit(Member& m) {
  m.watchdog.at_work(true);
  m.child->say(Commit{running_->generation, m.committed == 0 ? m.handover : Handover{}});
}

void Parent::due(Member& m) {
  if (!m.child) {
    if (stopping_ || !running_ || !wanted(m.role, running_->compiled.model)) return;
    if (auto started = start_child(m); !started) {
      log::error("{}", started.error().message);
      m.timer.arm_in(m.watchdog.exited(Clock::now()).delay + 1s);
      return;
    }
    configure(m, *running_);
    return;
  }
  const auto decision = m.watchdog.decide(Clock::now());
  if (decision.action == Watchdog::Action::say_hello) m.child->say(Hello{});
  if (decision.action == Watchdog::Action::kill) {
    log::error("{}: has not answered for {}; killing it", name(m.role), in_words(Clock::now() - m.watchdog.last_sign()));
    m.child->kill(SIGKILL);
  }
  m.timer.arm_at(decision.next);
}

void Parent::said(Member& m, Words words) {
  m.watchdog.answered(Clock::now());
  if (auto* prepared = std::get_if<Prepared>(&words)) {
    m.watchdog.at_work(false);
    if (candidate_ && candidate_->generation == prepared->generation) {
      carry_out(reload_.prepared(m.role, prepared->generation, prepared->ok, prepared->why));
    } else if (running_ && running_->generation == prepared->generation && !stopping_) {  // the successor of one that died
      if (prepared->ok) {
        commit(m);
      } else {
        log::error("{}: cannot go on: {}", name(m.role), prepared->why);
        m.child->kill(SIGKILL);
      }
    }
  } else if (const auto* committed = std::get_if<Committed>(&words)) {
    m.watchdog.at_work(false);
    m.committed = committed->generation;
    carry_out(reload_.committed(m.role, committed->generation));
  } else if (auto* snapshot = std::get_if<Snapshot>(&words)) {
    for (auto& [name, part] : snapshot->changed) {
      if (part.empty()) {
        m.handover.parts.erase(name);
      } else {
        m.handover.parts[name] = std::move(part);
      }
    }
  } else if (auto* summary = std::get_if<Summary>(&words)) {
    m.summary = std::move(summary->words);
    update_summary();
  } else if (auto* answer = std::get_if<StatusAnswer>(&words)) {
    take_answer(m.role, std::move(*answer));
  }
}

void Parent::died(Member& m, const siginfo_t& info) {
  const TimePoint now = Clock::now();
  const Duration life = now - m.watchdog.start_time();
  m.child.reset();
  m.timer.disarm();
  m.committed = 0;
  if (stopping_) {
    leave_when_alone();
    return;
  }
  if (m.retiring) {
    m.retiring = false;
    m.handover = {};
    m.summary.clear();
    update_summary();
    if (reload_again_ && reload_.phase() == Reload::Phase::idle) reload();
    return;
  }
  // One that hung was dead to its peers from its last sign on.
  m.handover.alive_until = m.watchdog.given_up() ? m.watchdog.last_sign() : now;
  // Who ended in order, because somebody sent SIGTERM to it and not to us, has taken its leave: addresses and services are gone and
  // the peers know. Its successor begins like one after a start.
  if (info.si_code == CLD_EXITED && info.si_status == 0) m.handover = {};
  m.last_death = describe_exit(info);
  if (is_permanent(info)) {
    stop(info.si_status, fmt::format("{}: {}, which starting it again would not mend", name(m.role), m.last_death));
    return;
  }
  const auto restart = m.watchdog.exited(now);
  if (!restart.again) {
    stop(0, fmt::format("{}: {} after {}", name(m.role), m.last_death, in_words(life)));
    return;
  }
  log::error("{}: {} after {}, restart {} {}", name(m.role), m.last_death, in_words(life), m.watchdog.restarts(),
             restart.delay == Duration::zero() ? "at once" : "in " + in_words(restart.delay));
  m.timer.arm_in(restart.delay);
  carry_out(reload_.lost(m.role));
}

void Parent::retire(Member& m, bool quietly) {
  m.retiring = true;
  if (m.child) m.child->say(Stop{quietly});
}

// Scripts of a child that died become ours (we are a sub-reaper). Our own children are reaped by their Child.
void Parent::reap_strangers() {
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
    const bool ours =
        std::any_of(members_.begin(), members_.end(), [&](const auto& m) { return m->child && m->child->pid() == info.si_pid; });
    if (ours) return;
    ::waitpid(info.si_pid, nullptr, WNOHANG);
  }
}

// ---- Configuration ----------------------------------------------------------------------------------------------------

void Parent::reload() {
  if (stopping_) return;
  const bool still_stopping = std::any_of(members_.begin(), members_.end(), [](const auto& m) { return m->retiring; });
  if (!up_ || still_stopping || reloading()) {
    log::info("Reload: one is under way, another follows it");
    reload_again_ = true;
    return;
  }
  reload_again_ = false;
  log::info("Reloading {}", options_.config_file);
  service_manager_.reloading();
  background_->run([this, settings = running_ ? running_->compiled.model.global.daemon : conf::DaemonSettings{}]() -> Background::Finish {
    const ReloadMark mark(settings);
    auto result = std::make_shared<conf::Compiled>(compile_disk(options_));
    return [this, result] { take_compiled(std::move(*result)); };
  });
}

void Parent::take_compiled(conf::Compiled compiled) {
  if (stopping_) return;
  log_diagnostics(compiled);
  const conf::DaemonSettings settings = running_ ? running_->compiled.model.global.daemon : conf::DaemonSettings{};
  if (settings.reload.check_config) write_report(settings.reload.check_log, compiled);
  const std::string fixed = running_ ? unchangeable(settings, compiled.model.global.daemon) : std::string();
  if (compiled.usable() && fixed.empty()) return change_to(std::move(compiled));
  reload_error_ = !fixed.empty()   ? fmt::format("{} cannot be changed by a reload", fixed)
                  : compiled.found ? fmt::format("the configuration has {} error{}", compiled.diagnostics.errors(),
                                                 compiled.diagnostics.errors() == 1 ? "" : "s")
                                   : "there is no " + options_.config_file;
  log::error("Reload failed, nothing has changed: {}", reload_error_);
  service_manager_.ready();
  if (reload_again_) reload();
}

void Parent::change_to(conf::Compiled compiled) {
  candidate_ = Configuration{std::move(compiled), ++last_generation_};
  const conf::Model& model = candidate_->compiled.model;
  if (options_.dump_configuration) log_lines(conf::print(model));
  packet_path_.attach(model);

  std::set<RoleName> participants;
  for (const RoleName role : all_roles) {
    if (wanted(role, model)) participants.insert(role);
  }
  const Reload::Step first = reload_.begin(candidate_->generation, participants);
  reload_limit_.arm_in(phase_limit);
  for (const RoleName role : participants) {
    Member& m = member(role);
    if (!m.child) {
      if (auto started = start_child(m); !started) {
        log::error("{}", started.error().message);
        carry_out(reload_.lost(role));
        return;
      }
    }
    configure(m, *candidate_);
  }
  carry_out(first);
}

void Parent::carry_out(Reload::Step step) {
  if (stopping_) return;
  switch (step) {
    case Reload::Step::none: return;
    case Reload::Step::commit: commit_all(); return;
    case Reload::Step::abort: abort_all(); return;
    case Reload::Step::done:
      if (candidate_) commit_all();  // nobody takes part
      changed();
      return;
  }
}

void Parent::commit_all() {
  running_ = std::move(candidate_);
  candidate_.reset();
  const conf::DaemonSettings& settings = running_->compiled.model.global.daemon;
  set_title(title_of(std::nullopt, settings));
  name_dump_files(settings);
  give_all_groups(settings.set_supplementary_groups);
  save_copy(settings.config_save_dir, running_->compiled.sources, running_->generation);
  for (const auto& m : members_) {
    const bool takes_part = reload_.participants().count(m->role) != 0;
    if (auto handover = orphans_.take_over(m->role, takes_part)) m->handover = std::move(*handover);
    if (takes_part) {
      commit(*m);
    } else if (m->child) {
      retire(*m, false);
    }
  }
  reload_limit_.arm_in(phase_limit);
}

void Parent::abort_all() {
  reload_limit_.disarm();
  if (!up_) {
    stop(unusable_configuration, "The configuration cannot be put to work: " + reload_.why());
    return;
  }
  reload_error_ = reload_.why();
  log::error("Reload failed, nothing has changed: {}", reload_error_);
  for (const RoleName role : reload_.participants()) {
    Member& m = member(role);
    if (!m.child) continue;
    if (!wanted(role, running_->compiled.model)) {
      retire(m, true);
      continue;
    }
    m.child->say(Abort{candidate_->generation});
    // One that was just starting has nothing yet.
    if (m.committed != running_->generation) configure(m, *running_);
  }
  candidate_.reset();
  packet_path_.settle(running_->compiled.model);
  service_manager_.ready();
  if (reload_again_) reload();
}

void Parent::changed() {
  reload_limit_.disarm();
  packet_path_.settle(running_->compiled.model);
  open_control();
  if (!up_) {
    up_ = true;
    if (reload_.participants().empty()) log::warning("The configuration has neither VRRP instances nor virtual servers: nothing to do");
    readiness_.tell(0, options_.log_console);
  } else {
    reloaded_at_ = Clock::now();
    reload_error_.clear();
    log::info("Reload finished");
  }
  service_manager_.ready();
  update_summary();
  reload_time_.watch(running_->compiled.model.global.daemon.reload);
  if (reload_again_) reload();
}

// ---- The end ----------------------------------------------------------------------------------------------------------

void Parent::stop(int code, const std::string& why) {
  if (stopping_) return;
  stopping_ = true;
  exit_code_ = code;
  if (code == 0) {
    log::info("Stopping: {}", why);
  } else {
    log::error("Stopping: {}", why);
  }
  service_manager_.stopping();
  reload_limit_.disarm();
  kill_timer_.arm_in(child_wait_time());
  for (const auto& m : members_) {
    m->timer.disarm();
    if (!m->child) continue;
    m->child->say(Stop{.quietly = false});
    m->child->kill(SIGCONT);  // one that was stopped by hand should hear it too
  }
  leave_when_alone();
}

void Parent::leave_when_alone() {
  if (std::any_of(members_.begin(), members_.end(), [](const auto& m) { return m->child != nullptr; })) return;
  if (!options_.keep_services) packet_path_.remove();
  loop_.exit(exit_code_);
}

int run_parent(const Options& given, const std::vector<std::string>& given_words) {
  Readiness readiness;
  if (!given.foreground) {
    auto background = daemonize();
    if (!background) {
      std::fprintf(stderr, "%s\n", background.error().message.c_str());
      return fatal;
    }
    readiness = std::move(*background);
  }
  block_signals();
  raise_file_limit();
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);

  const int code = [&]() -> int {
    // Until the log is open, what is said goes to standard error, where the one who typed the command sees it.
    if (auto applied = apply_environment(given); !applied) {
      log::error("{}", applied.error().message);
      return fatal;
    }
    conf::Compiled compiled = compile_disk(given);
    const Fd home(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));  // children open it by our number
    if (const auto path = own_namespace(given, compiled.model.global.daemon); !path.empty()) {
      if (auto entered = enter_network_namespace(path); !entered) {
        log::error("{}", entered.error().message);
        return fatal;
      }
      compiled = compile_disk(given);
    }
    const conf::DaemonSettings& settings = compiled.model.global.daemon;
    const Options options = settle(given, settings);
    const auto words = settled_words(given_words, options, settings, fmt::format("/proc/{}/fd/{}", ::getpid(), home.get()));
    if (!compiled.usable()) log_diagnostics(compiled);
    log::start(log_options(options));
    utsname kernel{};
    ::uname(&kernel);
    log::info("Starting xdirectord {} on {} {}", XD_VERSION, kernel.sysname, kernel.release);
    log::info("Configuration file {}", options.config_file);
    log_diagnostics(compiled);
    if (!compiled.found) {
      log::error("There is no configuration file {}", options.config_file);
      return no_configuration;
    }
    if (!compiled.usable()) return unusable_configuration;

    if (options.pid_file.starts_with(pid_folder) && ::mkdir(pid_folder, 0755) == 0) ::chmod(pid_folder, 0755);  // whatever the umask
    auto pid_file = PidFile::claim(options.pid_file);
    if (!pid_file) {
      const bool running = pid_file.error().code == EEXIST;
      if (running) log::info("daemon is already running");
      log::error("{}", pid_file.error().message);
      return running ? 0 : fatal;
    }
    if (auto made = ipc::make_runtime_directory(ipc::runtime_directory()); !made) log::warning("{}", made.error().message);
    auto orphans = Orphans::find();
    if (!orphans) {
      log::info("daemon is already running");
      log::error("{}", orphans.error().message);
      return 0;
    }
    if (!options.umask) ::umask(static_cast<mode_t>(compiled.model.global.umask.value_or(default_umask)));
    run_and_wait(compiled.model.global.startup_script, compiled.model.global, "startup_script");
    Loop loop;
    Parent parent(loop, options, words, readiness);
    parent.begin(std::move(compiled), std::move(*orphans));
    const int ended = loop.run();
    if (const auto* global = parent.global()) run_and_wait(global->shutdown_script, *global, "shutdown_script");
    return ended;
  }();
  (void)::rmdir(ipc::runtime_directory().c_str());  // stays while another daemon's or an orphan's sockets are in it
  log::info("Stopped xdirectord {}", XD_VERSION);
  log::stop();
  readiness.tell(code);
  return code;
}

}  // namespace xd::daemon
