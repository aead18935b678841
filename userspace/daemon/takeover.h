// A new parent and the children of one that died: it fetches what they know and makes them leave without a trace, so that its
// own children go on where they stopped.
#pragma once

#include <map>

#include "daemon/messages.h"
#include "daemon/role.h"

namespace xd::daemon {

// Waits until they are gone. One that does not leave in time is killed; then its last snapshot is lost. Logs what it did.
// Error: they are no orphans, another daemon (with other pid files) runs in this network namespace.
Result<std::map<RoleName, Handover>> take_over_orphans();

}  // namespace xd::daemon
