// The kernel's events: links, addresses, routes and rules that come and go.
#include <algorithm>

#include "base/log.h"
#include "vrrp/router_parts.h"

namespace xd::vrrp {

void Router::on_netlink(const netlink::Change& change) {
  if (!committed_ || stopped_) return;
  Turn turn(*this);
  keep_time(Which::masters);  // one of thousands
  statics_.on_change(change);
  if (const auto* c = std::get_if<netlink::LinkChanged>(&change)) {
    on_link(c->link, false);
  } else if (const auto* g = std::get_if<netlink::LinkGone>(&change)) {
    on_link(g->link, true);
  } else if (const auto* a = std::get_if<netlink::AddressChanged>(&change)) {
    on_address(a->address);
  } else if (const auto* d = std::get_if<netlink::AddressGone>(&change)) {
    on_address_gone(*d);
  } else {
    on_route_gone(change);
  }
}

void Router::on_link(const netlink::Link& link, bool gone) {
  if (!links_.empty() && (gone || !links_up_.contains(link.index))) {
    std::vector<std::string> problems;
    links_.make_missing(problems);
    log_problems(problems);
  }
  link_states_.look(link.name, gone ? nullptr : &link, ports_.now());
  if (!others_.garp_groups.empty()) share_garp_clocks();
  bool in_use = false;
  for (auto& instance : instances_) {
    const auto& tracks = instance->track_interfaces;
    in_use |= instance->conf.way() == link.name;
    in_use |= std::any_of(tracks.begin(), tracks.end(), [&](const conf::Track& t) { return t.name == link.name; });
    // A link of the same name with another index is another link; and a link may have been renamed.
    if (instance->ear && way_of(*instance) != instance->index) instance->ear.reset();
    if (instance->ear && instance->link_index != link_index_of(*instance, ports_.netlink.table())) instance->ear.reset();
    if (!instance->ear && can_listen(*instance)) {
      choose_source(*instance);
      tune(*instance);
    } else if (instance->ear && link.kind == netlink::LinkKind::vlan && link.lower == instance->index) {
      tune(*instance);  // the first VLAN on its link, or the last that goes, changes who hears its adverts (xdp_hears)
    }
  }
  if (in_use) tell_link(link.name);
  look_at_heartbeats(link.name);
  if (gone || !link.up) {
    links_up_.erase(link.index);
  } else if (links_up_.insert(link.index).second) {
    restore(link);
  }
  reconsider_all();
}

// Of an interface in use: does it count as up?
void Router::tell_link(const std::string& name) {
  const bool up = is_up(name);
  const auto told = link_told_.find(name);
  if (told == link_told_.end() ? !up : told->second != up)
    log::info("{} reports {} {}", link_states_.is_polled(name) ? "Linkbeat" : "Netlink", name, up ? "up" : "down");
  link_told_[name] = up;
}

void Router::on_address(const netlink::Address& address) {
  const auto* link = ports_.netlink.table().link(address.index);
  if (link == nullptr) return;
  const IpAddress& ip = address.prefix.address;
  const bool vip = index_.is_vip(ip);
  for (auto& instance : instances_) {
    if (!vip && instance->state.faults.has(Fault::no_source_address) && instance->election.source == ip) reconsider(*instance);
  }
  for (Instance* instance : index_.on_interface("")) {
    if (instance->conf.track_src_ip) reconsider(*instance);
  }
  for (Instance* instance : index_.on_interface(link->name)) {
    if (instance->conf.track_src_ip) reconsider(*instance);
    const IpAddress before = instance->election.source;
    // What comes after the source that we have, or goes without being it, changes nothing; only an owner that sends from a VIP
    // takes another address when there is one. Thousands that come and go need not be looked through each time.
    if (!before.is_unset() && before != ip && (vip || !index_.is_vip(before))) continue;
    choose_source(*instance);
    if (instance->election.source == before) continue;
    tune(*instance);
    reconsider(*instance);
  }
  look_at_heartbeats(link->name);
}

void Router::on_address_gone(const netlink::AddressGone& gone) {
  for (Instance* instance : index_.with_address(gone.address.prefix.address)) {
    if (!instance->addresses.lost(gone)) continue;
    const auto* link = ports_.netlink.table().link(gone.address.index);
    log::info("Netlink reflector reports IP {} removed from {}", gone.address.prefix.address.str(), link != nullptr ? link->name : "?");
    lose(*instance);
  }
  on_address(gone.address);
}

void Router::on_route_gone(const netlink::Change& change) {
  const auto* route = std::get_if<netlink::RouteGone>(&change);
  const auto* rule = std::get_if<netlink::RuleGone>(&change);
  if (route == nullptr && rule == nullptr) return;
  for (auto& instance : instances_) {
    if (route != nullptr && instance->routes.lost(*route)) {
      log::info("({}) Netlink reports route to {} removed", instance->conf.name, route->route.destination.str());
    } else if (rule != nullptr && instance->routes.lost(*rule)) {
      log::info("({}) Netlink reports rule {} removed", instance->conf.name, rule->rule.priority);
    } else {
      continue;
    }
    lose(*instance);
  }
}

// Somebody took away what belongs to a master: it and its group are elected anew.
void Router::lose(Instance& instance) {
  if (instance.group == nullptr) return give(instance, AddressLost{});
  give(instance, AddressLost{});
  for (Instance* member : instance.group->members) {
    if (member != &instance) give(*member, AddressLost{.by_another = true});
  }
}

// What an interface took along when it went.
void Router::restore(const netlink::Link& link) {
  statics_.restore();
  for (auto& instance : instances_) {
    if (instance->state.role != Role::master) continue;
    std::vector<std::string> problems;
    instance->addresses.restore(&link, problems);
    instance->routes.restore(problems);
    log_problems(*instance, problems);
  }
}

}  // namespace xd::vrrp
