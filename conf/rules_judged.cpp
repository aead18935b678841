// Keywords that no subsystem acts on yet: their arguments are judged all the same, as keepalived's configuration test does,
// so that a file is either sound or told what is wrong with it. Rules elsewhere take precedence over those here.
#include <fmt/core.h>

#include <algorithm>

#include "conf/builder.h"
#include "conf/values.h"

namespace xd::conf {

namespace {

constexpr Block G = Block::global_defs;
constexpr Block I = Block::vrrp_instance;
constexpr Rule::Effect judged = Rule::Effect::judged;

void ignored(Builder& b, const Token& at, std::string_view keyword, std::string_view why, std::string expected = {}) {
  b.warn(at, fmt::format("{} '{}': {}; the line is ignored", keyword, at.text, why), std::move(expected));
}

// False: said what is wrong.
bool number_within(Builder& b, const Value& v, const Token& at, std::int64_t minimum, std::int64_t maximum) {
  const Number n = parse_integer(at.text);
  if (n.written == Written::good && n.value >= minimum && n.value <= maximum) return true;
  ignored(b, at, v.keyword.name, fmt::format("is no number from {} to {}", minimum, maximum), std::string(v.keyword.form));
  return false;
}

template <std::size_t n>
bool is_one_of(std::string_view word, const std::string_view (&words)[n]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

// ---- global_defs

// "[all] <seconds>"
void garp_extra_if(Builder& b, const Value& v) {
  const bool old_name = v.keyword.name.ends_with("vmac_garp_intvl");
  if (old_name) b.warn(v.at(), fmt::format("{} is an old name", v.keyword.name), {}, "write garp_extra_if");
  auto words = v.args;
  if (!words.empty() && words.front().text == "all") words = words.subspan(1);
  if (words.empty()) return b.warn(v.at(), fmt::format("{} needs seconds; it is ignored", v.keyword.name));
  number_within(b, v, words.front(), v.keyword.block == G ? 1 : 0, 86'400);
}

template <auto names>
void iptables(Builder& b, const Value& v) {
  auto& out = (b.model.global.nftables.*names).emplace();
  for (const Token& t : v.args) out.emplace_back(t.text);
  b.warn(v.at(), fmt::format("{}: iptables is not used, nftables does its work", v.keyword.name), {},
         "write nftables instead of vrrp_iptables and vrrp_ipsets");
}

// ---- vrrp_instance

void deprecated(Builder& b, const Value& v) {
  const bool polling = v.keyword.name == "linkbeat_use_polling";
  b.warn(v.at(), fmt::format("{} in a vrrp_instance is an old form", v.keyword.name), {},
         polling ? "write the interface into linkbeat_interfaces at the top level"
                 : "write lvs_sync_daemon <interface> inst <name> into global_defs");
}

void vrf(Builder& b, const Value& v) {
  if (!b.instance().out.interface.empty())
    ignored(b, v.where(), v.keyword.name, "an instance with an interface joins the VRF of that interface");
}

void misc_path(Builder& b, const Value& v) { b.command(v.args); }

const Rule rules[] = {
    {G, "vrrp_garp_extra_if", garp_extra_if, nullptr, judged},
    {G, "vrrp_vmac_garp_intvl", garp_extra_if, nullptr, judged},
    {G, "vrrp_iptables", iptables<&Nftables::iptables_chains>, nullptr, Rule::Effect::stored},
    {G, "vrrp_ipsets", iptables<&Nftables::ipsets>, nullptr, Rule::Effect::stored},
    {G, "notify_fifo_script", misc_path, nullptr, judged},
    {G, "vrrp_notify_fifo_script", misc_path, nullptr, judged},

    {I, "linkbeat_use_polling", deprecated, nullptr, judged},
    {I, "garp_extra_if", garp_extra_if, nullptr, judged},
    {I, "vmac_garp_intvl", garp_extra_if, nullptr, judged},
    {I, "vrf", vrf, nullptr, judged},
    {Block::garp_group, "interface",
     [](Builder& b, const Value& v) {
       if (b.options.interface_exists && !b.options.interface_exists(std::string(v.word())))
         ignored(b, v.where(), v.keyword.name, "does not exist");
     },
     nullptr, judged},

};

}  // namespace

std::span<const Rule> judged_rules() { return rules; }

}  // namespace xd::conf
