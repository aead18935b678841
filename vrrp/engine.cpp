#include "vrrp/engine.h"

#include <map>
#include <set>
#include <utility>

#include "base/log.h"
#include "base/mailer.h"
#include "base/notify_fifo.h"
#include "base/number_files.h"
#include "vrrp/claims.h"
#include "vrrp/linkbeat.h"
#include "vrrp/notify.h"
#include "vrrp/packet_sender.h"
#include "vrrp/raw_transport.h"
#include "vrrp/router.h"
#include "vrrp/runner.h"
#include "vrrp/track_processes.h"
#include "vrrp/watch.h"
#include "vrrp/xdp_transport.h"

namespace xd::vrrp {

namespace {

// XDP where it hears, raw sockets elsewhere.
class EitherTransport final : public Transport {
 public:
  EitherTransport(const Ports& ports, RawTransport& raw, XdpTransport* xdp) : ports_(ports), raw_(raw), xdp_(xdp) {}

  TransportKind kind_for(const Tuning& tuning) const override {
    if (tuning.raw_only || xdp_ == nullptr || !ports_.carries_xdp || !can_watch(tuning.expected)) return TransportKind::raw;
    const auto& table = ports_.netlink.table();
    const auto* link = table.link(tuning.index);
    if (link == nullptr || !carries_xdp(tuning.index)) return TransportKind::raw;
    return xdp_hears(table, *link) ? TransportKind::xdp : TransportKind::raw;
  }

  Result<std::unique_ptr<Ear>> listen(const Tuning& tuning, Listener& listener) override {
    if (kind_for(tuning) == TransportKind::raw) return raw_.listen(tuning, listener);
    return xdp_->listen(tuning, listener);
  }

  void drain() override {
    raw_.drain();
    if (xdp_ != nullptr) xdp_->drain();
  }

 private:
  // The kernel is asked, but not by each of thousands of instances. What it said counts for a moment that is shorter than any
  // silence which makes a backup master (two intervals of 10 ms and the skew).
  bool carries_xdp(int index) const {
    constexpr Duration moment = 5ms;
    auto& known = known_[index];
    const TimePoint now = Clock::now();
    if (known.asked == TimePoint{} || now - known.asked > moment) known = {now, ports_.carries_xdp(index)};
    return known.carries;
  }

  struct Known {
    TimePoint asked{};
    bool carries = false;
  };
  mutable std::map<int, Known> known_;
  const Ports& ports_;
  RawTransport& raw_;
  XdpTransport* xdp_;
};

}  // namespace

// From a commit until sessions that have not been heard of count as down. An instance whose fault such a session would be begins
// no earlier.
constexpr Duration bfd_patience = 5s;

class Engine::Impl {
 public:
  Impl(Loop& loop, Ports ports, EngineOptions options)
      : loop_(loop),
        ports_(std::move(ports)),
        options_(options),
        runner_(loop),
        raw_(loop, [this](const auto& events) { in_one_turn(events); }),
        xdp_(ports_.watches != nullptr
                 ? std::make_unique<XdpTransport>(loop, *ports_.watches, raw_, [this](const auto& events) { in_one_turn(events); })
                 : nullptr),
        transport_(ports_, raw_, xdp_.get()),
        files_(loop, [this](const std::string& name, std::int64_t number) { router_->observe_file(name, number); }),
        processes_(loop, [this](const std::string& name, bool up) { router_->observe_process(name, up); }),
        timer_(loop, [this] { router_->run(); }) {}

  Status prepare(const conf::Model& model) {
    if (!router_) {
      if (auto status = open(); !status) return status;
    }
    if (auto status = router_->prepare(model); !status) return status;
    warnings_ = router_->warnings();
    const ScriptSecurity security{model.global.enable_script_security, model.global.script_user, model.global.script_group};
    planned_fifos_ = fifos_of(model.global, security, warnings_);
    plan_files(model);
    planned_processes_ = model.track_processes;
    planned_process_queue_ = model.global.daemon.process_monitor;
    planned_links_ = polled_links(model);
    planned_bfds_.clear();
    for (const auto& bfd : model.bfd_instances) {
      if (bfd.for_vrrp) planned_bfds_.insert(bfd.name);
    }
    planned_mail_ = conf::mail_settings(model.global);
    logs_unknown_ = model.global.log_unknown_vrids;
    return {};
  }

