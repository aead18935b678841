// The parent: owns the configuration file, the children, the XDP program and the operator's socket. It handles no packet and
// holds no election, so there is little it can fail at; when it does, the children go on without it (role_process.h).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/loop.h"
#include "conf/compile.h"
#include "daemon/background.h"
#include "daemon/child.h"
#include "daemon/control.h"
#include "daemon/daemonize.h"
#include "daemon/messages.h"
#include "daemon/notify.h"
#include "daemon/options.h"
#include "daemon/packet_path.h"
#include "daemon/reload.h"
#include "daemon/reload_time.h"
#include "daemon/takeover.h"
#include "daemon/watchdog.h"

namespace xd::daemon {

class Parent {
 public:
  // `words`: the command line, for the children. References must outlive the Parent.
  Parent(Loop& loop, const Options& options, const std::vector<std::string>& words, Readiness& readiness);

  // Starts what is configured, in the place of an earlier daemon's orphans. From here on the loop drives it, until it ends the
  // loop with the exit code.
  void begin(conf::Compiled compiled, Orphans orphans);

  // Of the running configuration; none before the first was committed.
  const conf::Global* global() const { return running_ ? &running_->compiled.model.global : nullptr; }

 private:
  // What is kept of a role between one process and its successor.
  struct Member {
    Member(Loop& loop, RoleName role, const WatchdogPolicy& policy, std::function<void()> due);

    RoleName role;
    Watchdog watchdog;
    Timer timer;  // while a child lives: the watchdog's; else: when to start one
    std::unique_ptr<Child> child;
    bool retiring = false;        // told to stop: its end is no accident
    std::uint64_t committed = 0;  // generation; 0: none yet
    Handover handover;            // the last snapshot
    std::string summary;
    std::string last_death;
  };
  struct Configuration {
    conf::Compiled compiled;
    std::uint64_t generation = 0;
  };
  // A `status` question on its way around the children.
  struct Question {
    std::map<RoleName, std::vector<std::string>> answers;  // each in parts
    std::size_t missing = 0;
    Control::Reply reply;
    std::unique_ptr<Timer> limit;
  };

  Member& member(RoleName role) { return *members_[static_cast<std::size_t>(role)]; }
  bool wanted(RoleName role, const conf::Model& model) const;

  // Children.
  Status start_child(Member& member);
  void configure(Member& member, const Configuration& configuration);
  void commit(Member& member);
  void due(Member& member);
  void said(Member& member, Words words);
  void died(Member& member, const siginfo_t& info);
  void retire(Member& member, bool quietly);
  void reap_strangers();

  // Configuration.
  void reload();
  void take_compiled(conf::Compiled compiled);
  void change_to(conf::Compiled compiled);
  void carry_out(Reload::Step step);
  void commit_all();
  void abort_all();
  void changed();

  // Signals for dumps and counters.
  void dump(int signo);

  // The end.
  void stop(int code, const std::string& why);
  void leave_when_alone();
  Duration child_wait_time() const;  // from the order to stop to SIGKILL

  // The operator.
  void open_control();
  void answer(const std::string& question, Control::Asker asker, Control::Reply reply);
  void end_trace();
  void ask_children(Control::Reply reply);
  void finish_question(std::uint64_t id);
  void take_answer(RoleName role, StatusAnswer answer);
  bool reloading() const { return reload_.phase() != Reload::Phase::idle || (background_ && background_->busy()); }
  std::string status_answer(const std::map<RoleName, std::vector<std::string>>& parts) const;
  void update_summary();

  Loop& loop_;
  const Options& options_;
  const std::vector<std::string>& words_;
  Readiness& readiness_;
  ServiceManager service_manager_;
  PacketPath packet_path_;
  std::array<std::unique_ptr<Member>, all_roles.size()> members_;
  std::vector<Loop::Source> signals_;
  std::unique_ptr<Control> control_;
  std::optional<Control::Asker> tracer_;

  std::unique_ptr<Background> background_;  // compiles the file anew
  std::optional<Configuration> running_;
  std::optional<Configuration> candidate_;
  std::uint64_t last_generation_ = 0;
  Reload reload_;
  Timer reload_limit_;
  bool reload_again_ = false;  // a HUP came during a reload
  Orphans orphans_;
  bool up_ = false;  // the first configuration was committed
  std::optional<TimePoint> reloaded_at_;
  std::string reload_error_;  // of the last reload, empty: it succeeded

  bool stopping_ = false;
  int exit_code_ = 0;
  Timer kill_timer_;
  ReloadTime reload_time_{loop_, [this] {
                            log::info("The time of the scheduled reload has come");
                            reload();
                          }};

  TimePoint started_ = Clock::now();
  std::uint64_t last_question_ = 0;
  std::map<std::uint64_t, Question> questions_;
};

// The whole life of the parent process; returns its exit code.
int run_parent(const Options& options, const std::vector<std::string>& words);

}  // namespace xd::daemon
