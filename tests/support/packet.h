// Packets are composed, not pasted: Ethernet{} / Ipv4{.from = "198.51.100.7", .to = "192.0.2.10"} / Tcp{.to = 80, .flags = "S"} / Payload{"hi"}.
// Lengths, next protocols and checksums are filled in unless a layer says otherwise. bytes() is the frame.
#pragma once

#include <arpa/inet.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ip.h"

namespace xd::test {

using Bytes = std::vector<std::uint8_t>;

struct Ethernet {
  std::string to = "02:00:00:00:00:01";    // the director
  std::string from = "02:00:00:00:00:aa";  // the client's router
  std::optional<std::uint16_t> type = std::nullopt;
};
struct Vlan {
  std::uint16_t id = 1;
  std::uint16_t tpid = 0x8100;
  std::uint16_t priority = 0;  // PCP and DEI, as they stand in the upper four bits
};
struct Ipv4 {
  std::string from = "198.51.100.7";
  std::string to = "192.0.2.10";
  std::uint8_t ttl = 64;
  std::uint8_t tos = 0;
  std::uint16_t fragment = 0x4000;  // flags and offset as on the wire; the default is DF
  std::optional<std::uint8_t> protocol = std::nullopt;
  Bytes options = {};  // a multiple of four bytes
  std::optional<std::uint16_t> total_length = std::nullopt;
  std::uint16_t id = 0x1234;
};
struct Ipv6 {
  std::string from = "2001:db8::7";
  std::string to = "2001:db8::10";
  std::uint8_t hop_limit = 64;
  std::uint8_t traffic_class = 0;
  std::optional<std::uint8_t> protocol = std::nullopt;
  std::optional<std::uint16_t> payload_length = std::nullopt;
};
// An IPv6 extension header with padding: hop-by-hop 0, routing 43, fragment 44, destination options 60.
struct Extension {
  std::uint8_t type = 60;
  std::uint8_t length = 0;  // in eight bytes, beyond the first eight
};
enum class Checksum { complete, partial, absent };  // partial: only the pseudo-header, as offload leaves it
struct Tcp {
  std::uint16_t from = 40000;
  std::uint16_t to = 80;
  std::string_view flags = "A";  // of S A F R P
  Checksum checksum = Checksum::complete;
};
struct Udp {
  std::uint16_t from = 40000;
  std::uint16_t to = 53;
  Checksum checksum = Checksum::complete;
};
// One chunk; what is behind it is its value.
struct Sctp {
  std::uint16_t from = 40000;
  std::uint16_t to = 80;
  std::uint8_t chunk = 0;                           // DATA
  std::optional<std::uint32_t> crc = std::nullopt;  // as a little-endian word; complete
};
struct Icmp {
  std::uint8_t type = 8;
  std::uint8_t code = 0;
  std::uint32_t rest = 0;
};
struct Icmp6 {
  std::uint8_t type = 128;
  std::uint8_t code = 0;
  std::uint32_t rest = 0;
};
// Tunnels; an IP header right inside another one is IPIP.
struct Gre {
  bool checksum = false;
};
struct Gue {
  std::uint16_t from = 0;
  std::uint16_t to = 6080;
  Checksum checksum = Checksum::absent;
};
struct Payload {
  std::string data;
};

inline std::uint32_t add_up(const std::uint8_t* data, std::size_t size, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i < size; ++i) sum += i % 2 == 0 ? static_cast<std::uint32_t>(data[i]) << 8 : data[i];
  return sum;
}
inline std::uint16_t folded(std::uint32_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}
inline std::uint32_t crc32c(const Bytes& bytes) {
  std::uint32_t crc = ~0u;
  for (const std::uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
  }
  return ~crc;
}
inline void put16(Bytes& bytes, std::size_t at, std::uint16_t value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}

class Packet {
 public:
  using Layer = std::variant<Ethernet, Vlan, Ipv4, Ipv6, Extension, Tcp, Udp, Sctp, Icmp, Icmp6, Gre, Gue, Payload>;

  Packet(Layer layer) : layers_{std::move(layer)} {}  // NOLINT(google-explicit-constructor)
  friend Packet operator/(Packet packet, Layer layer) {
    packet.layers_.push_back(std::move(layer));
    return packet;
  }

  Bytes bytes() const {
    Bytes inner;
    std::uint16_t type = 0;      // what the layer inside is, for the one around it
    std::uint8_t protocol = 59;  // nothing
    for (std::size_t i = layers_.size(); i-- > 0;) {
      std::size_t around = i;
      while (around > 0 && std::holds_alternative<Extension>(layers_[around - 1])) --around;
      const Layer* ip = around > 0 ? &layers_[around - 1] : nullptr;
      Bytes header = std::visit([&](const auto& layer) { return compose(layer, inner, ip, type, protocol); }, layers_[i]);
      header.insert(header.end(), inner.begin(), inner.end());
      inner = std::move(header);
    }
    return inner;
  }

