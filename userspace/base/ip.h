// Addresses as values. An IpAddress holds IPv4 as a v4-mapped IPv6 address (::ffff:a.b.c.d), the form the BPF maps use as
// well, so one key serves both families. Bytes are in network order throughout; ports are in host order.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace xd {

class IpAddress {
 public:
  IpAddress() = default;  // :: (unset)
  static IpAddress v4(std::uint32_t network_order);
  static IpAddress v4(const in_addr& a) { return v4(a.s_addr); }
  static IpAddress v6(const in6_addr& a);
  // "192.0.2.1" or "2001:db8::1"; nothing else (no prefix, no port, no scope).
  static std::optional<IpAddress> parse(std::string_view text);
  static std::optional<IpAddress> from_sockaddr(const sockaddr_storage& sa);

  bool is_v4() const;
  bool is_v6() const { return !is_v4(); }
  bool is_unset() const;  // :: or 0.0.0.0
  bool is_multicast() const;
  bool is_link_local() const;  // 169.254/16, fe80::/10
  bool is_loopback() const;
  int family() const { return is_v4() ? AF_INET : AF_INET6; }
  int bits() const { return is_v4() ? 32 : 128; }

  std::uint32_t v4_bits() const;  // network order; only for IPv4
  in_addr to_in_addr() const { return in_addr{v4_bits()}; }
  in6_addr to_in6_addr() const;  // v4-mapped for IPv4
  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  // `length` bytes of the address in its own family (4 or 16).
  const std::uint8_t* data() const { return bytes_.data() + (is_v4() ? 12 : 0); }
  std::size_t size() const { return is_v4() ? 4 : 16; }

  std::string str() const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

// A network, or an address with its prefix length ("192.0.2.1/24": host bits are kept).
struct IpPrefix {
  IpAddress address;
  std::uint8_t length = 0;

  static std::optional<IpPrefix> parse(std::string_view text);  // length defaults to the family's width
  bool contains(const IpAddress& other) const;
  std::string str() const;
  auto operator<=>(const IpPrefix&) const = default;
};

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;  // host order

  std::string str() const;  // "192.0.2.1:80", "[2001:db8::1]:80"
  socklen_t to_sockaddr(sockaddr_storage& out) const;
  auto operator<=>(const Endpoint&) const = default;
};

struct MacAddress {
  std::array<std::uint8_t, 6> bytes{};

  static std::optional<MacAddress> parse(std::string_view text);
  bool is_zero() const;
  std::string str() const;  // "00:00:5e:00:01:33"
  auto operator<=>(const MacAddress&) const = default;
};

}  // namespace xd

template <>
struct std::hash<xd::IpAddress> {
  std::size_t operator()(const xd::IpAddress& a) const noexcept;
};
template <>
struct std::hash<xd::Endpoint> {
  std::size_t operator()(const xd::Endpoint& e) const noexcept;
};
