// The authentication header around a version 2 advert (RFC 3768, section 5.3.6.3; RFC 2402 and RFC 2403), as keepalived forms it:
//
//   IPv4, protocol 51 | next 112, length 4, reserved 2 | SPI 4: the source address | sequence number 4 | ICV 12 | advert
//
// The ICV is HMAC-MD5-96 with the password, eight bytes padded with zeros, as its key. It covers the whole packet, with TOS, fragment,
// header checksum and itself taken as zero; the TTL as well when the advert is unicast, because routers change it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "vrrp/advert.h"

namespace xd::vrrp {

inline constexpr std::uint8_t ah_protocol = 51;
inline constexpr std::size_t ah_header_size = 24;

using AhKey = std::array<std::uint8_t, 8>;

// A whole packet for a raw socket with IP_HDRINCL, not sealed yet.
std::vector<std::uint8_t> build_ah_packet(const Advert& advert, const Carrier& carrier);
// Gives the packet its id and sequence number (host order) and the ICV that belongs to them: before each sending.
void seal_ah_packet(std::span<std::uint8_t> packet, std::uint16_t id, std::uint32_t sequence, const AhKey& key);

// Is this number above the last one? After the last of 32 bits (136 years of one advert a second) the numbers begin anew.
constexpr bool ah_is_newer(std::uint32_t sequence, std::uint32_t last) {
  constexpr std::uint32_t quarter = 0x40000000;
  return sequence > last || (last >= 3 * quarter && sequence < quarter);
}

struct Sealed {
  Received received;
  std::uint32_t sequence = 0;
};

// What a raw socket delivers, from the IP header on. The seal is looked at before anything inside is believed: a forged packet is
// Reject::ah_data, whatever it carries. Whether the sequence number is a new one is the caller's question.
std::variant<Sealed, Rejection> parse_ah_packet(std::span<const std::uint8_t> packet, const AhKey& key);

}  // namespace xd::vrrp
