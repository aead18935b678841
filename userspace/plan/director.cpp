#include "plan/director.h"

#include <utility>

#include "plan/apply_datapath.h"
#include "plan/apply_ipvs.h"

namespace xd::plan {

namespace {

lvs::Services select(const lvs::Services& services, const std::set<lvs::ServiceKey>& keys) {
  lvs::Services selected;
  for (const auto& key : keys) {
    if (const auto found = services.find(key); found != services.end()) selected.insert(*found);
  }
  return selected;
}

void replace(lvs::Services& services, const std::set<lvs::ServiceKey>& keys, const lvs::Services& by) {
  for (const auto& key : keys) {
    const auto found = by.find(key);
    if (found == by.end()) {
      services.erase(key);
    } else {
      services.insert_or_assign(key, found->second);
    }
  }
}

bool takes_any_port(const lvs::ServiceKey& key) { return key.port == 0 && key.fwmark == 0; }

}  // namespace

Director::Director(ServiceTable* ipvs, std::string no_ipvs, PacketPath* xdp, std::string no_xdp)
    : ipvs_(ipvs), xdp_(xdp), no_ipvs_(std::move(no_ipvs)), no_xdp_(std::move(no_xdp)) {}

void Director::want(Wanted engines) {
  wanted_ = std::move(engines);
  decided_ = false;
}

void Director::leave_to_ipvs(LeftToIpvs why) {
  left_to_ipvs_ = std::move(why);
  decided_ = false;
}

void Director::flush() {
  flush_ = true;
  known_ = false;
}

Report Director::serve(const lvs::Services& desired) {
  Report report;
  const bool all = !known_ || !decided_;
  if (!known_) {
    if (auto read = read_tables(); !read) report.failures.push_back(std::move(read).error());
  }
  const auto changed = changes(desired, all);
  // IPVS first: what the packet path passes finds its service there.
  if (known_ && ipvs_ != nullptr) serve_ipvs(changed, report);
  if (known_ && xdp_ != nullptr) serve_xdp(changed, report);
  known_ = report.failures.empty();
  report.serving = serving_;
  return report;
}

Status Director::read_tables() {
  lvs::Services ipvs, xdp;
  if (ipvs_ != nullptr) {
    auto read = ipvs_->services();
    if (!read) return std::move(read).error();
    ipvs = std::move(*read);
  }
  if (xdp_ != nullptr) {
    auto read = xdp_->services();
    if (!read) return std::move(read).error();
    xdp = std::move(*read);
    xdp_closed_ = xdp_->closed_services();
  }
  ipvs_present_ = std::move(ipvs);
  xdp_present_ = std::move(xdp);
  known_ = true;
  if (std::exchange(flush_, false)) {
    for (const auto& [key, service] : ipvs_present_) owned_.insert(key);
  }
  return {};
}

Serving Director::choose_for(const lvs::ServiceKey& key, const lvs::Services& desired) const {
  const auto found = wanted_.find(key);
  const auto wanted = found == wanted_.end() ? conf::Engine::automatic : found->second;
  auto no_xdp = xdp_ != nullptr ? xdp_->cannot_serve(key, desired.at(key)) : std::optional(no_xdp_);
  const auto no_ipvs = ipvs_ != nullptr ? std::nullopt : std::optional(no_ipvs_);
  if (!no_xdp && !no_ipvs && wanted == conf::Engine::automatic && left_to_ipvs_) no_xdp = left_to_ipvs_(desired.at(key));
  const auto serving = choose(wanted, no_xdp, no_ipvs);
  if (!serving.xdp || !serving.ipvs || !takes_any_port(key)) return serving;
  // The packet path is asked first: it would take the packets of another service of the address that only IPVS serves.
  for (auto at = desired.upper_bound(key); at != desired.end() && at->first.address == key.address; ++at) {
    if (at->first.protocol != key.protocol) continue;
    if (const auto other = choose_for(at->first, desired); other.ipvs && !other.xdp)
      return choose(wanted, at->first.str() + " is served by ipvs only", no_ipvs);
  }
  return serving;
}

Director::Changes Director::changes(const lvs::Services& desired, bool all) {
  Changes changes;
  for (const auto& [key, service] : desired) {
    const auto before = last_.find(key);
    const bool same = !all && before != last_.end() && before->second == service;
    if (same && !takes_any_port(key)) continue;
    const auto serving = choose_for(key, desired);
    if (same && serving.xdp == serving_.at(key).xdp) continue;
    if (serving.ipvs) changes.for_ipvs.emplace(key, service);
    if (serving.xdp) changes.for_xdp.emplace(key, service);
    changes.keys.insert(key);
    serving_.insert_or_assign(key, serving);
  }
  const auto gone = [&](const auto& services) {
    for (const auto& [key, service] : services) {
      if (!desired.contains(key)) changes.keys.insert(key);
    }
  };
  gone(last_);
  if (all) {
    gone(ipvs_present_);
    gone(xdp_present_);
    for (const auto& key : xdp_closed_) {
      if (!desired.contains(key)) changes.keys.insert(key);
    }
  }
  for (const auto& key : changes.keys) {
    if (!desired.contains(key)) serving_.erase(key);
  }
  replace(last_, changes.keys, desired);
  decided_ = true;
  return changes;
}

// What IPVS served, and the packet path alone is to serve now: nobody new, until it is removed.
lvs::Services Director::kept_by_ipvs(const Changes& changes) {
  lvs::Services kept;
  for (const auto& key : changes.keys) {
    const auto serving = serving_.find(key);
    const auto held = ipvs_present_.find(key);
    if (serving == serving_.end() || serving->second.ipvs || !serving->second.xdp || held == ipvs_present_.end() || !owned_.contains(key))
      continue;
    auto& service = kept[key] = held->second;
    for (auto& [server, destination] : service.destinations) destination.weight = 0;
    serving->second.ends_with = "ipvs";
  }
  return kept;
}

void Director::serve_ipvs(const Changes& changes, Report& report) {
  auto wanted = changes.for_ipvs;
  wanted.merge(kept_by_ipvs(changes));
  report.ipvs_steps = plan(wanted, select(ipvs_present_, changes.keys), owned_);
  const auto done = carry_out(*ipvs_, report.ipvs_steps);
  for (const auto& [key, service] : changes.for_ipvs) owned_.insert(key);
  for (const auto& [key, error] : done.not_there) {
    if (const auto serving = serving_.find(key); serving != serving_.end()) {
      serving->second.ipvs = false;
      if (!serving->second.xdp) serving->second.why = error.message;
    }
  }
  if (!done.failures.empty()) {
    // A service that could not be removed stays ours, to be tried again.
    report.failures.insert(report.failures.end(), done.failures.begin(), done.failures.end());
    return;
  }
  for (const auto& step : report.ipvs_steps) {
    if (step.kind != StepKind::remove_service) continue;
    owned_.erase(step.key);
    ipvs_present_.erase(step.key);
  }
  for (const auto& [key, service] : wanted) ipvs_present_.insert_or_assign(key, service);
}

void Director::close(const lvs::ServiceKey& key, Report& report) {
  if (auto closed = xdp_->close_service(key); !closed) {
    report.failures.push_back(std::move(closed).error());
    (void)xdp_->remove_service(key).ok();  // else it would go on taking connections
    return;
  }
  xdp_closed_.insert(key);
  serving_.at(key).ends_with = "xdp";
}

void Director::serve_xdp(const Changes& changes, Report& report) {
  auto present = select(xdp_present_, changes.keys);
  for (const auto& key : changes.keys) {
    const bool is_served = serving_.contains(key) && serving_.at(key).ipvs;
    if (is_served && !changes.for_xdp.contains(key) && (present.erase(key) != 0 || xdp_closed_.contains(key))) {
      close(key, report);
    } else if (xdp_closed_.erase(key) != 0 && !changes.for_xdp.contains(key)) {
      (void)xdp_->remove_service(key).ok();
    }
  }
  Owned all;  // nobody else writes these maps
  for (const auto& [key, service] : present) all.insert(key);
  report.xdp_steps = plan(changes.for_xdp, present, all);
  auto refused = carry_out(*xdp_, report.xdp_steps, changes.for_xdp);
  replace(xdp_present_, changes.keys, changes.for_xdp);
  for (auto& [key, error] : refused) {
    const auto serving = serving_.find(key);
    // A table that is out of date must not stand before one that is right. Where there is no other, the old one goes
    // on.
    if (serving != serving_.end() && serving->second.ipvs) {
      serving->second.xdp = false;
      serving->second.why = error.message;
      (void)xdp_->remove_service(key).ok();
    }
    report.failures.push_back(std::move(error));
  }
}

}  // namespace xd::plan
