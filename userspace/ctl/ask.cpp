#include "ctl/ask.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>

#include "ipc/socket.h"

namespace xd::ctl {

using nlohmann::json;

namespace {

constexpr Duration answer_limit = 20s;  // ten thousand instances on a busy host

}  // namespace

int complain(int code, const std::string& why) {
  fmt::print(stderr, "xdirector: {}\n", why);
  return code;
}

bool is_nobody(const Error& error) { return error.code == ENOENT || error.code == ECONNREFUSED; }

int complain_unreachable(const Context& context, const Error& error) {
  if (is_nobody(error)) {
    return complain(not_running, fmt::format("no daemon listens on {}: xdirectord is not running in this network namespace",
                                             fmt::join(context.sockets, " or ")));
  }
  return complain(failed, error.code == EACCES ? fmt::format("{}: only root may ask the daemon", error.message) : error.message);
}

int complain_no_tables(const Context& context, const Error& error) {
  int exit_code = failed;
  return ask(context, "status", exit_code) ? complain(failed, error.message) : exit_code;
}

std::optional<json> good_answer(const std::string& text, int& exit_code) {
  exit_code = failed;
  json answer = json::parse(text, nullptr, false);
  if (!answer.is_object()) {
    complain(failed, "the daemon's answer is no JSON object");
    return std::nullopt;
  }
  if (!answer.value("ok", false)) {
    complain(failed, answer.value("error", "the daemon gives no reason"));
    return std::nullopt;
  }
  return answer;
}

std::optional<json> ask(const Context& context, const char* question, int& exit_code) {
  Result<std::string> raw = Error{"nobody was asked"};
  for (const auto& socket : context.sockets) {
    raw = ipc::ask(socket, json{{"question", question}}.dump(), answer_limit);
    if (raw || !is_nobody(raw.error())) break;
  }
  if (raw) return good_answer(*raw, exit_code);
  exit_code = complain_unreachable(context, raw.error());
  return std::nullopt;
}

}  // namespace xd::ctl
