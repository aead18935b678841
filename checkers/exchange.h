// One datagram to a server, and its answer: what UDP_CHECK, DNS_CHECK and PING_CHECK have in common.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/loop.h"
#include "checkers/probe.h"

namespace xd::checkers {

struct Exchange {
  int type = 0;  // SOCK_DGRAM or SOCK_RAW
  int protocol = 0;
  std::vector<std::uint8_t> request;
  // What an answer means. Empty: it is none of ours, the waiting goes on.
  std::function<std::optional<Outcome>(std::span<const std::uint8_t> answer)> judge;
  Outcome silence;  // what no answer within connect_timeout means
};

std::unique_ptr<Probe> start_exchange(Loop& loop, const conf::CheckConnection& connection, const Endpoint& target, Exchange exchange,
                                      ProbeDone done);

}  // namespace xd::checkers
