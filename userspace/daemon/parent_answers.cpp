// The parent's answers to the operator, and the one line that systemd shows.
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/log.h"
#include "daemon/parent.h"
#include "ipc/socket.h"

namespace xd::daemon {

namespace {

using nlohmann::json;

// An operator who asks waits at most this long for a child that says nothing more.
constexpr Duration children_limit = 2s;

std::string text_of(const json& answer) { return answer.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string refusal(const std::string& why) { return text_of({{"ok", false}, {"error", why}}); }

json parse_part(const std::string& text) {
  json part = json::parse(text, nullptr, false);
  return part.is_object() ? part : json::object();
}

// Lists are continued.
void merge(json& answer, json part) {
  for (auto& [key, value] : part.items()) {
    json& place = answer[key];
    if (place.is_array() && value.is_array()) {
      for (auto& element : value) place.push_back(std::move(element));
    } else {
      place = std::move(value);
    }
  }
}

}  // namespace

void Parent::open_control() {
  const std::string& configured = running_->compiled.model.xdirector.control_socket;
  const std::string path = configured.empty() ? ipc::default_control_socket() : configured;
  if (control_ && control_->path() == path) return;
  control_.reset();
  end_trace();
  const std::string directory = std::filesystem::path(path).parent_path();
  Status made = std::filesystem::exists(directory) ? Status() : ipc::make_runtime_directory(directory);
  auto control = made ? Control::open(
                            loop_, path,
                            [this](const std::string& question, Control::Asker asker, Control::Reply reply) {
                              answer(question, asker, std::move(reply));
                            },
                            [this](Control::Asker asker) {
                              if (tracer_ == asker) end_trace();
                            })
                      : Result<std::unique_ptr<Control>>(made.error());
  if (!control) {
    log::warning("xdirector cannot reach this daemon: {}", control.error().message);
    return;
  }
  control_ = std::move(*control);
}

void Parent::answer(const std::string& question, Control::Asker asker, Control::Reply reply) {
  const json asked = parse_part(question);
  const auto found = asked.find("question");
  const std::string what = found != asked.end() && found->is_string() ? found->get<std::string>() : "";
  if (what == "status") return ask_children(std::move(reply));
  if (what == "reasons") {
    const auto reasons = packet_path_.reasons();
    if (!reasons) return reply(refusal(reasons.error().message));
    json list = json::array();
    for (const auto& reason : *reasons) {
      list.push_back({{"name", reason.name},
                      {"verdict", reason.verdict},
                      {"sentence", reason.sentence},
                      {"packets", reason.packets},
                      {"bytes", reason.bytes}});
    }
    return reply(text_of({{"ok", true}, {"reasons", list}}));
  }
  if (what == "configuration") {
    if (!running_) return reply(refusal("no configuration is in effect yet"));
    const conf::Sources& sources = running_->compiled.sources;
    json found_all{{"ok", true},
                   {"config_id", options_.config_id},
                   {"xdirector_file", options_.xdirector_file},
                   {"files", json::array()},
                   {"patterns", json::array()}};
    for (const auto& file : sources.files) found_all["files"].push_back({{"name", file.name}, {"text", file.text}});
    for (const auto& [pattern, names] : sources.patterns) found_all["patterns"].push_back({{"pattern", pattern}, {"names", names}});
    return reply(text_of(found_all));
  }
  if (what == "trace") {
    if (tracer_) return reply(refusal("somebody else traces already: there can be one at a time"));
    const auto one_in = asked.value("one_in", json(1));
    if (!one_in.is_number_unsigned() || one_in == 0 || one_in > UINT32_MAX) return reply(refusal("one_in is no positive number"));
    if (const Status traced = packet_path_.trace(one_in.get<std::uint32_t>()); !traced) return reply(refusal(traced.error().message));
    tracer_ = asker;
    return reply(text_of({{"ok", true}}));
  }
  reply(refusal("unknown question '" + what + "': status, reasons, configuration, trace"));
}

void Parent::end_trace() {
  if (!std::exchange(tracer_, std::nullopt)) return;
  if (const Status ended = packet_path_.trace(0); !ended) log::warning("Packets are still traced: {}", ended.error().message);
}

void Parent::ask_children(Control::Reply reply) {
  const std::uint64_t id = ++last_question_;
  Question& question = questions_[id];
  question.reply = std::move(reply);
  question.limit = std::make_unique<Timer>(loop_, [this, id] { finish_question(id); });
  question.limit->arm_in(children_limit);
  for (const auto& m : members_) {
    if (!m->child) continue;
    ++question.missing;
    m->child->say(AskStatus{id});
  }
  if (question.missing == 0) finish_question(id);
}

void Parent::take_answer(RoleName role, StatusAnswer answer) {
  const auto place = questions_.find(answer.id);
  if (place == questions_.end()) return;
  Question& question = place->second;
  question.answers[role].push_back(std::move(answer.json));
  question.limit->arm_in(children_limit);
  if (answer.last && --question.missing == 0) finish_question(answer.id);
}

void Parent::finish_question(std::uint64_t id) {
  const auto question = questions_.extract(id);
  if (question.empty()) return;
  question.mapped().reply(status_answer(question.mapped().answers));
}

std::string Parent::status_answer(const std::map<RoleName, std::vector<std::string>>& parts) const {
  const TimePoint now = Clock::now();
  json answer{{"ok", true}, {"instances", json::array()}, {"services", json::array()}};
  for (const auto& [role, texts] : parts) {
    for (const auto& text : texts) merge(answer, parse_part(text));
  }

  const char* state = stopping_ ? "stopping" : reloading() ? "reloading" : "running";
  answer["daemon"] = {{"version", XD_VERSION},
                      {"state", state},
                      {"configuration", options_.config_file},
                      {"generation", running_ ? running_->generation : 0},
                      {"reload_error", reload_error_}};
  if (reloaded_at_) answer["daemon"]["reloaded_seconds_ago"] = to_seconds(now - *reloaded_at_);

  json& processes = answer["processes"] = json::array();
  processes.push_back(
      {{"name", "parent"}, {"pid", ::getpid()}, {"state", state}, {"uptime_seconds", to_seconds(now - started_)}, {"restarts", 0}});
  for (const auto& m : members_) {
    const bool configured = running_ && wanted(m->role, running_->compiled.model);
    if (!m->child && !configured) continue;
    json process{{"name", name(m->role)}, {"restarts", m->watchdog.restarts()}};
    if (m->child) {
      process["pid"] = m->child->pid();
      process["uptime_seconds"] = to_seconds(now - m->watchdog.start_time());
      process["state"] = parts.count(m->role) == 0 ? "not answering"
                         : m->retiring             ? "stopping"
                         : m->committed == 0       ? "starting"
                                                   : "running";
    } else {
      process["state"] = "waiting to restart";
    }
    if (!m->last_death.empty()) process["last_death"] = m->last_death;
    processes.push_back(std::move(process));
  }

  json& interfaces = answer["interfaces"] = json::array();
  for (const auto& interface : packet_path_.interfaces()) {
    interfaces.push_back({{"name", interface.name}, {"xdp", interface.mode}, {"why", interface.why}});
  }
  return text_of(answer);
}

void Parent::update_summary() {
  std::string words;
  for (const auto& m : members_) {
    if (m->summary.empty()) continue;
    words += words.empty() ? m->summary : "; " + m->summary;
  }
  service_manager_.status(words.empty() ? "nothing configured" : words);
}

}  // namespace xd::daemon
