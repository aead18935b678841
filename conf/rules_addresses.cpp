#include "conf/addresses.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <net/if.h>

#include <algorithm>

#include "conf/entry_lines.h"
#include "conf/values.h"

namespace xd::conf {

namespace {

std::string_view family_name(int family) { return family == AF_INET6 ? "IPv6" : "IPv4"; }

}  // namespace

bool belongs_to_family(Builder& b, const Token& at, const IpAddress& address) {
  InstanceDraft& i = b.instance();
  if (i.family == 0) {
    i.family = address.family();
    i.family_at = at;
  }
  if (i.family == address.family()) return true;
  Diagnostic d;
  d.message = fmt::format("{} is not an {} address as the others of {}; it is ignored", address.str(), family_name(i.family), i.out.name);
  d.notes.push_back({b.place(i.family_at), "the family was decided here"});
  b.report(std::move(d), at);
  return false;
}

namespace {

// Whose addresses they are.
enum class Place { of_instance, excluded, at_start };

bool address_option(Builder& b, VirtualAddress& out, std::span<const Token> words, std::size_t& i, Place place) {
  const Token& option = words[i];
  const auto argument = [&]() -> const Token* {
    if (i + 1 < words.size()) return &words[++i];
    b.warn(option, fmt::format("{} of {} needs an argument", option.text, out.prefix.address.str()));
    return nullptr;
  };
  if (option.text == "dev") {
    const Token* name = argument();
    if (!name) return true;
    out.interface = name->text;
    return b.interface_exists(*name, out.prefix.address.str());
  }
  if (option.text == "label") {
    const Token* label = argument();
    if (!label) return true;
    if (label->text.size() >= IFNAMSIZ) {
      b.warn(*label, fmt::format("label {} is longer than {} characters; the address is left out", label->text, IFNAMSIZ - 1));
      return false;
    }
    out.label = label->text;
    return true;
  }
  if (option.text == "scope") {
    const Token* word = argument();
    if (!word) return true;
    if (const auto scope = b.iproute_names.number(NameTable::scopes, word->text)) {
      out.scope = static_cast<int>(*scope);
    } else {
      b.warn(*word, fmt::format("scope '{}' is unknown; it is ignored", word->text), "global, site, link, host, nowhere or 0-255");
    }
    return true;
  }
  if (option.text == "brd" || option.text == "broadcast") {
    const Token* word = argument();
    if (!word) return true;
    const auto address = IpAddress::parse(word->text);
    if (address && address->is_v4()) {
      out.broadcast = *address;
    } else if ((word->text == "+" || word->text == "-") && out.prefix.address.is_v4()) {
      const std::uint32_t hosts = out.prefix.length >= 32 ? 0 : 0xffffffffu >> out.prefix.length;
      const std::uint32_t host_order = ntohl(out.prefix.address.v4_bits());
      out.broadcast = IpAddress::v4(htonl(word->text == "+" ? host_order | hosts : host_order & ~hosts));
    } else {
      b.warn(*word, fmt::format("broadcast '{}' is neither an IPv4 address nor + or -; it is ignored", word->text));
    }
    return true;
  }
  if (option.text == "no_track") {
    out.no_track = true;
    return true;
  }
  if (option.text == "peer") {
    const Token* word = argument();
    if (!word) return true;
    const auto peer = IpPrefix::parse(word->text);
    if (!peer) {
      b.warn(*word, fmt::format("peer '{}' is not an IP address; the address is left out", word->text));
      return false;
    }
    if (peer->address.family() != out.prefix.address.family()) {
      b.warn(*word, fmt::format("peer {} is of another family; the address is left out", word->text));
      return false;
    }
    out.peer = peer->address;
    out.prefix.length = peer->length;
    return true;
  }
  if (option.text == "preferred_lft") {
    const Token* word = argument();
    if (!word) return true;
    const Number n = parse_integer(word->text);
    if (word->text == "forever") {
      out.preferred_lft.reset();
    } else if (n.written == Written::good && n.value >= 0 && n.value <= UINT32_MAX) {
      out.preferred_lft = static_cast<std::uint32_t>(n.value);
    } else {
      b.warn(*word, fmt::format("preferred_lft '{}' is neither seconds nor forever; it is ignored", word->text));
    }
    return true;
  }
  if (option.text == "track_group" && place == Place::at_start) {
    if (const Token* name = argument(); name && knows_track_group(b, *name)) out.track_group = name->text;
    return true;
  }
  if (option.text == "track_group") {
    b.warn(option, "track_group is for addresses in static_ipaddress; it is ignored");
    if (i + 1 < words.size()) ++i;
    return true;
  }
  if (option.text == "use_vmac" && place != Place::at_start) {
    out.use_vmac = true;
    return true;
  }
  constexpr std::pair<std::string_view, bool VirtualAddress::*> flags[] = {{"home", &VirtualAddress::home},
                                                                           {"-nodad", &VirtualAddress::duplicate_detection},
                                                                           {"mngtmpaddr", &VirtualAddress::mngtmpaddr},
                                                                           {"noprefixroute", &VirtualAddress::noprefixroute},
                                                                           {"autojoin", &VirtualAddress::autojoin}};
  for (const auto& [name, member] : flags) {
    if (option.text != name) continue;
    out.*member = true;
    return true;
  }
  std::vector<std::string_view> names;
  for (const Keyword* k : keywords(Block::address_entry)) names.push_back(k->name);
  const std::string_view close = nearest(option.text, names);
  b.warn(option, fmt::format("unknown option '{}' of address {}; it is ignored", option.text, out.prefix.address.str()), {},
         close.empty() ? "" : fmt::format("did you mean '{}'?", close));
  return true;
}

void drop_what_is_ipv4_only(Builder& b, const Token& at, VirtualAddress& address) {
  if (address.prefix.address.is_v4()) return;
  const auto drop = [&](std::string_view what) {
    b.warn(at, fmt::format("{} is an IPv6 address and has no {}; it is ignored", address.prefix.address.str(), what));
  };
  if (!address.label.empty()) drop("label");
  if (address.scope != 0) drop("scope");
  address.label.clear();
  address.scope = 0;
}

bool default_interface_exists(Builder& b, const Token& at) {
  const std::string& name = b.model.global.default_interface;
  if (b.model.global.dynamic_interfaces || !b.options.interface_exists || b.options.interface_exists(name)) return true;
  b.warn(at, fmt::format("static address {} names no interface, and default_interface {} does not exist", at.text, name));
  return false;
}

void addresses(Builder& b, const Value& v, std::vector<VirtualAddress>& out, Place place) {
  for (const Statement* s = v.tree.first(v.statement); s; s = v.tree.after(*s)) {
    const Token& word = v.tree.keyword(*s);
    VirtualAddress address;
    const auto slash = word.text.find('/');
    const auto ip = IpAddress::parse(word.text.substr(0, slash));
    if (!ip) {
      b.warn(word, fmt::format("'{}' is not an IP address; the line is ignored", word.text),
             "<address>[/<prefix length>] [dev <interface>] ...");
      continue;
    }
    address.prefix = {*ip, static_cast<std::uint8_t>(ip->bits())};
    if (slash != std::string_view::npos) {
      const std::string_view digits = word.text.substr(slash + 1);
      const Number length = parse_integer(digits);
      if (length.written == Written::good && length.value >= 0 && length.value <= ip->bits()) {
        address.prefix.length = static_cast<std::uint8_t>(length.value);
      } else {
        b.warn(word, fmt::format("prefix length {} of {} is outside 0-{}; {} is used", digits, ip->str(), ip->bits(), ip->bits()));
      }
    }
    if (place == Place::of_instance && !belongs_to_family(b, word, *ip)) continue;
    // A host's address in IPv6 is reachable, but the host does not choose it for connections of its own.
    if (ip->is_v6() && address.prefix.length == 128) address.preferred_lft = 0;
    bool usable = true;
    const auto words = v.tree.arguments(*s);
    for (std::size_t i = 0; i < words.size(); ++i) usable = address_option(b, address, words, i, place) && usable;
    if (!usable) continue;
    drop_what_is_ipv4_only(b, word, address);
    if (place == Place::at_start && address.interface.empty() && !default_interface_exists(b, word)) continue;
    if (std::any_of(out.begin(), out.end(),
                    [&](const VirtualAddress& a) { return a.prefix == address.prefix && a.interface == address.interface; })) {
      b.advise(word, fmt::format("{} is listed twice; once is enough", address.prefix.str()));
      continue;
    }
    out.push_back(std::move(address));
  }
}

const Rule rules[] = {
    {Block::vrrp_instance, "virtual_ipaddress",
     [](Builder& b, const Value& v) {
       b.instance().addresses_at = v.at();
       addresses(b, v, b.instance().out.addresses, Place::of_instance);
     }},
    {Block::vrrp_instance, "virtual_ipaddress_excluded",
     [](Builder& b, const Value& v) { addresses(b, v, b.instance().out.excluded_addresses, Place::excluded); }},
    {Block::root, "static_ipaddress", [](Builder& b, const Value& v) { addresses(b, v, b.model.static_addresses, Place::at_start); }},
};

}  // namespace

std::span<const Rule> address_rules() { return rules; }

}  // namespace xd::conf
