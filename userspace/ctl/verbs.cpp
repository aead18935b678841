#include "ctl/verbs.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "conf/compile.h"
#include "ctl/print.h"
#include "ipc/socket.h"

namespace xd::ctl {

namespace {

using nlohmann::json;

constexpr Duration answer_limit = 5s;

int complain(int code, const std::string& why) {
  fmt::print(stderr, "xdirector: {}\n", why);
  return code;
}

// Puts a question to the daemon and prints the answer by `print`, or as it is with -j.
int ask_and_print(const Context& context, const char* question, std::string (*print)(const json&)) {
  const auto nobody = [](const Error& error) { return error.code == ENOENT || error.code == ECONNREFUSED; };
  Result<std::string> raw = Error{"nobody was asked"};
  for (const auto& socket : context.sockets) {
    raw = ipc::ask(socket, json{{"question", question}}.dump(), answer_limit);
    if (raw || !nobody(raw.error())) break;
  }
  if (!raw) {
    const int code = raw.error().code;
    if (nobody(raw.error())) {
      return complain(not_running, fmt::format("no daemon listens on {}: xdirectord is not running in this network namespace", fmt::join(context.sockets, " or ")));
    }
    if (code == EACCES) return complain(failed, fmt::format("{}: only root may ask the daemon", raw.error().message));
    return complain(failed, raw.error().message);
  }
  const json answer = json::parse(*raw, nullptr, false);
  if (!answer.is_object()) return complain(failed, "the daemon's answer is no JSON object");
  if (!answer.value("ok", false)) return complain(failed, answer.value("error", "the daemon gives no reason"));
  fmt::print("{}", context.json ? answer.dump(2) + "\n" : print(answer));
  return fine;
}

int status(const Context& context) { return ask_and_print(context, "status", status_text); }
int reasons(const Context& context) { return ask_and_print(context, "reasons", reasons_text); }

json describe(const conf::Place& place) {
  return {{"file", place.file}, {"line", place.line}, {"column", place.column}, {"length", place.length}, {"excerpt", place.excerpt}};
}

json describe(const conf::Diagnostic& diagnostic) {
  json notes = json::array();
  for (const auto& note : diagnostic.notes) notes.push_back({{"place", describe(note.place)}, {"message", note.message}});
  return {{"severity", conf::name(diagnostic.severity)}, {"place", describe(diagnostic.place)},  {"message", diagnostic.message},
          {"expected", diagnostic.expected},             {"hint", diagnostic.hint},              {"notes", notes}};
}

// Needs no daemon: compiles the file as it stands.
int check(const Context& context) {
  conf::DiskReader disk;
  const conf::Compiled compiled = conf::compile(context.file, disk);
  if (!compiled.found) return complain(failed, fmt::format("there is no file {}", context.file));
  const auto& diagnostics = compiled.diagnostics;
  if (context.json) {
    json list = json::array();
    for (const auto& diagnostic : diagnostics.all()) list.push_back(describe(diagnostic));
    const json answer{{"ok", compiled.usable()}, {"errors", diagnostics.errors()}, {"warnings", diagnostics.warnings()}, {"diagnostics", list}};
    fmt::print("{}\n", answer.dump(2, ' ', false, json::error_handler_t::replace));
  } else {
    fmt::print("{}", diagnostics.render());
    fmt::print("{}: {} errors, {} warnings\n", context.file, diagnostics.errors(), diagnostics.warnings());
  }
  return conf::config_test_exit_code(compiled);
}

constexpr Verb table[] = {
    {"status", "instances, services, interfaces and processes of the running daemon", nullptr, status},
    {"reasons", "what the packet path did with packets, and why", nullptr, reasons},
    {"check", "compile a configuration and show what is wrong with it; exits as keepalived -t does", "FILE", check},
};

}  // namespace

std::span<const Verb> verbs() { return table; }

}  // namespace xd::ctl
