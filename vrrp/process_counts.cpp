#include "vrrp/process_counts.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace xd::vrrp {

namespace {

constexpr std::size_t longest_name = 15;  // TASK_COMM_LEN without its end

std::string_view name_of(const std::string& program) {
  const std::string_view path = program;
  return path.substr(path.rfind('/') + 1).substr(0, longest_name);
}

bool arguments_match(const conf::TrackProcess& rule, const SeenProcess& process) {
  using Match = conf::TrackProcess::ParamMatch;
  const std::span wanted = std::span(rule.words).subspan(1);
  const std::span found = std::span(process.words).subspan(1);
  if (found.size() < wanted.size() || (rule.param_match == Match::exact && found.size() != wanted.size())) return false;
  if (wanted.empty()) return true;
  if (!std::equal(wanted.begin(), wanted.end() - 1, found.begin())) return false;
  const std::string& last = found[wanted.size() - 1];
  return rule.param_match == Match::initial ? last.starts_with(wanted.back()) : last == wanted.back();
}

}  // namespace

bool matches(const conf::TrackProcess& rule, const SeenProcess& process) {
  if (!rule.full_command) return process.name == name_of(rule.words.front());
  if (process.words.empty() || process.words.front() != rule.words.front()) return false;
  return !rule.has_params || arguments_match(rule, process);
}

void ProcessCounts::define(std::vector<conf::TrackProcess> rules) {
  const auto old = std::exchange(rules_, {});
  counted_ = false;
  for (auto& conf : rules) {
    const auto before = std::find_if(old.begin(), old.end(), [&](const Rule& r) { return r.conf == conf; });
    Rule rule{std::move(conf), {}, false, std::nullopt};
    if (before != old.end()) rule.up = before->up;
    rules_.push_back(std::move(rule));
  }
}

bool ProcessCounts::needs_words() const {
  return std::any_of(rules_.begin(), rules_.end(), [](const Rule& r) { return r.conf.full_command; });
}

void ProcessCounts::see(pid_t pid, const SeenProcess& process, TimePoint now) {
  for (Rule& rule : rules_) {
    const bool changed = matches(rule.conf, process) ? rule.pids.insert(pid).second : rule.pids.erase(pid) > 0;
    if (changed) reconsider(rule, now);
  }
}

void ProcessCounts::gone(pid_t pid, TimePoint now) {
  for (Rule& rule : rules_) {
    if (rule.pids.erase(pid) > 0) reconsider(rule, now);
  }
}

void ProcessCounts::see_all(const std::map<pid_t, SeenProcess>& processes, TimePoint now) {
  const bool first = !std::exchange(counted_, true);
  for (Rule& rule : rules_) {
    rule.pids.clear();
    for (const auto& [pid, process] : processes) {
      if (matches(rule.conf, process)) rule.pids.insert(pid);
    }
    if (first) {
      rule.up = rule.wants_up();
      rule.change_at.reset();
    } else {
      reconsider(rule, now);
    }
  }
}

void ProcessCounts::reconsider(Rule& rule, TimePoint now) {
  const bool wants_up = rule.wants_up();
  if (wants_up == rule.up) {
    rule.change_at.reset();
  } else if (!rule.change_at) {
    rule.change_at = now + (wants_up ? rule.conf.fork_delay : rule.conf.terminate_delay);
  }
}

std::vector<std::string> ProcessCounts::take_changes(TimePoint now) {
  std::vector<std::string> names;
  for (Rule& rule : rules_) {
    if (!rule.change_at || *rule.change_at > now) continue;
    rule.change_at.reset();
    rule.up = !rule.up;
    names.push_back(rule.conf.name);
  }
  return names;
}

std::optional<TimePoint> ProcessCounts::next() const {
  std::optional<TimePoint> soonest;
  for (const Rule& rule : rules_) {
    if (rule.change_at && (!soonest || *rule.change_at < *soonest)) soonest = rule.change_at;
  }
  return soonest;
}

std::map<std::string, bool> ProcessCounts::up() const {
  std::map<std::string, bool> out;
  for (const Rule& rule : rules_) out.emplace(rule.conf.name, rule.up);
  return out;
}

std::map<std::string, ProcessCounts::Count> ProcessCounts::counts() const {
  std::map<std::string, Count> out;
  for (const Rule& rule : rules_) {
    const bool waits = rule.change_at.has_value();
    out.emplace(rule.conf.name, Count{rule.pids.size(), waits && !rule.up, waits && rule.up});
  }
  return out;
}

}  // namespace xd::vrrp
