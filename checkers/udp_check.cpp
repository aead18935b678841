#include "checkers/udp_check.h"

#include <fmt/core.h>
#include <sys/socket.h>

#include <algorithm>
#include <string_view>

namespace xd::checkers {

namespace {

// keepalived's, byte by byte: servers that answer what they are sent are known by it.
constexpr std::string_view default_payload = "keepalived check - keepalived ch";

std::optional<Outcome> judge(const conf::UdpCheck& check, std::span<const std::uint8_t> answer) {
  if (!check.require_reply) return Outcome{};
  // Any answer is one of any length, unless limits were asked for.
  const bool any_length = check.reply.empty() && check.maximum_length == conf::UdpCheck{}.maximum_length;
  if (answer.size() < check.minimum_length || (answer.size() > check.maximum_length && !any_length))
    return Outcome{OutcomeKind::wrong_answer, 0, fmt::format("{} bytes", answer.size()), {}};
  bool same = answer.size() >= check.reply.size();
  for (std::size_t i = 0; same && i < check.reply.size(); ++i) {
    const std::uint8_t mask = i < check.reply_mask.size() ? check.reply_mask[i] : 0xff;
    same = ((answer[i] ^ check.reply[i]) & mask) == 0;
  }
  return same ? Outcome{} : Outcome{OutcomeKind::wrong_answer, 0, "other bytes than configured", {}};
}

}  // namespace

Exchange udp_exchange(const conf::UdpCheck& check) {
  Exchange out{.type = SOCK_DGRAM, .protocol = 0, .request = check.payload, .judge = {}, .silence = {}};
  if (out.request.empty()) out.request.assign(default_payload.begin(), default_payload.end());
  out.judge = [check](std::span<const std::uint8_t> answer) { return judge(check, answer); };
  if (check.require_reply) out.silence = {OutcomeKind::read_timeout, 0, "", {}};
  return out;
}

}  // namespace xd::checkers
