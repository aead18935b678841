// virtual_server_group: addresses, ranges, networks and firewall marks that are served as one.
#include <arpa/inet.h>
#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "conf/builder.h"
#include "conf/values.h"

namespace xd::conf {

namespace {

// An IPv6 range or network covers at most the last 16 bits, an IPv4 one the last octet; so a line has at most this many.
constexpr std::uint32_t most_of_a_line = 65'536;
constexpr std::size_t most_of_a_group = 65'536;

std::optional<std::uint32_t> read_hex_group(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size() || value > 0xffff) return std::nullopt;
  return value;
}

// The part of an address that a range counts through: the last octet, or the last 16 bits.
std::uint32_t tail(const IpAddress& a) {
  const std::uint8_t* b = a.data();
  return a.is_v4() ? b[3] : static_cast<std::uint32_t>(b[14] << 8 | b[15]);
}

IpAddress with_tail(const IpAddress& a, std::uint32_t value) {
  if (a.is_v4()) return IpAddress::v4(htonl((ntohl(a.v4_bits()) & ~0xffu) | value));
  in6_addr bytes{};
  std::copy_n(a.data(), 16, bytes.s6_addr);
  bytes.s6_addr[14] = static_cast<std::uint8_t>(value >> 8);
  bytes.s6_addr[15] = static_cast<std::uint8_t>(value);
  return IpAddress::v6(bytes);
}

struct Range {
  IpAddress first;
  std::uint32_t count = 1;
};

// "10.0.0.1", "10.0.0.3-10", "10.0.0.3-10.0.0.10", "2001:db8::1-ff", "10.0.0.0/28". `why` is set when it is none.
std::optional<Range> read_range(std::string_view word, std::string& why) {
  const auto dash = word.find('-');
  const auto slash = word.find('/');
  const auto address = IpAddress::parse(word.substr(0, std::min(dash, slash)));
  if (!address) {
    why = "is no address";
    return std::nullopt;
  }
  const std::uint32_t low = tail(*address);
  const std::uint32_t highest = address->is_v4() ? 0xff : 0xffff;
  if (slash != std::string_view::npos) {
    const Number bits = parse_integer(word.substr(slash + 1));
    const int shortest = address->is_v4() ? 24 : 112;
    if (bits.written != Written::good || bits.value < shortest || bits.value > address->bits()) {
      why = fmt::format("needs a prefix length of {}-{}", shortest, address->bits());
      return std::nullopt;
    }
    const std::uint32_t count = 1u << (address->bits() - static_cast<int>(bits.value));
    if (low % count != 0) {
      why = "has host bits that are not zero";
      return std::nullopt;
    }
    return Range{*address, count};
  }
  if (dash == std::string_view::npos) return Range{*address, 1};

  const std::string_view end = word.substr(dash + 1);
  std::optional<std::uint32_t> high;
  if (const auto last = IpAddress::parse(end)) {
    if (last->family() == address->family() && with_tail(*last, 0) == with_tail(*address, 0)) high = tail(*last);
  } else if (address->is_v4()) {
    const Number n = parse_integer(end);
    if (n.written == Written::good && n.value >= 0 && n.value <= 0xff) high = static_cast<std::uint32_t>(n.value);
  } else {
    high = read_hex_group(end);
  }
  if (!high || *high > highest || *high < low) {
    why =
        address->is_v4() ? "is no range: it may count up in the last octet only" : "is no range: it may count up in the last 16 bits only";
    return std::nullopt;
  }
  return Range{*address, *high - low + 1};
}

bool read_mark(Builder& b, std::span<const Token> words, ServerGroupDraft& group) {
  if (words.size() < 2) return b.lacks(words[0], "fwmark needs a number"), false;
  const Number mark = parse_integer(words[1].text);
  if (mark.written != Written::good || mark.value < 1 || mark.value > UINT32_MAX) {
    b.warn(words[0], "fwmark needs a number from 1 to 4294967295; the line is ignored", "fwmark <mark> [inet|inet6]");
    return false;
  }
  ServerGroupDraft::Member m;
  m.key.fwmark = static_cast<std::uint32_t>(mark.value);
  if (words.size() > 2) {
    if (words[2].text != "inet" && words[2].text != "inet6") {
      b.warn(words[2], fmt::format("'{}' is no address family; the line is ignored", words[2].text), "inet or inet6");
      return false;
    }
    m.mark_family = words[2].text == "inet6" ? AF_INET6 : AF_INET;
  }
  group.members.push_back(m);
  return true;
}

void read_member(Builder& b, std::span<const Token> words, ServerGroupDraft& group) {
  if (words[0].text == "fwmark") {
    read_mark(b, words, group);
    return;
  }
  std::string why;
  const auto range = read_range(words[0].text, why);
  if (!range) {
    b.warn(words[0], fmt::format("'{}' {}; the line is ignored", words[0].text, why),
           "<address>[-<last>] [<port>], <address>/<bits> [<port>] or fwmark <mark>");
    return;
  }
  std::uint16_t port = 0;
  if (words.size() > 1) {
    const Number n = parse_integer(words[1].text);
    if (n.written != Written::good || n.value < 1 || n.value > 65535) {
      b.warn(words[1], fmt::format("port '{}' is outside 1-65535; the line is ignored", words[1].text));
      return;
    }
    port = static_cast<std::uint16_t>(n.value);
  }
  if (range->count > most_of_a_line || group.members.size() + range->count > most_of_a_group) {
    if (!std::exchange(group.full, true))
      b.fail(words[0], fmt::format("virtual_server_group {} has more than {} members", group.name, most_of_a_group));
    return;
  }
  for (std::uint32_t i = 0; i < range->count; ++i) {
    ServerGroupDraft::Member m;
    m.key.address = with_tail(range->first, tail(range->first) + i);
    m.key.port = port;
    group.members.push_back(m);
  }
}

void begin_group(Builder& b, const Value& v) {
  for (const ServerGroupDraft& other : b.server_groups) {
    if (other.name != v.word()) continue;
    Diagnostic twice;
    twice.message = fmt::format("virtual_server_group {} is defined twice; the second is ignored", v.word());
    twice.notes.push_back({b.place(other.at), "the first is here"});
    return b.report(std::move(twice), v.where());
  }
  ServerGroupDraft group;
  group.name = v.word();
  group.at = v.where();
  for (const Statement* s = v.tree.first(v.statement); s; s = v.tree.after(*s)) {
    const auto words = v.tree.words(*s);
    if (!words.empty()) read_member(b, words, group);
  }
  b.server_groups.push_back(std::move(group));
}

const Rule rules[] = {
    {Block::root, "virtual_server_group", begin_group},
};

}  // namespace

