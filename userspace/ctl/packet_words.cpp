#include "ctl/packet_words.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace xd::ctl {

namespace {

constexpr std::array<std::pair<char, TcpFlag>, 6> flag_letters{{{'F', fin}, {'S', syn}, {'R', rst}, {'P', psh}, {'A', ack}, {'U', urg}}};

}  // namespace

std::string upper(std::string word) {
  std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return word;
}

std::string lower(std::string word) {
  std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return word;
}

std::string protocol_word(std::uint8_t protocol) {
  switch (protocol) {
    case IPPROTO_TCP: return "TCP";
    case IPPROTO_UDP: return "UDP";
    case IPPROTO_SCTP: return "SCTP";
    case IPPROTO_ICMP: return "ICMP";
    case IPPROTO_ICMPV6: return "ICMPV6";
    case 112: return "VRRP";
    default: return "IP" + std::to_string(protocol);
  }
}

std::string flag_letters_of(std::uint8_t flags) {
  std::string text;
  for (const auto& [letter, flag] : flag_letters) {
    if (flags & flag) text += letter;
  }
  return text;
}

std::uint8_t flag_of(char letter) {
  const auto found = std::find_if(flag_letters.begin(), flag_letters.end(), [letter](const auto& f) { return f.first == letter; });
  return found == flag_letters.end() ? std::uint8_t{0} : static_cast<std::uint8_t>(found->second);
}

}  // namespace xd::ctl
