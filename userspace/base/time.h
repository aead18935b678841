// Time as types. All deadlines and stamps are CLOCK_MONOTONIC, the clock that bpf_ktime_get_ns() reads too, so a stamp taken
// in the kernel half compares with one taken here. It does not run while the host is suspended.
#pragma once

#include <chrono>
#include <cstdint>

namespace xd {

struct Clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Clock>;
  static constexpr bool is_steady = true;

  static time_point now() noexcept;
};

using Duration = Clock::duration;
using TimePoint = Clock::time_point;

using namespace std::chrono_literals;

// A kernel stamp (ns of CLOCK_MONOTONIC) as a TimePoint, and back.
constexpr TimePoint from_ktime(std::uint64_t ns) { return TimePoint{Duration{static_cast<Duration::rep>(ns)}}; }
constexpr std::uint64_t to_ktime(TimePoint at) { return static_cast<std::uint64_t>(at.time_since_epoch().count()); }

constexpr Duration from_seconds(double seconds) { return Duration{static_cast<Duration::rep>(seconds * 1e9)}; }
constexpr double to_seconds(Duration d) { return static_cast<double>(d.count()) / 1e9; }

}  // namespace xd
