#include "vrrp/scripts.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace xd::vrrp {

ScriptJudge::ScriptJudge(unsigned rise, unsigned fall) : rise_(std::max(rise, 1u)), top_(rise_ + std::max(fall, 1u) - 1) {}

bool ScriptJudge::add(bool success) {
  const auto before = up_;
  if (!up_) {
    up_ = success;
    counter_ = success ? top_ : 0;
  } else if (success) {
    counter_ = std::min(counter_ + 1, top_);
    if (!*up_ && counter_ >= rise_) {
      up_ = true;
      counter_ = top_;
    }
  } else {
    counter_ -= counter_ > 0 ? 1 : 0;
    if (*up_ && counter_ < rise_) {
      up_ = false;
      counter_ = 0;
    }
  }
  return up_ != before;
}

struct ScriptTracker::Script {
  Definition definition;
  ScriptJudge judge;
  TimePoint next;
  std::unique_ptr<Runner::Run> running;
  int last_status = 0;  // said when it changes, not each time
};

ScriptTracker::ScriptTracker(Runner& runner, std::function<TimePoint()> now, std::function<void()> changed)
    : runner_(runner), now_(std::move(now)), changed_(std::move(changed)) {}

ScriptTracker::~ScriptTracker() = default;

void ScriptTracker::define(std::vector<Definition> definitions) {
  std::vector<std::unique_ptr<Script>> scripts;
  for (auto& definition : definitions) {
    const auto old = std::find_if(scripts_.begin(), scripts_.end(),
                                  [&](const auto& s) { return s && s->definition.script.name == definition.script.name; });
    const bool known = old != scripts_.end();
    if (known && (*old)->definition.script == definition.script && (*old)->definition.command == definition.command) {
      scripts.push_back(std::move(*old));
      continue;
    }
    ScriptJudge judge(definition.script.rise, definition.script.fall);
    // Who failed under the former definition is not well because of another weight: that counts until it answers anew.
    if (known && (*old)->judge.up()) judge.add(*(*old)->judge.up());
    const int last_status = known ? (*old)->last_status : 0;
    scripts.push_back(std::make_unique<Script>(Script{std::move(definition), judge, now_(), nullptr, last_status}));
  }
  scripts_ = std::move(scripts);
}

bool ScriptTracker::known(const std::string& name) const {
  return std::any_of(scripts_.begin(), scripts_.end(), [&](const auto& s) { return s->definition.script.name == name; });
}

std::optional<bool> ScriptTracker::up(const std::string& name) const {
  for (const auto& script : scripts_) {
    if (script->definition.script.name == name) return script->judge.up();
  }
  return std::nullopt;
}

std::vector<ScriptTracker::Shown> ScriptTracker::shown() const {
  std::vector<Shown> out;
  for (const auto& s : scripts_) out.push_back({s->definition, s->judge.up(), s->judge.counter(), s->running != nullptr});
  return out;
}

std::optional<TimePoint> ScriptTracker::next() const {
  std::optional<TimePoint> soonest;
  for (const auto& script : scripts_) {
    if (!soonest || script->next < *soonest) soonest = script->next;
  }
  return soonest;
}

void ScriptTracker::run() {
  const TimePoint now = now_();
  for (const auto& script : scripts_) {
    if (script->next > now) continue;
    // Turns missed in a stall are not made up for.
    script->next = std::max(script->next + script->definition.script.interval, now);
    if (script->next == now) script->next = now + script->definition.script.interval;
    if (!script->running) start(*script);
  }
}

void ScriptTracker::start(Script& script) {
  const auto& conf = script.definition.script;
  const Duration limit = conf.timeout > 0s ? conf.timeout : conf.interval;
  auto run = runner_.check(script.definition.command, limit, [this, &script](const Runner::Outcome& outcome) {
    if (outcome.ended) script.running.reset();
    if (outcome.counts) judge(script, outcome);
  });
  if (run) {
    script.running = std::move(*run);
  } else {
    judge(script, {.success = false, .words = run.error().message});
  }
}

void ScriptTracker::judge(Script& script, const Runner::Outcome& outcome) {
  const std::string& name = script.definition.script.name;
  const bool changed = script.judge.add(outcome.success);
  if (outcome.status && *outcome.status != std::exchange(script.last_status, *outcome.status))
    log::info("Script `{}` now returning {}", name, *outcome.status);
  if (!changed) return;
  if (outcome.success) {
    log::info("VRRP_Script({}) succeeded", name);
  } else if (outcome.ended) {
    log::info("VRRP_Script({}) failed ({})", name, outcome.words);
  } else {
    log::info("VRRP_Script({}) timed_out", name);
  }
  changed_();
}

}  // namespace xd::vrrp
