// Runner on the event loop.
#pragma once

#include <map>
#include <memory>

#include "base/loop.h"
#include "vrrp/scripts.h"

namespace xd::vrrp {

class LoopRunner final : public Runner {
 public:
  explicit LoopRunner(Loop& loop) : loop_(loop) {}
  Result<std::unique_ptr<Run>> check(const Command& command, Duration limit, Done done) override;
  Status fire(const Command& command) override;

 private:
  Loop& loop_;
  std::map<pid_t, Loop::Source> fired_;  // to be reaped
};

}  // namespace xd::vrrp
