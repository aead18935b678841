// Questions to the daemon, and how it is told when they are not answered.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/result.h"
#include "ctl/verbs.h"

namespace xd::ctl {

// Says why on standard error; `code` is given back, to exit with.
int complain(int code, const std::string& why);
// The daemon could not be asked.
int complain_unreachable(const Context& context, const Error& error);
// There is no table of any engine: nobody runs, or else why that is so.
int complain_no_tables(const Context& context, const Error& error);
// Nobody listens there, so that another place may be tried.
bool is_nobody(const Error& error);
// The answer when it is a good one; else it is told why not, and `exit_code` is what to exit with.
std::optional<nlohmann::json> good_answer(const std::string& text, int& exit_code);

std::optional<nlohmann::json> ask(const Context& context, const char* question, int& exit_code);

}  // namespace xd::ctl
