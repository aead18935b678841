// A new parent and the children of one that died. They go on serving while the new parent's own children start and prepare; at
// the moment of commit they hand over what they know and leave without a trace, so that the gap is milliseconds.
#pragma once

#include <sys/types.h>

#include <map>
#include <vector>

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

  // Waits until all are gone. One that does not leave in time is killed; then what it knew is lost. Logs what it did. Once.
  std::map<RoleName, Handover> take_over();

 private:
  struct Orphan {
    RoleName role;
    pid_t pid;
    Fd socket;
    Fd process;  // by descriptor: the number cannot come to mean another process while we wait
  };
  std::vector<Orphan> orphans_;
};

}  // namespace xd::daemon
