// The checkers process: checkers::Engine says what should be served, plan::Director makes it so in kernel IPVS and in the packet
// path.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "base/log.h"
#include "checkers/engine.h"
#include "daemon/bfd_events.h"
#include "daemon/connection_sync.h"
#include "daemon/dump_files.h"
#include "daemon/ipvs_settings.h"
#include "daemon/process_settings.h"
#include "daemon/role_engine.h"
#include "daemon/snapshots.h"
#include "datapath/nexthop.h"
#include "netlink/kernel_netlink.h"
#include "plan/director.h"
#include "plan/real_tables.h"

namespace xd::daemon {

namespace {

using nlohmann::json;

// Of one destination, in both engines together.
struct Connections {
  std::uint64_t active = 0, inactive = 0;
  std::uint64_t total = 0;
  std::uint64_t packets_in = 0, bytes_in = 0;
  std::uint64_t packets_out = 0, bytes_out = 0;
};

// What of this machine is served from; what is not there says why.
struct Tables {
  std::optional<ipvs::Table> ipvs;
  std::optional<datapath::Datapath> path;
  std::string no_ipvs, no_path;

  static Tables open(const std::string& pins) {
    Tables tables;
    if (auto table = ipvs::Table::open()) {
      tables.ipvs.emplace(std::move(*table));
    } else {
      tables.no_ipvs = table.error().message;
    }
    if (pins.empty()) {
      tables.no_path = "there is no packet path in XDP";
    } else if (auto path = datapath::Datapath::open(pins)) {
      tables.path.emplace(std::move(*path));
    } else {
      tables.no_path = path.error().message;
      log::warning("The packet path cannot be reached: {}", tables.no_path);
    }
    return tables;
  }

  std::map<Endpoint, Connections> connections(const lvs::ServiceKey& key, const ipvs::Counters& counters) const {
    std::map<Endpoint, Connections> out;
    if (const auto found = counters.find(key); found != counters.end()) {
      for (const auto& [endpoint, count] : found->second) {
        out[endpoint] = {count.active_connections, count.inactive_connections, count.connections, count.packets_in,
                         count.bytes_in,           count.packets_out,          count.bytes_out};
      }
    }
    if (!path) return out;
    for (const auto& [endpoint, count] : path->stats(key)) {
      Connections& sum = out[endpoint];
      sum.active += count.active;
      sum.inactive += count.inactive;
      sum.total += count.connections;
      sum.packets_in += count.packets_in;
      sum.bytes_in += count.bytes_in;
      sum.packets_out += count.packets_out;
      sum.bytes_out += count.bytes_out;
    }
    return out;
  }
};

bool asks_bfd(const conf::Model& model) {
  return std::ranges::any_of(model.virtual_servers, [](const conf::VirtualServer& service) {
    return std::ranges::any_of(service.real_servers, [](const conf::RealServer& server) {
      return std::ranges::any_of(server.checkers,
                                 [](const conf::Checker& checker) { return std::holds_alternative<conf::BfdCheck>(checker.check); });
    });
  });
}

class CheckersRole final : public RoleEngine {
 public:
  CheckersRole(Loop& loop, const Options& options, std::unique_ptr<netlink::KernelNetlink> netlink, std::function<void()> changed)
      : loop_(loop),
        keep_services_(options.keep_services),
        netlink_(std::move(netlink)),
        tables_(Tables::open(options.pins)),
        changed_(std::move(changed)),
        engine_(loop,
                [this](const lvs::Services& desired) {
                  serve(desired);
                  changed_();
                }),
        bfd_(loop, [this](const BfdSessions& sessions) { engine_.observe_bfds(sessions); }) {
    look_at_addresses();
    addresses_ = netlink_->subscribe([this](const netlink::Change& change) {
      if (std::holds_alternative<netlink::AddressChanged>(change) || std::holds_alternative<netlink::AddressGone>(change))
        look_at_addresses();
    });
    if (tables_.ipvs) kernel_.emplace(*tables_.ipvs);
    if (tables_.path) {
      path_.emplace(*tables_.path);
      hops_.emplace(loop, *netlink_, *tables_.path);
    }
    director_.emplace(kernel_ ? &*kernel_ : nullptr, tables_.no_ipvs, path_ ? &*path_ : nullptr, tables_.no_path);
  }

