// How packets are written for people.
#pragma once

#include <cstdint>
#include <string>

namespace xd::ctl {

std::string upper(std::string word);
std::string lower(std::string word);
// "TCP", "ICMPV6"; the number of one that has no name here.
std::string protocol_word(std::uint8_t protocol);

enum TcpFlag : std::uint8_t { fin = 1, syn = 2, rst = 4, psh = 8, ack = 16, urg = 32 };
// "SA"; the reverse has nothing for letters that it does not know.
std::string flag_letters_of(std::uint8_t flags);
std::uint8_t flag_of(char letter);

}  // namespace xd::ctl
