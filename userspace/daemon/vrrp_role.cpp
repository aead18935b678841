// The vrrp process: vrrp::Engine with what it needs around it.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <variant>

#include "base/log.h"
#include "daemon/bfd_events.h"
#include "daemon/connection_sync.h"
#include "daemon/dump_files.h"
#include "daemon/process_settings.h"
#include "daemon/role_engine.h"
#include "daemon/snapshots.h"
#include "datapath/datapath.h"
#include "datapath/watches.h"
#include "netlink/kernel_netlink.h"
#include "vrrp/engine.h"

namespace xd::daemon {

namespace {

using nlohmann::json;

constexpr std::size_t instances_in_part = 16;  // of an answer to `xdirector status`: less than a millisecond

std::string_view name_of(vrrp::TransportKind kind) {
  switch (kind) {
    case vrrp::TransportKind::raw: return "raw";
    case vrrp::TransportKind::xdp: return "xdp";
    case vrrp::TransportKind::none: break;
  }
  return "none";
}

json describe(const vrrp::InstanceStatus& instance, TimePoint now) {
  json findings = json::array();
  for (const auto& f : instance.findings)
    findings.push_back(
        {{"trouble", vrrp::name(f.trouble)}, {"who", f.who}, {"seconds", to_seconds(now - f.since)}, {"count", f.count}, {"text", f.text}});
  json rejects = json::object();
  for (const auto& reject : instance.rejects) rejects[reject.reason] = reject.count;
  json checksums = json::object();
  for (const auto& form : instance.checksums) checksums[form.reason] = form.count;
  return {{"name", instance.name},
          {"interface", instance.interface},
          {"vrid", instance.vrid},
          {"version", instance.version},
          {"family", instance.family == AF_INET ? "ipv4" : "ipv6"},
          {"sync_group", instance.sync_group},
          {"state", vrrp::name(instance.role)},
          {"cause", vrrp::sentence(instance.cause)},
          {"seconds_in_state", to_seconds(now - instance.since)},
          {"base_priority", instance.base_priority},
          {"priority", instance.priority},
          {"advert_interval", to_seconds(instance.advert_interval)},
          {"master", instance.master.is_unset() ? "" : instance.master.str()},
          {"master_priority", instance.master_priority},
          {"transport", name_of(instance.transport)},
          {"addresses", instance.addresses},
          {"excluded_addresses", instance.excluded_addresses},
          {"faults", instance.faults},
          {"adverts_sent", instance.adverts_sent},
          {"adverts_received", instance.adverts_received},
          {"priority_zero_sent", instance.priority_zero_sent},
          {"priority_zero_received", instance.priority_zero_received},
          {"rival_adverts", instance.rival_adverts},
          {"rival", instance.rival.is_unset() ? "" : instance.rival.str()},
          {"became_master", instance.became_master},
          {"released_master", instance.released_master},
          {"findings", findings},
          {"checksums", checksums},
          {"rejected", rejects}};
}

// Where the packet path is; what of it cannot be reached is logged and done without.
struct Path {
  std::optional<datapath::Datapath> path;
  std::optional<datapath::Watches> watches;

  static Path open(const std::string& pins) {
    Path out;
    if (pins.empty()) return out;
    if (auto opened = datapath::Datapath::open(pins)) {
      out.path.emplace(std::move(*opened));
    } else {
      log::warning("The packet path cannot be reached: {}", opened.error().message);
      return out;
    }
    if (auto opened = datapath::Watches::open(pins)) {
      out.watches.emplace(std::move(*opened));
    } else {
      log::warning("Adverts are heard by raw sockets only: {}", opened.error().message);
    }
    return out;
  }
};

class VrrpRole final : public RoleEngine {
 public:
  VrrpRole(Loop& loop, const Options& options, std::unique_ptr<netlink::KernelNetlink> netlink, std::function<void()> changed)
      : netlink_(std::move(netlink)),
        packet_path_(Path::open(options.pins)),
        engine_(loop, ports(), {.release_on_stop = !options.keep_addresses}),
        bfd_(loop, [this](const BfdSessions& sessions) { engine_.tell_bfds(sessions); }) {
    engine_.on_change(std::move(changed));
    if (options.watch_addresses) watch_addresses();
  }

  Status prepare(const conf::Model& model) override {
    wants_bfd_ = !model.bfd_instances.empty();
    const conf::DaemonSettings& settings = model.global.daemon;
    set_queues(*netlink_, settings.vrrp_netlink_monitor, settings.vrrp_netlink_cmd);
    return engine_.prepare(model);
  }

  void commit() override {
    for (const auto& warning : engine_.warnings()) log::warning("{}", warning);
    engine_.commit();
    bfd_.want(wants_bfd_);
  }