  Status prepare(const conf::Model& model) override {
    const conf::DaemonSettings& settings = model.global.daemon;
    set_queues(*netlink_, settings.lvs_netlink_monitor, settings.lvs_netlink_cmd);
    if (tables_.ipvs) {
      const auto status = tables_.ipvs->set_answer_queue(settings.lvs_netlink_cmd.bytes, settings.lvs_netlink_cmd.force);
      if (!status) log::warning("{}", status.error().message);
    }
    auto prepared = engine_.prepare(model);
    if (prepared)
      next_ = {plan::wanted_engines(model), model.global,   left_to_ipvs(model.global, read_setting), plan::rate_limits(model),
               plan::mark_matches(model),   asks_bfd(model)};
    // One that follows an instance is the vrrp process's.
    if (auto& sync = next_.global.lvs_sync_daemon; sync && !sync->instance.empty()) sync.reset();
    return prepared;
  }

  void commit() override {
    // Before the engine's commit, which reports the services at once.
    director_->want(std::move(next_.engines));
    flush_on_stop_ = next_.global.lvs_flush_on_stop == conf::LvsFlushOnStop::all;
    set_timeouts(next_.global.lvs_timeouts);
    director_->leave_to_ipvs(std::move(next_.left_to_ipvs));
    if (tables_.path) {
      tables_.path->set_rate_limits(std::move(next_.rate_limits));
      tables_.path->set_matches(std::move(next_.matches));
    }
    connection_sync_.run(next_.global.lvs_sync_daemon, 0, {ipvs::SyncRole::master, ipvs::SyncRole::backup});
    if (!resumed_ && !served_) {  // the daemon starts, and not only this process
      if (next_.global.lvs_flush) director_->flush();
      if (!tables_.no_ipvs.empty()) log::info("Going on without kernel IPVS: {}", tables_.no_ipvs);
    }
    director_->reread();
    engine_.commit();
    bfd_.want(next_.bfd);
  }

  void abort() override { engine_.abort(); }

  Status resume(const Handover& handover) override {
    auto known = decode_checkers(handover.parts);
    if (!known) return std::move(known).error();
    director_->own(known->owned);
    timeouts_before_ = known->timeouts_before;
    engine_.resume(std::move(known->health));
    resumed_ = true;
    return {};
  }

  Parts snapshot() const override { return encode_checkers({engine_.snapshot(), director_->owned(), timeouts_before_}); }
  Parts changes(std::size_t) override { return snapshot(); }
  std::string summary() const override;
  StatusPart status(std::size_t part) const override;

  void on_signal(int signo) override {
    if (signo != SIGUSR1) return;
    log::info("Printing checker data for process({}) on signal", ::getpid());
    if (auto written = write_dump_file("keepalived_check.data", dump()); !written) log::error("{}", written.error().message);
  }

  void stop(std::function<void()> done) override {
    engine_.stop();
    connection_sync_.stop();
    set_timeouts({});
    if (!keep_services_) {
      if (flush_on_stop_) director_->flush();
      serve({});
    }
    done_ = loop_.defer(std::move(done));
  }

 private:
  struct Next {
    plan::Wanted engines;
    conf::Global global;
    plan::Director::LeftToIpvs left_to_ipvs;
    std::map<lvs::ServiceKey, std::uint32_t> rate_limits;
    datapath::Matches matches;
    bool bfd = false;  // some checker is a BFD_CHECK
  };

  std::string dump() const;

  void look_at_addresses() {
    engine_.observe_addresses([this](const IpAddress& address) {
      return std::ranges::any_of(netlink_->table().addresses, [&](const netlink::Address& here) { return here.prefix.address == address; });
    });
  }

