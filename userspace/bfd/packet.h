// The BFD control packet (RFC 5880, 4.1): bytes to values and back, with the rules of 6.8.6 that need no session. Knows no socket.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

namespace xd::bfd {

enum class SessionState : std::uint8_t { admin_down = 0, down = 1, init = 2, up = 3 };
std::string_view name(SessionState state);  // "AdminDown"

enum class Diagnostic : std::uint8_t {
  none = 0,
  detection_time_expired = 1,
  neighbor_signaled_down = 3,
  path_down = 5,
  administratively_down = 7,
};
std::string_view name(Diagnostic diagnostic);

struct Packet {
  SessionState state = SessionState::down;
  Diagnostic diagnostic = Diagnostic::none;
  bool poll = false, final = false, control_plane_independent = false, demand = false;
  std::uint8_t multiplier = 0;
  std::uint32_t my_discriminator = 0, your_discriminator = 0;
  std::uint32_t desired_min_tx = 0, required_min_rx = 0, required_min_echo_rx = 0;  // microseconds
  bool operator==(const Packet&) const = default;
};

// Why a packet is not looked at. In the order of 6.8.6.
enum class Reject : std::uint8_t {
  version,
  too_short,
  bad_length,
  zero_multiplier,
  multipoint,
  zero_my_discriminator,
  unknown_your_discriminator,  // names none of our sessions
  zero_your_discriminator,     // though the state says that ours is known
  no_session,                  // none with this neighbour
  authentication,              // there is a password, and we use none
  ttl,                         // it came from farther away than allowed (RFC 5881, 5)
};
inline constexpr std::size_t reject_count = 11;
std::string_view name(Reject reason);  // "zero_multiplier"

std::variant<Packet, Reject> parse(std::span<const std::uint8_t> bytes);
std::array<std::uint8_t, 24> encode(const Packet& packet);

}  // namespace xd::bfd
