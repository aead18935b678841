#include "daemon/role_process.h"

#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "base/log.h"
#include "base/loop.h"
#include "base/process.h"
#include "base/turns.h"
#include "conf/compile.h"
#include "daemon/auto_priority.h"
#include "daemon/background.h"
#include "daemon/daemonize.h"
#include "daemon/dump_files.h"
#include "daemon/environment.h"
#include "daemon/load.h"
#include "daemon/messages.h"
#include "daemon/pid_file.h"
#include "daemon/places.h"
#include "daemon/process_settings.h"
#include "daemon/role_engine.h"
#include "ipc/channel.h"
#include "ipc/socket.h"
#include "ipvs/ipvs.h"

namespace xd::daemon {

namespace {

constexpr Duration last_words_limit = 1s;
// Thousands of instances change together: the loop turns between so many, and people read no faster than this.
constexpr std::size_t parts_at_once = 64;
constexpr Duration summary_pause = 200ms;

class RoleProcess {
 public:
  RoleProcess(Loop& loop, const Options& options) : loop_(loop), options_(options) {}

  Status begin() {
    auto background = Background::create(loop_);
    if (!background) return std::move(background).error();
    background_ = std::move(*background);
    constexpr MakeEngine makers[] = {make_vrrp_engine, make_checkers_engine, make_bfd_engine};
    const MakeEngine make = makers[static_cast<std::size_t>(*options_.role)];
    auto engine = make(loop_, options_, [this] { changed(); });
    if (!engine) return std::move(engine).error();
    engine_ = std::move(*engine);

    parent_ = std::make_unique<ipc::Channel>(
        loop_, Fd(options_.channel), [this](ipc::Message message) { heard(*parent_, std::move(message)); },
        [this](const std::string&) { orphaned(); });
    listen_for_successor();
    signals_.push_back(loop_.signal(SIGTERM, [this](const signalfd_siginfo&) { stop(false); }));
    for (const int signo : {SIGUSR1, SIGUSR2, SIGRTMAX - 1, SIGRTMIN + 2}) {
      signals_.push_back(loop_.signal(signo, [this, signo](const signalfd_siginfo&) {
        if (engine_) engine_->on_signal(signo);
      }));
    }
    for (const int signo : {SIGHUP, SIGINT, SIGRTMAX}) {
      signals_.push_back(loop_.signal(signo, [](const signalfd_siginfo&) {}));  // the parent acts on these for all processes
    }
    return {};
  }

 private:
  void listen_for_successor() {
    const std::string path = role_socket(*options_.role);
    auto listener = ipc::Listener::open(loop_, path, [this](Fd connection) {
      auto place = successors_.emplace(successors_.end());
      *place = std::make_unique<ipc::Channel>(
          loop_, std::move(connection), [this, place](ipc::Message message) { heard(**place, std::move(message)); },
          [this, place](const std::string&) {
            if (answer_to_ == place->get()) answer_to_ = nullptr;
            std::erase_if(questions_, [&](const Question& question) { return question.from == place->get(); });
            successors_.erase(place);
          });
    });
    if (listener) {
      listener_.emplace(std::move(*listener));
    } else {
      log::warning("A new parent could not take over from this process: {}", listener.error().message);
    }
  }

  void heard(ipc::Channel& from, ipc::Message message) {
    if (!engine_) return;  // we are on our way out
    auto words = decode(message.text);
    if (!words) {
      log::error("{}", words.error().message);
      return;
    }
    std::visit([&](auto& kind) { act(from, kind, std::move(message.fd)); }, *words);
  }

  // Asked of the kernel and not of the channel: its end may not have been read yet.
  bool orphan() const { return ::getppid() != parent_pid_; }

  void act(ipc::Channel& from, Hello&, Fd) { from.send(encode(Alive{orphan()})); }
  void act(ipc::Channel& from, AskStatus& question, Fd) {
    questions_.push_back({&from, question.id, 0});
    answer_questions();
  }