 private:
  static std::uint16_t pseudo(const Layer* ip, std::uint8_t protocol, std::size_t length) {
    const auto sum = [&](const std::string& from_text, const std::string& to_text, std::size_t size) {
      const auto from = *IpAddress::parse(from_text), to = *IpAddress::parse(to_text);
      return folded(add_up(from.data(), size, add_up(to.data(), size, static_cast<std::uint32_t>(protocol + length))));
    };
    if (const Ipv4* v4 = ip != nullptr ? std::get_if<Ipv4>(ip) : nullptr) return sum(v4->from, v4->to, 4);
    if (const Ipv6* v6 = ip != nullptr ? std::get_if<Ipv6>(ip) : nullptr) return sum(v6->from, v6->to, 16);
    return 0;
  }
  static void seal(Bytes& header, std::size_t at, const Bytes& inner, const Layer* ip, std::uint8_t protocol, Checksum checksum) {
    if (checksum == Checksum::absent) return;
    const std::uint16_t base = pseudo(ip, protocol, header.size() + inner.size());
    if (checksum == Checksum::partial) return put16(header, at, base);
    Bytes all = header;
    all.insert(all.end(), inner.begin(), inner.end());
    const auto sum = static_cast<std::uint16_t>(~folded(add_up(all.data(), all.size(), base)));
    put16(header, at, sum == 0 && protocol == 17 ? 0xffff : sum);
  }