  void abort() override { engine_.abort(); }

  Status resume(const Handover& handover) override {
    auto snapshot = decode_vrrp(handover.parts);
    if (!snapshot) return std::move(snapshot).error();
    engine_.resume(*snapshot, handover.alive_until);
    return {};
  }

  Parts snapshot() const override { return encode_vrrp(engine_.snapshot()); }
  Parts changes(std::size_t most) override { return encode_vrrp(engine_.changes(most)); }

  std::string summary() const override {
    const auto counts = engine_.roles();
    const std::size_t all = std::accumulate(counts.begin(), counts.end(), std::size_t{0});
    if (all == 0) return "";
    std::string words = fmt::format("{} instance{}", all, all == 1 ? "" : "s");
    const char* separator = ": ";
    constexpr std::pair<vrrp::Role, const char*> roles[] = {
        {vrrp::Role::master, "master"}, {vrrp::Role::backup, "backup"}, {vrrp::Role::fault, "in fault"}, {vrrp::Role::init, "starting"}};
    for (const auto& [role, word] : roles) {
      const std::size_t count = counts[static_cast<std::size_t>(role)];
      if (count == 0) continue;
      words += fmt::format("{}{} {}", separator, count, word);
      separator = ", ";
    }
    return words;
  }

  StatusPart status(std::size_t part) const override {
    const TimePoint now = Clock::now();
    json instances = json::array();
    const auto some = engine_.status(part * instances_in_part, instances_in_part);
    for (const auto& instance : some) instances.push_back(describe(instance, now));
    return {json{{"instances", instances}}.dump(-1, ' ', false, json::error_handler_t::replace), some.size() < instances_in_part};
  }

  void on_signal(int signo) override {
    if (signo == SIGRTMAX - 1) {
      log::info("Clearing statistics");
      engine_.clear_statistics();
      return;
    }
    const auto write = [this](const char* file, const char* what, vrrp::Dump dump) {
      log::info("Printing VRRP {} for process({}) on signal", what, ::getpid());
      if (auto written = write_dump_file(file, engine_.dump(dump)); !written) log::error("{}", written.error().message);
    };
    if (signo == SIGUSR1) write("keepalived.data", "data", vrrp::Dump::data);
    if (signo == SIGUSR2) write("keepalived.stats", "stats", vrrp::Dump::statistics);
    if (signo == SIGRTMIN + 2) write("keepalived.json", "as json", vrrp::Dump::json);
  }

  void stop(std::function<void()> done) override { engine_.stop(std::move(done)); }

 private:
  vrrp::Ports ports() {
    vrrp::Ports out{*netlink_, nullptr, {}, {}, {}, {}};
    out.sync_daemon = [this](const std::optional<conf::LvsSyncDaemon>& settings, std::uint8_t vrid, vrrp::Role role) {
      connection_sync_.run(settings, vrid, {role == vrrp::Role::master ? ipvs::SyncRole::master : ipvs::SyncRole::backup});
    };
    if (!packet_path_.path) return out;
    out.watches = packet_path_.watches ? &*packet_path_.watches : nullptr;
    out.carries_xdp = datapath::Datapath::attached_to;
    out.set_gate = [this](const IpAddress& address, bool ours) { return packet_path_.path->set_gate(address, ours); };
    out.forget_gate = [this](const IpAddress& address) { return packet_path_.path->forget_gate(address); };
    return out;
  }

  void watch_addresses() {
    watch_ = netlink_->subscribe([this](const netlink::Change& change) {
      const auto say = [this](const netlink::Address& address, const char* what) {
        const auto* link = netlink_->table().link(address.index);
        log::info("Netlink reflector reports IP {} {} {}", address.prefix.address.str(), what,
                  link == nullptr ? "an interface that is gone" : link->name);
      };
      if (const auto* added = std::get_if<netlink::AddressChanged>(&change)) say(added->address, "added to");
      if (const auto* gone = std::get_if<netlink::AddressGone>(&change)) say(gone->address, "removed from");
    });
  }

  std::unique_ptr<netlink::KernelNetlink> netlink_;
  Path packet_path_;
  netlink::Netlink::Subscription watch_;
  ConnectionSync connection_sync_;
  vrrp::Engine engine_;
  bool wants_bfd_ = false;
  BfdSubscriber bfd_;
};

}  // namespace

Result<std::unique_ptr<RoleEngine>> make_vrrp_engine(Loop& loop, const Options& options, std::function<void()> changed) {
  auto netlink = netlink::KernelNetlink::open(loop);
  if (!netlink) return std::move(netlink).error();
  return std::unique_ptr<RoleEngine>(std::make_unique<VrrpRole>(loop, options, std::move(*netlink), std::move(changed)));
}

}  // namespace xd::daemon
