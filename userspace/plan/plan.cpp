#include "plan/plan.h"

#include <fmt/core.h>

namespace xd::plan {

namespace {

lvs::Service settings_of(const lvs::Service& service) {
  auto settings = service;
  settings.destinations.clear();
  settings.order.clear();
  return settings;
}

// The mask of a service that is not persistent means nothing, and tables report one nevertheless.
bool same_settings(const lvs::Service& a, const lvs::Service& b) {
  auto x = settings_of(a);
  auto y = settings_of(b);
  if (x.persistence_seconds == 0 && y.persistence_seconds == 0) x.persistence_mask = y.persistence_mask;
  return x == y;
}

std::string describe(const lvs::Service& service) {
  auto text = std::string(lvs::name(service.scheduler));
  if (service.scheduler_flags != 0) text += fmt::format(" flags {:#x}", service.scheduler_flags);
  if (service.persistence_seconds != 0) text += fmt::format(" persistent {} s", service.persistence_seconds);
  if (service.persistence_seconds != 0 && service.persistence_mask != 32) text += fmt::format(" mask /{}", service.persistence_mask);
  if (service.one_packet) text += " one-packet";
  if (!service.persistence_engine.empty()) text += " engine " + service.persistence_engine;
  return text;
}

std::string describe(const lvs::Destination& destination) {
  auto text = fmt::format("{} weight {}", lvs::name(destination.forward), destination.weight);
  if (const auto tunnel = lvs::str(destination.tunnel); !tunnel.empty()) text += " " + tunnel;
  if (destination.upper_threshold != 0) text += fmt::format(" uthreshold {}", destination.upper_threshold);
  if (destination.lower_threshold != 0) text += fmt::format(" lthreshold {}", destination.lower_threshold);
  return text;
}

std::string describe_change(const lvs::Destination& before, const lvs::Destination& after) {
  auto weights = before;
  weights.weight = after.weight;
  if (weights == after) return fmt::format("weight {} to {}", before.weight, after.weight);
  return fmt::format("{} to {}", describe(before), describe(after));
}

class Planner {
 public:
  std::vector<Step> steps;

  void service_step(StepKind kind, const lvs::ServiceKey& key, const lvs::Service& wanted, const lvs::Service& held) {
    Step step;
    step.kind = kind;
    step.key = key;
    step.service = settings_of(wanted);
    step.service_before = settings_of(held);
    steps.push_back(std::move(step));
  }

  void destination_step(StepKind kind, const lvs::ServiceKey& key, const Endpoint& endpoint, const lvs::Destination& wanted,
                        const lvs::Destination& held) {
    Step step;
    step.kind = kind;
    step.key = key;
    step.endpoint = endpoint;
    step.destination = wanted;
    step.destination_before = held;
    steps.push_back(std::move(step));
  }

  void destinations(const lvs::ServiceKey& key, const lvs::Service& wanted, const lvs::Service& held) {
    std::set<Endpoint> placed;
    const auto add = [&](const Endpoint& endpoint) {
      const auto destination = wanted.destinations.find(endpoint);
      if (destination == wanted.destinations.end() || held.destinations.contains(endpoint) || !placed.insert(endpoint).second) return;
      destination_step(StepKind::add_destination, key, endpoint, destination->second, {});
    };
    for (const auto& endpoint : wanted.order) add(endpoint);
    for (const auto& [endpoint, destination] : wanted.destinations) add(endpoint);  // an order that names not all of them
    for (const auto& [endpoint, destination] : wanted.destinations) {
      const auto before = held.destinations.find(endpoint);
      if (before != held.destinations.end() && before->second != destination) {
        destination_step(StepKind::edit_destination, key, endpoint, destination, before->second);
      }
    }
    for (const auto& [endpoint, destination] : held.destinations) {
      if (!wanted.destinations.contains(endpoint)) destination_step(StepKind::remove_destination, key, endpoint, {}, destination);
    }
  }
};

}  // namespace

std::string_view name(StepKind kind) {
  switch (kind) {
    case StepKind::add_service: return "add service";
    case StepKind::edit_service: return "edit service";
    case StepKind::add_destination: return "add destination";
    case StepKind::edit_destination: return "edit destination";
    case StepKind::remove_destination: return "remove destination";
    case StepKind::remove_service: return "remove service";
  }
  return "?";
}

std::string Step::str() const {
  const auto what = name(kind);
  switch (kind) {
    case StepKind::add_service: return fmt::format("{} {}: {}", what, key.str(), describe(service));
    case StepKind::edit_service: return fmt::format("{} {}: {} to {}", what, key.str(), describe(service_before), describe(service));
    case StepKind::remove_service: return fmt::format("{} {}", what, key.str());
    case StepKind::add_destination: return fmt::format("{} {} to {}: {}", what, endpoint.str(), key.str(), describe(destination));
    case StepKind::edit_destination:
      return fmt::format("{} {} of {}: {}", what, endpoint.str(), key.str(), describe_change(destination_before, destination));
    case StepKind::remove_destination: return fmt::format("{} {} from {}", what, endpoint.str(), key.str());
  }
  return "?";
}

std::vector<Step> plan(const lvs::Services& desired, const lvs::Services& present, const Owned& owned) {
  Planner planner;
  for (const auto& [key, wanted] : desired) {
    const auto held = present.find(key);
    if (held == present.end()) {
      planner.service_step(StepKind::add_service, key, wanted, {});
      planner.destinations(key, wanted, {});
      continue;
    }
    if (!same_settings(wanted, held->second)) planner.service_step(StepKind::edit_service, key, wanted, held->second);
    planner.destinations(key, wanted, held->second);
  }
  for (const auto& [key, held] : present) {
    if (!desired.contains(key) && owned.contains(key)) planner.service_step(StepKind::remove_service, key, {}, held);
  }
  return std::move(planner.steps);
}

}  // namespace xd::plan
