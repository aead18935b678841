#include "daemon/reload.h"

#include <utility>

namespace xd::daemon {

Reload::Step Reload::begin(std::uint64_t generation, std::set<RoleName> participants) {
  phase_ = Phase::preparing;
  generation_ = generation;
  participants_ = std::move(participants);
  waiting_ = participants_;
  why_.clear();
  if (!participants_.empty()) return Step::none;
  phase_ = Phase::idle;
  return Step::done;
}

Reload::Step Reload::prepared(RoleName role, std::uint64_t generation, bool ok, const std::string& why) {
  if (phase_ != Phase::preparing || generation != generation_ || waiting_.count(role) == 0) return Step::none;
  if (!ok) return refuse(std::string(name(role)) + ": " + why);
  waiting_.erase(role);
  return enough();
}

Reload::Step Reload::committed(RoleName role, std::uint64_t generation) {
  if (phase_ != Phase::committing || generation != generation_) return Step::none;
  waiting_.erase(role);
  return enough();
}

Reload::Step Reload::lost(RoleName role) {
  if (participants_.count(role) == 0) return Step::none;
  if (phase_ == Phase::preparing) return refuse("the " + std::string(name(role)) + " process died while it prepared");
  if (phase_ != Phase::committing) return Step::none;
  waiting_.erase(role);
  return enough();
}

Reload::Step Reload::timed_out() {
  if (phase_ == Phase::idle) return Step::none;
  if (phase_ == Phase::preparing) return refuse("the " + std::string(name(*waiting_.begin())) + " process did not prepare in time");
  waiting_.clear();
  return enough();
}

Reload::Step Reload::refuse(std::string why) {
  why_ = std::move(why);
  phase_ = Phase::idle;
  return Step::abort;
}

Reload::Step Reload::enough() {
  if (!waiting_.empty()) return Step::none;
  if (phase_ == Phase::preparing) {
    phase_ = Phase::committing;
    waiting_ = participants_;
    return Step::commit;
  }
  phase_ = Phase::idle;
  return Step::done;
}

}  // namespace xd::daemon
