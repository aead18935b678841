#include "checkers/observed.h"

#include <fmt/core.h>

#include <algorithm>

namespace xd::checkers {

namespace {

constexpr std::int64_t largest = INT32_MAX;

}  // namespace

FileRule rule_of(const conf::FileCheck& check, const std::vector<conf::TrackFile>& files) {
  if (check.weight) return {*check.weight, check.reverse};
  const auto file = std::find_if(files.begin(), files.end(), [&](const auto& known) { return known.name == check.track_file; });
  return file != files.end() ? FileRule{file->weight, file->weight_reverse} : FileRule{};
}

Observation observe_file(const FileRule& rule, std::int64_t number) {
  auto words = fmt::format("the number is {}", number);
  if (rule.weight == 0) return {(number != 0) == rule.reverse, 0, std::move(words)};
  // What overflows would be beyond both limits anyway.
  const auto clamped = std::clamp(number, -largest, largest);
  return {true, std::clamp(clamped * rule.weight * (rule.reverse ? -1 : 1), -largest, largest), std::move(words)};
}

Observation observe_session(bool up) { return {up, 0, up ? "the session is up" : "the session is down"}; }

std::uint32_t changed_weight(std::uint32_t configured, std::int64_t change) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(configured + change, 0, largest));
}

}  // namespace xd::checkers
