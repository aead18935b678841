// Keywords that no subsystem acts on yet: their arguments are judged all the same, as keepalived's configuration test does,
// so that a file is either sound or told what is wrong with it. Rules elsewhere take precedence over those here.
#include <fmt/core.h>

#include "conf/builder.h"

namespace xd::conf {

namespace {

constexpr Block G = Block::global_defs;
constexpr Rule::Effect judged = Rule::Effect::judged;

template <auto names>
void iptables(Builder& b, const Value& v) {
  auto& out = (b.model.global.nftables.*names).emplace();
  for (const Token& t : v.args) out.emplace_back(t.text);
  b.warn(v.at(), fmt::format("{}: iptables is not used, nftables does its work", v.keyword.name), {},
         "write nftables instead of vrrp_iptables and vrrp_ipsets");
}

void misc_path(Builder& b, const Value& v) { b.command(v.args); }

const Rule rules[] = {
    {G, "vrrp_iptables", iptables<&Nftables::iptables_chains>, nullptr, Rule::Effect::declined},
    {G, "vrrp_ipsets", iptables<&Nftables::ipsets>, nullptr, Rule::Effect::declined},
    {G, "notify_fifo_script", misc_path, nullptr, judged},
    {G, "vrrp_notify_fifo_script", misc_path, nullptr, judged},
};

}  // namespace

std::span<const Rule> judged_rules() { return rules; }

}  // namespace xd::conf
