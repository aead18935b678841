#include "checkers/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/mailer.h"
#include "base/notify_fifo.h"
#include "base/number_files.h"
#include "base/process.h"
#include "base/script.h"
#include "checkers/generation.h"
#include "checkers/network_prober.h"
#include "checkers/wording.h"

namespace xd::checkers {

namespace {

ServerNames names_of(const Service& service, const Endpoint& server) {
  const auto& key = service.config->key;
  return {name_of(server, key.protocol), name_of(key)};
}

ServerNames names_of(const Server& server) { return names_of(*server.service, server.service->member(server).endpoint); }

}  // namespace

class Engine::Impl {
 public:
  Impl(Loop& loop, std::unique_ptr<Prober> prober, OnDesired on_desired)
      : loop_(loop), on_desired_(std::move(on_desired)), prober_(std::move(prober)), current_(std::make_unique<Generation>()) {}

  Status prepare(const conf::Model& model) {
    auto built = Generation::build(loop_, model, [this](CheckerRun& run) { begin_attempt(run); });
    if (!built) return std::move(built).error();
    prepared_ = std::move(*built);
    plan_fifos(model);
    plan_files(model);
    planned_.mail = conf::mail_settings(model.global);
    planned_.checker_mails = !model.global.no_checker_emails;
    planned_.init_notifies = model.global.rs_init_notifies;
    return {};
  }

  void abort() {
    prepared_.reset();
    planned_fifos_ = {};
  }

  void commit() {
    // Who goes on for another process goes on with its FIFOs; one that VRRP writes to as well is made by the VRRP process.
    const bool resumed = past_.has_value();
    mailer_.configure(std::move(planned_.mail));
    checker_mails_ = planned_.checker_mails;
    init_notifies_ = planned_.init_notifies;
    for (const auto& problem : files_.define(std::move(planned_.files), !resumed)) log::warning("{}", problem);
    common_fifo_.become(std::exchange(planned_fifos_.common, {}), planned_fifos_.common_is_ours && resumed);
    own_fifo_.become(std::exchange(planned_fifos_.own, {}), resumed);
    const auto past = past_ ? *std::exchange(past_, std::nullopt) : current_->snapshot();
    const auto old = std::exchange(current_, std::move(prepared_));
    for (const auto& warning : current_->warnings) log::warning("{}", warning);
    current_->inherit(past);
    current_->inherit_running(*old, Clock::now());
    look_around();
    say_goodbye(*old);

    desired_.clear();
    std::size_t active = 0, waiting = 0;
    for (auto& service : current_->services) {
      for (auto& server : service->servers) {
        if (init_notifies_ && !server->inherited) notify(*server, service->member(*server).up);
      }
      settle(*service, old->find(service->config->key));
      desired_[service->config->key] = service->table;
      for (auto& server : service->servers) {
        for (auto& run : server->checkers) {
          ++(service->suspended ? waiting : active);
          if (service->suspended || is_observed(*run)) continue;
          log::debug("{}", checker_suspended(names_of(*server), false));
          run->timer.arm_at(run->next);
        }
      }
    }
    log::info("Activating healthcheckers: {} for {} virtual servers{}", active, current_->services.size(),
              waiting == 0 ? "" : fmt::format("; {} wait for the addresses of theirs (ha_suspend)", waiting));
    publish();
  }

  void stop() {
    for (auto& service : current_->services) {
      for (auto& server : service->servers) {
        const auto& member = service->member(*server);
        log::info("{}", server_shut_down(names_of(*server), member.inhibit_on_failure && !member.up));
        if (service->config->omega && member.up) queue(server->notify_down);
        for (auto& run : server->checkers) {
          run->timer.disarm();
          run->probe.reset();
        }
      }
      if (service->config->omega) queue(service->quorum_down);
    }
    publish_later_.reset();
    run_queued();
    common_fifo_.become({}, false);
    own_fifo_.become({}, false);
  }

