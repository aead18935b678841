#include "plan/apply_ipvs.h"

#include <cerrno>

namespace xd::plan {

namespace {

bool exists(const Status& status) { return !status && status.error().code == EEXIST; }
// IPVS says ESRCH for a missing service and ENOENT for a missing destination.
bool missing(const Status& status) { return !status && (status.error().code == ENOENT || status.error().code == ESRCH); }

Status take(ServiceTable& table, const Step& step) {
  switch (step.kind) {
    case StepKind::add_service: {
      auto status = table.add_service(step.key, step.service);
      return exists(status) ? table.edit_service(step.key, step.service) : status;
    }
    case StepKind::edit_service: {
      auto status = table.edit_service(step.key, step.service);
      return missing(status) ? table.add_service(step.key, step.service) : status;
    }
    case StepKind::remove_service: {
      auto status = table.remove_service(step.key);
      return missing(status) ? Status() : status;
    }
    case StepKind::add_destination: {
      auto status = table.add_destination(step.key, step.endpoint, step.destination);
      return exists(status) ? table.edit_destination(step.key, step.endpoint, step.destination) : status;
    }
    case StepKind::edit_destination: {
      auto status = table.edit_destination(step.key, step.endpoint, step.destination);
      return missing(status) ? table.add_destination(step.key, step.endpoint, step.destination) : status;
    }
    case StepKind::remove_destination: {
      auto status = table.remove_destination(step.key, step.endpoint);
      return missing(status) ? Status() : status;
    }
  }
  return {};
}

}  // namespace

CarriedOut carry_out(ServiceTable& table, const std::vector<Step>& steps) {
  CarriedOut out;
  for (const auto& step : steps) {
    if (out.not_there.contains(step.key)) continue;
    const auto status = take(table, step);
    if (status) continue;
    out.failures.push_back(status.error());
    if (step.kind == StepKind::add_service) out.not_there.emplace(step.key, status.error());
  }
  return out;
}

}  // namespace xd::plan
