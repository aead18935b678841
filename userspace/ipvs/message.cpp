#include "ipvs/message.h"

#include <arpa/inet.h>
#include <linux/ip_vs.h>

#include <array>
#include <cstring>
#include <string>

namespace xd::ipvs {

namespace {

static_assert(IP_VS_CONN_F_TUNNEL_TYPE_GUE == static_cast<int>(lvs::TunnelType::gue));
static_assert(IP_VS_CONN_F_TUNNEL_TYPE_GRE == static_cast<int>(lvs::TunnelType::gre));
static_assert(IP_VS_TUNNEL_ENCAP_FLAG_CSUM == static_cast<int>(lvs::TunnelChecksum::full));
static_assert(IP_VS_TUNNEL_ENCAP_FLAG_REMCSUM == static_cast<int>(lvs::TunnelChecksum::remote));

// Where lvs::SchedulerFlag bits stand in IPVS's service flags (IP_VS_SVC_F_SCHED1 and on).
constexpr unsigned scheduler_flag_shift = 3;
static_assert(IP_VS_SVC_F_SCHED1 == lvs::sched_1 << scheduler_flag_shift);
constexpr std::uint32_t scheduler_flag_mask = IP_VS_SVC_F_SCHED1 | IP_VS_SVC_F_SCHED2 | IP_VS_SVC_F_SCHED3;

void put_address(nl_msg* msg, int attribute, const IpAddress& address) {
  std::array<std::uint8_t, 16> bytes{};  // union nf_inet_addr: always 16 bytes, IPv4 in the first four
  std::memcpy(bytes.data(), address.data(), address.size());
  nla_put(msg, attribute, bytes.size(), bytes.data());
}

std::optional<IpAddress> get_address(nlattr* attribute, int family) {
  if (attribute == nullptr) return std::nullopt;
  const auto size = static_cast<std::size_t>(nla_len(attribute));
  if (family == AF_INET && size >= 4) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, nla_data(attribute), sizeof bits);
    return IpAddress::v4(bits);
  }
  if (family == AF_INET6 && size >= 16) {
    in6_addr bits{};
    std::memcpy(&bits, nla_data(attribute), sizeof bits);
    return IpAddress::v6(bits);
  }
  return std::nullopt;
}

// The kernel wants a dotted mask for IPv4 and a prefix length for IPv6.
std::uint32_t mask_to_kernel(int family, std::uint32_t prefix_length) {
  if (family == AF_INET6) return prefix_length;
  return prefix_length == 0 ? 0 : htonl(~0u << (32 - prefix_length));
}

std::uint32_t mask_from_kernel(int family, std::uint32_t mask) {
  return family == AF_INET6 ? mask : static_cast<std::uint32_t>(__builtin_popcount(mask));
}

std::uint32_t forward_to_kernel(lvs::Forward forward) {
  switch (forward) {
    case lvs::Forward::nat: return IP_VS_CONN_F_MASQ;
    case lvs::Forward::dr: return IP_VS_CONN_F_DROUTE;
    case lvs::Forward::tun: return IP_VS_CONN_F_TUNNEL;
  }
  return IP_VS_CONN_F_MASQ;
}

lvs::Forward forward_from_kernel(std::uint32_t flags) {
  switch (flags & IP_VS_CONN_F_FWD_MASK) {
    case IP_VS_CONN_F_DROUTE: return lvs::Forward::dr;
    case IP_VS_CONN_F_TUNNEL: return lvs::Forward::tun;
    default: return lvs::Forward::nat;  // also LOCALNODE: the kernel's word for a NAT destination that is itself
  }
}

std::uint32_t get_u32(nlattr* attribute) { return attribute != nullptr ? nla_get_u32(attribute) : 0; }

Traffic get_traffic_of(nlattr* nested) {
  Traffic traffic;
  std::array<nlattr*, IPVS_STATS_ATTR_MAX + 1> stats{};
  if (nested == nullptr || nla_parse_nested(stats.data(), IPVS_STATS_ATTR_MAX, nested, nullptr) != 0) return traffic;
  const auto read = [&stats](int attribute) {
    nlattr* at = stats[static_cast<std::size_t>(attribute)];
    return at != nullptr && nla_len(at) >= 8 ? nla_get_u64(at) : 0;
  };
  traffic.connections = read(IPVS_STATS_ATTR_CONNS);
  traffic.packets_in = read(IPVS_STATS_ATTR_INPKTS);
  traffic.packets_out = read(IPVS_STATS_ATTR_OUTPKTS);
  traffic.bytes_in = read(IPVS_STATS_ATTR_INBYTES);
  traffic.bytes_out = read(IPVS_STATS_ATTR_OUTBYTES);
  traffic.connections_per_second = read(IPVS_STATS_ATTR_CPS);
  traffic.packets_in_per_second = read(IPVS_STATS_ATTR_INPPS);
  traffic.packets_out_per_second = read(IPVS_STATS_ATTR_OUTPPS);
  traffic.bytes_in_per_second = read(IPVS_STATS_ATTR_INBPS);
  traffic.bytes_out_per_second = read(IPVS_STATS_ATTR_OUTBPS);
  return traffic;
}