  void observe_bfds(const std::map<std::string, bool>& sessions) {
    for (const auto& [name, up] : sessions) {
      bfds_[name] = up;
      each_run([&, &who = name, now = up](CheckerRun& run) {
        const auto* bfd = std::get_if<conf::BfdCheck>(&run.config->check);
        if (bfd != nullptr && bfd->name == who) observe(run, observe_session(now));
      });
    }
  }

  void observe_addresses(std::function<bool(const IpAddress&)> is_here) {
    is_here_ = std::move(is_here);
    for (auto& service : current_->services) {
      if (service->suspended == is_suspended(*service)) continue;
      service->suspended = !service->suspended;
      for (auto& server : service->servers) {
        for (auto& run : server->checkers) suspend(*run, service->suspended);
      }
    }
  }

  void resume(Snapshot snapshot) { past_ = std::move(snapshot); }
  Snapshot snapshot() const { return current_->snapshot(); }
  const lvs::Services& desired() const { return desired_; }
  EngineStatus status() const;

 private:
  // ---- attempts ----

  void begin_attempt(CheckerRun& run) {
    const ProbeRequest request{run.config, run.target, run.health.url, run.command ? &*run.command : nullptr, &current_->ssl};
    run.started = Clock::now();
    run.probe = prober_->start(request, [this, &run](Outcome outcome) { attempt_ended(run, outcome); });
  }

  void schedule(CheckerRun& run, Duration delay) {
    run.next = Clock::now() + delay;
    run.timer.arm_at(run.next);
  }

  void attempt_ended(CheckerRun& run, const Outcome& outcome) {
    const auto probe = std::move(run.probe);  // ends with this function
    const auto& config = *run.config;
    const auto names = names_of(*run.server);
    run.last_outcome = outcome.str();
    run.last_time = Clock::now();
    if (outcome.kind == OutcomeKind::not_tried) {
      log::info("{}", attempt_postponed(config, outcome));
      schedule(run, run.policy.delay_loop);
      return;
    }
    ++run.runs;
    if (!outcome.good()) ++run.failures;

    const Health before = run.health;
    const auto step = after_attempt(run.policy, before, outcome.good());
    run.health = step.next;
    schedule(run, run.policy.paced_by_start ? step.delay - (Clock::now() - run.started) : step.delay);

    if (outcome.weight) {
      run.weight_asked = *outcome.weight == Outcome::configured_weight ? std::nullopt : outcome.weight;
      weigh(*run.server);
    }

    const bool was_believed_up = before.up || !before.has_run;
    if (!outcome.good() && was_believed_up && config.schedule.log_all_failures) log::info("{}", attempt_failed(config, names, outcome));
    const auto* http = std::get_if<conf::HttpCheck>(&config.check);
    if (http != nullptr && outcome.good() && !before.up) log::info("{}", url_passed(http->urls[before.url], names.server));
    if (step.verdict == Verdict::unchanged && !step.first) return;

    log::info("{}", run.health.up ? check_succeeded(config, names) : check_failed(config, names, step.retries_used, outcome));
    // With alpha the server was down before anyone asked; now that is known.
    if (step.first && step.verdict == Verdict::unchanged && !run.health.up && !init_notifies_) notify(*run.server, false);
    const bool changed = reconsider(*run.server);
    if (step.verdict != Verdict::unchanged) mail(run, outcome, changed);
    publish_soon();
  }

  // ---- what is observed instead of asked ----

  static bool is_observed(const CheckerRun& run) { return run.file || std::holds_alternative<conf::BfdCheck>(run.config->check); }

  template <typename Act>
  void each_run(const Act& act) {
    for (auto& service : current_->services) {
      for (auto& server : service->servers) {
        for (auto& run : server->checkers) act(*run);
      }
    }
  }