  static Bytes compose(const Payload& payload, const Bytes&, const Layer*, std::uint16_t&, std::uint8_t&) {
    return Bytes(payload.data.begin(), payload.data.end());
  }
  static Bytes compose(const Tcp& tcp, const Bytes& inner, const Layer* ip, std::uint16_t&, std::uint8_t& protocol) {
    Bytes header(20);
    put16(header, 0, tcp.from);
    put16(header, 2, tcp.to);
    header[7] = 1;  // sequence number
    header[12] = 5 << 4;
    for (const char flag : tcp.flags)
      header[13] |= flag == 'F' ? 1 : flag == 'S' ? 2 : flag == 'R' ? 4 : flag == 'P' ? 8 : flag == 'A' ? 16 : 0;
    put16(header, 14, 65535);
    protocol = IPPROTO_TCP;
    seal(header, 16, inner, ip, protocol, tcp.checksum);
    return header;
  }
  static Bytes compose(const Udp& udp, const Bytes& inner, const Layer* ip, std::uint16_t&, std::uint8_t& protocol) {
    Bytes header(8);
    put16(header, 0, udp.from);
    put16(header, 2, udp.to);
    put16(header, 4, static_cast<std::uint16_t>(8 + inner.size()));
    protocol = IPPROTO_UDP;
    seal(header, 6, inner, ip, protocol, udp.checksum);
    return header;
  }
  static Bytes compose(const Sctp& sctp, const Bytes& inner, const Layer*, std::uint16_t&, std::uint8_t& protocol) {
    Bytes header(16);
    put16(header, 0, sctp.from);
    put16(header, 2, sctp.to);
    header[7] = 9;  // verification tag
    header[12] = sctp.chunk;
    put16(header, 14, static_cast<std::uint16_t>(4 + inner.size()));
    protocol = IPPROTO_SCTP;
    Bytes all = header;
    all.insert(all.end(), inner.begin(), inner.end());
    const std::uint32_t crc = sctp.crc.value_or(crc32c(all));
    for (std::size_t i = 0; i < 4; ++i) header[8 + i] = static_cast<std::uint8_t>(crc >> (8 * i));
    return header;
  }
  static Bytes compose(const Icmp& icmp, const Bytes& inner, const Layer*, std::uint16_t&, std::uint8_t& protocol) {
    Bytes header(8);
    header[0] = icmp.type;
    header[1] = icmp.code;
    put16(header, 4, static_cast<std::uint16_t>(icmp.rest >> 16));
    put16(header, 6, static_cast<std::uint16_t>(icmp.rest));
    protocol = IPPROTO_ICMP;
    put16(header, 2, static_cast<std::uint16_t>(~folded(add_up(header.data(), 8, add_up(inner.data(), inner.size())))));
    return header;
  }
  static Bytes compose(const Icmp6& icmp, const Bytes& inner, const Layer* ip, std::uint16_t&, std::uint8_t& protocol) {
    Bytes header(8);
    header[0] = icmp.type;
    header[1] = icmp.code;
    put16(header, 4, static_cast<std::uint16_t>(icmp.rest >> 16));
    put16(header, 6, static_cast<std::uint16_t>(icmp.rest));
    protocol = IPPROTO_ICMPV6;
    seal(header, 2, inner, ip, protocol, Checksum::complete);
    return header;
  }
  static Bytes compose(const Gre& gre, const Bytes& inner, const Layer*, std::uint16_t& type, std::uint8_t& protocol) {
    Bytes header(gre.checksum ? 8 : 4);
    header[0] = gre.checksum ? 0x80 : 0;
    put16(header, 2, type);
    protocol = IPPROTO_GRE;
    if (!gre.checksum) return header;
    Bytes all = header;
    all.insert(all.end(), inner.begin(), inner.end());
    put16(header, 4, static_cast<std::uint16_t>(~folded(add_up(all.data(), all.size()))));
    return header;
  }
  static Bytes compose(const Gue& gue, const Bytes& inner, const Layer* ip, std::uint16_t&, std::uint8_t& protocol) {
    Bytes header(12);
    put16(header, 0, gue.from);
    put16(header, 2, gue.to);
    put16(header, 4, static_cast<std::uint16_t>(12 + inner.size()));
    header[9] = protocol;
    protocol = IPPROTO_UDP;
    seal(header, 6, inner, ip, protocol, gue.checksum);
    return header;
  }
  static Bytes compose(const Ipv4& ip, const Bytes& inner, const Layer*, std::uint16_t& type, std::uint8_t& protocol) {
    Bytes header(20);
    header.insert(header.end(), ip.options.begin(), ip.options.end());
    header[0] = static_cast<std::uint8_t>(4 << 4 | header.size() / 4);
    header[1] = ip.tos;
    put16(header, 2, ip.total_length.value_or(static_cast<std::uint16_t>(header.size() + inner.size())));
    put16(header, 4, ip.id);
    put16(header, 6, ip.fragment);
    header[8] = ip.ttl;
    header[9] = ip.protocol.value_or(protocol);
    const auto from = *IpAddress::parse(ip.from), to = *IpAddress::parse(ip.to);
    std::copy_n(from.data(), 4, header.begin() + 12);
    std::copy_n(to.data(), 4, header.begin() + 16);
    put16(header, 10, static_cast<std::uint16_t>(~folded(add_up(header.data(), header.size()))));
    type = 0x0800;
    protocol = IPPROTO_IPIP;
    return header;
  }
  static Bytes compose(const Ipv6& ip, const Bytes& inner, const Layer*, std::uint16_t& type, std::uint8_t& protocol) {
    Bytes header(40);
    put16(header, 0, static_cast<std::uint16_t>(6 << 12 | ip.traffic_class << 4));
    put16(header, 4, ip.payload_length.value_or(static_cast<std::uint16_t>(inner.size())));
    header[6] = ip.protocol.value_or(protocol);
    header[7] = ip.hop_limit;
    const auto from = *IpAddress::parse(ip.from), to = *IpAddress::parse(ip.to);
    std::copy_n(from.data(), 16, header.begin() + 8);
    std::copy_n(to.data(), 16, header.begin() + 24);
    type = 0x86dd;
    protocol = IPPROTO_IPV6;
    return header;
  }
  static Bytes compose(const Extension& extension, const Bytes&, const Layer*, std::uint16_t&, std::uint8_t& protocol) {
    Bytes header(8 + 8 * std::size_t{extension.length});
    header[0] = protocol;
    header[1] = extension.length;
    protocol = extension.type;
    return header;
  }
  static Bytes compose(const Vlan& vlan, const Bytes&, const Layer*, std::uint16_t& type, std::uint8_t&) {
    Bytes header(4);  // stands behind the addresses: the outer layer's type comes to be this tag's TPID
    put16(header, 0, static_cast<std::uint16_t>(vlan.priority << 12 | vlan.id));
    put16(header, 2, type);
    type = vlan.tpid;
    return header;
  }
  static Bytes compose(const Ethernet& ethernet, const Bytes&, const Layer*, std::uint16_t& type, std::uint8_t&) {
    Bytes header(14);
    const auto to = *MacAddress::parse(ethernet.to), from = *MacAddress::parse(ethernet.from);
    std::copy(to.bytes.begin(), to.bytes.end(), header.begin());
    std::copy(from.bytes.begin(), from.bytes.end(), header.begin() + 6);
    put16(header, 12, ethernet.type.value_or(type));
    return header;
  }

  std::vector<Layer> layers_;
};

template <typename A, typename B>
requires(!std::is_same_v<A, Packet> && std::is_constructible_v<Packet::Layer, A> && std::is_constructible_v<Packet::Layer, B>) Packet
operator/(A outer, B inner) {
  return Packet(Packet::Layer(std::move(outer))) / Packet::Layer(std::move(inner));
}

}  // namespace xd::test