  void plan_files(const conf::Model& model) {
    planned_files_.clear();
    for (const auto& file : model.track_files) {
      if (const auto problem = unwatchable(file.path); !problem.empty()) {
        warnings_.push_back("track_file " + file.name + " is not tracked: " + problem);
      } else {
        planned_files_.push_back({file.name, file.path, file.initial, file.overwrite});
      }
    }
  }

  // What is tracked is known before the elections begin.
  void commit() {
    const bool fresh = !std::exchange(resumed_, false);
    fifos_.become(std::move(planned_fifos_), !fresh);
    mailer_.configure(std::move(planned_mail_));
    for (const auto& problem : files_.define(std::move(planned_files_), fresh)) log::warning("{}", problem);
    for (const auto& remark : processes_.define(std::move(planned_processes_), planned_process_queue_)) log::warning("{}", remark);
    for (const auto& remark : links_.define(planned_links_)) log::warning("{}", remark);
    router_->observe_links(links_.up());
    Observed observed{.files = files_.numbers(), .processes = processes_.up(), .bfds = {}};
    bfds_ = std::move(planned_bfds_);
    bool unheard = false;
    for (const auto& name : bfds_) {
      const auto heard = heard_bfds_.find(name);
      observed.bfds[name] = heard != heard_bfds_.end() ? std::optional(heard->second) : std::nullopt;
      unheard |= heard == heard_bfds_.end();
    }
    if (unheard) bfd_patience_.arm_in(bfd_patience);
    router_->observe(std::move(observed));
    raw_.log_unknown(logs_unknown_);
    router_->commit();
    if (xdp_) xdp_->remove_unused();
    arm();
  }

  Status open() {
    auto sender = PacketSender::open();
    if (!sender) return std::move(sender).error();
    sender_ = std::make_unique<PacketSender>(std::move(*sender));
    router_ = std::make_unique<Router>(RouterPorts{.netlink = ports_.netlink,
                                                   .transport = transport_,
                                                   .sender = *sender_,
                                                   .runner = runner_,
                                                   .now = [] { return Clock::now(); },
                                                   .set_gate = ports_.set_gate,
                                                   .forget_gate = ports_.forget_gate,
                                                   .sync_daemon = ports_.sync_daemon,
                                                   .mail = [this](const Alert& alert) { mailer_.send(alert.subject, alert.body); },
                                                   .accept_filter = &accept_filter_,
                                                   .report_filter = &report_filter_,
                                                   .settings = SettingsPort::of_kernel(),
                                                   .tell_fifos = [this](const std::string& line) { fifos_.write(line); },
                                                   .process_counts = [this] { return processes_.counts(); }});
    router_->on_change([this] {
      if (on_change_) on_change_();
    });
    auto claims = ClaimListener::open(loop_, [this](const Claim& claim) { router_->hear_claim(claim); });
    if (!claims) return std::move(claims).error();
    claims_ = std::move(*claims);
    // Whatever a turn of the loop did, the timer is right before it waits again.
    arm_ = loop_.before_wait([this] { arm(); });
    return {};
  }

  void in_one_turn(const std::function<void()>& events) {
    if (!router_) return events();  // an earlier process left events, and nobody is configured yet
    router_->in_one_turn(events);
  }

  void tell_bfds(const std::map<std::string, bool>& sessions) {
    for (const auto& [name, up] : sessions) {
      const auto [known, is_new] = heard_bfds_.emplace(name, up);
      if (!is_new && known->second == up) continue;
      known->second = up;
      if (!bfds_.contains(name)) continue;
      log::info("BFD session {} is {}", name, up ? "up" : "down");
      router_->observe_bfd(name, up);
    }
  }

  // The BFD process does not run (-B), or hangs: a session that nobody watches is not up.
  void lose_bfd_patience() {
    for (const auto& name : bfds_) {
      if (heard_bfds_.contains(name)) continue;
      log::warning("Nothing is known of the BFD session {}: it counts as down", name);
      router_->observe_bfd(name, false);
    }
  }

