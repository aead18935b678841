#include "vrrp/instance.h"

namespace xd::vrrp {

std::vector<GarpSchedule::Target> Instance::announced(const netlink::Table& table) const {
  std::vector<GarpSchedule::Target> out;
  for (const auto& entry : addresses.entries()) {
    if (const auto* link = table.link(entry.interface)) out.push_back({link->index, entry.conf.prefix.address});
  }
  return out;
}

std::vector<GarpSchedule::Target> Instance::beside_adverts(const netlink::Table& table) const {
  std::vector<GarpSchedule::Target> out;
  const std::string& sends_from = conf.sends_from_link() ? conf.link.name : conf.interface;
  std::set<std::string> seen{sends_from};
  for (const auto& entry : addresses.entries()) {
    if (!conf.garp_extra_if_all && entry.conf.link.empty() && entry.interface != conf.link.name) continue;
    const auto* link = table.link(entry.interface);
    if (link != nullptr && seen.insert(entry.interface).second) out.push_back({link->index, entry.conf.prefix.address});
  }
  return out;
}

Tuning Instance::tuning() {
  // Unicast comes to the interface's own MAC.
  const bool hears_on_link = conf.link.kind == conf::VirtualLink::Kind::macvlan && link_index != 0 && conf.unicast_peers.empty();
  return Tuning{.index = index,
                .link_index = hears_on_link ? link_index : 0,
                .link = hears_on_link ? conf.link.name : std::string(),
                .interface = conf.way(),
                .local = conf.interface.empty() ? conf.unicast_src_ip.value_or(IpAddress()) : IpAddress(),
                .group = conf.unicast_peers.empty() ? multicast_group : IpAddress(),
                .source = election.source,
                .expected = expected_of(conf),
                .election = election,
                .receive_buffer = conf.receive_buffer,
                .raw_only = !heartbeats.empty() || conf.interface.empty(),
                .ah_key = conf.authentication.data,
                .ah_sequence = &ah_sequence,
                .hmac_keys = &hmac_keys,
                .hmac_policy = policy_of(conf.auth_hmac),
                .hmac_replay = &hmac_replay};
}

bool Instance::learn_checksum(const IpAddress& peer, ChecksumForm form) {
  const bool learns = conf.version == 3 && conf.family == AF_INET && !conf.unicast_peers.empty() && !conf.checksum_as_v2 &&
                      conf.old_unicast_checksum == conf::OldChecksum::automatic;
  if (!learns) return false;
  const bool is_new =
      form == ChecksumForm::multicast_pseudo_header ? old_checksum_peers.insert(peer).second : old_checksum_peers.erase(peer) > 0;
  if (is_new) packets_changed();
  return is_new;
}

void Instance::queue_advert(Sender& sender) {
  if (packet_priority_ != state.priority) {
    packets_ = build(state.priority);
    packet_priority_ = state.priority;
  }
  queue(sender, packets_);
  ++adverts_sent;
}

void Instance::queue_priority_zero(Sender& sender) {
  auto packets = build(priority_released);
  queue(sender, packets);
  ++priority_zero_sent;
}

void Instance::queue(Sender& sender, std::vector<Packet>& packets) {
  // One number for all peers of a link: whichever of them goes on from it is above what the others have seen.
  if (has_ah()) {
    ++ah_sequence;
    for (auto& way : heartbeats) ++way->ah_sequence;
  }
  // One for all peers, as keepalived counts.
  if (++ip_id_ == 0) ++ip_id_;  // 0 asks the kernel to choose
  for (Packet& packet : packets) {
    if (conf.family == AF_INET) {
      if (has_ah()) {
        seal_ah_packet(packet.bytes, ip_id_, *packet.ah_sequence, conf.authentication.data);
      } else {
        set_ipv4_id(packet.bytes, ip_id_);
      }
    }
    if (sends_hmac()) seal(packet);
    const bool from_link = packet.index == index && conf.sends_from_link() && link_index != 0;
    sender.queue_packet(id, from_link ? link_index : packet.index, packet.to, packet.bytes);
  }
}

// Each packet has a number of its own: two peers that are one host, or hear each other, shall not take one for a replay.
void Instance::seal(Packet& packet) {
  const std::string* key = hmac_keys.find(conf.auth_hmac.active_key);
  if (key == nullptr) return;  // a seal of zeros, which nobody believes
  hmac_sequence = next_hmac_sequence(hmac_sequence, realtime_now());
  seal_hmac_packet(packet.bytes, packet.carrier, conf.auth_hmac.active_key, *key, hmac_sequence);
}

std::vector<Instance::Packet> Instance::build(std::uint8_t priority) {
  const Advert usual = advert_of(conf, priority);
  std::vector<Packet> packets;
  const auto add = [&](int link, const IpAddress& source, const IpAddress& to, std::uint8_t ttl, std::uint32_t& sequence) {
    const Carrier carrier{.source = source, .destination = to, .ttl = ttl};
    Advert advert = usual;
    if (old_checksum_peers.contains(to)) advert.checksum = ChecksumForm::multicast_pseudo_header;
    packets.push_back({to,
                       conf.family == AF_INET6 ? build_ipv6_packet(advert, carrier)
                       : has_ah()              ? build_ah_packet(advert, carrier)
                                               : build_ipv4_packet(advert, carrier, 0),
                       carrier, link, &sequence});
    if (sends_hmac()) append_hmac_trailer(packets.back().bytes, conf.family);
  };
  if (conf.unicast_peers.empty()) add(index, election.source, multicast_group, 255, ah_sequence);
  for (const conf::UnicastPeer& peer : conf.unicast_peers) add(index, election.source, peer.address, conf.unicast_ttl, ah_sequence);
  for (auto& way : heartbeats) {
    if (!way->usable()) continue;
    if (way->conf.peers.empty()) add(way->index, way->source, multicast_group, 255, way->ah_sequence);
    for (const IpAddress& peer : way->conf.peers) add(way->index, way->source, peer, 255, way->ah_sequence);
  }
  return packets;
}

std::optional<IpAddress> choose_source(const conf::VrrpInstance& conf, const netlink::Table& table,
                                       const std::function<bool(const IpAddress&)>& is_vip) {
  const bool unicast = !conf.unicast_peers.empty();
  if (unicast && conf.unicast_src_ip) return conf.unicast_src_ip;
  if (!unicast && conf.mcast_src_ip) return conf.mcast_src_ip;
  const bool is_ipvlan = conf.link.kind == conf::VirtualLink::Kind::ipvlan;
  if (is_ipvlan && conf.link.address) return conf.link.address->address;
  const auto* link = table.link(is_ipvlan ? conf.link.name : conf.interface);
  if (link == nullptr) return std::nullopt;
  const bool leads_beyond = std::any_of(conf.unicast_peers.begin(), conf.unicast_peers.end(),
                                        [&](const auto& peer) { return !table.is_neighbour(link->index, peer.address); });
  std::optional<IpAddress> own_vip;
  for (const auto& address : table.addresses) {
    const IpAddress& ip = address.prefix.address;
    if (address.index != link->index || ip.family() != conf.family) continue;
    if (ip.is_v6() && ip.is_link_local() == leads_beyond) continue;  // RFC 9568, 5.1.2.1: link-local, and no router forwards those
    if (!is_vip(ip)) return ip;
    if (!own_vip) own_vip = ip;
  }
  return conf.priority == priority_owner ? own_vip : std::nullopt;
}

}  // namespace xd::vrrp