  // What files, sessions and addresses say at the moment when a generation is put in place.
  void look_around() {
    each_run([this](CheckerRun& run) {
      if (const auto* file = std::get_if<conf::FileCheck>(&run.config->check)) {
        const auto known = files_.numbers().find(file->track_file);
        if (known != files_.numbers().end()) learn(run, observe_file(*run.file, known->second));
      } else if (const auto* bfd = std::get_if<conf::BfdCheck>(&run.config->check)) {
        if (const auto known = bfds_.find(bfd->name); known != bfds_.end()) learn(run, observe_session(known->second));
      }
    });
    for (auto& service : current_->services) {
      service->suspended = is_suspended(*service);
      for (auto& server : service->servers) {
        service->member(*server).up = server->healthy();
        service->member(*server).destination.weight = server->weight();
      }
    }
  }

  static void learn(CheckerRun& run, const Observation& seen) {
    run.health.up = seen.up;
    run.health.has_run = true;
    run.weight_change = seen.weight_change;
    run.last_outcome = seen.words;
    run.last_time = Clock::now();
  }

  void observe(CheckerRun& run, const Observation& seen) {
    const bool was_up = run.health.up;
    learn(run, seen);
    ++run.runs;
    if (!seen.up) ++run.failures;
    weigh(*run.server);
    if (was_up == seen.up) return;
    const auto names = names_of(*run.server);
    const Outcome outcome{seen.up ? OutcomeKind::good : OutcomeKind::wrong_answer, 0, seen.words};
    log::info("{}", seen.up ? check_succeeded(*run.config, names) : check_failed(*run.config, names, 0, outcome));
    mail(run, outcome, reconsider(*run.server));
    publish_soon();
  }

  // ---- ha_suspend ----

  bool is_suspended(const Service& service) const {
    const auto& key = service.config->key;
    return service.config->ha_suspend && key.fwmark == 0 && is_here_ && !is_here_(key.address);
  }

  // What is believed of a server stays as it was.
  void suspend(CheckerRun& run, bool suspended) {
    if (is_observed(run)) return;
    log::info("{}", checker_suspended(names_of(*run.server), suspended));
    run.probe.reset();
    if (suspended) {
      run.timer.disarm();
    } else {
      schedule(run, 0s);
    }
  }

  // ---- servers and quorums ----

  void weigh(Server& server) {
    auto& service = *server.service;
    auto& destination = service.member(server).destination;
    const std::uint32_t wanted = server.weight();
    if (destination.weight == wanted) return;
    log::info("{}", weight_changed(names_of(server), destination.weight, wanted, service.member(server).up));
    destination.weight = wanted;
    recount(service);
    service.refill();
    desired_[service.config->key] = service.table;
    publish_soon();
  }

  // Whether the server changed.
  bool reconsider(Server& server) {
    auto& service = *server.service;
    auto& member = service.member(server);
    const bool up = server.healthy();
    if (up == member.up) return false;
    log::info("{}", server_changed(names_of(server), up, member.inhibit_on_failure));
    member.up = up;
    server.since = Clock::now();
    notify(server, up);
    recount(service);
    service.refill();
    desired_[service.config->key] = service.table;
    return true;
  }

  // `first`: nobody stood in for the servers before.
  QuorumChange recount(Service& service, bool first = false) {
    const auto threshold = quorum_threshold(service.pool);
    const auto change = update_quorum(service.pool);
    if (change == QuorumChange::gained) tell_quorum(service, first ? QuorumEvent::present_at_start : QuorumEvent::gained, threshold);
    if (change == QuorumChange::lost) tell_quorum(service, QuorumEvent::lost, threshold);
    return change;
  }

  void tell_quorum(const Service& service, QuorumEvent event, std::int64_t threshold) {
    const bool gained = has_quorum(event);
    const auto name = name_of(service.config->key);
    log::info("{}", quorum_line(event, service.pool, threshold, name));
    if (service.config->smtp_alert) mailer_.send(service_subject(name, gained), quorum_mail(event, service.pool, threshold));
    if (service.pool.sorry && event != QuorumEvent::present_at_start) tell_sorry(service, !gained);
    tell_fifos(fifo_line_of_service(name, gained));
    queue(gained ? service.quorum_up : service.quorum_down);
  }

