// A new parent and the children of one that died. They go on serving while the new parent's own children start and prepare; at
// the moment of commit they hand over what they know and leave without a trace, so that the gap is milliseconds.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>

#include "base/fd.h"
#include "base/result.h"
#include "daemon/messages.h"
#include "daemon/role.h"

namespace xd::daemon {

class Orphans {
 public:
  // Those of this network namespace. Error with code EEXIST: they are no orphans, another daemon (with other pid files) runs
  // here. To be called before the own children start, which listen at the same places.
  static Result<Orphans> find();

  // Waits until that of the role is gone, if there is one. `quietly`: a successor goes on, else it stops as on SIGTERM. One that
  // does not leave in time is killed; then what it knew is lost. Logs what it did.
  std::optional<Handover> take_over(RoleName role, bool quietly);

 private:
  struct Orphan {
    pid_t pid;
    Fd socket;
    Fd process;  // by descriptor: the number cannot come to mean another process while we wait
  };
  std::map<RoleName, Orphan> orphans_;
};

}  // namespace xd::daemon
