#include "base/ip.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>

namespace xd {

namespace {

constexpr std::array<std::uint8_t, 12> v4_mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

IpAddress IpAddress::v4(std::uint32_t network_order) {
  IpAddress a;
  std::copy(v4_mapped.begin(), v4_mapped.end(), a.bytes_.begin());
  std::memcpy(a.bytes_.data() + 12, &network_order, 4);
  return a;
}

IpAddress IpAddress::v6(const in6_addr& in) {
  IpAddress a;
  std::memcpy(a.bytes_.data(), &in, 16);
  return a;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string zero_terminated(text);
  if (in_addr a4{}; ::inet_pton(AF_INET, zero_terminated.c_str(), &a4) == 1) return v4(a4);
  if (in6_addr a6{}; ::inet_pton(AF_INET6, zero_terminated.c_str(), &a6) == 1) return v6(a6);
  return std::nullopt;
}

std::optional<IpAddress> IpAddress::from_sockaddr(const sockaddr_storage& sa) {
  if (sa.ss_family == AF_INET) return v4(reinterpret_cast<const sockaddr_in&>(sa).sin_addr);
  if (sa.ss_family == AF_INET6) return v6(reinterpret_cast<const sockaddr_in6&>(sa).sin6_addr);
  return std::nullopt;
}

bool IpAddress::is_v4() const { return std::equal(v4_mapped.begin(), v4_mapped.end(), bytes_.begin()); }

bool IpAddress::is_unset() const {
  const auto* first = bytes_.data() + (is_v4() ? 12 : 0);
  return std::all_of(first, bytes_.data() + 16, [](std::uint8_t b) { return b == 0; });
}

bool IpAddress::is_multicast() const { return is_v4() ? (bytes_[12] & 0xf0) == 0xe0 : bytes_[0] == 0xff; }

bool IpAddress::is_link_local() const {
  return is_v4() ? bytes_[12] == 169 && bytes_[13] == 254 : bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

bool IpAddress::is_loopback() const {
  return is_v4() ? bytes_[12] == 127
                 : std::all_of(bytes_.begin(), bytes_.end() - 1, [](std::uint8_t b) { return b == 0; }) && bytes_[15] == 1;
}

std::uint32_t IpAddress::v4_bits() const {
  std::uint32_t bits = 0;
  std::memcpy(&bits, bytes_.data() + 12, 4);
  return bits;
}

in6_addr IpAddress::to_in6_addr() const {
  in6_addr out{};
  std::memcpy(&out, bytes_.data(), 16);
  return out;
}

std::string IpAddress::str() const {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  ::inet_ntop(family(), data(), buffer.data(), buffer.size());
  return buffer.data();
}

std::optional<IpPrefix> IpPrefix::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  IpPrefix prefix{*address, static_cast<std::uint8_t>(address->bits())};
  if (slash == std::string_view::npos) return prefix;
  const auto digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size() || length > prefix.length) return std::nullopt;
  prefix.length = static_cast<std::uint8_t>(length);
  return prefix;
}

bool IpPrefix::contains(const IpAddress& other) const {
  if (other.family() != address.family()) return false;
  const auto* a = address.data();
  const auto* b = other.data();
  const unsigned whole = length / 8;
  if (std::memcmp(a, b, whole) != 0) return false;
  const unsigned rest = length % 8;
  return rest == 0 || ((a[whole] ^ b[whole]) & (0xff00u >> rest) & 0xffu) == 0;
}

std::string IpPrefix::str() const { return address.str() + "/" + std::to_string(length); }

std::string Endpoint::str() const {
  const auto text = address.str();
  return (address.is_v4() ? text : "[" + text + "]") + ":" + std::to_string(port);
}

socklen_t Endpoint::to_sockaddr(sockaddr_storage& out) const {
  out = {};
  if (address.is_v4()) {
    auto& in = reinterpret_cast<sockaddr_in&>(out);
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    in.sin_addr = address.to_in_addr();
    return sizeof in;
  }
  auto& in6 = reinterpret_cast<sockaddr_in6&>(out);
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(port);
  in6.sin6_addr = address.to_in6_addr();
  return sizeof in6;
}

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
  MacAddress mac;
  if (text.size() != 17) return std::nullopt;
  for (std::size_t i = 0; i < 6; ++i) {
    const char* at = text.data() + i * 3;
    const auto [end, error] = std::from_chars(at, at + 2, mac.bytes[i], 16);
    if (error != std::errc{} || end != at + 2 || (i < 5 && at[2] != ':')) return std::nullopt;
  }
  return mac;
}

bool MacAddress::is_zero() const {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
}

std::string MacAddress::str() const {
  std::array<char, 18> out{};
  std::snprintf(out.data(), out.size(), "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]);
  return out.data();
}

}  // namespace xd

std::size_t std::hash<xd::IpAddress>::operator()(const xd::IpAddress& a) const noexcept {
  return std::hash<std::string_view>{}({reinterpret_cast<const char*>(a.bytes().data()), a.bytes().size()});
}

std::size_t std::hash<xd::Endpoint>::operator()(const xd::Endpoint& e) const noexcept {
  return std::hash<xd::IpAddress>{}(e.address) * 65599u + e.port;
}