DestinationCounters get_counters(const std::array<nlattr*, IPVS_DEST_ATTR_MAX + 1>& attributes) {
  DestinationCounters counters{get_traffic_of(attributes[IPVS_DEST_ATTR_STATS64])};
  counters.active_connections = get_u32(attributes[IPVS_DEST_ATTR_ACTIVE_CONNS]);
  counters.inactive_connections = get_u32(attributes[IPVS_DEST_ATTR_INACT_CONNS]);
  counters.persistent_connections = get_u32(attributes[IPVS_DEST_ATTR_PERSIST_CONNS]);
  return counters;
}

lvs::Tunnel get_tunnel(const std::array<nlattr*, IPVS_DEST_ATTR_MAX + 1>& attributes) {
  lvs::Tunnel tunnel;
  if (nlattr* type = attributes[IPVS_DEST_ATTR_TUN_TYPE]) tunnel.type = static_cast<lvs::TunnelType>(nla_get_u8(type));
  if (nlattr* port = attributes[IPVS_DEST_ATTR_TUN_PORT]) tunnel.port = ntohs(nla_get_u16(port));
  if (nlattr* flags = attributes[IPVS_DEST_ATTR_TUN_FLAGS]) tunnel.checksum = static_cast<lvs::TunnelChecksum>(nla_get_u16(flags));
  return tunnel;
}

// What names a service, inside its nest.
void put_service_name(nl_msg* msg, const lvs::ServiceKey& key) {
  nla_put_u16(msg, IPVS_SVC_ATTR_AF, static_cast<std::uint16_t>(key.family()));
  if (key.fwmark != 0) {
    nla_put_u32(msg, IPVS_SVC_ATTR_FWMARK, key.fwmark);
  } else {
    nla_put_u16(msg, IPVS_SVC_ATTR_PROTOCOL, static_cast<std::uint16_t>(key.protocol));
    put_address(msg, IPVS_SVC_ATTR_ADDR, key.address);
    nla_put_u16(msg, IPVS_SVC_ATTR_PORT, htons(key.port));
  }
}

// What names a destination, inside its nest.
void put_destination_name(nl_msg* msg, const Endpoint& server) {
  nla_put_u16(msg, IPVS_DEST_ATTR_ADDR_FAMILY, static_cast<std::uint16_t>(server.address.family()));
  put_address(msg, IPVS_DEST_ATTR_ADDR, server.address);
  nla_put_u16(msg, IPVS_DEST_ATTR_PORT, htons(server.port));
}

}  // namespace

void put_service_key(nl_msg* msg, const lvs::ServiceKey& key) {
  nlattr* nested = nla_nest_start(msg, IPVS_CMD_ATTR_SERVICE);
  put_service_name(msg, key);
  nla_nest_end(msg, nested);
}

void put_service(nl_msg* msg, const lvs::ServiceKey& key, const lvs::Service& service) {
  const bool persistent = service.persistence_seconds != 0;
  ip_vs_flags flags{};
  flags.flags = (service.scheduler_flags << scheduler_flag_shift) & scheduler_flag_mask;
  if (persistent) flags.flags |= IP_VS_SVC_F_PERSISTENT;
  if (service.one_packet) flags.flags |= IP_VS_SVC_F_ONEPACKET;
  flags.mask = ~0u;
  const std::uint32_t mask = persistent ? service.persistence_mask : (key.family() == AF_INET6 ? 128 : 32);

  nlattr* nested = nla_nest_start(msg, IPVS_CMD_ATTR_SERVICE);
  put_service_name(msg, key);
  nla_put_string(msg, IPVS_SVC_ATTR_SCHED_NAME, std::string(lvs::name(service.scheduler)).c_str());
  nla_put(msg, IPVS_SVC_ATTR_FLAGS, sizeof flags, &flags);
  nla_put_u32(msg, IPVS_SVC_ATTR_TIMEOUT, service.persistence_seconds);
  nla_put_u32(msg, IPVS_SVC_ATTR_NETMASK, mask_to_kernel(key.family(), mask));
  if (!service.persistence_engine.empty()) nla_put_string(msg, IPVS_SVC_ATTR_PE_NAME, service.persistence_engine.c_str());
  nla_nest_end(msg, nested);
}

void put_destination_key(nl_msg* msg, const Endpoint& server) {
  nlattr* nested = nla_nest_start(msg, IPVS_CMD_ATTR_DEST);
  put_destination_name(msg, server);
  nla_nest_end(msg, nested);
}

