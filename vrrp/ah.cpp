#include "vrrp/ah.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <cstring>

namespace xd::vrrp {

namespace {

constexpr std::size_t ip_header_size = 20;
constexpr std::size_t icv_size = 12;
constexpr std::size_t ttl_at = 8, protocol_at = 9, source_at = 12, destination_at = 16;
constexpr std::size_t spi_at = 4, sequence_at = 8, icv_at = 12;  // in the authentication header

using Icv = std::array<std::uint8_t, icv_size>;

void put32(std::uint8_t* at, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

std::uint32_t get32(const std::uint8_t* at) {
  return static_cast<std::uint32_t>(at[0]) << 24u | static_cast<std::uint32_t>(at[1]) << 16u | static_cast<std::uint32_t>(at[2]) << 8u |
         at[3];
}

bool is_multicast(const std::uint8_t* address) { return (address[0] & 0xf0u) == 0xe0; }

// `header` is that of IP, in bytes. False: this OpenSSL has no MD5 (a FIPS provider).
bool icv_of(std::span<const std::uint8_t> packet, std::size_t header, const AhKey& key, Icv& out) {
  std::vector<std::uint8_t> covered(packet.begin(), packet.end());
  covered[1] = 0;                                 // TOS
  std::fill_n(&covered[6], 2, std::uint8_t{0});   // fragment
  std::fill_n(&covered[10], 2, std::uint8_t{0});  // checksum
  if (!is_multicast(&covered[destination_at])) covered[ttl_at] = 0;
  std::fill_n(&covered[header + icv_at], icv_size, std::uint8_t{0});
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  if (HMAC(EVP_md5(), key.data(), static_cast<int>(key.size()), covered.data(), covered.size(), digest.data(), &length) == nullptr)
    return false;
  std::copy_n(digest.begin(), icv_size, out.begin());
  return true;
}

}  // namespace

std::vector<std::uint8_t> build_ah_packet(const Advert& advert, const Carrier& carrier) {
  auto packet = build_ipv4_packet(advert, carrier, 0);
  packet.insert(packet.begin() + ip_header_size, ah_header_size, 0);
  packet[2] = static_cast<std::uint8_t>(packet.size() >> 8u);
  packet[3] = static_cast<std::uint8_t>(packet.size());
  packet[protocol_at] = ah_protocol;
  std::uint8_t* ah = &packet[ip_header_size];
  ah[0] = ip_protocol;
  ah[1] = ah_header_size / 4 - 2;  // in words, less two: RFC 2402, 2.2
  std::copy_n(&packet[source_at], 4, ah + spi_at);
  return packet;
}

void seal_ah_packet(std::span<std::uint8_t> packet, std::uint16_t id, std::uint32_t sequence, const AhKey& key) {
  set_ipv4_id(packet, id);
  put32(&packet[ip_header_size + sequence_at], sequence);
  Icv icv{};
  icv_of(packet, ip_header_size, key, icv);
  std::copy(icv.begin(), icv.end(), &packet[ip_header_size + icv_at]);
}

std::variant<Sealed, Rejection> parse_ah_packet(std::span<const std::uint8_t> packet, const AhKey& key) {
  const auto too_short = Rejection{Reject::too_short, static_cast<std::uint32_t>(packet.size())};
  if (packet.size() < ip_header_size) return too_short;
  const std::size_t header = (packet[0] & 0x0fu) * std::size_t{4};
  const std::size_t total = static_cast<std::size_t>(packet[2]) << 8u | packet[3];
  if (header < ip_header_size || total < header + ah_header_size || total > packet.size()) return too_short;
  packet = packet.first(total);
  const std::uint8_t* ah = &packet[header];
  if (packet[protocol_at] != ah_protocol) return Rejection{Reject::ah_header, packet[protocol_at]};
  if (ah[0] != ip_protocol || ah[1] != ah_header_size / 4 - 2) return Rejection{Reject::ah_header, ah[0]};
  if (!std::equal(ah + spi_at, ah + sequence_at, &packet[source_at])) return Rejection{Reject::ah_header, get32(ah + spi_at)};
  Icv expected{};
  if (!icv_of(packet, header, key, expected) || CRYPTO_memcmp(expected.data(), ah + icv_at, icv_size) != 0)
    return Rejection{Reject::ah_data};

  const auto address = [&](std::size_t at) {
    in_addr a{};
    std::memcpy(&a, &packet[at], sizeof a);
    return IpAddress::v4(a);
  };
  const Carrier carrier{address(source_at), address(destination_at), packet[ttl_at]};
  auto parsed = parse(packet.subspan(header + ah_header_size), carrier);
  if (const auto* rejection = std::get_if<Rejection>(&parsed)) return *rejection;
  return Sealed{{std::get<Advert>(std::move(parsed)), carrier}, get32(ah + sequence_at)};
}

}  // namespace xd::vrrp
