#include "bfd/packet.h"

#include <cstddef>

namespace xd::bfd {

namespace {

constexpr std::size_t shortest = 24, shortest_with_authentication = 26;

std::uint32_t word_at(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<std::uint32_t>(bytes[at]) << 24 | static_cast<std::uint32_t>(bytes[at + 1]) << 16 |
         static_cast<std::uint32_t>(bytes[at + 2]) << 8 | bytes[at + 3];
}

void put_word(std::array<std::uint8_t, 24>& bytes, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

}  // namespace

std::string_view name(SessionState state) {
  constexpr std::string_view names[] = {"AdminDown", "Down", "Init", "Up"};
  return names[static_cast<std::size_t>(state)];
}

std::string_view name(Diagnostic diagnostic) {
  switch (diagnostic) {
    case Diagnostic::none: return "No Diagnostic";
    case Diagnostic::detection_time_expired: return "Control Detection Time Expired";
    case Diagnostic::neighbor_signaled_down: return "Neighbor Signaled Session Down";
    case Diagnostic::path_down: return "Path Down";
    case Diagnostic::administratively_down: return "Administratively Down";
  }
  return "another diagnostic";
}

std::string_view name(Reject reason) {
  constexpr std::string_view names[reject_count] = {"version",
                                                    "too_short",
                                                    "bad_length",
                                                    "zero_multiplier",
                                                    "multipoint",
                                                    "zero_my_discriminator",
                                                    "unknown_your_discriminator",
                                                    "zero_your_discriminator",
                                                    "no_session",
                                                    "authentication",
                                                    "ttl"};
  return names[static_cast<std::size_t>(reason)];
}

std::variant<Packet, Reject> parse(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < shortest) return Reject::too_short;
  if (bytes[0] >> 5 != 1) return Reject::version;
  const std::uint8_t flags = bytes[1];
  const bool authenticated = (flags & 0x04) != 0;
  const std::size_t length = bytes[3];
  if (length < (authenticated ? shortest_with_authentication : shortest)) return Reject::too_short;
  if (length > bytes.size()) return Reject::bad_length;
  Packet p;
  p.diagnostic = static_cast<Diagnostic>(bytes[0] & 0x1f);
  p.state = static_cast<SessionState>(flags >> 6);
  p.poll = (flags & 0x20) != 0;
  p.final = (flags & 0x10) != 0;
  p.control_plane_independent = (flags & 0x08) != 0;
  p.demand = (flags & 0x02) != 0;
  p.multiplier = bytes[2];
  p.my_discriminator = word_at(bytes, 4);
  p.your_discriminator = word_at(bytes, 8);
  p.desired_min_tx = word_at(bytes, 12);
  p.required_min_rx = word_at(bytes, 16);
  p.required_min_echo_rx = word_at(bytes, 20);
  if (p.multiplier == 0) return Reject::zero_multiplier;
  if ((flags & 0x01) != 0) return Reject::multipoint;
  if (p.my_discriminator == 0) return Reject::zero_my_discriminator;
  const bool knows_nobody = p.state == SessionState::down || p.state == SessionState::admin_down;
  if (p.your_discriminator == 0 && !knows_nobody) return Reject::zero_your_discriminator;
  if (authenticated) return Reject::authentication;
  return p;
}

std::array<std::uint8_t, 24> encode(const Packet& p) {
  std::array<std::uint8_t, 24> bytes{};
  bytes[0] = static_cast<std::uint8_t>(1 << 5 | static_cast<int>(p.diagnostic));
  bytes[1] = static_cast<std::uint8_t>(static_cast<int>(p.state) << 6 | (p.poll ? 0x20 : 0) | (p.final ? 0x10 : 0) |
                                       (p.control_plane_independent ? 0x08 : 0) | (p.demand ? 0x02 : 0));
  bytes[2] = p.multiplier;
  bytes[3] = bytes.size();
  put_word(bytes, 4, p.my_discriminator);
  put_word(bytes, 8, p.your_discriminator);
  put_word(bytes, 12, p.desired_min_tx);
  put_word(bytes, 16, p.required_min_rx);
  put_word(bytes, 20, p.required_min_echo_rx);
  return bytes;
}

}  // namespace xd::bfd
