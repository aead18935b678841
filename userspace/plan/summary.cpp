#include "plan/summary.h"

#include <fmt/core.h>

#include <algorithm>

namespace xd::plan {

namespace {

std::string count(std::string_view noun, std::ptrdiff_t n) { return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s"); }

std::string clause(std::string_view verb, std::ptrdiff_t services, std::ptrdiff_t destinations) {
  if (services == 0 && destinations == 0) return "";
  if (destinations == 0) return fmt::format("{} {}", verb, count("service", services));
  if (services == 0) return fmt::format("{} {}", verb, count("destination", destinations));
  return fmt::format("{} {} and {}", verb, count("service", services), count("destination", destinations));
}

}  // namespace

std::string summary(const std::vector<Step>& steps) {
  const auto number = [&](StepKind kind) {
    return std::count_if(steps.begin(), steps.end(), [kind](const Step& step) { return step.kind == kind; });
  };
  std::string text;
  for (const auto& part : {clause("add", number(StepKind::add_service), number(StepKind::add_destination)),
                           clause("edit", number(StepKind::edit_service), number(StepKind::edit_destination)),
                           clause("remove", number(StepKind::remove_service), number(StepKind::remove_destination))}) {
    if (!part.empty()) text += (text.empty() ? "" : ", ") + part;
  }
  return text.empty() ? "nothing to do" : text;
}

std::string listing(const std::vector<Step>& steps) {
  std::string text;
  for (const auto& step : steps) text += step.str() + "\n";
  return text;
}

}  // namespace xd::plan