void put_destination(nl_msg* msg, const Endpoint& server, const lvs::Destination& destination) {
  nlattr* nested = nla_nest_start(msg, IPVS_CMD_ATTR_DEST);
  put_destination_name(msg, server);
  nla_put_u32(msg, IPVS_DEST_ATTR_FWD_METHOD, forward_to_kernel(destination.forward));
  nla_put_u32(msg, IPVS_DEST_ATTR_WEIGHT, destination.weight);
  nla_put_u32(msg, IPVS_DEST_ATTR_U_THRESH, destination.upper_threshold);
  nla_put_u32(msg, IPVS_DEST_ATTR_L_THRESH, destination.lower_threshold);
  // Kernels before 5.3 do not know these; for plain ipip they need not.
  if (const auto& tunnel = destination.tunnel; tunnel != lvs::Tunnel{}) {
    nla_put_u8(msg, IPVS_DEST_ATTR_TUN_TYPE, static_cast<std::uint8_t>(tunnel.type));
    nla_put_u16(msg, IPVS_DEST_ATTR_TUN_PORT, htons(tunnel.port));
    nla_put_u16(msg, IPVS_DEST_ATTR_TUN_FLAGS, static_cast<std::uint16_t>(tunnel.checksum));
  }
  nla_nest_end(msg, nested);
}

void put_timeouts(nl_msg* msg, const Timeouts& timeouts) {
  nla_put_u32(msg, IPVS_CMD_ATTR_TIMEOUT_TCP, timeouts.tcp);
  nla_put_u32(msg, IPVS_CMD_ATTR_TIMEOUT_TCP_FIN, timeouts.tcp_fin);
  nla_put_u32(msg, IPVS_CMD_ATTR_TIMEOUT_UDP, timeouts.udp);
}

void put_sync_role(nl_msg* msg, SyncRole role) {
  nlattr* nested = nla_nest_start(msg, IPVS_CMD_ATTR_DAEMON);
  nla_put_u32(msg, IPVS_DAEMON_ATTR_STATE, static_cast<std::uint32_t>(role));
  nla_nest_end(msg, nested);
}

void put_sync_daemon(nl_msg* msg, const SyncDaemon& daemon) {
  nlattr* nested = nla_nest_start(msg, IPVS_CMD_ATTR_DAEMON);
  nla_put_u32(msg, IPVS_DAEMON_ATTR_STATE, static_cast<std::uint32_t>(daemon.role));
  nla_put_string(msg, IPVS_DAEMON_ATTR_MCAST_IFN, daemon.interface.c_str());
  nla_put_u32(msg, IPVS_DAEMON_ATTR_SYNC_ID, daemon.id);
  if (daemon.max_length != 0) nla_put_u16(msg, IPVS_DAEMON_ATTR_SYNC_MAXLEN, daemon.max_length);
  if (daemon.group) {
    nla_put(msg, daemon.group->is_v4() ? IPVS_DAEMON_ATTR_MCAST_GROUP : IPVS_DAEMON_ATTR_MCAST_GROUP6,
            static_cast<int>(daemon.group->size()), daemon.group->data());
  }
  if (daemon.port != 0) nla_put_u16(msg, IPVS_DAEMON_ATTR_MCAST_PORT, daemon.port);  // in host order, unlike other ports
  if (daemon.ttl != 0) nla_put_u8(msg, IPVS_DAEMON_ATTR_MCAST_TTL, daemon.ttl);
  nla_nest_end(msg, nested);
}

