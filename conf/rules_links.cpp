// Interfaces: which are used, what is made of them and how they are watched.
#include <fmt/core.h>

#include "conf/builder.h"

namespace xd::conf {

namespace {

constexpr Block G = Block::global_defs;

void dynamic_interfaces(Builder& b, const Value& v) {
  b.model.global.dynamic_interfaces = true;
  b.model.global.allow_if_changes = v.word() == "allow_if_changes";
  if (!v.args.empty() && !b.model.global.allow_if_changes)
    b.warn(v.where(), fmt::format("dynamic_interfaces '{}': is no option of it; it is ignored", v.word()), std::string(v.keyword.form));
}

const Rule rules[] = {
    {G, "dynamic_interfaces", dynamic_interfaces},
    {G, "default_interface", [](Builder& b, const Value& v) { b.model.global.default_interface = v.word(); }},
};

}  // namespace

std::span<const Rule> link_rules() { return rules; }

}  // namespace xd::conf
