// Interfaces by themselves, whoever uses them: how fast announcements leave by them, how their links are asked for, how long a change
// must last.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <string_view>

#include "conf/builder.h"
#include "conf/values.h"

namespace xd::conf {

namespace {

constexpr Block G = Block::global_defs;
constexpr Block I = Block::vrrp_instance;
constexpr Block GG = Block::garp_group;

void ignored(Builder& b, const Value& v, const Token& at, std::string_view why) {
  b.warn(at, fmt::format("{} '{}': {}; the line is ignored", v.keyword.name, at.text, why), std::string(v.keyword.form));
}

bool is_there(Builder& b, const Value& v, const Token& name) {
  if (b.model.global.dynamic_interfaces || !b.options.interface_exists || b.options.interface_exists(std::string(name.text))) return true;
  ignored(b, v, name, "does not exist");
  return false;
}

template <typename Line>
void for_each_line(const Value& v, Line&& line) {
  for (const Statement* s = v.tree.first(v.statement); s; s = v.tree.after(*s)) {
    if (const auto words = v.tree.words(*s); !words.empty()) line(words);
  }
}

// ---- garp_extra_if

// "[all] <seconds>"
void garp_extra_if(Builder& b, const Value& v) {
  const bool old_name = v.keyword.name.ends_with("vmac_garp_intvl");
  if (old_name) b.warn(v.at(), fmt::format("{} is an old name", v.keyword.name), {}, "write garp_extra_if");
  auto words = v.args;
  const bool all = !words.empty() && words.front().text == "all";
  if (all) words = words.subspan(1);
  if (words.empty()) return b.warn(v.at(), fmt::format("{} needs seconds; it is ignored", v.keyword.name));
  const std::int64_t least = v.keyword.block == G ? 1 : 0;
  constexpr std::int64_t day = 86'400;
  const Number n = parse_integer(words.front().text);
  if (n.written != Written::good || n.value < least || n.value > day)
    return ignored(b, v, words.front(), fmt::format("is no number from {} to {}", least, day));
  const ExtraGarp extra{std::chrono::seconds(n.value), all};
  if (v.keyword.block == G) {
    b.garp_extra = extra;
  } else {
    b.instance().garp_extra = extra;
  }
}

// ---- garp_group

void begin_garp_group(Builder& b, const Value& v) {
  b.model.garp_groups.emplace_back();
  b.garp_group_at = v.at();
}

GarpGroup& group(Builder& b) { return b.model.garp_groups.back(); }

void join_garp_group(Builder& b, const Value& v, const Token& name) {
  if (!is_there(b, v, name)) return;
  for (const GarpGroup& other : b.model.garp_groups) {
    if (std::find(other.interfaces.begin(), other.interfaces.end(), name.text) != other.interfaces.end())
      return ignored(b, v, name, "is in a garp_group already");
  }
  group(b).interfaces.emplace_back(name.text);
}

void garp_interfaces(Builder& b, const Value& v) {
  for_each_line(v, [&](std::span<const Token> words) {
    for (const Token& name : words) join_garp_group(b, v, name);
  });
}

void end_garp_group(Builder& b, const Value& v) {
  if (group(b).garp_interval > 0s || group(b).gna_interval > 0s) return;
  bool is_written = false;
  for_each_line(v, [&](std::span<const Token> words) {
    is_written |= words.front().text == "garp_interval" || words.front().text == "gna_interval";
  });
  if (is_written) {
    b.advise(b.garp_group_at, "garp_group with an interval of 0 holds nothing back");
  } else {
    b.warn(b.garp_group_at, "garp_group has neither garp_interval nor gna_interval; it is ignored");
  }
  b.model.garp_groups.pop_back();
}

// ---- links

void linkbeat_interfaces(Builder& b, const Value& v) {
  constexpr std::pair<std::string_view, Linkbeat::Way> ways[] = {
      {"MII", Linkbeat::Way::mii}, {"ETHTOOL", Linkbeat::Way::ethtool}, {"IOCTL", Linkbeat::Way::ioctl}};
  for_each_line(v, [&](std::span<const Token> words) {
    if (!is_there(b, v, words.front())) return;
    Linkbeat linkbeat{std::string(words.front().text), Linkbeat::Way::automatic};
    if (words.size() > 1) {
      const auto* way = std::find_if(std::begin(ways), std::end(ways), [&](const auto& w) { return w.first == words[1].text; });
      if (way == std::end(ways)) {
        b.warn(words[1], fmt::format("linkbeat_interfaces: '{}' is no way to ask for a link; the first that works is used", words[1].text),
               "MII, ETHTOOL or IOCTL");
      } else {
        linkbeat.way = way->second;
      }
    }
    b.model.linkbeats.push_back(std::move(linkbeat));
  });
}

void interface_up_down_delays(Builder& b, const Value& v) {
  constexpr std::int64_t most = 255'000'000;  // microseconds
  for_each_line(v, [&](std::span<const Token> words) {
    if (!is_there(b, v, words.front())) return;
    LinkDelay delay{std::string(words.front().text), 0s, 0s};
    if (words.size() < 2) return ignored(b, v, words.front(), "needs the seconds before a loss counts behind it");
    for (std::size_t i = 1; i < words.size() && i < 3; ++i) {
      bool rounded = false;
      const Number n = parse_decimal(words[i].text, 1'000'000, rounded);
      if (n.written != Written::good || n.value < 0 || n.value > most) return ignored(b, v, words[i], "is no number from 0 to 255");
      (i == 1 ? delay.down : delay.up) = std::chrono::microseconds(n.value);
    }
    b.model.link_delays.push_back(std::move(delay));
  });
}

void instance_linkbeat(Builder& b, const Value& v) {
  b.warn(v.at(), "linkbeat_use_polling in a vrrp_instance is an old form", {},
         "write the interface into linkbeat_interfaces at the top level");
  b.instance().out.linkbeat_use_polling = true;
}

void kernel_rx_buf_size(Builder& b, const Value& v) {
  b.instance().out.receive_buffer = static_cast<std::uint32_t>(std::min<std::int64_t>(v.number, INT32_MAX));
}

void vrf(Builder& b, const Value& v) {
  if (!b.instance().out.interface.empty()) return ignored(b, v, v.where(), "an instance with an interface joins the VRF of that interface");
  if (is_there(b, v, v.where())) b.instance().out.vrf = v.word();
}

const Rule rules[] = {
    {G, "vrrp_garp_extra_if", garp_extra_if},
    {G, "vrrp_vmac_garp_intvl", garp_extra_if},
    {I, "garp_extra_if", garp_extra_if},
    {I, "vmac_garp_intvl", garp_extra_if},

    {Block::root, "garp_group", begin_garp_group, end_garp_group},
    {GG, "garp_interval", [](Builder& b, const Value& v) { group(b).garp_interval = v.duration; }},
    {GG, "gna_interval", [](Builder& b, const Value& v) { group(b).gna_interval = v.duration; }},
    {GG, "interface", [](Builder& b, const Value& v) { join_garp_group(b, v, v.where()); }},
    {GG, "interfaces", garp_interfaces},

    {Block::root, "linkbeat_use_polling", [](Builder& b, const Value&) { b.model.linkbeat_use_polling = true; }},
    {Block::root, "linkbeat_interfaces", linkbeat_interfaces},
    {I, "linkbeat_use_polling", instance_linkbeat},
    {Block::root, "interface_up_down_delays", interface_up_down_delays},
    {I, "vrf", vrf},
    {I, "kernel_rx_buf_size", kernel_rx_buf_size},
};

}  // namespace

std::span<const Rule> interface_rules() { return rules; }

}  // namespace xd::conf
