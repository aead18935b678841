#include "bfd/engine.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <random>
#include <set>
#include <utility>
#include <variant>

#include "base/log.h"
#include "bfd/sockets.h"

namespace xd::bfd {

namespace {

// For the handshake after we were silent: three packets at the slow rate, and a lost one.
constexpr Duration benefit_of_doubt = 5s;
constexpr std::uint8_t farthest_ttl = 255;
constexpr unsigned keepalived_hop_limit = 64;

SessionConfig config_of(const conf::BfdInstance& conf) {
  return {conf.min_tx, conf.idle_tx, conf.min_rx, static_cast<std::uint8_t>(conf.multiplier), conf.passive};
}

// Between the same two ends: the session goes on over a reload.
bool same_session(const conf::BfdInstance& a, const conf::BfdInstance& b) {
  return a.name == b.name && a.neighbor == b.neighbor && a.source == b.source && a.multihop == b.multihop && a.ttl == b.ttl;
}

}  // namespace

class Engine::Impl {
 public:
  Impl(Loop& loop, Report report) : loop_(loop), report_(std::move(report)), timer_(loop, [this] { run(); }) {}

  Status prepare(const conf::Model& model) {
    planned_ = model.bfd_instances;
    for (const auto& conf : planned_) {
      if (auto status = open_receiver(conf); !status) return status;
    }
    return {};
  }

  void commit() {
    const TimePoint now = Clock::now();
    auto old = std::exchange(runs_, {});
    for (auto& conf : std::exchange(planned_, {})) {
      const auto same = std::find_if(old.begin(), old.end(), [&](const auto& run) { return run && same_session(run->conf, conf); });
      if (same != old.end()) {
        (*same)->conf = std::move(conf);
        (*same)->session.reconfigure(config_of((*same)->conf), now);
        runs_.push_back(std::move(*same));
      } else {
        begin(std::move(conf), now);
      }
    }
    for (const auto& run : old) {
      if (run) send(*run, run->session.farewell());
    }
    past_.sessions.clear();
    close_unused();
    tell();
    run();
  }

  void abort() { planned_.clear(); }

  void stop() {
    for (const auto& run : runs_) send(*run, run->session.farewell());
    runs_.clear();
    receivers_.clear();
    timer_.disarm();
  }

  struct Run {
    Run(conf::BfdInstance instance, Session made) : conf(std::move(instance)), session(std::move(made)) {}
    conf::BfdInstance conf;
    Session session;
    Fd socket;
    int last_error = 0;
    bool reported_up = false;
    bool withdrawn = false;                // by the neighbour's administrator
    std::optional<TimePoint> doubt_until;  // before this a session that is down is not reported
    TimePoint since{};
    std::uint64_t sent = 0, received = 0, went_down = 0;
  };

  Status open_receiver(const conf::BfdInstance& conf) {
    const std::pair key{conf.neighbor.family(), conf.multihop};
    if (receivers_.contains(key)) return {};
    auto receiver = Receiver::open(loop_, key.first, key.second, [this](const Arrived& arrived) { hear(arrived); });
    if (!receiver) return Error{"bfd_instance " + conf.name + ": " + receiver.error().message};
    receivers_.emplace(key, std::move(*receiver));
    return {};
  }

  void close_unused() {
    std::erase_if(receivers_, [&](const auto& entry) {
      return std::none_of(runs_.begin(), runs_.end(), [&](const auto& run) {
        return std::pair{run->conf.neighbor.family(), run->conf.multihop} == entry.first;
      });
    });
  }

  void begin(conf::BfdInstance conf, TimePoint now) {
    const auto& known = past_.sessions;
    const auto before = std::find_if(known.begin(), known.end(), [&](const SessionSnapshot& s) { return s.name == conf.name; });
    const std::uint32_t discriminator = before != known.end() && before->discriminator != 0 ? before->discriminator : new_discriminator();
    Session session(
        config_of(conf), discriminator, [this] { return chance_(random_); }, now);
    auto& run = *runs_.emplace_back(std::make_unique<Run>(std::move(conf), std::move(session)));
    run.since = now;
    if (before != known.end()) {
      run.session.resume(static_cast<SessionState>(before->state), before->remote, now);
      run.reported_up = before->reported_up;
      run.doubt_until = now + benefit_of_doubt;
    }
    open_socket(run);
  }

  void open_socket(Run& run) {
    auto socket = open_sender(run.conf.neighbor, run.conf.source.value_or(IpAddress()),
                              static_cast<std::uint8_t>(run.conf.ttl.value_or(farthest_ttl)));
    if (socket) {
      run.socket = std::move(*socket);
      run.last_error = 0;
    } else if (std::exchange(run.last_error, socket.error().code) != socket.error().code) {
      log::warning("BFD_Instance({}) {}", run.conf.name, socket.error().message);
    }
  }

