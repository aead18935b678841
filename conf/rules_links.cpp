// Interfaces: which are used, what is made of them and how they are watched.
#include <fmt/core.h>
#include <net/if.h>

#include <algorithm>

#include "conf/builder.h"
#include "conf/values.h"

namespace xd::conf {

namespace {

constexpr Block G = Block::global_defs;
constexpr Block I = Block::vrrp_instance;

void dynamic_interfaces(Builder& b, const Value& v) {
  b.model.global.dynamic_interfaces = true;
  b.model.global.allow_if_changes = v.word() == "allow_if_changes";
  if (!v.args.empty() && !b.model.global.allow_if_changes)
    b.warn(v.where(), fmt::format("dynamic_interfaces '{}': is no option of it; it is ignored", v.word()), std::string(v.keyword.form));
}

// The name of a link to be made.
void link_name(Builder& b, const Value& v, const Token& word, VirtualLink& link) {
  const bool is_valid = !word.text.empty() && word.text.size() < IFNAMSIZ && word.text.find('/') == std::string_view::npos;
  if (!is_valid)
    return b.warn(word, fmt::format("{}: '{}' cannot be the name of an interface; it is ignored", v.keyword.name, word.text), {},
                  fmt::format("at most {} characters", IFNAMSIZ - 1));
  if (!link.name.empty())
    return b.warn(word, fmt::format("{}: '{}' is a second name; it is ignored", v.keyword.name, word.text), std::string(v.keyword.form));
  link.name = word.text;
}

// "group <n>" and "name <word>" at `i`; false: it is neither.
bool common_option(Builder& b, const Value& v, std::size_t& i, VirtualLink& link) {
  const bool has_value = i + 1 < v.args.size();
  if (v.args[i].text == "name" && has_value) {
    link_name(b, v, v.args[++i], link);
    return true;
  }
  if (v.args[i].text != "group" || !has_value) return false;
  const Number n = parse_integer(v.args[++i].text);
  if (n.written == Written::good && n.value >= 0 && n.value <= INT32_MAX) {
    link.group = static_cast<std::uint32_t>(n.value);
  } else {
    b.warn(v.args[i], fmt::format("{}: group '{}' is no number; it is ignored", v.keyword.name, v.args[i].text));
  }
  return true;
}

// All six octets, or five to which the VRID is added: the VRID may stand further down.
std::optional<MacAddress> mac_of(std::string_view word, bool& lacks_vrid) {
  lacks_vrid = std::count(word.begin(), word.end(), ':') == 4;
  return MacAddress::parse(lacks_vrid ? std::string(word) + ":00" : std::string(word));
}

void use_vmac(Builder& b, const Value& v) {
  InstanceDraft& d = b.instance();
  VirtualLink link;
  link.kind = VirtualLink::Kind::macvlan;
  for (std::size_t i = 0; i < v.args.size(); ++i) {
    const Token& word = v.args[i];
    bool lacks_vrid = false;
    if (common_option(b, v, i, link) || word.text == "netlink_notify_msg") continue;
    const auto mac = mac_of(word.text, lacks_vrid);
    if (!mac) {
      link_name(b, v, word, link);
    } else if (mac->bytes[0] & 1) {
      b.warn(word, fmt::format("use_vmac: {} is a multicast address; it is ignored", word.text));
    } else if (mac->bytes[0] == 0 && mac->bytes[1] == 0 && mac->bytes[2] == 0x5e && mac->bytes[3] == 0) {
      b.warn(word, fmt::format("use_vmac: {} is one of the RFC's, which are used by themselves; it is ignored", word.text));
    } else {
      link.mac = *mac;
      d.mac_lacks_vrid = lacks_vrid;
    }
  }
  d.out.link = link;
}

void use_ipvlan(Builder& b, const Value& v) {
  VirtualLink link;
  link.kind = VirtualLink::Kind::ipvlan;
  for (std::size_t i = 0; i < v.args.size(); ++i) {
    const Token& word = v.args[i];
    if (common_option(b, v, i, link)) continue;
    if (word.text == "bridge") {
      link.mode = VirtualLink::IpvlanMode::bridge;
    } else if (word.text == "private") {
      link.mode = VirtualLink::IpvlanMode::private_;
    } else if (word.text == "vepa") {
      link.mode = VirtualLink::IpvlanMode::vepa;
    } else if (const auto address = IpPrefix::parse(word.text)) {
      link.address = *address;
    } else {
      link_name(b, v, word, link);
    }
  }
  b.instance().out.link = link;
}

std::string free_name(std::set<std::string>& taken, const std::string& prefix, const VrrpInstance& i) {
  const std::string number = "." + std::to_string(i.vrid);
  const auto cut = [](std::string start, const std::string& end) { return start.substr(0, IFNAMSIZ - 1 - end.size()) + end; };
  std::string name = cut(prefix, number);
  if (taken.contains(name) && i.family == AF_INET6) name = cut(prefix + "6", number);
  for (int more = 1; taken.contains(name); ++more) name = cut(prefix, number + "." + std::to_string(more));
  taken.insert(name);
  return name;
}

void finish_link(Builder& b, InstanceDraft& d, std::set<std::string>& taken) {
  VrrpInstance& i = d.out;
  VirtualLink& link = i.link;
  const auto give_up = [&](std::string_view why) {
    b.warn(d.at, fmt::format("{}: {}; it sends from its interface", i.name, why));
    link = {};
  };
  if (link.kind != VirtualLink::Kind::none && i.interface.empty()) give_up("use_vmac and use_ipvlan need an interface");
  if (link.kind == VirtualLink::Kind::macvlan) {
    if (d.mac_lacks_vrid) link.mac.bytes[5] = i.vrid;
    if (i.strict && !link.mac.is_zero()) {
      b.warn(d.at, fmt::format("{}: strict mode has the RFC's virtual MAC only; it is used", i.name));
      link.mac = {};
    }
    if (link.mac.is_zero()) link.mac = VrrpInstance::rfc_mac(i.family, i.vrid);
  }
  if (link.address && link.address->address.family() != i.family) {
    b.warn(d.at, fmt::format("{}: the address of use_ipvlan is of another family than the instance's; it is ignored", i.name));
    link.address.reset();
  }
  if (link.kind == VirtualLink::Kind::ipvlan && i.family == AF_INET && !link.address) {
    b.warn(d.at, fmt::format("{}: use_ipvlan needs an address of its own over IPv4; the instance stays in fault", i.name), {},
           "write use_ipvlan <address>/<prefix length>");
  }
  if (i.vmac_xmit_base && link.kind == VirtualLink::Kind::none) {
    b.warn(d.vmac_only_at, fmt::format("{}: {} has no effect without use_vmac", i.name, d.vmac_only_at.text));
    i.vmac_xmit_base = false;
  }
  if (link.kind == VirtualLink::Kind::macvlan && !i.unicast_peers.empty() && !i.vmac_xmit_base) {
    b.warn(d.at, fmt::format("{}: unicast with use_vmac requires vmac_xmit_base, which is set", i.name));
    i.vmac_xmit_base = true;
  }
  if (i.vmac_xmit_base && i.strict) {
    b.warn(d.vmac_only_at, fmt::format("{}: strict mode sends adverts with the virtual MAC; vmac_xmit_base is cleared", i.name));
    i.vmac_xmit_base = false;
  }
  if (link.kind != VirtualLink::Kind::none) {
    if (link.name.empty()) {
      link.name = free_name(taken, b.model.global.vmac_prefix, i);
    } else if (!taken.insert(link.name).second) {
      b.warn(d.at, fmt::format("{}: {} is the link of another instance", i.name, link.name));
      link.name = free_name(taken, b.model.global.vmac_prefix, i);
    }
  }
  // Addresses that stand on links of their own: one link for each interface.
  std::map<std::string, std::string> by_interface;
  if (link.kind == VirtualLink::Kind::macvlan) by_interface[i.interface] = link.name;
  for (auto* addresses : {&i.addresses, &i.excluded_addresses}) {
    for (VirtualAddress& a : *addresses) {
      const std::string& interface = a.interface.empty() ? i.interface : a.interface;
      if (!a.use_vmac && !(i.use_vmac_addr && interface != i.interface)) continue;
      std::string& name = by_interface[interface];
      if (name.empty()) name = free_name(taken, b.model.global.vmac_addr_prefix, i);
      a.link = name;
    }
  }
}

const Rule rules[] = {
    {G, "dynamic_interfaces", dynamic_interfaces},
    {G, "default_interface", [](Builder& b, const Value& v) { b.model.global.default_interface = v.word(); }},
    {G, "disable_local_igmp", [](Builder& b, const Value&) { b.model.global.disable_local_igmp = true; }},
    {G, "vmac_prefix",
     [](Builder& b, const Value& v) {
       b.model.global.vmac_prefix = v.word();
       if (!b.vmac_addr_prefix_given) b.model.global.vmac_addr_prefix = v.word();
     }},
    {G, "vmac_addr_prefix",
     [](Builder& b, const Value& v) {
       b.model.global.vmac_addr_prefix = v.word();
       b.vmac_addr_prefix_given = true;
     }},
    {I, "use_vmac", use_vmac},
    {I, "use_ipvlan", use_ipvlan},
    {I, "use_vmac_addr", [](Builder& b, const Value&) { b.instance().out.use_vmac_addr = true; }},
    {I, "vmac_xmit_base",
     [](Builder& b, const Value& v) {
       b.instance().out.vmac_xmit_base = true;
       b.instance().vmac_only_at = v.at();
     }},
};

}  // namespace

std::span<const Rule> link_rules() { return rules; }

void finish_links(Builder& b) {
  std::set<std::string> taken;
  for (InstanceDraft& d : b.instances) finish_link(b, d, taken);
}

}  // namespace xd::conf
