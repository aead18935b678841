// The trailer of auth_hmac behind an advert, as keepalived 2.4 forms it, for versions 2 and 3 and both families:
//
//   type 1 | key number 1 | zero 2 | sequence number: seconds of UTC 4, fraction 2, counter 2 | 16 bytes of HMAC-SHA256
//
// The HMAC covers a pseudo-header (4 or 6, version, VRID, zero, the sender's address in 16 bytes), the VRRP message with its checksum
// taken as zero, and the trailer up to itself. The checksum of the message does not cover the trailer over IPv4; over IPv6 it does,
// because the kernel, which makes and checks it for keepalived, takes all that is in the packet.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "conf/model.h"
#include "vrrp/advert.h"

namespace xd::vrrp {

inline constexpr std::size_t hmac_trailer_size = 28;

// The keys of an instance, those from files read.
class HmacKeys {
 public:
  static Result<HmacKeys> load(const conf::AuthHmac& conf);
  const std::string* find(std::uint8_t id) const;

 private:
  std::map<std::uint8_t, std::string> keys_;
};

// Why the file cannot be used as a key; empty: it can. The key is all of it but line ends behind.
std::string key_file_problem(const std::string& path);

// What says whether an advert is a new one: a sequence number per sender, each above the last (RFC 1982). Over multicast the four
// senders heard last are kept; with unicast peers each of them.
class HmacReplay {
 public:
  void keep(std::size_t senders) { most_ = std::max<std::size_t>(senders, 4); }
  // False: a number that is not above the sender's last.
  bool take(const IpAddress& sender, std::uint64_t sequence);

 private:
  struct Sender {
    IpAddress address;
    std::uint64_t last;
  };
  std::size_t most_ = 4;
  std::vector<Sender> senders_;  // heard last at the end
};

Duration realtime_now();  // since 1970, UTC

// The number of the next advert: the time, or one above the last when the clock has not moved on.
std::uint64_t next_hmac_sequence(std::uint64_t last, Duration realtime);

// A packet from its IP header on, whose advert has room for the trailer behind it; before each sending.
void seal_hmac_packet(std::span<std::uint8_t> packet, const Carrier& carrier, std::uint8_t key_id, const std::string& key,
                      std::uint64_t sequence);
// Makes that room: all but the seal.
void append_hmac_trailer(std::vector<std::uint8_t>& packet, int family);

struct HmacPolicy {
  bool required = true;            // an advert without trailer is not believed
  std::optional<Duration> window;  // none: only growing numbers are asked for
};
HmacPolicy policy_of(const conf::AuthHmac& conf);

// An IP payload. What is left of it without a trailer that is authentic, fresh and new; or all of it, when it has none and none is
// required. Looks at no more of the advert than what says where the trailer begins.
struct Opened {
  std::span<const std::uint8_t> message;
  std::span<const std::uint8_t> trailer;
};
std::variant<Opened, Rejection> open_hmac(std::span<const std::uint8_t> payload, const IpAddress& source, const HmacKeys& keys,
                                          const HmacPolicy& policy, HmacReplay& replay, Duration realtime);

}  // namespace xd::vrrp
