// Which destinations a virtual server has at this moment: servers that are up, the sorry server when too few are, and
// in which order they were put there. Pure.
//
//   quorum gained   live weight >= quorum + hysteresis
//   quorum lost     live weight <  quorum - hysteresis, or 0
//
// Without its quorum a virtual server with a sorry server has only that; one without a sorry server keeps the servers
// that are still up, and only tells. A server is up when all its checkers are, so one without checkers always is. A
// server that is down leaves the table, or stays with weight 0 when it says inhibit_on_failure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/ip.h"
#include "base/lvs.h"

namespace xd::checkers {

struct Member {
  Endpoint endpoint;
  lvs::Destination destination;  // with its configured weight
  bool inhibit_on_failure = false;
  bool up = true;
  bool operator==(const Member&) const = default;
};

struct Pool {
  std::uint32_t quorum = 1;
  std::uint32_t hysteresis = 0;
  bool quorum_up = false;
  std::vector<Member> members;  // in file order
  std::optional<Member> sorry;  // `up` says nothing; inhibit_on_failure: stays in the table with weight 0 while not in use
  std::vector<Endpoint> order;  // what is in the table, first added first
  bool operator==(const Pool&) const = default;
};

std::uint64_t live_weight(const Pool& pool);
bool sorry_in_use(const Pool& pool);

enum class QuorumChange { none, gained, lost };

// The limit that live weight was compared with: quorum + hysteresis to gain, quorum - hysteresis to keep.
std::int64_t quorum_threshold(const Pool& pool);

// Counts again after members changed: sets quorum_up.
QuorumChange update_quorum(Pool& pool);

// The destinations wanted now. Brings pool.order up to date: what left is taken out, what is new is appended in file
// order.
void fill(Pool& pool, lvs::Service& service);

}  // namespace xd::checkers