  void tell_sorry(const Service& service, bool in_use) {
    const auto& sorry = *service.pool.sorry;
    log::info("{}", sorry_changed(names_of(service, sorry.endpoint), in_use, sorry.inhibit_on_failure));
    log::info("{}", pool_changed(name_of(service.config->key), !in_use));
  }

  // ---- reload ----

  // Services and servers of the old generation that are not in the current one.
  void say_goodbye(const Generation& old) {
    for (const auto& service : old.services) {
      const auto* kept = current_->find(service->config->key);
      if (kept == nullptr) log::info("Removing Virtual Server {}", name_of(service->config->key));
      for (const auto& server : service->servers) {
        const auto& member = service->member(*server);
        if (kept != nullptr) {
          const auto same = [&](const Member& other) { return other.endpoint == member.endpoint; };
          if (std::any_of(kept->pool.members.begin(), kept->pool.members.end(), same)) continue;
          log::info("service {} no longer exist", names_of(*server).server);
        }
        if (service->table.destinations.contains(member.endpoint)) {
          log::info("{}", server_removed(names_of(*server), member.inhibit_on_failure && !member.up));
        }
        if (member.up) notify(*server, false);
      }
      if (kept == nullptr && service->pool.quorum_up) {
        tell_fifos(fifo_line_of_service(name_of(service->config->key), false));
        queue(service->quorum_down);
      }
      const bool same_sorry =
          kept != nullptr && kept->pool.sorry && service->pool.sorry && kept->pool.sorry->endpoint == service->pool.sorry->endpoint;
      if (kept != nullptr && sorry_in_use(service->pool) && !same_sorry) {
        log::info("{}", sorry_changed(names_of(*service, service->pool.sorry->endpoint), false, false));
        if (sorry_in_use(kept->pool)) log::info("{}", sorry_changed(names_of(*kept, kept->pool.sorry->endpoint), true, false));
      }
    }
  }

  // A service of the generation that was just put in place: tells what differs from the old one, and fills its table.
  void settle(Service& service, const Service* old) {
    const auto& pool = service.pool;
    // A process that takes over finds the sorry server where its predecessor put it.
    bool sorry_was_in_use = service.inherited && sorry_in_use(pool);
    if (service.inherited && old != nullptr) {
      sorry_was_in_use = sorry_in_use(old->pool);
      for (auto& server : service.servers) tell_changes(*server, *old);
    }
    const auto change = recount(service, !service.inherited);
    if (sorry_in_use(pool) && !sorry_was_in_use && change == QuorumChange::none) {
      tell_quorum(service, QuorumEvent::absent_at_start, quorum_threshold(pool));
    }
    service.refill();
  }

  void tell_changes(Server& server, const Service& old) {
    const auto& member = server.service->member(server);
    for (const auto& before : old.pool.members) {
      if (before.endpoint != member.endpoint) continue;
      if (before.destination.weight != member.destination.weight) {
        log::info("{}", weight_changed(names_of(server), before.destination.weight, member.destination.weight, member.up));
      }
      if (before.up != member.up) {
        log::info("{}", server_changed(names_of(server), member.up, member.inhibit_on_failure));
        notify(server, member.up);
      }
      return;
    }
  }

  // ---- telling the outside ----

  void publish_soon() {
    if (!publish_later_) publish_later_ = loop_.defer([this] { publish(); });
  }

  // Tables first, scripts after: what a script finds is already true.
  void publish() {
    publish_later_.reset();
    on_desired_(desired_);
    run_queued();
  }

  void queue(const std::optional<Command>& script) {
    if (script) scripts_.push_back(*script);
  }

  void notify(const Server& server, bool up) {
    tell_fifos(fifo_line_of_server(names_of(server), up));
    queue(up ? server.notify_up : server.notify_down);
  }