  // A part in each turn of the loop, when nothing else is due.
  void answer_questions() {
    if (!engine_ || questions_.empty()) return;
    Question& question = questions_.front();
    auto part = engine_->status(question.part++);
    question.from->send(encode(StatusAnswer{question.id, std::move(part.json), part.last}));
    if (part.last) questions_.pop_front();
    if (!questions_.empty()) more_answers_ = loop_.when_idle([this] { answer_questions(); });
  }

  void act(ipc::Channel&, Configure& configure, Fd bundle) {
    if (stopping_) return;
    drop_prepared();
    wanted_ = Wanted{configure.generation, std::move(bundle)};
    compile_next();
  }

  void act(ipc::Channel& from, Commit& commit, Fd) {
    if (stopping_ || prepared_ != commit.generation) return;
    prepared_.reset();
    if (!std::exchange(committed_once_, true)) {
      claim_pid_file();
      if (!commit.handover.parts.empty()) {
        if (auto resumed = engine_->resume(commit.handover); !resumed) log::warning("Starting afresh: {}", resumed.error().message);
      }
    }
    set_title(title_of(options_.role, next_settings_));
    name_dump_files(next_settings_);
    give_all_groups(next_settings_.set_supplementary_groups);
    for (const auto& refused : apply(process_of(next_settings_))) log::warning("{}", refused);
    // Elections wait for the CPU, checkers can.
    if (*options_.role != RoleName::checkers) ask_for_turns_of(100us);
    auto_priority_.configure(next_settings_, process_of(next_settings_));
    engine_->commit();
    from.send(encode(Committed{commit.generation}));
    changed();
    ::malloc_trim(0);  // of thousands of instances, the compiled text and the old configuration are worth giving back
  }

  const conf::ProcessSettings& process_of(const conf::DaemonSettings& settings) const {
    switch (*options_.role) {
      case RoleName::vrrp: return settings.vrrp;
      case RoleName::checkers: return settings.checker;
      case RoleName::bfd: break;
    }
    return settings.bfd;
  }

  // Not earlier: until the commit the process of an earlier daemon may hold it.
  void claim_pid_file() {
    auto file = PidFile::claim(options_.pid_file_of(*options_.role));
    if (file) {
      pid_file_.emplace(std::move(*file));
    } else {
      log::error("Going on without a pid file: {}", file.error().message);
    }
  }

  void act(ipc::Channel&, Abort& abort, Fd) {
    if (wanted_ && wanted_->generation == abort.generation) wanted_.reset();
    if (prepared_ == abort.generation) drop_prepared();
  }

  void act(ipc::Channel& from, Stop& order, Fd) {
    if (&from != parent_.get()) {
      if (!orphan()) return;
      log::info("A new parent takes over");
    }
    answer_to_ = &from;
    stop(order.quietly);
  }

  // What only a child says.
  template <typename Other>
  void act(ipc::Channel&, Other&, Fd) {}

  void drop_prepared() {
    if (prepared_) engine_->abort();
    prepared_.reset();
  }

  void compile_next() {
    if (background_->busy() || !wanted_) return;  // a later order is looked at when the running work has ended
    const std::uint64_t generation = wanted_->generation;
    // Shared: std::function wants to be copyable.
    const auto bundle = std::make_shared<Fd>(std::move(wanted_->bundle));
    background_->run([this, generation, bundle]() -> Background::Finish {
      auto compiled = std::make_shared<Result<conf::Compiled>>(compile_bundle(*bundle, options_));
      return [this, generation, compiled] { compiled_one(generation, *compiled); };
    });
  }

  void compiled_one(std::uint64_t generation, const Result<conf::Compiled>& compiled) {
    if (!wanted_ || wanted_->generation != generation) {  // aborted, or overtaken
      compile_next();
      return;
    }
    wanted_.reset();
    if (stopping_) return;
    Status status = compiled ? engine_->prepare(compiled->model) : Status(compiled.error());
    if (status) {
      prepared_ = generation;
      next_settings_ = compiled->model.global.daemon;
    }
    parent_->send(encode(Prepared{generation, status.ok(), status ? "" : status.error().message}));
  }

