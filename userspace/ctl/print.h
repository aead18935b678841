// The daemon's answers as text for people. Columns line up, units stand in the heading.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace xd::ctl {

std::string status_text(const nlohmann::json& answer);
std::string reasons_text(const nlohmann::json& answer);

}  // namespace xd::ctl
