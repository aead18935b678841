// A child process: serves the parent's messages with a RoleEngine.
//
// When the parent dies it goes on serving for a grace time, reachable at its own socket, so that a new parent can fetch the
// snapshot and make it leave without a trace; when none comes, it stops as on SIGTERM.
#pragma once

#include <string>

#include "base/time.h"
#include "daemon/options.h"

namespace xd::daemon {

inline constexpr Duration orphan_grace = 10s;

// Where a child listens for the successor of its parent.
std::string role_socket(RoleName role);

int run_role(const Options& options);

}  // namespace xd::daemon
