// The BFD process: bfd::Engine with what it needs around it.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"
#include "bfd/engine.h"
#include "daemon/bfd_events.h"
#include "daemon/dump_files.h"
#include "daemon/role_engine.h"

namespace xd::bfd {
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Remote, discriminator, state, min_rx, desired_tx, multiplier, demand)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(SessionSnapshot, name, discriminator, state, remote, reported_up)
}  // namespace xd::bfd

namespace xd::daemon {

namespace {

using nlohmann::json;

class BfdRole final : public RoleEngine {
 public:
  BfdRole(Loop& loop, std::function<void()> changed)
      : loop_(loop), changed_(std::move(changed)), publisher_(loop), engine_(loop, [this](const BfdSessions& sessions) {
          publisher_.tell(sessions);
          changed_();
        }) {}

  Status prepare(const conf::Model& model) override { return engine_.prepare(model); }

  void commit() override {
    if (!std::exchange(open_, true)) {
      if (auto opened = publisher_.open(); !opened) log::error("Nobody can hear of BFD: {}", opened.error().message);
    }
    engine_.commit();
  }

  void abort() override { engine_.abort(); }

  Status resume(const Handover& handover) override {
    bfd::Snapshot known;
    for (const auto& [name, part] : handover.parts) {
      try {
        known.sessions.push_back(json::parse(part).get<bfd::SessionSnapshot>());
      } catch (const json::exception& failed) {
        return Error{"what the earlier process left of " + name + " is not understood: " + failed.what()};
      }
    }
    engine_.resume(known);
    return {};
  }

  Parts snapshot() const override {
    Parts parts;
    for (const auto& session : engine_.snapshot().sessions)
      parts[session.name] = json(session).dump(-1, ' ', false, json::error_handler_t::replace);
    return parts;
  }

  Parts changes(std::size_t) override {
    Parts now = snapshot(), out = now;
    for (const auto& [name, part] : last_parts_) {
      if (!now.contains(name)) out[name] = "";
    }
    last_parts_ = std::move(now);
    return out;
  }

  std::string summary() const override {
    const auto sessions = engine_.status();
    if (sessions.empty()) return "";
    const auto up = std::count_if(sessions.begin(), sessions.end(), [](const auto& s) { return s.state == bfd::SessionState::up; });
    return fmt::format("{} of {} BFD session{} up", up, sessions.size(), sessions.size() == 1 ? "" : "s");
  }

  StatusPart status(std::size_t) const override {
    const TimePoint now = Clock::now();
    json sessions = json::array();
    for (const auto& s : engine_.status()) {
      sessions.push_back({{"name", s.name},
                          {"neighbor", s.neighbor.str()},
                          {"state", name(s.state)},
                          {"remote_state", name(s.remote_state)},
                          {"diagnostic", name(s.diagnostic)},
                          {"told_up", s.reported_up},
                          {"seconds_in_state", to_seconds(now - s.since)},
                          {"transmit_interval", to_seconds(s.transmit_interval)},
                          {"detection_time", to_seconds(s.detection_time)},
                          {"packets_sent", s.sent},
                          {"packets_received", s.received},
                          {"went_down", s.went_down}});
    }
    json rejects = json::object();
    for (const auto& [reason, count] : engine_.rejects()) rejects[reason] = count;
    return {json{{"bfd", {{"sessions", sessions}, {"rejected", rejects}}}}.dump(-1, ' ', false, json::error_handler_t::replace)};
  }

  void on_signal(int signo) override {
    if (signo != SIGUSR1) return;
    log::info("Printing BFD data for process({}) on signal", ::getpid());
    if (auto written = write_dump_file("keepalived_bfd.data", engine_.dump()); !written) log::error("{}", written.error().message);
  }

  void stop(std::function<void()> done) override {
    engine_.stop();
    done_ = loop_.defer(std::move(done));
  }

 private:
  Loop& loop_;
  std::function<void()> changed_;
  bool open_ = false;
  Parts last_parts_;
  BfdPublisher publisher_;
  bfd::Engine engine_;
  Loop::Source done_;
};

}  // namespace

Result<std::unique_ptr<RoleEngine>> make_bfd_engine(Loop& loop, const Options&, std::function<void()> changed) {
  return std::unique_ptr<RoleEngine>(std::make_unique<BfdRole>(loop, std::move(changed)));
}

}  // namespace xd::daemon
