#include "daemon/ipvs_settings.h"

#include <algorithm>
#include <chrono>
#include <fstream>

namespace xd::daemon {

std::optional<std::uint32_t> read_setting(const std::string& name) {
  std::ifstream file("/proc/sys/net/ipv4/" + name);
  std::uint32_t number = 0;
  if (!(file >> number)) return std::nullopt;
  return number;
}

PathSettings path_settings(const conf::Xdirector& wanted, const ReadSetting& read) {
  const auto follow = [&](auto& setting, const auto& line, const char* name) {
    if (line) {
      setting = *line;
    } else if (const auto number = read(name)) {
      setting = static_cast<std::remove_reference_t<decltype(setting)>>(*number);
    }
  };
  const auto seconds = [&](Duration& setting, const char* name) {
    if (const auto number = read(name)) setting = std::chrono::seconds(*number);
  };
  PathSettings settings;
  follow(settings.behaviour.conn_reuse_mode, wanted.conn_reuse_mode, "vs/conn_reuse_mode");
  follow(settings.behaviour.expire_nodest_conn, wanted.expire_nodest_conn, "vs/expire_nodest_conn");
  follow(settings.behaviour.expire_quiescent_template, wanted.expire_quiescent_template, "vs/expire_quiescent_template");
  follow(settings.behaviour.sloppy_tcp, wanted.sloppy_tcp, "vs/sloppy_tcp");
  follow(settings.behaviour.sloppy_sctp, wanted.sloppy_sctp, "vs/sloppy_sctp");
  follow(settings.drop_entry, wanted.drop_entry, "vs/drop_entry");
  follow(settings.amemthresh, wanted.amemthresh, "vs/amemthresh");
  seconds(settings.behaviour.lblc_expiration, "vs/lblc_expiration");
  seconds(settings.behaviour.lblcr_expiration, "vs/lblcr_expiration");
  seconds(settings.behaviour.mtu_expires, "route/mtu_expires");
  return settings;
}

plan::Director::LeftToIpvs left_to_ipvs(const conf::Global& global, const ReadSetting& read) {
  std::string why;
  if (global.lvs_sync_daemon) {
    why = "lvs_sync_daemon tells other directors of the connections of IPVS, and not of those in XDP";
  } else if (read("vs/conntrack").value_or(0) != 0) {
    why = "net.ipv4.vs.conntrack is on, and netfilter sees no packet that XDP sends on";
  }
  const bool fragments_tunnels = read("vs/pmtu_disc").value_or(1) == 0;
  return [why, fragments_tunnels](const lvs::Service& service) -> std::optional<std::string> {
    if (!why.empty()) return why;
    const auto is_tunnel = [](const auto& entry) { return entry.second.forward == lvs::Forward::tun; };
    if (fragments_tunnels && std::ranges::any_of(service.destinations, is_tunnel))
      return "net.ipv4.vs.pmtu_disc is off, and XDP cannot send a tunnel's packets in fragments";
    return std::nullopt;
  };
}

}  // namespace xd::daemon