std::span<const Rule> server_group_rules() { return rules; }

// One virtual server for each member, when all groups have been read: a group may stand behind what uses it.
void expand_server_groups(Builder& b) {
  for (VirtualServerDraft& of_group : b.of_groups) {
    const auto found = std::find_if(b.server_groups.begin(), b.server_groups.end(),
                                    [&](const ServerGroupDraft& g) { return g.name == of_group.out.group; });
    if (found == b.server_groups.end()) {
      std::vector<std::string_view> names;
      for (const ServerGroupDraft& g : b.server_groups) names.push_back(g.name);
      const std::string_view close = nearest(of_group.out.group, names);
      Diagnostic d;
      d.message = fmt::format("virtual_server_group {} is not defined; the virtual server is ignored", of_group.out.group);
      if (!close.empty()) d.hint = fmt::format("did you mean '{}'?", close);
      b.report(std::move(d), of_group.at);
      continue;
    }
    found->used = true;
    if (found->members.empty()) b.warn(found->at, fmt::format("virtual_server_group {} has no member; nothing is served", found->name));
    const lvs::Protocol protocol = of_group.out.key.protocol;
    for (const ServerGroupDraft::Member& member : found->members) {
      b.virtual_server = of_group;
      b.virtual_server.is_member = true;
      b.virtual_server.out.key = member.key;
      if (member.key.fwmark == 0) b.virtual_server.out.key.protocol = protocol;
      if (member.mark_family != 0) b.virtual_server.mark_family = member.mark_family;
      // A real server without a port has the port of the address that was asked.
      for (RealServerDraft& r : b.virtual_server.real_servers) {
        if (r.out.endpoint.port == 0) r.out.endpoint.port = member.key.port;
      }
      if (auto& sorry = b.virtual_server.out.sorry_server; sorry && sorry->endpoint.port == 0) sorry->endpoint.port = member.key.port;
      finish_virtual_server(b);
    }
  }
  for (const ServerGroupDraft& g : b.server_groups) {
    if (!g.used) b.advise(g.at, fmt::format("virtual_server_group {} is used by no virtual_server", g.name));
  }
}

}  // namespace xd::conf
