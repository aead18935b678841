#include "plan/director.h"

#include <utility>

#include "plan/apply_datapath.h"
#include "plan/apply_ipvs.h"

namespace xd::plan {

Director::Director(ServiceTable* ipvs, std::string no_ipvs, PacketPath* xdp, std::string no_xdp)
    : ipvs_(ipvs), xdp_(xdp), no_ipvs_(std::move(no_ipvs)), no_xdp_(std::move(no_xdp)) {}

void Director::reread() {
  ipvs_present_.reset();
  xdp_present_.reset();
}

Report Director::serve(const lvs::Services& desired) {
  Report report;
  lvs::Services for_ipvs, for_xdp;
  const std::optional<std::string> no_ipvs = ipvs_ != nullptr ? std::nullopt : std::optional(no_ipvs_);
  for (const auto& [key, service] : desired) {
    const auto wanted = wanted_.find(key);
    const auto no_xdp = xdp_ != nullptr ? xdp_->cannot_serve(key, service) : std::optional(no_xdp_);
    const auto serving = choose(wanted == wanted_.end() ? conf::Engine::automatic : wanted->second, no_xdp, no_ipvs);
    if (serving.ipvs) for_ipvs.emplace(key, service);
    if (serving.xdp) for_xdp.emplace(key, service);
    report.serving.emplace(key, serving);
  }
  // IPVS first: what the packet path passes finds its service there.
  if (ipvs_ != nullptr) serve_ipvs(for_ipvs, report);
  if (xdp_ != nullptr) serve_xdp(for_xdp, report);
  return report;
}

void Director::serve_ipvs(const lvs::Services& desired, Report& report) {
  if (!ipvs_present_) {
    auto read = ipvs_->services();
    if (!read) {
      report.failures.push_back(std::move(read).error());
      return;
    }
    ipvs_present_ = std::move(*read);
  }
  if (std::exchange(flush_, false)) {
    for (const auto& [key, service] : *ipvs_present_) owned_.insert(key);
  }
  report.ipvs_steps = plan(desired, *ipvs_present_, owned_);
  auto failures = carry_out(*ipvs_, report.ipvs_steps);

  // A service that could not be removed stays ours.
  auto owned = failures.empty() ? Owned() : owned_;
  for (const auto& [key, service] : desired) owned.insert(key);
  owned_ = std::move(owned);
  if (!failures.empty()) {
    ipvs_present_.reset();
    for (auto& failure : failures) report.failures.push_back(std::move(failure));
    return;
  }
  for (const auto& step : report.ipvs_steps) {
    if (step.kind == StepKind::remove_service) ipvs_present_->erase(step.key);
  }
  for (const auto& [key, service] : desired) ipvs_present_->insert_or_assign(key, service);
}

void Director::serve_xdp(const lvs::Services& desired, Report& report) {
  if (!xdp_present_) {
    auto read = xdp_->services();
    if (!read) {
      report.failures.push_back(std::move(read).error());
      return;
    }
    xdp_present_ = std::move(*read);
  }
  Owned all;  // nobody else writes these maps
  for (const auto& [key, service] : *xdp_present_) all.insert(key);
  report.xdp_steps = plan(desired, *xdp_present_, all);
  auto refused = carry_out(*xdp_, report.xdp_steps, desired);
  if (refused.empty()) {
    xdp_present_ = desired;
    return;
  }
  xdp_present_.reset();
  for (auto& [key, error] : refused) {
    const auto serving = report.serving.find(key);
    // A table that is out of date must not stand before one that is right. Where there is no other, the old one goes on.
    if (serving != report.serving.end() && serving->second.ipvs) {
      serving->second.xdp = false;
      serving->second.why = error.message;
      (void)xdp_->remove_service(key).ok();
    }
    report.failures.push_back(std::move(error));
  }
}

}  // namespace xd::plan
