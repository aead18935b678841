// The two phases of a configuration change: every process prepares, and only when all have said yes do all commit. Pure: the
// parent tells what it heard and carries out the step that comes back.
//
// A process that dies while it prepares counts as a no: its successor would be the first to try the new text. One that dies
// after the decision to commit does not turn it back: its successor starts with the new configuration.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "daemon/role.h"

namespace xd::daemon {

class Reload {
 public:
  enum class Step {
    none,    // wait for more
    commit,  // tell every participant to commit
    abort,   // tell every participant to forget it; why() says who refused
    done,    // all have committed
  };
  enum class Phase { idle, preparing, committing };

  // Without participants the step is `done` at once.
  Step begin(std::uint64_t generation, std::set<RoleName> participants);
  Step prepared(RoleName role, std::uint64_t generation, bool ok, const std::string& why);
  Step committed(RoleName role, std::uint64_t generation);
  Step lost(RoleName role);
  // The limit for preparing has passed; while committing, that of the laggards' commits.
  Step timed_out();

  Phase phase() const { return phase_; }
  std::uint64_t generation() const { return generation_; }
  const std::set<RoleName>& participants() const { return participants_; }
  const std::string& why() const { return why_; }

 private:
  Step refuse(std::string why);
  Step enough();  // the step when nobody is waited for

  Phase phase_ = Phase::idle;
  std::uint64_t generation_ = 0;
  std::set<RoleName> participants_;
  std::set<RoleName> waiting_;
  std::string why_;
};

}  // namespace xd::daemon