  // no_checker_emails: only when the server changed with its checker.
  void mail(const CheckerRun& run, const Outcome& outcome, bool server_changed) {
    if (!run.server->config->smtp_alert || !(checker_mails_ || server_changed)) return;
    mailer_.send(server_subject(names_of(*run.server), run.health.up), check_mail(*run.config, run.health.up, outcome));
  }

  void tell_fifos(std::string line) { lines_.push_back(std::move(line)); }

  struct PlannedFifos {
    std::vector<NotifyFifo::Definition> common, own;  // notify_fifo, lvs_notify_fifo
    bool common_is_ours = false;
  };

  // Files of FILE_CHECKs. Where VRRP is configured its process gives them their first number.
  void plan_files(const conf::Model& model) {
    planned_.files.clear();
    std::set<std::string> wanted;
    for (const auto& service : model.virtual_servers) {
      for (const auto& server : service.real_servers) {
        for (const auto& checker : server.checkers) {
          if (const auto* file = std::get_if<conf::FileCheck>(&checker.check)) wanted.insert(file->track_file);
        }
      }
    }
    const bool first = model.vrrp_instances.empty();
    for (const auto& file : model.track_files) {
      if (!wanted.contains(file.name)) continue;
      if (const auto problem = unwatchable(file.path); !problem.empty()) {
        prepared_->warnings.push_back("track_file " + file.name + " is not tracked: " + problem);
      } else {
        planned_.files.push_back({file.name, file.path, first ? file.initial : std::nullopt, first && file.overwrite});
      }
    }
  }

  void plan_fifos(const conf::Model& model) {
    planned_fifos_ = {};
    planned_fifos_.common_is_ours = model.vrrp_instances.empty();
    plan_fifo(model.global, model.global.notify_fifo, planned_fifos_.common);
    // The VRRP process starts the reader of the FIFO it makes; a second one would take lines out of the first one's order.
    if (!planned_fifos_.common_is_ours) {
      for (auto& fifo : planned_fifos_.common) fifo.reader = {};
    }
    plan_fifo(model.global, model.global.lvs_notify_fifo, planned_fifos_.own);
  }

  void plan_fifo(const conf::Global& global, const conf::Fifo& fifo, std::vector<NotifyFifo::Definition>& to) {
    if (!fifo) return;
    NotifyFifo::Definition definition{.path = fifo.path, .uid = {}, .gid = {}, .reader = {}};
    if (auto owner = fifo_owner(fifo.user, fifo.group)) {
      std::tie(definition.uid, definition.gid) = *owner;
    } else {
      prepared_->warnings.push_back("FIFO " + fifo.path + " stays ours: " + owner.error().message);
    }
    if (fifo.reader) {
      if (auto reader = script_command(fifo.reader.words, fifo.reader.user, fifo.reader.group, global.script_user, global.script_group)) {
        definition.reader = std::move(*reader);
      } else {
        prepared_->warnings.push_back("FIFO " + fifo.path + " gets no reader: " + reader.error().message);
      }
    }
    to.push_back(std::move(definition));
  }

  void run_queued() {
    for (const auto& line : std::exchange(lines_, {})) {
      common_fifo_.write(line);
      own_fifo_.write(line);
    }
    for (const auto& command : std::exchange(scripts_, {})) {
      const auto pid = spawn(command);
      if (!pid) {
        log::warning("{}", pid.error().message);
        continue;
      }
      const auto ended = [this, pid = *pid, text = command.str()](const siginfo_t& info) {
        if (info.si_code != CLD_EXITED || info.si_status != 0) log::debug("script {} {}", text, describe_exit(info));
        running_.erase(pid);
      };
      running_.emplace(*pid, loop_.child(*pid, ended));
    }
  }

