// Lines of virtual_routes, static_routes, virtual_rules and static_rules, which speak iproute2's language: judged word by
// word. Nothing is stored: no subsystem sets routes or rules yet.
#pragma once

#include <span>

#include "conf/builder.h"

namespace xd::conf {

// `is_static`: the line stands at the top level, where track_group is allowed.
void check_route_line(Builder& b, std::span<const Token> words, bool is_static);
void check_rule_line(Builder& b, std::span<const Token> words, bool is_static);

}  // namespace xd::conf
