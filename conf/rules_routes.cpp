// virtual_routes, static_routes, virtual_rules, static_rules: from judged lines to values.
#include <linux/rtnetlink.h>
#include <netdb.h>

#include <algorithm>
#include <utility>

#include "conf/builder.h"
#include "conf/entry_lines.h"
#include "conf/iproute_names.h"
#include "conf/values.h"

namespace xd::conf {

namespace {

// The words have been judged: what is read here is there.

std::uint64_t number(std::string_view word) { return std::stoull(std::string(word), nullptr, word.starts_with("0x") ? 16 : 10); }

template <typename Number>
Number to(std::string_view word) {
  return static_cast<Number>(number(word));
}

std::uint32_t named(Builder& b, NameTable table, std::string_view word) { return b.iproute_names.number(table, word).value_or(0); }

IpPrefix prefix_of(std::string_view word, int family) {
  if (const auto prefix = IpPrefix::parse(word)) return *prefix;
  return {family == AF_INET6 ? IpAddress() : IpAddress::v4(0), 0};  // default, all, any
}

std::uint32_t realms_of(Builder& b, std::string_view word) {
  const auto slash = word.find('/');
  if (slash == std::string_view::npos) return named(b, NameTable::realms, word);
  return named(b, NameTable::realms, word.substr(0, slash)) << 16 | named(b, NameTable::realms, word.substr(slash + 1));
}

// Times in the kernel's unit, of which `scale` are a millisecond; without s or ms the number is in that unit already. The kernel takes
// no less than 200 ms.
std::uint32_t time_of(std::string_view word, std::uint32_t scale) {
  constexpr std::uint32_t least = 200;
  std::uint32_t value = 0;
  if (word.ends_with("ms")) {
    value = to<std::uint32_t>(word.substr(0, word.size() - 2)) * scale;
  } else if (word.ends_with('s')) {
    bool rounded = false;
    value = static_cast<std::uint32_t>(parse_decimal(word.substr(0, word.size() - 1), 1000, rounded).value) * scale;
  } else {
    value = to<std::uint32_t>(word);
  }
  return std::max(value, least * scale);
}

std::uint8_t route_type(std::string_view word) {
  constexpr std::string_view names[] = {"unspec",    "unicast",     "local",    "broadcast", "anycast", "multicast",
                                        "blackhole", "unreachable", "prohibit", "throw",     "nat",     "xresolve"};
  const auto found = std::find(std::begin(names), std::end(names), word);
  return found == std::end(names) ? to<std::uint8_t>(word) : static_cast<std::uint8_t>(found - std::begin(names));
}

// "a:b:c:d", sixteen bits each.
std::uint64_t locator_of(std::string_view word) {
  std::uint64_t out = 0;
  while (!word.empty()) {
    const auto colon = std::min(word.find(':'), word.size());
    out = out << 16 | (std::stoull("0" + std::string(word.substr(0, colon)), nullptr, 16) & 0xffff);
    word.remove_prefix(std::min(colon + 1, word.size()));
  }
  return out;
}

Encapsulation encapsulation_of(Builder& b, std::span<const Token> words) {
  Encapsulation out;
  const std::string_view kind = words[0].text;
  if (kind == "mpls") {
    out.kind = Encapsulation::Kind::mpls;
    std::string_view labels = words[1].text;
    while (!labels.empty()) {
      const auto slash = std::min(labels.find('/'), labels.size());
      out.labels.push_back(static_cast<std::uint32_t>(parse_integer(labels.substr(0, slash)).value));
      labels.remove_prefix(std::min(slash + 1, labels.size()));
    }
    return out;
  }
  if (kind == "ila") {
    out.kind = Encapsulation::Kind::ila;
    out.locator = locator_of(words[1].text);
    return out;
  }
  if (kind == "ip6") out.kind = Encapsulation::Kind::ip6;
  for (std::size_t i = 1; i + 1 < words.size(); i += 2) {
    const std::string_view option = words[i].text;
    const std::string_view value = words[i + 1].text;
    const auto address = IpAddress::parse(value);
    const bool is_address = option == "dst" || option == "src";
    const auto digits = parse_integer(value);
    const bool is_name = option == "tos" || option == "tc";
    if (is_address ? !address : !is_name && digits.written != Written::good) {
      b.warn(words[i + 1], "encap " + std::string(option) + " '" + std::string(value) + "' is not valid; it is ignored");
      continue;
    }
    if (option == "dst") out.destination = address;
    if (option == "src") out.source = address;
    if (option == "id") out.id = static_cast<std::uint64_t>(digits.value);
    if (is_name) out.tos = static_cast<std::uint8_t>(named(b, NameTable::ds_fields, value));
    if (option == "ttl" || option == "hoplimit") out.ttl = static_cast<std::uint8_t>(digits.value);
    if (option == "flags") out.flags = static_cast<std::uint16_t>(digits.value);
  }
  return out;
}

struct Metric {
  std::string_view option;
  std::uint16_t number;     // RTAX_*
  std::uint32_t scale = 0;  // of a time; 0: it is none
};

constexpr Metric metrics[] = {
    {"mtu", RTAX_MTU},           {"hoplimit", RTAX_HOPLIMIT},
    {"advmss", RTAX_ADVMSS},     {"rtt", RTAX_RTT, 8},
    {"rttvar", RTAX_RTTVAR, 4},  {"reordering", RTAX_REORDERING},
    {"window", RTAX_WINDOW},     {"cwnd", RTAX_CWND},
    {"ssthresh", RTAX_SSTHRESH}, {"rto_min", RTAX_RTO_MIN, 1},
    {"initcwnd", RTAX_INITCWND}, {"initrwnd", RTAX_INITRWND},
    {"quickack", RTAX_QUICKACK}, {"fastopen_no_cookie", RTAX_FASTOPEN_NO_COOKIE},
};

bool is_metric(Route& route, const Said& said) {
  const auto metric = std::find_if(std::begin(metrics), std::end(metrics), [&](const Metric& m) { return m.option == said.option; });
  if (metric == std::end(metrics)) return false;
  route.metrics[metric->number] = metric->scale > 0 ? time_of(said.value, metric->scale) : to<std::uint32_t>(said.value);
  if (said.locked) route.locked |= 1u << metric->number;
  return true;
}

// What a route and one of its several hops have in common.
bool is_of_hop(Builder& b, RouteHop& hop, const Said& said) {
  const std::string_view o = said.option;
  if (o == "via" || o == "gw") {
    hop.via = IpAddress::parse(said.value);
  } else if (o == "dev" || o == "oif") {
    hop.interface = said.value;
  } else if (o == "onlink") {
    hop.onlink = true;
  } else if (o == "realms") {
    hop.realms = realms_of(b, said.value);
  } else if (o == "encap") {
    hop.encapsulation = encapsulation_of(b, said.words);
  } else if (o == "weight") {
    hop.weight = std::max<std::uint16_t>(to<std::uint16_t>(said.value), 1);
  } else {
    return false;
  }
  return true;
}

VirtualRoute route_of(Builder& b, const std::vector<Said>& line) {
  VirtualRoute out;
  Route& r = out.route;
  r.family = line.back().option == "inet6" ? AF_INET6 : AF_INET;
  std::optional<std::uint8_t> protocol;
  for (const Said& said : line) {
    const std::string_view o = said.option;
    if (o == "nexthop") {
      r.hops.emplace_back();
    } else if (o == "or") {
      // An old way to write a second gateway.
      if (r.hops.empty()) r.hops.emplace_back();
      r.hops.emplace_back().via = IpAddress::parse(said.value);
    } else if (is_of_hop(b, r.hops.empty() ? r.hop : r.hops.back(), said) || is_metric(r, said)) {
      continue;
    } else if (o == said_destination) {
      r.destination = prefix_of(said.value, r.family);
    } else if (o == said_type) {
      r.type = route_type(said.value);
    } else if (o == "src") {
      r.source = IpAddress::parse(said.value);
    } else if (o == "from") {
      r.from = prefix_of(said.value, r.family);
    } else if (o == "tos" || o == "dsfield") {
      r.tos = static_cast<std::uint8_t>(named(b, NameTable::ds_fields, said.value));
    } else if (o == "table") {
      r.table = named(b, NameTable::tables, said.value);
    } else if (o == "protocol") {
      protocol = static_cast<std::uint8_t>(named(b, NameTable::protocols, said.value));
    } else if (o == "scope") {
      r.scope = static_cast<std::uint8_t>(named(b, NameTable::scopes, said.value));
    } else if (o == "metric" || o == "priority" || o == "preference") {
      r.metric = to<std::uint32_t>(said.value);
    } else if (o == "expires") {
      r.expires = to<std::uint32_t>(said.value);
    } else if (o == "features") {
      r.metrics[RTAX_FEATURES] |= RTAX_FEATURE_ECN;
    } else if (o == "congctl") {
      r.congestion_control = said.value;
      if (said.locked) r.locked |= 1u << RTAX_CC_ALGO;
    } else if (o == "pref") {
      r.preference = said.value == "low" ? 3 : said.value == "medium" ? 0 : said.value == "high" ? 1 : to<std::uint8_t>(said.value);
    } else if (o == "ttl-propagate") {
      r.ttl_propagate = said.value == "enabled";
    } else if (o == "add" || o == "append") {
      r.place = o == "add" ? Route::Place::alone : Route::Place::append;
    } else if (o == "no_track") {
      out.no_track = true;
    } else if (o == "track_group") {
      out.track_group = said.value;
    } else if (o == "vrf") {
      out.vrf = said.value;
    }
  }
  // An old-style second gateway stands beside the first.
  if (!r.hops.empty() && r.hop.via && !r.hops.front().via) r.hops.front() = std::exchange(r.hop, {});
  if (protocol && out.no_track) r.protocol = *protocol;
  return out;
}

PolicyRule::Range range_of(std::string_view word) {
  const auto dash = word.find('-');
  return {to<std::uint32_t>(word.substr(0, dash)), to<std::uint32_t>(word.substr(dash + 1))};
}

VirtualRule rule_of(Builder& b, const std::vector<Said>& line) {
  VirtualRule out;
  PolicyRule& r = out.rule;
  r.family = line.back().option == "inet6" ? AF_INET6 : AF_INET;
  r.priority = default_rule_priority;
  std::optional<std::uint8_t> protocol;
  for (const Said& said : line) {
    const std::string_view o = said.option;
    if (o == "from" || o == "to") {
      const IpPrefix network = prefix_of(said.value, r.family);
      if (network.length > 0) (o == "from" ? r.from : r.to) = network;
    } else if (o == "table" || o == "lookup") {
      r.table = named(b, NameTable::tables, said.value);
    } else if (o == "not") {
      r.inverted = true;
    } else if (o == "preference" || o == "order" || o == "priority") {
      r.priority = to<std::uint32_t>(said.value);
    } else if (o == "tos" || o == "dsfield") {
      r.tos = static_cast<std::uint8_t>(named(b, NameTable::ds_fields, said.value));
    } else if (o == "fwmark") {
      const auto slash = said.value.find('/');
      r.mark = to<std::uint32_t>(said.value.substr(0, slash));
      if (slash != std::string_view::npos) r.mask = to<std::uint32_t>(said.value.substr(slash + 1));
    } else if (o == "realms") {
      r.realms = realms_of(b, said.value);
    } else if (o == "suppress_prefixlength" || o == "sup_pl") {
      r.suppress_prefix_length = to<std::uint32_t>(said.value);
    } else if (o == "suppress_ifgroup" || o == "sup_group") {
      r.suppress_group = named(b, NameTable::groups, said.value);
    } else if (o == "dev" || o == "iif") {
      r.in_interface = said.value;
    } else if (o == "oif") {
      r.out_interface = said.value;
    } else if (o == "tunnel-id") {
      r.tunnel_id = number(said.value);
    } else if (o == "uidrange") {
      r.users = range_of(said.value);
    } else if (o == "l3mdev") {
      r.l3mdev = true;
    } else if (o == "protocol") {
      protocol = to<std::uint8_t>(said.value);
    } else if (o == "ipproto") {
      const protoent* known = ::getprotobyname(std::string(said.value).c_str());
      r.ip_protocol = known != nullptr ? static_cast<std::uint8_t>(known->p_proto) : to<std::uint8_t>(said.value);
    } else if (o == "sport") {
      r.source_ports = range_of(said.value);
    } else if (o == "dport") {
      r.destination_ports = range_of(said.value);
    } else if (o == "goto") {
      r.action = PolicyRule::Action::go_to;
      r.target = to<std::uint32_t>(said.value);
    } else if (o == "nop") {
      r.action = PolicyRule::Action::nop;
    } else if (o == "blackhole") {
      r.action = PolicyRule::Action::blackhole;
    } else if (o == "prohibit") {
      r.action = PolicyRule::Action::prohibit;
    } else if (o == "unreachable") {
      r.action = PolicyRule::Action::unreachable;
    } else if (o == "no_track") {
      out.no_track = true;
    } else if (o == "track_group") {
      out.track_group = said.value;
    }
  }
  if (out.no_track) r.protocol = protocol.value_or(0);
  return out;
}

void routes(Builder& b, const Value& v, std::vector<VirtualRoute>& out) {
  for (const Statement* s = v.tree.first(v.statement); s; s = v.tree.after(*s)) {
    if (const auto line = judge_route_line(b, v.tree.words(*s), v.keyword.block == Block::root)) out.push_back(route_of(b, *line));
  }
}

void policy_rules(Builder& b, const Value& v, std::vector<VirtualRule>& out) {
  for (const Statement* s = v.tree.first(v.statement); s; s = v.tree.after(*s)) {
    if (const auto line = judge_rule_line(b, v.tree.words(*s), v.keyword.block == Block::root)) out.push_back(rule_of(b, *line));
  }
}

const Rule rules[] = {
    {Block::root, "static_routes", [](Builder& b, const Value& v) { routes(b, v, b.model.static_routes); }},
    {Block::root, "static_rules", [](Builder& b, const Value& v) { policy_rules(b, v, b.model.static_rules); }},
    {Block::vrrp_instance, "virtual_routes", [](Builder& b, const Value& v) { routes(b, v, b.instance().out.routes); }},
    {Block::vrrp_instance, "virtual_rules", [](Builder& b, const Value& v) { policy_rules(b, v, b.instance().out.rules); }},
};

}  // namespace

std::span<const Rule> route_rules() { return rules; }

}  // namespace xd::conf
