// The roles' snapshots as text, to be carried from a process to its successor by the parent, which does not look inside.
#pragma once

#include <optional>

#include "base/result.h"
#include "checkers/snapshot.h"
#include "daemon/messages.h"
#include "ipvs/ipvs.h"
#include "plan/plan.h"
#include "vrrp/engine.h"

namespace xd::daemon {

// Each instance is a part of its own.
Parts encode_vrrp(const vrrp::Snapshot& snapshot);
Result<vrrp::Snapshot> decode_vrrp(const Parts& parts);

struct CheckersHandover {
  checkers::Snapshot health;
  plan::Owned owned;                              // what we programmed in kernel IPVS
  std::optional<ipvs::Timeouts> timeouts_before;  // IPVS's, before lvs_timeouts
};
Parts encode_checkers(const CheckersHandover& handover);
Result<CheckersHandover> decode_checkers(const Parts& parts);

}  // namespace xd::daemon