  // lvs_timeouts. What the kernel had before comes back when the line goes, and at the end.
  void set_timeouts(const conf::LvsTimeouts& wanted) {
    if (path_) {
      datapath::Timeouts timeouts;
      if (wanted.tcp != 0) timeouts.tcp = std::chrono::seconds(wanted.tcp);
      if (wanted.tcp_fin != 0) timeouts.tcp_fin = std::chrono::seconds(wanted.tcp_fin);
      if (wanted.udp != 0) timeouts.udp = std::chrono::seconds(wanted.udp);
      if (auto set = tables_.path->set_timeouts(timeouts); !set) log::error("{}", set.error().message);
    }
    if (!tables_.ipvs || (wanted == conf::LvsTimeouts{} && !timeouts_before_)) return;
    if (!timeouts_before_) {
      auto read = tables_.ipvs->timeouts();
      if (!read) return log::error("{}", read.error().message);
      timeouts_before_ = *read;
    }
    ipvs::Timeouts timeouts = *timeouts_before_;
    if (wanted.tcp != 0) timeouts.tcp = wanted.tcp;
    if (wanted.tcp_fin != 0) timeouts.tcp_fin = wanted.tcp_fin;
    if (wanted.udp != 0) timeouts.udp = wanted.udp;
    if (auto set = tables_.ipvs->set_timeouts(timeouts); !set) log::error("{}", set.error().message);
    if (wanted == conf::LvsTimeouts{}) timeouts_before_.reset();
  }

  void serve(const lvs::Services& desired) {
    plan::Report report = director_->serve(desired);
    served_ = true;
    if (hops_) hops_->update();
    for (const auto* steps : {&report.ipvs_steps, &report.xdp_steps}) {
      for (const auto& step : *steps) log::debug("{}: {}", steps == &report.ipvs_steps ? "IPVS" : "XDP", step.str());
    }
    // What fails again at every change of health is said once.
    std::set<std::string> failures;
    for (const auto& failed : report.failures) {
      if (failures_.count(failed.message) == 0) log::error("{}", failed.message);
      failures.insert(failed.message);
    }
    failures_ = std::move(failures);
    for (const auto& [key, serving] : report.serving) {
      const auto before = serving_.find(key);
      if (before == serving_.end() || before->second != serving) log::info("Virtual server {}: {}", key.str(), serving.str());
    }
    serving_ = std::move(report.serving);
  }

