// VRRP's intervals, in nanoseconds and without truncation: a skew cut to whole milliseconds or seconds makes two backups of
// different priority wake together. Halves of a nanosecond (the finest a centisecond interval yields) are rounded up, so no
// timer is early.
//
// `interval` is that of the master's adverts: in v3 a backup adopts what the master announces (RFC 9568, 6.1), in v2 both
// ends must have the same (RFC 3768, 6.1). The BPF half computes the same in bpf/advert.bpf.h.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace xd::vrrp {

// How much later than others a router of this priority takes over: v2 (256 - priority) / 256 s, v3 that part of the interval.
constexpr Duration skew_time(int version, std::uint8_t priority, Duration interval) {
  const Duration whole = version == 2 ? Duration{1s} : interval;
  const auto parts = (256 - static_cast<Duration::rep>(priority)) * whole.count();
  return Duration{(parts + 255) / 256};
}

// How long a master may be silent before it counts as lost.
constexpr Duration master_down_interval(int version, std::uint8_t priority, Duration interval, unsigned adverts = 3) {
  return static_cast<Duration::rep>(adverts) * interval + skew_time(version, priority, interval);
}

// What an advert can carry: v2 whole seconds 1..255 (keepalived rounds to the nearest, 0.3 s to 1), v3 centiseconds 1..4095.
constexpr Duration wire_interval(int version, Duration interval) {
  const Duration unit = version == 2 ? Duration{1s} : Duration{10ms};
  const Duration::rep most = version == 2 ? 255 : 4095;
  const auto units = (interval + unit / 2) / unit;
  return unit * (units < 1 ? 1 : units > most ? most : units);
}

}  // namespace xd::vrrp