  void changed() {
    if (!committed_once_ || stopping_) return;
    push_changes();
    if (!summary_due_.armed()) summary_due_.arm_at(std::max(Clock::now(), summary_sent_ + summary_pause));
  }

  void push_changes() {
    if (stopping_) return;
    auto parts = engine_->changes(parts_at_once);
    // The rest when nothing else is due.
    if (parts.size() >= parts_at_once) more_changes_ = loop_.when_idle([this] { push_changes(); });
    if (!parts.empty()) parent_->send(encode(Snapshot{std::move(parts)}));
  }

  void push_summary() {
    if (stopping_) return;
    summary_sent_ = Clock::now();
    parent_->send(encode(Summary{engine_->summary()}));
  }

  void orphaned() {
    if (stopping_) return;
    log::error("The parent process has died. Going on for {} s until another takes over", static_cast<int>(to_seconds(orphan_grace)));
    grace_.arm_in(orphan_grace);
  }

  void stop(bool quietly) {
    if (stopping_) return;
    stopping_ = true;
    grace_.disarm();
    if (quietly) {
      Parts parts = committed_once_ ? engine_->snapshot() : Parts();
      engine_.reset();
      if (answer_to_ != nullptr && !parts.empty()) answer_to_->send(encode(Snapshot{std::move(parts)}));
      leave();
    } else {
      engine_->stop([this] { leave(); });
    }
  }

  void leave() {
    ipc::Channel& to = answer_to_ != nullptr ? *answer_to_ : *parent_;
    to.send(encode(Stopped{}));
    (void)to.flush(last_words_limit).ok();  // nobody is left to tell of a failure
    loop_.exit(0);
  }

  struct Wanted {
    std::uint64_t generation;
    Fd bundle;
  };

  struct Question {
    ipc::Channel* from;
    std::uint64_t id;
    std::size_t part;  // the next one
  };

  Loop& loop_;
  const Options& options_;
  std::unique_ptr<RoleEngine> engine_;
  const pid_t parent_pid_ = ::getppid();
  std::unique_ptr<ipc::Channel> parent_;
  std::list<std::unique_ptr<ipc::Channel>> successors_;
  ipc::Channel* answer_to_ = nullptr;  // who ordered the stop
  std::optional<ipc::Listener> listener_;
  std::optional<PidFile> pid_file_;
  std::vector<Loop::Source> signals_;
  std::unique_ptr<Background> background_;
  std::optional<Wanted> wanted_;  // the configuration that is or will be compiled
  std::optional<std::uint64_t> prepared_;
  conf::DaemonSettings next_settings_;  // of the prepared configuration
  AutoPriority auto_priority_{loop_};
  bool committed_once_ = false;
  bool stopping_ = false;
  Loop::Source more_changes_, more_answers_;
  std::deque<Question> questions_;  // about our status, not answered yet
  TimePoint summary_sent_{};
  Timer summary_due_{loop_, [this] { push_summary(); }};
  Timer grace_{loop_, [this] {
                 log::info("No new parent has come");
                 stop(false);
               }};
};

}  // namespace

std::string role_socket(RoleName role) { return ipc::runtime_directory() + "/" + std::string(name(role)) + ".sock"; }

int run_role(const Options& options) {
  const RoleName role = *options.role;
  block_signals();
  raise_file_limit();
  if (!options.foreground && !options.log_console) let_go_of_stderr();
  set_title(title_of(role, {}));
  ipvs::Table::open_in(options.ipvs_namespace);
  log::start(log_options(options));
  const int code = [&] {
    Loop loop;
    RoleProcess process(loop, options);
    if (auto begun = process.begin(); !begun) {
      log::error("{}", begun.error().message);
      return 1;
    }
    return loop.run();
  }();
  log::info("Stopped");
  log::stop();
  return code;
}

}  // namespace xd::daemon
