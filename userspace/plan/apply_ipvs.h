// Carries out a plan on kernel IPVS.
#pragma once

#include <string>
#include <vector>

#include "plan/plan.h"
#include "plan/tables.h"

namespace xd::plan {

// Does every step, also after one failed, except the destinations of a service that could not be added. What the plan
// wants and somebody else already did is fine: adding what exists edits it, editing what is missing adds it, removing
// what is missing is done. Returns the failures that remain, each naming its step.
std::vector<Error> carry_out(ServiceTable& table, const std::vector<Step>& steps);

}  // namespace xd::plan
