// "tcp 198.51.100.7:4242 > 192.0.2.10:80": what the packet path would do with such a packet, decision by decision. It is not sent, and
// nothing is remembered of it (datapath/rehearsal.h).
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "ctl/tables.h"

namespace xd::ctl {

struct AskedPacket {
  std::uint8_t protocol = 6;
  Endpoint from, to;
  std::optional<std::uint8_t> flags;  // of TCP; unset: SYN for a new connection, ACK for a known one
  std::string interface;              // it comes in by; empty: one that the program is attached to
};

// "tcp|udp A:p > B:p [S|SA|A|F|R|...] [in eth0]". Nothing when the words are of something else than a packet.
std::optional<Result<AskedPacket>> parse_packet(const std::string& words);

// Step and what was decided there: {"flow", "none: this begins a connection"}.
using Explanation = std::vector<std::pair<std::string, std::string>>;
Result<Explanation> explain_packet(Tables& tables, const AskedPacket& packet);

}  // namespace xd::ctl
