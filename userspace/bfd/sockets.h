// How BFD packets travel (RFC 5881, 5883): UDP to port 3784, or 4784 over several hops, from a source port of each session's own,
// with a TTL that tells how far they have come.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/fd.h"
#include "base/ip.h"
#include "base/loop.h"
#include "base/result.h"

namespace xd::bfd {

inline constexpr std::uint16_t single_hop_port = 3784, multi_hop_port = 4784;

// Where a session sends from. Non-blocking; `source` unset: the kernel chooses.
Result<Fd> open_sender(const IpAddress& neighbor, const IpAddress& source, std::uint8_t ttl);

struct Arrived {
  IpAddress source, destination;
  int ttl = -1;  // -1: the kernel did not say
  bool multihop = false;
  std::span<const std::uint8_t> bytes;
};

// The receiving end of one port and family.
class Receiver {
 public:
  using Handler = std::function<void(const Arrived&)>;
  static Result<Receiver> open(Loop& loop, int family, bool multihop, Handler handler);
  // Everything that has arrived, now: before a silence is believed.
  void drain();

 private:
  struct Inner;
  std::shared_ptr<Inner> inner_;
};

}  // namespace xd::bfd