std::optional<std::pair<lvs::ServiceKey, lvs::Service>> get_service(nlattr* nested) {
  std::array<nlattr*, IPVS_SVC_ATTR_MAX + 1> a{};
  if (nla_parse_nested(a.data(), IPVS_SVC_ATTR_MAX, nested, nullptr) != 0) return std::nullopt;
  if (a[IPVS_SVC_ATTR_AF] == nullptr || a[IPVS_SVC_ATTR_SCHED_NAME] == nullptr || a[IPVS_SVC_ATTR_FLAGS] == nullptr) return std::nullopt;

  lvs::ServiceKey key;
  const int family = nla_get_u16(a[IPVS_SVC_ATTR_AF]);
  if (a[IPVS_SVC_ATTR_FWMARK] != nullptr) {
    key.fwmark = nla_get_u32(a[IPVS_SVC_ATTR_FWMARK]);
    key.mark_family = family;
  } else {
    const auto address = get_address(a[IPVS_SVC_ATTR_ADDR], family);
    if (!address || a[IPVS_SVC_ATTR_PORT] == nullptr || a[IPVS_SVC_ATTR_PROTOCOL] == nullptr) return std::nullopt;
    key.address = *address;
    key.port = ntohs(nla_get_u16(a[IPVS_SVC_ATTR_PORT]));
    key.protocol = static_cast<lvs::Protocol>(nla_get_u16(a[IPVS_SVC_ATTR_PROTOCOL]));
  }

  lvs::Service service;
  const auto scheduler = lvs::parse_scheduler(nla_get_string(a[IPVS_SVC_ATTR_SCHED_NAME]));
  if (!scheduler) return std::nullopt;
  service.scheduler = *scheduler;
  ip_vs_flags flags{};
  nla_memcpy(&flags, a[IPVS_SVC_ATTR_FLAGS], sizeof flags);
  service.scheduler_flags = (flags.flags & scheduler_flag_mask) >> scheduler_flag_shift;
  service.one_packet = (flags.flags & IP_VS_SVC_F_ONEPACKET) != 0;
  if ((flags.flags & IP_VS_SVC_F_PERSISTENT) != 0) {
    service.persistence_seconds = get_u32(a[IPVS_SVC_ATTR_TIMEOUT]);
    service.persistence_mask = mask_from_kernel(family, get_u32(a[IPVS_SVC_ATTR_NETMASK]));
  }
  if (a[IPVS_SVC_ATTR_PE_NAME] != nullptr) service.persistence_engine = nla_get_string(a[IPVS_SVC_ATTR_PE_NAME]);
  return std::pair{key, service};
}

std::optional<DestinationEntry> get_destination(nlattr* nested, int family) {
  std::array<nlattr*, IPVS_DEST_ATTR_MAX + 1> a{};
  if (nla_parse_nested(a.data(), IPVS_DEST_ATTR_MAX, nested, nullptr) != 0) return std::nullopt;
  if (a[IPVS_DEST_ATTR_ADDR_FAMILY] != nullptr) family = nla_get_u16(a[IPVS_DEST_ATTR_ADDR_FAMILY]);
  const auto address = get_address(a[IPVS_DEST_ATTR_ADDR], family);
  if (!address || a[IPVS_DEST_ATTR_PORT] == nullptr) return std::nullopt;

  DestinationEntry entry;
  entry.server = {*address, ntohs(nla_get_u16(a[IPVS_DEST_ATTR_PORT]))};
  entry.destination.forward = forward_from_kernel(get_u32(a[IPVS_DEST_ATTR_FWD_METHOD]));
  entry.destination.weight = get_u32(a[IPVS_DEST_ATTR_WEIGHT]);
  entry.destination.upper_threshold = get_u32(a[IPVS_DEST_ATTR_U_THRESH]);
  entry.destination.lower_threshold = get_u32(a[IPVS_DEST_ATTR_L_THRESH]);
  if (entry.destination.forward == lvs::Forward::tun) entry.destination.tunnel = get_tunnel(a);
  entry.counters = get_counters(a);
  return entry;
}

Traffic get_traffic(nlattr* nested) {
  std::array<nlattr*, IPVS_SVC_ATTR_MAX + 1> a{};
  if (nla_parse_nested(a.data(), IPVS_SVC_ATTR_MAX, nested, nullptr) != 0) return {};
  return get_traffic_of(a[IPVS_SVC_ATTR_STATS64]);
}

std::optional<SyncDaemon> get_sync_daemon(nlattr* nested) {
  std::array<nlattr*, IPVS_DAEMON_ATTR_MAX + 1> a{};
  if (nla_parse_nested(a.data(), IPVS_DAEMON_ATTR_MAX, nested, nullptr) != 0) return std::nullopt;
  if (a[IPVS_DAEMON_ATTR_STATE] == nullptr || a[IPVS_DAEMON_ATTR_MCAST_IFN] == nullptr) return std::nullopt;
  SyncDaemon daemon;
  daemon.role = static_cast<SyncRole>(nla_get_u32(a[IPVS_DAEMON_ATTR_STATE]));
  daemon.interface = nla_get_string(a[IPVS_DAEMON_ATTR_MCAST_IFN]);
  daemon.id = static_cast<std::uint8_t>(get_u32(a[IPVS_DAEMON_ATTR_SYNC_ID]));
  if (nlattr* length = a[IPVS_DAEMON_ATTR_SYNC_MAXLEN]) daemon.max_length = nla_get_u16(length);
  if (nlattr* port = a[IPVS_DAEMON_ATTR_MCAST_PORT]) daemon.port = nla_get_u16(port);
  if (nlattr* ttl = a[IPVS_DAEMON_ATTR_MCAST_TTL]) daemon.ttl = nla_get_u8(ttl);
  daemon.group = get_address(a[IPVS_DAEMON_ATTR_MCAST_GROUP], AF_INET);
  if (!daemon.group) daemon.group = get_address(a[IPVS_DAEMON_ATTR_MCAST_GROUP6], AF_INET6);
  return daemon;
}

}  // namespace xd::ipvs