  Loop& loop_;
  OnDesired on_desired_;
  std::unique_ptr<Prober> prober_;
  std::unique_ptr<Generation> current_, prepared_;  // after prober_: attempts end before it
  std::optional<Snapshot> past_;
  lvs::Services desired_;
  Loop::Source publish_later_;
  struct Planned {
    std::vector<NumberFiles::Definition> files;
    MailSettings mail;
    bool checker_mails = true;
    bool init_notifies = false;
  };
  Planned planned_;
  bool checker_mails_ = true, init_notifies_ = false;
  Mailer mailer_;
  NumberFiles files_{loop_, [this](const std::string& name, std::int64_t number) {
                       each_run([&](CheckerRun& run) {
                         const auto* file = std::get_if<conf::FileCheck>(&run.config->check);
                         if (file != nullptr && file->track_file == name) observe(run, observe_file(*run.file, number));
                       });
                     }};
  std::map<std::string, bool> bfds_;  // as they were last told
  std::function<bool(const IpAddress&)> is_here_;
  std::deque<Command> scripts_;
  std::vector<std::string> lines_;  // for the FIFOs
  PlannedFifos planned_fifos_;
  NotifyFifos common_fifo_{loop_, [](const std::string& problem) { log::warning("{}", problem); }};
  NotifyFifos own_fifo_{loop_, [](const std::string& problem) { log::warning("{}", problem); }};
  std::map<pid_t, Loop::Source> running_;
};

EngineStatus Engine::Impl::status() const {
  EngineStatus out;
  for (const auto& service : current_->services) {
    const auto& pool = service->pool;
    auto& to = out.services.emplace_back();
    to.key = service->config->key;
    to.scheduler = service->config->scheduler;
    to.persistence_seconds = service->config->persistence_seconds;
    to.quorum = pool.quorum;
    to.hysteresis = pool.hysteresis;
    to.live_weight = live_weight(pool);
    to.quorum_up = pool.quorum_up;
    to.suspended = service->suspended;
    if (pool.sorry) to.sorry = SorryStatus{pool.sorry->endpoint, pool.sorry->destination.forward, sorry_in_use(pool)};
    for (const auto& server : service->servers) {
      const auto& member = service->member(*server);
      auto& entry = to.servers.emplace_back();
      entry.endpoint = member.endpoint;
      entry.forward = member.destination.forward;
      entry.weight = server->config->weight;
      const auto in_table = service->table.destinations.find(member.endpoint);
      entry.in_table = in_table != service->table.destinations.end();
      entry.effective_weight = entry.in_table ? in_table->second.weight : 0;
      entry.up = member.up;
      entry.since = server->since;
      for (const auto& run : server->checkers) {
        entry.checkers.push_back({kind_of(*run->config), run->target, run->health.up, run->health.has_run, run->last_outcome,
                                  run->last_time, run->next, run->runs, run->failures, run->health.failures, run->policy.retry});
      }
    }
  }
  return out;
}

Engine::Engine(Loop& loop, OnDesired on_desired) : Engine(loop, std::make_unique<NetworkProber>(loop), std::move(on_desired)) {}
Engine::Engine(Loop& loop, std::unique_ptr<Prober> prober, OnDesired on_desired)
    : impl_(std::make_unique<Impl>(loop, std::move(prober), std::move(on_desired))) {}
Engine::~Engine() = default;
Status Engine::prepare(const conf::Model& model) { return impl_->prepare(model); }
void Engine::commit() { impl_->commit(); }
void Engine::abort() { impl_->abort(); }
void Engine::stop() { impl_->stop(); }
void Engine::observe_bfds(const std::map<std::string, bool>& sessions) { impl_->observe_bfds(sessions); }
void Engine::observe_addresses(std::function<bool(const IpAddress&)> is_here) { impl_->observe_addresses(std::move(is_here)); }
void Engine::resume(Snapshot snapshot) { impl_->resume(std::move(snapshot)); }
Snapshot Engine::snapshot() const { return impl_->snapshot(); }
const lvs::Services& Engine::desired() const { return impl_->desired(); }
EngineStatus Engine::status() const { return impl_->status(); }

}  // namespace xd::checkers
