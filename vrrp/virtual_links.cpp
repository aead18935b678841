#include "vrrp/virtual_links.h"

#include <cerrno>

#include "base/log.h"

namespace xd::vrrp {

namespace {

netlink::LinkKind kind_of(const conf::VirtualLink& link) {
  return link.kind == conf::VirtualLink::Kind::ipvlan ? netlink::LinkKind::ipvlan : netlink::LinkKind::macvlan;
}

bool is_alike(const netlink::Link& present, const VirtualLinks::Wanted& wanted, int lower) {
  const bool is_macvlan = wanted.link.kind == conf::VirtualLink::Kind::macvlan;
  return present.kind == kind_of(wanted.link) && present.lower == lower && (!is_macvlan || present.mac == wanted.link.mac);
}

}  // namespace

std::string holder_of(const conf::VrrpInstance& instance, const conf::VirtualAddress& address) {
  if (!address.link.empty()) return address.link;
  if (!address.interface.empty()) return address.interface;
  // One of the other family has nothing to do with the virtual MAC of this one.
  const bool is_of_family = address.prefix.address.family() == instance.family;
  return instance.link.kind != conf::VirtualLink::Kind::none && is_of_family ? instance.link.name : instance.interface;
}

void VirtualLinks::add_wanted(ByName& wanted, const conf::VrrpInstance& instance) {
  const auto add = [&wanted](const conf::VirtualLink& link, const std::string& lower, int family) {
    Wanted& entry = wanted.try_emplace(link.name, Wanted{link, lower}).first->second;
    (family == AF_INET ? entry.has_v4 : entry.has_v6) = true;
  };
  if (instance.link.kind != conf::VirtualLink::Kind::none) add(instance.link, instance.interface, instance.family);
  for (const auto* addresses : {&instance.addresses, &instance.excluded_addresses}) {
    for (const auto& address : *addresses) {
      if (address.link.empty()) continue;
      conf::VirtualLink link;
      link.kind = conf::VirtualLink::Kind::macvlan;
      link.name = address.link;
      link.mac = instance.virtual_mac();
      add(link, address.interface.empty() ? instance.interface : address.interface, address.prefix.address.family());
    }
  }
}

void VirtualLinks::want(ByName wanted, std::vector<std::string>& problems) {
  wanted_ = std::move(wanted);
  make_missing(problems);
}

void VirtualLinks::make_missing(std::vector<std::string>& problems) {
  for (const auto& [_, wanted] : wanted_) make(wanted, problems);
}

void VirtualLinks::remove_unwanted(std::vector<std::string>& problems) {
  for (const auto& name : std::set(made_)) {
    if (!wanted_.contains(name)) remove(name, problems);
  }
}

void VirtualLinks::remove_all(std::vector<std::string>& problems) {
  wanted_.clear();
  remove_unwanted(problems);
}

void VirtualLinks::add_settings(KernelSettings::Wanted& settings) const {
  for (const auto& [_, wanted] : wanted_) {
    if (wanted.link.kind != conf::VirtualLink::Kind::macvlan || !wanted.has_v4) continue;
    // The interface must not answer ARP for addresses that have a MAC of their own.
    settings["net/ipv4/conf/" + wanted.lower + "/arp_ignore"] = "1";
    settings["net/ipv4/conf/" + wanted.lower + "/arp_filter"] = "1";
    // Nor ask with them: who is asked would learn the interface's own MAC for them.
    settings["net/ipv4/conf/" + wanted.lower + "/arp_announce"] = "2";
    // A backup that reports its membership from the virtual MAC would draw the master's traffic to its own port. Nobody needs these
    // reports: switches flood link-local groups (RFC 4541, 2.1.2).
    settings["net/ipv4/igmp_link_local_mcast_reports"] = "0";
  }
}

void VirtualLinks::make(const Wanted& wanted, std::vector<std::string>& problems) {
  const auto* lower = netlink_->table().link(wanted.lower);
  if (lower == nullptr) return;  // when it comes
  const auto& name = wanted.link.name;
  if (const auto* present = netlink_->table().link(name)) {
    if (is_alike(*present, wanted, lower->index)) {
      made_.insert(name);
      if (!present->up) {
        if (auto status = netlink_->set_up(present->index); !status) problems.push_back(status.error().message);
      }
      return;
    }
    if (present->kind != netlink::LinkKind::macvlan && present->kind != netlink::LinkKind::ipvlan) {
      problems.push_back("cannot make " + name + " on " + wanted.lower + ": there is another interface of this name");
      return;
    }
    remove(name, problems);
  }
  netlink::NewLink link;
  link.name = name;
  link.kind = kind_of(wanted.link);
  link.lower = lower->index;
  link.mac = wanted.link.mac;
  link.ipvlan = static_cast<netlink::NewLink::Ipvlan>(wanted.link.mode);
  link.group = wanted.link.group;
  if (auto status = netlink_->add_link(link); !status) return problems.push_back(status.error().message);
  made_.insert(name);
  const auto set = [&](const std::string& setting, const char* value) { settings_->set(setting, value, problems); };
  const std::string v4 = "net/ipv4/conf/" + name + "/", v6 = "net/ipv6/conf/" + name + "/";
  if (wanted.link.kind == conf::VirtualLink::Kind::macvlan && wanted.has_v4) {
    set(v4 + "arp_ignore", "1");
    set(v4 + "accept_local", "1");         // from our own interface: it sends with the same addresses
    set(v4 + "promote_secondaries", "1");  // one VIP that goes must not take the others along
    set(v4 + "rp_filter", "0");            // the way back is through the interface below
  }
  if (wanted.has_v6) {
    set(v6 + "addr_gen_mode", "1");  // no address made of the virtual MAC: two routers would have the same
  } else {
    set(v6 + "disable_ipv6", "1");
  }
  const auto* made = netlink_->table().link(name);
  if (made == nullptr) return;
  if (auto status = netlink_->set_up(made->index); !status) problems.push_back(status.error().message);
  log::info("Success creating {} interface {} on {}", link.kind == netlink::LinkKind::macvlan ? "VMAC" : "ipvlan", name, wanted.lower);
  const auto index = netlink_->table().link(name)->index;
  if (wanted.link.address) {
    netlink::Address own;
    own.index = index;
    own.prefix = *wanted.link.address;
    if (auto status = netlink_->add_address(own); !status && status.error().code != EEXIST) problems.push_back(status.error().message);
  }
  if (!wanted.has_v6) return;
  // The interface's own link-local address is that of what stands on it: neighbour discovery needs one. It is never chosen as a source.
  for (const auto& address : std::vector(netlink_->table().addresses)) {
    if (address.index != link.lower || !address.prefix.address.is_v6() || !address.prefix.address.is_link_local()) continue;
    netlink::Address own;
    own.index = index;
    own.prefix = address.prefix;
    own.scope = address.scope;
    own.wishes.preferred = 0;
    if (auto status = netlink_->add_address(own); !status && status.error().code != EEXIST) problems.push_back(status.error().message);
    break;
  }
}

void VirtualLinks::remove(const std::string& name, std::vector<std::string>& problems) {
  made_.erase(name);
  const auto* link = netlink_->table().link(name);
  if (link == nullptr) return;
  if (auto status = netlink_->remove_link(link->index); !status) return problems.push_back(status.error().message);
  log::info("Success removing interface {}", name);
}

}  // namespace xd::vrrp
