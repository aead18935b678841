// Lines of virtual_routes, static_routes, virtual_rules and static_rules, which speak iproute2's language: judged word by word.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "conf/builder.h"

namespace xd::conf {

// One option of a line with its value; both are views into the text. The line's family is the last, inet or inet6.
struct Said {
  std::string_view option;
  std::string_view value;
  bool locked = false;           // "lock" stood before the value
  std::span<const Token> words;  // of encap: its kind and options
};
inline constexpr std::string_view said_type = "(type)";
inline constexpr std::string_view said_destination = "(destination)";

// Of a rule that names none.
inline constexpr std::uint32_t default_rule_priority = 16'384;

// Of the track_group option: the groups that it can name stand above it, as in keepalived. False: this one does not, which has been said.
bool knows_track_group(Builder& b, const Token& name);

// `is_static`: the line stands at the top level, where track_group is allowed. None: it is wrong, which has been said.
std::optional<std::vector<Said>> judge_route_line(Builder& b, std::span<const Token> words, bool is_static);
std::optional<std::vector<Said>> judge_rule_line(Builder& b, std::span<const Token> words, bool is_static);

}  // namespace xd::conf
