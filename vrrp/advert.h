// The VRRP advertisement as bytes: version 2 (RFC 3768) and 3 (RFC 9568), encoded as keepalived 2.2.7 sends it.
//
//   0 version|type   1 VRID   2 priority   3 address count
//   v2: 4 auth type  5 seconds       6 checksum   8 addresses   then, IPv4 only, 8 bytes of authentication data
//   v3: 4 reserved 4 bits, centiseconds 12 bits   6 checksum   8 addresses
//
// Two questions in two places: parse() asks whether the bytes are an advert at all and knows no instance; acceptable() asks
// whether this instance may believe it. bpf/advert.bpf.h answers both for the kernel half, in the same order, with the same
// reasons: tests/bpf/advert_test.cpp feeds both the same bytes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ip.h"
#include "base/time.h"
#include "bpf/xdirector.h"
#include "conf/model.h"

namespace xd::vrrp {

inline constexpr std::uint8_t ip_protocol = 112;
inline constexpr std::uint8_t priority_owner = 255;
inline constexpr std::uint8_t priority_released = 0;  // "I stop being master"

// What the checksum covers. v2: the message. v3 over IPv6: message and pseudo-header. v3 over IPv4: RFC 9568 says message
// only, keepalived by default adds the pseudo-header, old releases of it with the group as destination of a unicast advert.
enum class ChecksumForm : std::uint8_t { message_only, pseudo_header, multicast_pseudo_header };
inline constexpr std::size_t checksum_form_count = 3;

std::string_view name(ChecksumForm form);  // "pseudo_header": counters, CLI

struct Advert {
  int version = 2;
  int family = AF_INET;
  std::uint8_t vrid = 0;
  std::uint8_t priority = 100;
  Duration interval = 1s;                   // what the version can carry: see wire_interval()
  std::vector<IpAddress> addresses;         // of `family`
  std::uint8_t auth_type = 0;               // v2: 0 none, 1 PASS, 2 AH
  std::array<std::uint8_t, 8> auth_data{};  // v2 over IPv4
  ChecksumForm checksum = ChecksumForm::message_only;
  bool operator==(const Advert&) const = default;
};

// What the IP header around an advert says.
struct Carrier {
  IpAddress source;
  IpAddress destination;
  std::uint8_t ttl = 255;  // hop limit
};

// ---- Sending ----------------------------------------------------------------------------------------------------------

// The advert an instance sends; priority and form of checksum included.
Advert advert_of(const conf::VrrpInstance& instance, std::uint8_t priority);

std::size_t encoded_size(const Advert& advert);
// Of a message with so many addresses.
std::size_t expected_size(int version, int family, std::size_t addresses);
// Once more, over a message that is there and what stands behind it.
void put_checksum(std::span<std::uint8_t> message, std::span<const std::uint8_t> behind, ChecksumForm form, const Carrier& carrier);
// Writes the VRRP message with its checksum; returns its length, 0 when `out` is too small. The kernel fills the checksum of
// an IPv6 message itself when the socket asks for it (IPV6_CHECKSUM 6); it is written all the same.
std::size_t encode(const Advert& advert, const Carrier& carrier, std::span<std::uint8_t> out);

// A whole packet for a raw socket that takes the IP header as well (IP_HDRINCL): TOS or traffic class 0xc0, for IPv4 with header
// checksum and `id`.
std::vector<std::uint8_t> build_ipv4_packet(const Advert& advert, const Carrier& carrier, std::uint16_t id);
std::vector<std::uint8_t> build_ipv6_packet(const Advert& advert, const Carrier& carrier);
// Packets are built when the state changes and sent many times: each sending has its own id (host order).
void set_ipv4_id(std::span<std::uint8_t> packet, std::uint16_t id);

// ---- Receiving --------------------------------------------------------------------------------------------------------

// Why an advert is not believed, in the order of asking: up to `checksum` it is malformed, from `other_vrid` on unacceptable
// to the instance. bpf/xdirector.h has the list, so that both halves number and name alike; what comes behind it is asked only of
// adverts that the kernel half leaves to the raw socket.
#define XD_RAW_REJECTS(X)                                                                                             \
  X(PEER_TTL, peer_ttl, "its TTL is outside the limits of its unicast peer")                                          \
  X(AH_HEADER, ah_header, "it has no authentication header as ours has")                                              \
  X(AH_DATA, ah_data, "its authentication header was made with another password, or the packet was changed")          \
  X(AH_REPLAY, ah_replay, "its sequence number is not above the last one: an old packet, sent again")                 \
  X(HMAC_MISSING, hmac_missing, "it has no trailer of auth_hmac")                                                     \
  X(HMAC_FORM, hmac_form, "its trailer of auth_hmac is of an unknown type")                                           \
  X(HMAC_STALE, hmac_stale, "its trailer of auth_hmac was made at another time: clocks differ, or it is a recording") \
  X(HMAC_KEY, hmac_key, "its trailer of auth_hmac names a key that we have not got")                                  \
  X(HMAC_DATA, hmac_data, "its trailer of auth_hmac was made with another key, or the packet was changed")            \
  X(HMAC_REPLAY, hmac_replay, "its trailer of auth_hmac is not newer than the last one: an old packet, sent again")
#define XD_REJECT_VALUE(NAME, word, sentence) word,
enum class Reject : std::uint8_t { XD_REJECTS(XD_REJECT_VALUE) XD_RAW_REJECTS(XD_REJECT_VALUE) };
#undef XD_REJECT_VALUE
inline constexpr std::size_t reject_count = static_cast<std::size_t>(Reject::hmac_replay) + 1;

std::string_view name(Reject reason);      // "auth_data": counters, CLI
std::string_view sentence(Reject reason);  // "its password is not ours": logs

struct Rejection {
  Reject reason;
  std::uint32_t value = 0;  // what was found: the TTL, the version, the length...
  std::string str() const;  // sentence and value
};

// `message` is the IP payload, its length taken from the IP header. In this order: length of the header, TTL 255 (multicast
// only: unicast adverts may be routed), version, type, VRID, length by address count, v3 interval not 0, checksum in any of
// the forms above.
// `behind`: what stands behind the message in the packet (a trailer of auth_hmac), which the checksum covers over IPv6.
std::variant<Advert, Rejection> parse(std::span<const std::uint8_t> message, const Carrier& carrier,
                                      std::span<const std::uint8_t> behind = {});

// The payload of a whole IPv4 packet, and what its header says.
struct Ipv4Payload {
  std::span<const std::uint8_t> payload;
  Carrier carrier;
};
std::variant<Ipv4Payload, Rejection> ipv4_payload(std::span<const std::uint8_t> packet);

// What a raw IPv4 socket delivers: the packet from its IP header on.
struct Received {
  Advert advert;
  Carrier carrier;
};
std::variant<Received, Rejection> parse_ipv4_packet(std::span<const std::uint8_t> packet);

// What an instance believes.
struct Expected {
  int version = 2;
  int family = AF_INET;
  std::uint8_t vrid = 0;
  std::uint8_t auth_type = 0;
  std::array<std::uint8_t, 8> auth_data{};
  bool hmac = false;       // a trailer of auth_hmac
  Duration interval = 1s;  // v2: others are dropped; v3: others are adopted
  bool unicast = false;
  bool check_unicast_source = false;
  std::vector<IpAddress> unicast_sources;
  std::vector<conf::UnicastPeer> ttl_limits;  // only peers that have some
  std::vector<IpAddress> addresses;           // any order
  bool check_addresses = true;
  ChecksumForm checksum = ChecksumForm::message_only;  // the form we send
};
Expected expected_of(const conf::VrrpInstance& instance);

// Believed all the same, but worth one line in the log and a counter each.
struct Remarks {
  bool addresses_differ = false;                       // count or list
  bool interval_differs = false;                       // v3
  bool checksum_differs = false;                       // v3 over IPv4: another form than ours
  ChecksumForm checksum = ChecksumForm::message_only;  // the form it has
  bool any() const { return addresses_differ || interval_differs || checksum_differs; }
  bool operator==(const Remarks&) const = default;
};

// The order of the second group of Reject. `own_source` is the address we send from: our own advert, come back.
std::variant<Remarks, Rejection> acceptable(const Advert& advert, const Carrier& carrier, const Expected& expected,
                                            const IpAddress& own_source);

}  // namespace xd::vrrp
