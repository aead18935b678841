#include "vrrp/heartbeat.h"

namespace xd::vrrp {

bool HeartbeatWay::look(const netlink::Table& table, int family) {
  const auto* link = table.link(conf.interface);
  const int now_index = link != nullptr && link->usable() ? link->index : 0;
  IpAddress now_source;
  for (const auto& address : table.addresses) {
    const IpAddress& ip = address.prefix.address;
    if (now_index == 0 || address.index != now_index || ip.family() != family) continue;
    const bool wants_link_local = conf.peers.empty() || conf.peers.front().is_link_local();
    if (ip.is_v6() && ip.is_link_local() != wants_link_local) continue;
    now_source = ip;
    break;
  }
  if (now_index == index && now_source == source) return false;
  index = now_index;
  source = now_source;
  return true;
}

Tuning HeartbeatWay::tuning(const Tuning& of_instance) {
  Tuning out = of_instance;
  out.index = index;
  out.interface = conf.interface;
  out.local = {};
  out.source = source;
  out.raw_only = true;
  if (!conf.peers.empty()) out.group = {};
  out.expected.unicast = !conf.peers.empty();
  out.expected.check_unicast_source = !conf.peers.empty();
  out.expected.unicast_sources = conf.peers;
  out.expected.ttl_limits.clear();
  out.ah_sequence = &ah_sequence;
  out.hmac_replay = &hmac_replay;
  return out;
}

}  // namespace xd::vrrp
