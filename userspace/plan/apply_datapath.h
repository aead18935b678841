// Carries out a plan on the XDP packet path.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "plan/tables.h"

namespace xd::plan {

// Every service that a step touches is put as `desired` has it, or removed. Returns the services that the packet path
// did not take, with the reason; their packets pass to the stack.
std::map<lvs::ServiceKey, Error> carry_out(PacketPath& path, const std::vector<Step>& steps, const lvs::Services& desired);

}  // namespace xd::plan