  void arm() {
    const auto next = router_->next();
    if (!next) {
      timer_.disarm();
    } else if (!timer_.armed() || timer_.due() != *next) {
      timer_.arm_at(*next);
    }
  }

  Loop& loop_;
  Ports ports_;
  EngineOptions options_;
  LoopRunner runner_;
  NotifyFifos fifos_{loop_, [](const std::string& problem) { log::warning("{}", problem); }};
  AcceptFilter accept_filter_;
  ReportFilter report_filter_;
  Mailer mailer_;
  MailSettings planned_mail_;
  RawTransport raw_;
  std::unique_ptr<XdpTransport> xdp_;  // none without watches
  EitherTransport transport_;
  std::unique_ptr<PacketSender> sender_;
  std::unique_ptr<Router> router_;  // after what it uses; none before the first prepare()
  std::unique_ptr<ClaimListener> claims_;
  std::set<std::string> bfds_, planned_bfds_;
  std::map<std::string, bool> heard_bfds_;
  Timer bfd_patience_{loop_, [this] { lose_bfd_patience(); }};
  NumberFiles files_;
  ProcessTracker processes_;
  LinkPoller links_{loop_, [this](const std::string& name, bool up) { router_->observe_link(name, up); }};
  Timer timer_;
  Loop::Source arm_;
  std::function<void()> on_change_;
  std::vector<std::string> warnings_;
  std::vector<NotifyFifo::Definition> planned_fifos_;
  std::vector<NumberFiles::Definition> planned_files_;
  std::vector<conf::TrackProcess> planned_processes_;
  conf::SocketBuffer planned_process_queue_;
  std::vector<conf::Linkbeat> planned_links_;
  bool logs_unknown_ = false;
  bool resumed_ = false;  // an earlier process's FIFOs go on with us
};

Engine::Engine(Loop& loop, Ports ports, EngineOptions options) : impl_(std::make_unique<Impl>(loop, std::move(ports), options)) {}
Engine::~Engine() = default;

Status Engine::prepare(const conf::Model& model) { return impl_->prepare(model); }

void Engine::commit() {
  if (impl_->router_) impl_->commit();
}

void Engine::abort() {
  if (impl_->router_) impl_->router_->abort();
  impl_->planned_fifos_.clear();
  impl_->planned_files_.clear();
}

const std::vector<std::string>& Engine::warnings() const { return impl_->warnings_; }

void Engine::resume(const Snapshot& snapshot, TimePoint alive_until) {
  impl_->resumed_ = true;
  if (impl_->router_) impl_->router_->resume(snapshot, alive_until);
}

Snapshot Engine::changes(std::size_t most) { return impl_->router_ ? impl_->router_->changes(most) : Snapshot{}; }

Snapshot Engine::snapshot() const { return impl_->router_ ? impl_->router_->snapshot() : Snapshot{}; }

void Engine::stop(std::function<void()> done) {
  if (impl_->router_) impl_->router_->stop(impl_->options_.release_on_stop);
  if (impl_->xdp_) impl_->xdp_->remove_unused();
  impl_->fifos_.finish(std::move(done));
}

std::vector<InstanceStatus> Engine::status(std::size_t first, std::size_t most) const {
  return impl_->router_ ? impl_->router_->status(first, most) : std::vector<InstanceStatus>{};
}

std::array<std::size_t, role_count> Engine::roles() const {
  return impl_->router_ ? impl_->router_->roles() : std::array<std::size_t, role_count>{};
}

std::string Engine::dump(Dump what) const { return impl_->router_ ? impl_->router_->dump(what) : std::string(); }

void Engine::tell_bfds(const std::map<std::string, bool>& sessions) { impl_->tell_bfds(sessions); }

void Engine::clear_statistics() {
  if (impl_->router_) impl_->router_->clear_statistics();
}

void Engine::on_change(std::function<void()> handler) { impl_->on_change_ = std::move(handler); }

}  // namespace xd::vrrp