  // Neighbours tell their sessions apart by it; a random one is not guessed by others (RFC 5880, 6.8.1).
  std::uint32_t new_discriminator() {
    for (;;) {
      const std::uint32_t made = random_device_();
      if (made != 0 && std::none_of(runs_.begin(), runs_.end(), [&](const auto& run) { return run->session.discriminator() == made; }))
        return made;
    }
  }

  void send(Run& run, const Packet& packet) {
    if (!run.socket) open_socket(run);  // its source address may be there by now
    if (!run.socket) return;
    const auto bytes = encode(packet);
    sockaddr_storage to{};
    const socklen_t length = Endpoint{run.conf.neighbor, run.conf.multihop ? multi_hop_port : single_hop_port}.to_sockaddr(to);
    const bool gone = ::sendto(run.socket.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&to), length) < 0;
    const int error = gone ? errno : 0;
    if (std::exchange(run.last_error, error) != error && gone)
      log::info("BFD_Instance({}) cannot send: {}", run.conf.name, std::strerror(error));
    if (!gone) ++run.sent;
  }

  void hear(const Arrived& arrived) {
    const auto parsed = parse(arrived.bytes);
    if (const auto* reason = std::get_if<Reject>(&parsed)) return reject(*reason);
    const Packet& packet = std::get<Packet>(parsed);
    const auto mine = std::find_if(runs_.begin(), runs_.end(), [&](const auto& run) {
      if (run->conf.multihop != arrived.multihop) return false;
      if (packet.your_discriminator != 0) return run->session.discriminator() == packet.your_discriminator;
      return run->conf.neighbor == arrived.source && (!run->conf.source || *run->conf.source == arrived.destination);
    });
    if (mine == runs_.end()) return reject(packet.your_discriminator != 0 ? Reject::unknown_your_discriminator : Reject::no_session);
    Run& run = **mine;
    if (!came_from_near(run.conf, arrived.ttl)) return reject(Reject::ttl);
    ++run.received;
    carry_out(run, run.session.receive(packet, Clock::now()));
    arm();
  }

  // Over one hop nobody can send a packet from elsewhere that arrives with 255 (RFC 5881, 5). But keepalived sends IPv6 with less, and the same
  // file on both ends has to do. Over several, only max_hops sets a limit.
  static bool came_from_near(const conf::BfdInstance& conf, int ttl) {
    if (conf.max_hops < 0 || (conf.multihop && conf.max_hops == 0)) return true;
    const unsigned sent = conf.ttl.value_or(conf.neighbor.is_v6() ? keepalived_hop_limit : farthest_ttl);
    return ttl >= static_cast<int>(sent) - conf.max_hops;
  }

  void reject(Reject reason) { ++rejected_[static_cast<std::size_t>(reason)]; }

  void carry_out(Run& run, const Session::Step& step) {
    if (step.answer) send(run, *step.answer);
    if (step.packet) send(run, *step.packet);
    if (!step.state_changed) return;
    run.since = Clock::now();
    const SessionState state = run.session.state();
    if (state == SessionState::down) {
      ++run.went_down;
      log::info("BFD_Instance({}) Entering Down state (Local diagnostic - {})", run.conf.name, name(run.session.diagnostic()));
    } else {
      log::info("BFD_Instance({}) Entering {} state", run.conf.name, name(state));
    }
    tell();
  }

  void run() {
    const TimePoint due = timer_.armed() ? timer_.due() : Clock::now();
    // What arrived in time is heard before its absence is believed.
    for (auto& [key, receiver] : receivers_) receiver.drain();
    const TimePoint now = Clock::now();
    const Duration late = now - std::min(armed_for_.value_or(due), now);
    for (const auto& one : runs_) {
      if (late > one->session.transmit_interval()) one->doubt_until = now + benefit_of_doubt;
      if (const auto next = one->session.next(); next && *next <= now) carry_out(*one, one->session.run(now));
    }
    tell();
    arm();
  }

  // What others believe, when it has changed.
  void tell() {
    const TimePoint now = Clock::now();
    for (const auto& run : runs_) {
      const bool up = run->session.state() == SessionState::up;
      // That says nothing about the path (RFC 5882, 4.2): what was said last holds until the session is tried again.
      if (up || run->session.diagnostic() == Diagnostic::detection_time_expired) run->withdrawn = false;
      if (run->session.remote().state == SessionState::admin_down) run->withdrawn = true;
      if (up || (!run->withdrawn && (!run->doubt_until || *run->doubt_until <= now))) {
        run->reported_up = up;
        if (run->doubt_until && *run->doubt_until <= now) run->doubt_until.reset();
      }
    }
    auto reports = reported();
    if (reports == told_) return;
    told_ = std::move(reports);
    report_(*told_);
  }

