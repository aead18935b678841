// A plan in words, for logs and dry runs.
#pragma once

#include <string>
#include <vector>

#include "plan/plan.h"

namespace xd::plan {

// "nothing to do", or "add 1 service and 3 destinations, edit 1 destination, remove 2 services".
std::string summary(const std::vector<Step>& steps);

// Each step on a line of its own.
std::string listing(const std::vector<Step>& steps);

}  // namespace xd::plan
