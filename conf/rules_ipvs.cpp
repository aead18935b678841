// What global_defs says about kernel IPVS as a whole.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <type_traits>

#include "conf/builder.h"
#include "conf/values.h"

namespace xd::conf {

namespace {

constexpr Block G = Block::global_defs;

void ignored(Builder& b, const Token& at, const Value& v, std::string_view why) {
  b.warn(at, fmt::format("{} '{}': {}; the line is ignored", v.keyword.name, at.text, why), std::string(v.keyword.form));
}

std::optional<std::int64_t> number_within(Builder& b, const Value& v, const Token& at, std::int64_t minimum, std::int64_t maximum) {
  const Number n = parse_integer(at.text);
  if (n.written == Written::good && n.value >= minimum && n.value <= maximum) return n.value;
  ignored(b, at, v, fmt::format("is no number from {} to {}", minimum, maximum));
  return std::nullopt;
}

void lvs_timeouts(Builder& b, const Value& v) {
  constexpr std::int64_t month = 2'678'400;  // seconds: the kernel takes no more
  if (v.args.empty()) return b.warn(v.at(), "lvs_timeouts sets nothing", std::string(v.keyword.form));
  LvsTimeouts timeouts;
  for (std::size_t i = 0; i < v.args.size(); i += 2) {
    const std::string_view name = v.args[i].text;
    auto* seconds = name == "tcp" ? &timeouts.tcp : name == "tcpfin" ? &timeouts.tcp_fin : name == "udp" ? &timeouts.udp : nullptr;
    if (seconds == nullptr) return ignored(b, v.args[i], v, "is no timeout");
    if (i + 1 >= v.args.size()) return ignored(b, v.args[i], v, "needs seconds behind it");
    const auto number = number_within(b, v, v.args[i + 1], 0, month);
    if (!number) return;
    *seconds = static_cast<std::uint32_t>(*number);
  }
  b.model.global.lvs_timeouts = timeouts;
}

void lvs_flush_on_stop(Builder& b, const Value& v) {
  if (!v.args.empty() && v.word() != "VS") return ignored(b, v.where(), v, "is neither VS nor nothing");
  b.model.global.lvs_flush_on_stop = v.args.empty() ? LvsFlushOnStop::all : LvsFlushOnStop::services;
}

void lvs_sync_daemon_interface(Builder& b, const Value& v) {
  b.warn(v.at(), "lvs_sync_daemon_interface is an old name", {}, "write lvs_sync_daemon in global_defs");
  auto& daemon = b.model.global.lvs_sync_daemon;
  if (daemon) return;
  daemon.emplace().interface = v.word();
  daemon->instance = b.instance().out.name;
  b.sync_daemon_at = v.where();
}

const Rule rules[] = {
    {G, "lvs_flush", [](Builder& b, const Value&) { b.model.global.lvs_flush = true; }},
    {G, "lvs_flush_on_stop", lvs_flush_on_stop},
    {G, "lvs_flush_onstop", lvs_flush_on_stop},
    {G, "lvs_timeouts", lvs_timeouts},
    {Block::vrrp_instance, "lvs_sync_daemon_interface", lvs_sync_daemon_interface},
};

}  // namespace

std::span<const Rule> ipvs_rules() { return rules; }

}  // namespace xd::conf
