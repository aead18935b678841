#include "conf/mark_match.h"

#include <fmt/core.h>

#include <cstring>
#include <vector>

namespace xd::conf {

namespace {

int host_bits(const IpPrefix& prefix) { return (prefix.address.is_v4() ? 32 : 128) - prefix.length; }

// One that is `n` behind the first of a network.
IpAddress address_at(const IpPrefix& prefix, std::uint32_t n) {
  in6_addr bytes{};
  std::memcpy(&bytes, prefix.address.bytes().data(), sizeof bytes);
  for (int bit = 0; bit < host_bits(prefix); ++bit) {
    std::uint8_t& byte = bytes.s6_addr[15 - bit / 8];
    const auto mask = static_cast<std::uint8_t>(1u << (bit % 8));
    byte = static_cast<std::uint8_t>((n >> bit & 1) != 0 ? byte | mask : byte & ~mask);
  }
  return IpAddress::v6(bytes);
}

}  // namespace

std::set<lvs::ServiceKey> keys_of(const MarkMatch& match) {
  std::vector<lvs::Protocol> protocols{lvs::Protocol::tcp, lvs::Protocol::udp, lvs::Protocol::sctp};
  if (match.protocol) protocols = {*match.protocol};
  const std::size_t ports = std::size_t{match.last_port} - match.first_port + 1;
  if (host_bits(match.addresses) > 12) return {};
  const std::uint32_t addresses = 1u << host_bits(match.addresses);
  if (addresses * ports * protocols.size() > match_keys_maximum) return {};
  std::set<lvs::ServiceKey> keys;
  for (std::uint32_t n = 0; n < addresses; ++n) {
    lvs::ServiceKey key;
    key.address = address_at(match.addresses, n);
    for (const lvs::Protocol protocol : protocols) {
      key.protocol = protocol;
      for (std::uint32_t port = match.first_port; port <= match.last_port; ++port) {
        key.port = static_cast<std::uint16_t>(port);
        keys.insert(key);
      }
    }
  }
  return keys;
}

bool overlaps(const std::set<lvs::ServiceKey>& keys, const lvs::ServiceKey& service) {
  lvs::ServiceKey first;
  first.address = service.address;
  for (auto key = keys.lower_bound(first); key != keys.end() && key->address == service.address; ++key) {
    if (key->protocol == service.protocol && (key->port == service.port || key->port == 0 || service.port == 0)) return true;
  }
  return false;
}

std::string match_words(const MarkMatch& match) {
  std::string text = host_bits(match.addresses) == 0 ? match.addresses.address.str() : match.addresses.str();
  if (match.protocol) text += fmt::format(" {}", lvs::name(*match.protocol));
  if (match.first_port != 0) text += fmt::format(" {}", match.first_port);
  if (match.last_port != match.first_port) text += fmt::format("-{}", match.last_port);
  return text;
}

}  // namespace xd::conf
