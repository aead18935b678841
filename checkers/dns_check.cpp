#include "checkers/dns_check.h"

#include <fmt/core.h>
#include <sys/socket.h>

#include <algorithm>
#include <string_view>

namespace xd::checkers {

namespace {

constexpr std::size_t header = 12;

std::string_view code_name(int code) {
  constexpr std::string_view names[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};
  return code < static_cast<int>(std::size(names)) ? names[code] : "another error";
}

// RFC 1035, 4.1
std::vector<std::uint8_t> question(const conf::DnsCheck& check, std::uint16_t id) {
  std::vector<std::uint8_t> out(header, 0);
  out[0] = static_cast<std::uint8_t>(id >> 8);
  out[1] = static_cast<std::uint8_t>(id);
  out[2] = 0x01;  // recursion desired
  out[5] = 1;     // one question
  std::string_view name = check.name;
  while (!name.empty()) {
    const auto label = name.substr(0, name.find('.'));
    if (!label.empty()) {
      out.push_back(static_cast<std::uint8_t>(std::min<std::size_t>(label.size(), 63)));
      out.insert(out.end(), label.begin(), label.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(label.size(), 63)));
    }
    name.remove_prefix(std::min(label.size() + 1, name.size()));
  }
  const auto type = static_cast<std::uint16_t>(check.type);
  out.insert(out.end(), {0, static_cast<std::uint8_t>(type >> 8), static_cast<std::uint8_t>(type), 0, 1});
  return out;
}

}  // namespace

Exchange dns_exchange(const conf::DnsCheck& check, std::uint16_t id) {
  Exchange out{
      .type = SOCK_DGRAM, .protocol = 0, .request = question(check, id), .judge = {}, .silence = {OutcomeKind::read_timeout, 0, "", {}}};
  out.judge = [id](std::span<const std::uint8_t> answer) -> std::optional<Outcome> {
    if (answer.size() < header || (answer[0] << 8 | answer[1]) != id || (answer[2] & 0x80) == 0) return std::nullopt;
    const int code = answer[3] & 0x0f;
    if (code == 0) return Outcome{};
    return Outcome{OutcomeKind::wrong_answer, 0, std::string(code_name(code)), {}};
  };
  return out;
}

}  // namespace xd::checkers
