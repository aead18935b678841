#include "checkers/ping_check.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include <string_view>

namespace xd::checkers {

namespace {

constexpr std::string_view text = "keepalived check - ";
constexpr std::size_t payload_size = 128;
constexpr std::size_t header = 8;

std::uint16_t checksum(std::span<const std::uint8_t> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum += static_cast<std::uint32_t>(bytes[i] << 8 | bytes[i + 1]);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

}  // namespace

Exchange ping_exchange(int family, std::uint16_t id) {
  const bool v4 = family == AF_INET;
  std::vector<std::uint8_t> request(header, 0);
  request[0] = v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
  request[4] = static_cast<std::uint8_t>(id >> 8);
  request[5] = static_cast<std::uint8_t>(id);
  request[7] = 1;
  for (std::size_t i = 0; i < payload_size; ++i) request.push_back(static_cast<std::uint8_t>(text[i % text.size()]));
  if (v4) {  // for ICMPv6 the kernel does it
    const std::uint16_t sum = checksum(request);
    request[2] = static_cast<std::uint8_t>(sum >> 8);
    request[3] = static_cast<std::uint8_t>(sum);
  }
  Exchange out{.type = SOCK_RAW,
               .protocol = v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6},
               .request = std::move(request),
               .judge = {},
               .silence = {OutcomeKind::read_timeout, 0, "", {}}};
  out.judge = [v4, id](std::span<const std::uint8_t> answer) -> std::optional<Outcome> {
    // A raw IPv4 socket hands over the IP header as well.
    const std::size_t skip = v4 && !answer.empty() ? (answer[0] & 0x0fu) * 4u : 0;
    if (answer.size() < skip + header) return std::nullopt;
    const auto icmp = answer.subspan(skip);
    if (icmp[0] == (v4 ? ICMP_DEST_UNREACH : ICMP6_DST_UNREACH)) return Outcome{OutcomeKind::unreachable, 0, "", {}};
    if (icmp[0] != (v4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY)) return std::nullopt;
    return (icmp[4] << 8 | icmp[5]) == id ? std::optional(Outcome{}) : std::nullopt;
  };
  return out;
}

}  // namespace xd::checkers
