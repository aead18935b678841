#include "vrrp/routes.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace xd::vrrp {

namespace {

RouteId id_of(const conf::VirtualRoute& entry) { return xd::id_of(entry.route); }
RuleId id_of(const conf::VirtualRule& entry) { return xd::id_of(entry.rule); }

}  // namespace

template <typename Conf>
void VirtualRoutes::become(std::vector<Entry<Conf>>& entries, const std::vector<Conf>& wanted, std::vector<std::string>& problems) {
  std::vector<Entry<Conf>> next;
  for (const Conf& conf : wanted) next.push_back({conf, false});
  for (auto& old : entries) {
    const auto same = std::find_if(next.begin(), next.end(), [&](const auto& e) { return e.conf == old.conf && !e.held; });
    if (same != next.end()) {
      same->held = old.held;
      continue;
    }
    // One that takes its place replaces it in one step.
    const bool is_replaced = std::any_of(next.begin(), next.end(), [&](const auto& e) { return id_of(e.conf) == id_of(old.conf); });
    constexpr bool can_replace = std::is_same_v<Conf, conf::VirtualRoute>;
    if (old.held && !(can_replace && is_replaced)) remove(old, problems);
  }
  entries = std::move(next);
}

void VirtualRoutes::define(std::vector<conf::VirtualRoute> routes, const std::vector<conf::VirtualRule>& rules,
                           std::vector<std::string>& problems) {
  become(rules_, rules, problems);
  std::erase_if(routes, [&](conf::VirtualRoute& entry) {
    if (entry.vrf.empty()) return false;
    const auto* vrf = netlink_->table().link(entry.vrf);
    entry.route.table = vrf != nullptr ? vrf->vrf_table : 0;
    if (entry.route.table == 0) problems.push_back("route to " + entry.route.destination.str() + ": " + entry.vrf + " is no VRF");
    return entry.route.table == 0;
  });
  become(routes_, routes, problems);
}

void VirtualRoutes::acquire(std::vector<std::string>& problems) {
  for (auto& entry : routes_) {
    if (!entry.held) add(entry, problems);
  }
  for (auto& entry : rules_) {
    if (!entry.held) add(entry, problems);
  }
}

bool VirtualRoutes::restore(std::vector<std::string>& problems) {
  bool any = false;
  const auto& table = netlink_->table();
  for (auto& entry : routes_) {
    const bool can_be_seen = entry.conf.route.protocol == RouteId::own_protocol;
    if (!entry.held || !can_be_seen || table.routes.contains(id_of(entry.conf))) continue;
    add(entry, problems);
    any = true;
  }
  for (auto& entry : rules_) {
    const bool can_be_seen = entry.conf.rule.protocol == RouteId::own_protocol;
    if (!entry.held || !can_be_seen || table.rules.contains(id_of(entry.conf))) continue;
    add(entry, problems);
    any = true;
  }
  return any;
}

void VirtualRoutes::release(std::vector<std::string>& problems) {
  for (auto& entry : rules_) {
    if (entry.held) remove(entry, problems);
  }
  for (auto& entry : routes_) {
    if (entry.held) remove(entry, problems);
  }
}

void VirtualRoutes::remove_leftovers(std::vector<std::string>& problems) {
  const auto& table = netlink_->table();
  for (auto& entry : rules_) {
    if (table.rules.contains(id_of(entry.conf))) remove(entry, problems);
  }
  for (auto& entry : routes_) {
    if (table.routes.contains(id_of(entry.conf))) remove(entry, problems);
  }
}

bool VirtualRoutes::lost(const netlink::RouteGone& gone) const {
  const auto& table = netlink_->table();
  if (table.routes.contains(gone.route)) return false;
  return std::any_of(routes_.begin(), routes_.end(), [&](const auto& entry) {
    if (!entry.held || !entry.conf.is_tracked() || id_of(entry.conf) != gone.route) return false;
    // Routes go with their interface, and come back with it.
    const auto* link = table.link(entry.conf.route.hop.interface);
    return link != nullptr && link->up;
  });
}

bool VirtualRoutes::lost(const netlink::RuleGone& gone) const {
  if (netlink_->table().rules.contains(gone.rule)) return false;
  return std::any_of(rules_.begin(), rules_.end(),
                     [&](const auto& entry) { return entry.held && !entry.conf.no_track && id_of(entry.conf) == gone.rule; });
}

void VirtualRoutes::add(Entry<conf::VirtualRoute>& entry, std::vector<std::string>& problems) {
  entry.held = true;
  const bool replaces = netlink_->table().routes.contains(id_of(entry.conf));
  const auto status = netlink_->add_route(entry.conf.route, replaces);
  if (!status && status.error().code != EEXIST) problems.push_back(status.error().message);
}

void VirtualRoutes::add(Entry<conf::VirtualRule>& entry, std::vector<std::string>& problems) {
  entry.held = true;
  const auto status = netlink_->add_rule(entry.conf.rule);
  if (!status && status.error().code != EEXIST) problems.push_back(status.error().message);
}

void VirtualRoutes::remove(Entry<conf::VirtualRoute>& entry, std::vector<std::string>& problems) {
  entry.held = false;
  const bool can_be_seen = entry.conf.route.protocol == RouteId::own_protocol;
  if (can_be_seen && !netlink_->table().routes.contains(id_of(entry.conf))) return;  // adding it failed, or somebody else took it out
  const auto status = netlink_->remove_route(entry.conf.route);
  if (!status && status.error().code != ESRCH) problems.push_back(status.error().message);
}

void VirtualRoutes::remove(Entry<conf::VirtualRule>& entry, std::vector<std::string>& problems) {
  entry.held = false;
  const auto status = netlink_->remove_rule(entry.conf.rule);
  if (!status && status.error().code != ENOENT) problems.push_back(status.error().message);
}

}  // namespace xd::vrrp
