// The roles' snapshots as text, to be carried from a process to its successor by the parent, which does not look inside.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "checkers/snapshot.h"
#include "plan/plan.h"
#include "vrrp/engine.h"

namespace xd::daemon {

std::string encode_vrrp(const vrrp::Snapshot& snapshot);
Result<vrrp::Snapshot> decode_vrrp(std::string_view text);

struct CheckersHandover {
  checkers::Snapshot health;
  plan::Owned owned;  // what we programmed in kernel IPVS
};
std::string encode_checkers(const CheckersHandover& handover);
Result<CheckersHandover> decode_checkers(std::string_view text);

}  // namespace xd::daemon