  void arm() {
    std::optional<TimePoint> soonest;
    const auto consider = [&](std::optional<TimePoint> at) {
      if (at && (!soonest || *at < *soonest)) soonest = at;
    };
    for (const auto& run : runs_) {
      consider(run->session.next());
      consider(run->doubt_until);
    }
    armed_for_ = soonest;
    if (soonest) {
      timer_.arm_at(*soonest);
    } else {
      timer_.disarm();
    }
  }

  std::map<std::string, bool> reported() const {
    std::map<std::string, bool> out;
    for (const auto& run : runs_) out.emplace(run->conf.name, run->reported_up);
    return out;
  }

  Loop& loop_;
  Report report_;
  std::vector<conf::BfdInstance> planned_;
  std::vector<std::unique_ptr<Run>> runs_;
  std::map<std::pair<int, bool>, Receiver> receivers_;
  std::array<std::uint64_t, reject_count> rejected_{};
  std::optional<std::map<std::string, bool>> told_;
  std::optional<TimePoint> armed_for_;
  Snapshot past_;
  std::random_device random_device_;
  std::minstd_rand random_{random_device_()};
  std::uniform_real_distribution<double> chance_{0.0, 1.0};
  Timer timer_;
};

Engine::Engine(Loop& loop, Report report) : impl_(std::make_unique<Impl>(loop, std::move(report))) {}
Engine::~Engine() = default;
Status Engine::prepare(const conf::Model& model) { return impl_->prepare(model); }
void Engine::commit() { impl_->commit(); }
void Engine::abort() { impl_->abort(); }
void Engine::resume(const Snapshot& snapshot) { impl_->past_ = snapshot; }
void Engine::stop() { impl_->stop(); }
std::map<std::string, bool> Engine::reported() const { return impl_->reported(); }

Snapshot Engine::snapshot() const {
  Snapshot out;
  for (const auto& run : impl_->runs_) {
    out.sessions.push_back(
        {run->conf.name, run->session.discriminator(), static_cast<int>(run->session.state()), run->session.remote(), run->reported_up});
  }
  return out;
}

std::vector<SessionStatus> Engine::status() const {
  std::vector<SessionStatus> out;
  for (const auto& run : impl_->runs_) {
    const Session& s = run->session;
    out.push_back({run->conf.name, run->conf.neighbor, s.state(), s.remote().state, s.diagnostic(), run->reported_up, run->since,
                   s.transmit_interval(), s.detection_time(), run->sent, run->received, run->went_down});
  }
  return out;
}

std::map<std::string, std::uint64_t> Engine::rejects() const {
  std::map<std::string, std::uint64_t> out;
  for (std::size_t i = 0; i < reject_count; ++i) {
    if (impl_->rejected_[i] != 0) out.emplace(name(static_cast<Reject>(i)), impl_->rejected_[i]);
  }
  return out;
}

// In keepalived's form, with its labels: exporters parse it.
std::string Engine::dump() const {
  std::string out = "------< BFD Topology >------\n";
  const auto line = [&out](std::string_view label, const auto& value) { out += fmt::format("   {} = {}\n", label, value); };
  const auto microseconds = [](Duration d) {
    return fmt::format("{} us", std::chrono::duration_cast<std::chrono::microseconds>(d).count());
  };
  for (const auto& run : impl_->runs_) {
    const auto& conf = run->conf;
    const Session& s = run->session;
    const Remote& remote = s.remote();
    out += fmt::format(" BFD Instance = {}\n", conf.name);
    line("Neighbor IP", conf.neighbor.str());
    if (conf.source) line("Source IP", conf.source->str());
    line("Required min RX interval", microseconds(conf.min_rx));
    line("Desired min TX interval", microseconds(conf.min_tx));
    line("Desired idle TX interval", microseconds(conf.idle_tx));
    line("Detection multiplier", conf.multiplier);
    line("TTL", conf.ttl.value_or(farthest_ttl));
    line("max_hops", conf.max_hops);
    line("multihop", conf.multihop);
    line("passive", conf.passive);
    line("send event to VRRP process", conf.for_vrrp ? "Yes" : "No");
    line("send event to checker process", conf.for_checkers ? "Yes" : "No");
    line("local state", name(s.state()));
    line("remote state", name(remote.state));
    line("local discriminator", fmt::format("{:#x}", s.discriminator()));
    line("remote discriminator", fmt::format("{:#x}", remote.discriminator));
    line("local diag", name(s.diagnostic()));
    line("remote min tx intv", fmt::format("{} us", remote.desired_tx));
    line("remote min rx intv", fmt::format("{} us", remote.discriminator == 0 ? 0 : remote.min_rx));
    line("remote demand", static_cast<int>(remote.demand));
    line("remote detect multiplier", remote.multiplier);
    line("local tx intv", microseconds(s.transmit_interval()));
    line("local detection time", microseconds(s.detection_time()));
    line("told", run->reported_up ? "up" : "down");
    line("packets sent", run->sent);
    line("packets received", run->received);
  }
  return out;
}

}  // namespace xd::bfd
