#include "conf/entry_lines.h"

#include <fmt/core.h>
#include <netdb.h>

#include <algorithm>
#include <array>

#include "conf/iproute_names.h"
#include "conf/values.h"

namespace xd::conf {

namespace {

constexpr std::int64_t u32 = UINT32_MAX;

// What follows an option.
enum class Takes : std::uint8_t {
  nothing,
  word,
  address,
  prefix,
  number,  // 0..maximum
  time,    // number with s or ms, 0..maximum milliseconds
  interface,
  table,
  protocol,
  scope,
  ds_field,
  realms,  // [from/]to
  group,
  ip_protocol,
  mark,   // number[/mask]
  range,  // low-high, each at most maximum
  feature,
  on_off,      // enabled, disabled
  preference,  // low, medium, high
  encapsulation,
  hops,  // the rest of the line
};

struct Option {
  std::string_view name;
  Takes takes = Takes::nothing;
  std::int64_t maximum = u32;
  bool may_lock = false;          // "lock" may stand before the value
  int family = 0;                 // only for this one
  std::string_view warning = {};  // keepalived complains of it whatever follows
};

constexpr Option route_options[] = {
    {"inet"},
    {"inet6"},
    {"src", Takes::address},
    {"via", Takes::address},
    {"gw", Takes::address, u32, false, 0, "gw is an old name: write via"},
    {"from", Takes::prefix, u32, false, AF_INET6},
    {"tos", Takes::ds_field},
    {"dsfield", Takes::ds_field},
    {"table", Takes::table},
    {"protocol", Takes::protocol},
    {"scope", Takes::scope},
    {"metric", Takes::number},
    {"priority", Takes::number},
    {"preference", Takes::number},
    {"dev", Takes::interface},
    {"oif", Takes::interface},
    {"onlink"},
    {"encap", Takes::encapsulation},
    {"expires", Takes::number, u32, false, AF_INET6},
    {"mtu", Takes::number, u32, true},
    {"hoplimit", Takes::number, 255},
    {"advmss", Takes::number, u32, true},
    {"rtt", Takes::time, 960'000, true},
    {"rttvar", Takes::time, 480'000, true},
    {"reordering", Takes::number, u32, true},
    {"window", Takes::number},
    {"cwnd", Takes::number, u32, true},
    {"ssthresh", Takes::number, u32, true},
    {"realms", Takes::realms},
    {"rto_min", Takes::time, 120'000, true},
    {"initcwnd", Takes::number},
    {"initrwnd", Takes::number},
    {"features", Takes::feature},
    {"quickack", Takes::number, 1},
    {"congctl", Takes::word, u32, true},
    {"pref", Takes::preference, u32, false, AF_INET6},
    {"ttl-propagate", Takes::on_off},
    {"fastopen_no_cookie", Takes::number, 1},
    {"add"},
    {"prepend"},
    {"append"},
    {"as", Takes::address, u32, false, 0, "as works for MPLS only"},
    {"or", Takes::address, u32, false, 0, "or is an old name: write nexthop for each gateway"},
    {"nexthop", Takes::hops},
    {"no_track"},
    {"vrf", Takes::interface},
};

constexpr Option hop_options[] = {
    {"nexthop"},
    {"inet"},
    {"inet6"},
    {"via", Takes::address},
    {"dev", Takes::interface},
    {"oif", Takes::interface},
    {"weight", Takes::number, 256},
    {"onlink"},
    {"encap", Takes::encapsulation},
    {"realms", Takes::realms},
    {"as", Takes::address},
};

constexpr Option rule_options[] = {
    {"inet"},
    {"inet6"},
    {"from", Takes::prefix},
    {"to", Takes::prefix},
    {"table", Takes::table},
    {"lookup", Takes::table},
    {"not"},
    {"preference", Takes::number},
    {"order", Takes::number},
    {"priority", Takes::number},
    {"tos", Takes::ds_field},
    {"dsfield", Takes::ds_field},
    {"fwmark", Takes::mark},
    {"realms", Takes::realms},
    {"suppress_prefixlength", Takes::number},
    {"sup_pl", Takes::number},
    {"suppress_ifgroup", Takes::group},
    {"sup_group", Takes::group},
    {"dev", Takes::interface},
    {"iif", Takes::interface},
    {"oif", Takes::interface},
    {"tunnel-id", Takes::number, no_limit},
    {"uidrange", Takes::range, u32},
    {"l3mdev"},
    {"protocol", Takes::number, 255},
    {"ipproto", Takes::ip_protocol},
    {"sport", Takes::range, 65'535},
    {"dport", Takes::range, 65'535},
    {"no_track"},
};

constexpr std::string_view route_types[] = {"unicast",     "local",    "broadcast", "anycast", "multicast", "blackhole",
                                            "unreachable", "prohibit", "throw",     "nat",     "xresolve"};
constexpr std::string_view encapsulations[] = {"ip", "ip6", "mpls", "ila"};

bool is_number(std::string_view word, std::int64_t maximum) {
  const Number n = parse_integer(word);
  return n.written == Written::good && n.value >= 0 && n.value <= maximum && !word.starts_with('-');
}

bool is_prefix(std::string_view word, int& family) {
  const auto slash = word.find('/');
  const auto address = IpAddress::parse(word.substr(0, slash));
  if (!address) return false;
  family = address->family();
  return slash == std::string_view::npos || is_number(word.substr(slash + 1), address->bits());
}

bool is_time(std::string_view word, std::int64_t most_ms) {
  bool rounded = false;
  const bool in_seconds = word.ends_with('s') && !word.ends_with("ms");  // milliseconds otherwise
  if (word.ends_with('s')) word.remove_suffix(in_seconds ? 1 : 2);
  if (!in_seconds && word.find('.') != std::string_view::npos) return false;
  const std::int64_t scale = in_seconds ? 1000 : 1;
  const Number n = parse_decimal(word, scale * 1000, rounded);
  return n.written == Written::good && n.value >= 0 && n.value / 1000 <= most_ms && !word.starts_with('-');
}

bool in_both(std::string_view word, char separator, auto&& good) {
  const auto at = word.find(separator);
  if (at == std::string_view::npos) return good(word);
  return good(word.substr(0, at)) && good(word.substr(at + 1));
}

bool is_ip_protocol(std::string_view word) { return is_number(word, 255) || ::getprotobyname(std::string(word).c_str()) != nullptr; }

// One line on its way through the words.
class Line {
 public:
  Line(Builder& b, std::span<const Token> words, std::string_view what) : b_(b), words_(words), what_(what) {}

  bool done() const { return at_ >= words_.size(); }
  const Token& here() const { return words_[at_]; }
  std::string_view word() const { return words_[at_].text; }
  void next() { ++at_; }
  int family() const { return family_; }

  // The line is said once to be wrong; the rest of it is not looked at.
  void wrong(const Token& at, std::string why, std::string expected = {}) {
    b_.warn(at, fmt::format("{}; the {} is ignored", why, what_), std::move(expected));
    at_ = words_.size();
    is_wrong_ = true;
  }

  void of_family(const Token& at, int family) {
    if (family_ == 0) family_ = family;
    if (family_ != family) wrong(at, fmt::format("'{}' is not of the other addresses' family", at.text));
  }

  // The option here, with what follows it.
  void option(const Option& o) {
    const Token& name = here();
    next();
    if (!o.warning.empty()) b_.warn(name, std::string(o.warning));
    if (o.name == "inet") of_family(name, AF_INET);
    if (o.name == "inet6") of_family(name, AF_INET6);
    if (done() && o.takes != Takes::nothing && o.takes != Takes::hops) {
      if (o.takes == Takes::encapsulation) return wrong(name, "encap needs a type", "ip, ip6, mpls or ila");
      return b_.lacks(name, fmt::format("{} needs an argument", name.text));
    }
    if (o.family != 0 && family_ != 0 && o.family != family_)
      return wrong(name, fmt::format("{} is for {} only", name.text, o.family == AF_INET6 ? "IPv6" : "IPv4"));
    const bool locked = o.may_lock && !done() && word() == "lock";
    if (locked) {
      next();
      if (done()) return b_.lacks(name, fmt::format("{} lock needs a value", name.text));
    }
    if (o.takes == Takes::nothing || o.takes == Takes::hops) return say(o.name);
    if ((word() == "inet" || word() == "inet6") && o.takes == Takes::address && at_ + 1 < words_.size()) next();
    const Token& value = here();
    const std::size_t first = at_;
    if (!argument(o, value)) return wrong(value, fmt::format("{} '{}' is not valid", name.text, value.text));
    if (!done() && o.takes != Takes::encapsulation) next();
    say(o.name, value.text, locked, words_.subspan(first, at_ - first));
  }

  void say(std::string_view option, std::string_view value = {}, bool locked = false, std::span<const Token> words = {}) {
    said_.push_back({option, value, locked, words});
  }
  // What was said, when all of it is right.
  std::optional<std::vector<Said>> said() && {
    if (is_wrong_) return std::nullopt;
    const bool tracked = std::none_of(said_.begin(), said_.end(), [](const Said& s) { return s.option == "no_track"; });
    if (tracked && foreign_protocol_)
      b_.warn(*foreign_protocol_, fmt::format("a tracked {} has protocol keepalived (18), not {}", what_, foreign_protocol_->text));
    return std::move(said_);
  }

 private:
  bool argument(const Option& o, const Token& value) {
    const std::string_view w = value.text;
    switch (o.takes) {
      case Takes::address:
      case Takes::prefix: {
        int family = 0;
        if (o.takes == Takes::prefix && (w == "all" || w == "any" || w == "default")) return true;
        if (!is_prefix(w, family) || (o.takes == Takes::address && w.find('/') != std::string_view::npos)) return false;
        of_family(value, family);
        return true;
      }
      case Takes::number:
        if (o.name == "protocol" && w != "18") foreign_protocol_ = value;
        return is_number(w, o.maximum);
      case Takes::time: return is_time(w, o.maximum);
      case Takes::interface:
        if (b_.options.interface_exists && !b_.options.interface_exists(std::string(w))) return false;
        return true;
      case Takes::table: return b_.iproute_names.number(NameTable::tables, w).has_value();
      case Takes::protocol: {
        const auto n = b_.iproute_names.number(NameTable::protocols, w);
        if (n && *n != 18) foreign_protocol_ = value;
        return n.has_value();
      }
      case Takes::scope: return b_.iproute_names.number(NameTable::scopes, w).has_value();
      case Takes::ds_field: return b_.iproute_names.number(NameTable::ds_fields, w).has_value();
      case Takes::realms:
        return in_both(w, '/', [this](auto part) { return b_.iproute_names.number(NameTable::realms, part).has_value(); });
      case Takes::group: return b_.iproute_names.number(NameTable::groups, w).has_value();
      case Takes::ip_protocol: return is_ip_protocol(w);
      case Takes::mark: return in_both(w, '/', [](auto part) { return is_number(part, u32) || part.starts_with("0x"); });
      case Takes::range: {
        const auto dash = w.find('-');
        if (dash == std::string_view::npos || !is_number(w.substr(0, dash), o.maximum) || !is_number(w.substr(dash + 1), o.maximum))
          return false;
        return parse_integer(w.substr(0, dash)).value <= parse_integer(w.substr(dash + 1)).value;
      }
      case Takes::feature: return w == "ecn";
      case Takes::on_off: return w == "enabled" || w == "disabled";
      case Takes::preference: return w == "low" || w == "medium" || w == "high" || is_number(w, 3);
      case Takes::encapsulation:
        if (std::find(std::begin(encapsulations), std::end(encapsulations), w) == std::end(encapsulations)) return false;
        next();
        return encapsulation(w);
      case Takes::word:
      case Takes::nothing:
      case Takes::hops: return true;
    }
    return true;
  }

  // The options of a tunnel stand in the middle of the line and end with the first word that is none of them.
  bool encapsulation(std::string_view kind) {
    if (kind == "mpls" || kind == "ila") {
      if (done()) return false;
      next();
      return true;
    }
    constexpr std::string_view options[] = {"id", "dst", "src", "tos", "tc", "ttl", "hoplimit", "flags"};
    while (!done() && std::find(std::begin(options), std::end(options), word()) != std::end(options)) {
      next();
      if (done()) return false;
      next();
    }
    return true;
  }

  Builder& b_;
  std::span<const Token> words_;
  std::string_view what_;
  std::size_t at_ = 0;
  int family_ = 0;
  bool is_wrong_ = false;
  std::optional<Token> foreign_protocol_;
  std::vector<Said> said_;
};

template <std::size_t size>
const Option* find(const Option (&options)[size], std::string_view name) {
  const auto found = std::find_if(std::begin(options), std::end(options), [&](const Option& o) { return o.name == name; });
  return found == std::end(options) ? nullptr : found;
}

bool track_group(Builder& b, Line& line, bool is_static) {
  if (!is_static || line.word() != "track_group") return false;
  const Token& name = line.here();
  line.next();
  if (line.done()) {
    b.lacks(name, "track_group needs an argument");
  } else {
    if (knows_track_group(b, line.here())) line.say("track_group", line.word());
    line.next();
  }
  return true;
}

}  // namespace

bool knows_track_group(Builder& b, const Token& name) {
  const bool known =
      std::any_of(b.track_groups.begin(), b.track_groups.end(), [&](const TrackGroupDraft& d) { return d.out.name == name.text; });
  if (!known) b.warn(name, fmt::format("there is no track_group {} above; it is ignored", name.text));
  return known;
}

std::optional<std::vector<Said>> judge_route_line(Builder& b, std::span<const Token> words, bool is_static) {
  if (words.empty()) return std::nullopt;
  Line line(b, words, "route");
  bool has_destination = false;
  while (!line.done()) {
    if (track_group(b, line, is_static)) continue;
    if (const Option* o = find(route_options, line.word())) {
      line.option(*o);
      if (o->takes != Takes::hops) continue;
      while (!line.done()) {
        const Option* hop = find(hop_options, line.word());
        if (!hop) {
          line.wrong(line.here(), fmt::format("'{}' is unknown behind nexthop", line.word()));
          break;
        }
        line.option(*hop);
      }
      continue;
    }
    // Everything else is the destination: [to] [type] address.
    const Token first = line.here();
    if (line.word() == "to") line.next();
    if (!line.done() &&
        (std::find(std::begin(route_types), std::end(route_types), line.word()) != std::end(route_types) || is_number(line.word(), 11))) {
      line.say(said_type, line.word());
      line.next();
    }
    if (line.done()) {
      b.lacks(first, "a route needs a destination");
      return std::nullopt;
    }
    int family = line.family() == 0 ? AF_INET : line.family();
    const Token destination = line.here();
    if (destination.text == "default6") {
      family = AF_INET6;
    } else if (destination.text != "default" && !is_prefix(destination.text, family)) {
      line.wrong(destination, fmt::format("'{}' is neither an option nor a destination", destination.text));
      return std::nullopt;
    }
    line.say(said_destination, destination.text);
    line.next();
    line.of_family(destination, family);
    has_destination = true;
  }
  if (!has_destination) {
    b.warn(words.front(), "a route needs a destination; the route is ignored");
    return std::nullopt;
  }
  line.say(line.family() == AF_INET6 ? "inet6" : "inet");
  return std::move(line).said();
}

std::optional<std::vector<Said>> judge_rule_line(Builder& b, std::span<const Token> words, bool is_static) {
  if (words.empty()) return std::nullopt;
  Line line(b, words, "rule");
  const Token* action = nullptr;
  bool has_priority = false;
  bool has_several_actions = false;
  const auto act = [&](const Token& at) {
    if (action) {
      Diagnostic d;
      d.message = fmt::format("a rule does one thing: {} after {}; the rule is ignored", at.text, action->text);
      d.notes.push_back({b.place(*action), "the first is here"});
      b.report(std::move(d), at);
      has_several_actions = true;
    }
    action = &at;
  };
  while (!line.done()) {
    if (track_group(b, line, is_static)) continue;
    const Token& name = line.here();
    if (const Option* o = find(rule_options, name.text)) {
      if (o->takes == Takes::table || o->name == "l3mdev") act(name);
      has_priority |= o->name == "preference" || o->name == "order" || o->name == "priority";
      line.option(*o);
      continue;
    }
    if (name.text == "type") {
      line.next();
      if (line.done()) {
        b.lacks(name, "type needs an argument");
        return std::nullopt;
      }
      continue;
    }
    if (name.text == "goto") {
      act(name);
      line.next();
      if (line.done()) {
        b.lacks(name, "goto needs the number of a rule");
        return std::nullopt;
      }
      if (!is_number(line.word(), u32)) {
        line.wrong(line.here(), fmt::format("goto '{}' is no number", line.word()));
        return std::nullopt;
      }
      line.say("goto", line.word());
      line.next();
      continue;
    }
    if (name.text == "nop" || name.text == "blackhole" || name.text == "prohibit" || name.text == "unreachable") {
      act(name);
      line.say(name.text);
      line.next();
      continue;
    }
    line.wrong(name, fmt::format("'{}' is no option of a rule", name.text));
    return std::nullopt;
  }
  if (!action) b.warn(words.front(), "a rule needs a table or another action; the rule is ignored");
  if (action && !has_priority)
    b.warn(words.front(), fmt::format("a rule without a priority gets {}", default_rule_priority), {}, "write priority <n>");
  if (!action || has_several_actions) return std::nullopt;
  line.say(line.family() == AF_INET6 ? "inet6" : "inet");
  return std::move(line).said();
}

}  // namespace xd::conf