  Loop& loop_;
  bool keep_services_;
  std::unique_ptr<netlink::KernelNetlink> netlink_;
  mutable Tables tables_;  // asking the kernel for counters is no change of ours
  std::optional<plan::IpvsServiceTable> kernel_;
  std::optional<plan::XdpPacketPath> path_;
  std::optional<datapath::NextHops> hops_;
  std::optional<plan::Director> director_;
  std::map<lvs::ServiceKey, plan::Serving> serving_;
  std::set<std::string> failures_;  // of the last change
  std::function<void()> changed_;
  Next next_;
  std::optional<ipvs::Timeouts> timeouts_before_;
  ConnectionSync connection_sync_;
  bool flush_on_stop_ = false;
  bool resumed_ = false;
  bool served_ = false;
  Loop::Source done_;
  checkers::Engine engine_;
  BfdSubscriber bfd_;
  netlink::Netlink::Subscription addresses_;
};

std::string CheckersRole::summary() const {
  const auto services = engine_.status().services;
  if (services.empty()) return "";
  std::size_t servers = 0, up = 0;
  for (const auto& service : services) {
    servers += service.servers.size();
    for (const auto& server : service.servers) up += server.up ? 1 : 0;
  }
  return fmt::format("{} service{}, {} of {} real server{} up", services.size(), services.size() == 1 ? "" : "s", up, servers,
                     servers == 1 ? "" : "s");
}

std::string CheckersRole::dump() const {
  std::string out = "------< LVS Topology >------\n";
  for (const auto& service : engine_.status().services) {
    if (service.key.fwmark != 0) {
      out += fmt::format(" VS FWMARK = {}\n", service.key.fwmark);
    } else {
      out += fmt::format(" VIP = {}, VPORT = {}\n   Protocol = {}\n", service.key.address.str(), service.key.port,
                         lvs::name(service.key.protocol));
    }
    out += fmt::format("   lvs_sched = {}\n   persistence timeout = {}\n   quorum = {}, hysteresis = {}\n   Quorum {}\n",
                       lvs::name(service.scheduler), service.persistence_seconds, service.quorum, service.hysteresis,
                       service.quorum_up ? "up" : "down");
    if (service.sorry)
      out += fmt::format("   sorry server = {}{}\n", service.sorry->endpoint.str(), service.sorry->in_use ? " (in use)" : "");
    for (const auto& server : service.servers) {
      out +=
          fmt::format("   RIP = {}, RPORT = {}, WEIGHT = {}\n     forwarding method = {}\n     Alive = {}\n", server.endpoint.address.str(),
                      server.endpoint.port, server.weight, lvs::name(server.forward), server.up ? "yes" : "no");
      for (const auto& checker : server.checkers) {
        out += fmt::format("     Checker {} to {}: {}, {} runs, {} failures\n", checker.kind, checker.target.str(),
                           checker.up ? "up" : "down", checker.runs, checker.failures);
      }
    }
  }
  return out;
}

json describe(const checkers::ServerStatus& server, const std::map<Endpoint, Connections>& connections, TimePoint now) {
  json checks = json::array();
  for (const auto& checker : server.checkers) {
    checks.push_back({{"kind", checker.kind},
                      {"target", checker.target.str()},
                      {"up", checker.up},
                      {"has_run", checker.has_run},
                      {"last_outcome", checker.last_outcome},
                      {"seconds_ago", checker.last_time ? json(to_seconds(now - *checker.last_time)) : json(nullptr)},
                      {"failures_in_a_row", checker.failures_in_a_row},
                      {"retry", checker.retry},
                      {"runs", checker.runs},
                      {"failures", checker.failures}});
  }
  const auto counted = connections.find(server.endpoint);
  const Connections count = counted == connections.end() ? Connections{} : counted->second;
  return {{"address", server.endpoint.address.str()},
          {"port", server.endpoint.port},
          {"forward", lvs::name(server.forward)},
          {"weight", server.weight},
          {"effective_weight", server.effective_weight},
          {"up", server.up},
          {"in_table", server.in_table},
          {"seconds_in_state", to_seconds(now - server.since)},
          {"active", count.active},
          {"inactive", count.inactive},
          {"connections", count.total},
          {"packets_in", count.packets_in},
          {"bytes_in", count.bytes_in},
          {"packets_out", count.packets_out},
          {"bytes_out", count.bytes_out},
          {"checkers", checks}};
}

StatusPart CheckersRole::status(std::size_t) const {
  const TimePoint now = Clock::now();
  ipvs::Counters counters;
  std::string no_ipvs = tables_.no_ipvs;
  if (tables_.ipvs) {
    if (auto read = tables_.ipvs->counters()) {
      counters = std::move(*read);
    } else {
      no_ipvs = read.error().message;
    }
  }
  json services = json::array();
  for (const auto& service : engine_.status().services) {
    const auto counts = tables_.connections(service.key, counters);
    const auto served = serving_.find(service.key);
    const plan::Serving serving = served == serving_.end() ? plan::Serving{} : served->second;
    json servers = json::array();
    for (const auto& server : service.servers) servers.push_back(describe(server, counts, now));
    json sorry = nullptr;
    if (service.sorry) {
      sorry = {{"address", service.sorry->endpoint.address.str()},
               {"port", service.sorry->endpoint.port},
               {"forward", lvs::name(service.sorry->forward)},
               {"in_use", service.sorry->in_use}};
    }
    services.push_back({{"name", service.key.str()},
                        {"address", service.key.address.is_unset() ? "" : service.key.address.str()},
                        {"port", service.key.port},
                        {"protocol", lvs::name(service.key.protocol)},
                        {"fwmark", service.key.fwmark},
                        {"scheduler", lvs::name(service.scheduler)},
                        {"persistence_seconds", service.persistence_seconds},
                        {"xdp", serving.xdp},
                        {"ipvs", serving.ipvs},
                        {"serving", serving.str()},
                        {"quorum", service.quorum},
                        {"hysteresis", service.hysteresis},
                        {"live_weight", service.live_weight},
                        {"quorum_up", service.quorum_up},
                        {"suspended", service.suspended},
                        {"sorry_server", sorry},
                        {"servers", servers}});
  }
  const json answer{{"services", services}, {"ipvs", {{"available", no_ipvs.empty()}, {"why", no_ipvs}}}};
  return {answer.dump(-1, ' ', false, json::error_handler_t::replace)};
}

}  // namespace

Result<std::unique_ptr<RoleEngine>> make_checkers_engine(Loop& loop, const Options& options, std::function<void()> changed) {
  auto netlink = netlink::KernelNetlink::open(loop);
  if (!netlink) return std::move(netlink).error();
  return std::unique_ptr<RoleEngine>(std::make_unique<CheckersRole>(loop, options, std::move(*netlink), std::move(changed)));
}

}  // namespace xd::daemon
