#include "vrrp/watch.h"

#include <algorithm>
#include <cstring>

namespace xd::vrrp {
namespace {

void put_address(__be32 (&out)[4], const IpAddress& address) {
  static_assert(sizeof out == sizeof address.bytes());
  std::memcpy(out, address.bytes().data(), sizeof out);
}

xd_watch_role role_of(Role role) {
  switch (role) {
    case Role::backup: return XD_WATCH_BACKUP;
    case Role::master: return XD_WATCH_MASTER;
    case Role::init:
    case Role::fault: break;
  }
  return XD_WATCH_IDLE;
}

__u64 hold_until(const InstanceConfig& config, const State& state) {
  if (!config.preempt || config.preempt_delay == 0s) return 0;
  return state.preempt_at ? to_ktime(*state.preempt_at) : ~__u64{0};
}

__u32 sum_of(const std::vector<IpAddress>& addresses) {
  __u32 sum = 0;
  for (const IpAddress& address : addresses) sum += xd_address_mix(address.v4_bits());
  return sum;
}

}  // namespace

bool can_watch(const Expected& expected) {
  return expected.family == AF_INET && expected.auth_type <= 1 && !expected.hmac && expected.ttl_limits.empty() &&
         (!expected.check_unicast_source || expected.unicast_sources.size() <= XD_WATCH_SOURCES);
}

xd_watch_config watch_config(const Expected& expected, const InstanceConfig& config, const State& state) {
  xd_watch_config out{};
  out.interval = static_cast<__u64>(expected.interval.count());
  out.hold_until = hold_until(config, state);
  put_address(out.own, config.source);
  out.version = static_cast<__u8>(expected.version);
  out.role = role_of(state.role);
  out.priority = state.priority;
  out.keeps_from = config.preempt ? state.priority : 1;
  out.down_adverts = static_cast<__u8>(std::min(config.down_timer_adverts, 255u));
  if (expected.unicast) out.flags |= XD_WATCH_UNICAST;
  if (expected.check_unicast_source) out.flags |= XD_WATCH_CHECK_SOURCE;
  if (expected.check_addresses) out.flags |= XD_WATCH_CHECK_ADDRESSES;
  out.auth_type = expected.auth_type;
  out.checksum = static_cast<__u8>(expected.checksum);
  std::copy(expected.auth_data.begin(), expected.auth_data.end(), out.auth_data);
  out.addresses = sum_of(expected.addresses);
  out.address_count = static_cast<__u16>(expected.addresses.size());
  if (expected.check_unicast_source) {
    out.source_count = static_cast<__u16>(expected.unicast_sources.size());
    for (std::size_t i = 0; i < expected.unicast_sources.size(); ++i) put_address(out.sources[i], expected.unicast_sources[i]);
  }
  return out;
}

std::optional<Heard> heard_of(const xd_heard& heard) {
  if (heard.at == 0) return std::nullopt;
  in6_addr source{};
  std::memcpy(&source, heard.source, sizeof source);
  return Heard{.source = IpAddress::v6(source),
               .priority = heard.priority,
               .interval = Duration{static_cast<Duration::rep>(heard.interval)},
               .at = from_ktime(heard.at)};
}

Remarks remarks_of(const xd_heard& heard, ChecksumForm ours) {
  const bool differs = (heard.remarks & XD_REMARK_CHECKSUM) != 0;
  return Remarks{.addresses_differ = (heard.remarks & XD_REMARK_ADDRESSES) != 0,
                 .interval_differs = (heard.remarks & XD_REMARK_INTERVAL) != 0,
                 .checksum_differs = differs,
                 .checksum = differs ? static_cast<ChecksumForm>(heard.remarks >> XD_REMARK_FORM_SHIFT) : ours};
}

}  // namespace xd::vrrp
