#include "vrrp/instance.h"

namespace xd::vrrp {

std::vector<GarpSchedule::Target> Instance::announced(const netlink::Table& table) const {
  std::vector<GarpSchedule::Target> out;
  for (const auto& entry : addresses.entries()) {
    if (const auto* link = table.link(entry.interface)) out.push_back({link->index, entry.conf.prefix.address});
  }
  return out;
}

Tuning Instance::tuning() const {
  return Tuning{.index = index,
                .interface = conf.interface,
                .group = multicast_group,
                .source = election.source,
                .expected = expected_of(conf),
                .election = election};
}

void Instance::queue_advert(Sender& sender) {
  if (packet_priority_ != state.priority) {
    packet_ = build(state.priority);
    packet_zero_ = build(priority_released);
    packet_priority_ = state.priority;
  }
  queue(sender, packet_);
  ++adverts_sent;
}

void Instance::queue_priority_zero(Sender& sender) {
  if (!packet_priority_) packet_zero_ = build(priority_released);
  queue(sender, packet_zero_);
  ++priority_zero_sent;
}

void Instance::queue(Sender& sender, std::vector<std::uint8_t>& packet) {
  if (++ip_id_ == 0) ++ip_id_;  // 0 asks the kernel to choose
  set_ipv4_id(packet, ip_id_);
  sender.queue_packet(id, index, multicast_group, packet);
}

std::vector<std::uint8_t> Instance::build(std::uint8_t priority) const {
  const Carrier carrier{.source = election.source, .destination = multicast_group, .ttl = 255};
  return build_ipv4_packet(advert_of(conf, priority), carrier, 0);
}

std::optional<IpAddress> choose_source(const conf::VrrpInstance& conf, const netlink::Table& table,
                                       const std::function<bool(const IpAddress&)>& is_vip) {
  if (conf.mcast_src_ip) return conf.mcast_src_ip;
  const auto* link = table.link(conf.interface);
  if (link == nullptr) return std::nullopt;
  std::optional<IpAddress> own_vip;
  for (const auto& address : table.addresses) {
    const IpAddress& ip = address.prefix.address;
    if (address.index != link->index || ip.family() != conf.family) continue;
    if (!is_vip(ip)) return ip;
    if (!own_vip) own_vip = ip;
  }
  return conf.priority == priority_owner ? own_vip : std::nullopt;
}

}  // namespace xd::vrrp
