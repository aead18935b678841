// Carries out a plan on kernel IPVS.
#pragma once

#include <map>
#include <vector>

#include "plan/plan.h"
#include "plan/tables.h"

namespace xd::plan {

// Does every step, also after one failed, except the destinations of a service that could not be added. What the plan
// wants and somebody else already did is fine: adding what exists edits it, editing what is missing adds it, removing
// what is missing is done.
struct CarriedOut {
  std::vector<Error> failures;                 // those that remain, each naming its step
  std::map<lvs::ServiceKey, Error> not_there;  // services that could not be added
};
CarriedOut carry_out(ServiceTable& table, const std::vector<Step>& steps);

}  // namespace xd::plan
