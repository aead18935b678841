// Whom a configured script runs as.
#pragma once

#include <string>
#include <vector>

#include "base/process.h"
#include "base/result.h"

namespace xd {

// The command for a script of the configuration, with keepalived's choice of user: `user` (with `group`, or else the
// user's own), where empty `default_user` with `default_group` (script_user of global_defs), where that is empty as
// well the user keepalived_script if there is one, else the user of this process. Asks the system's user data base,
// which may be slow: do it when the configuration is read, not when the script is due. The error names the user or
// group that does not exist.
Result<Command> script_command(std::vector<std::string> words, const std::string& user, const std::string& group,
                               const std::string& default_user, const std::string& default_group);

}  // namespace xd
