#include "vrrp/role_filters.h"

#include <sys/socket.h>

#include <utility>

#include "base/log.h"

namespace xd::vrrp {

void RoleFilters::configure(const conf::Nftables& settings) {
  settings_ = settings;
  if (accept_ != nullptr) accept_->configure(settings);
}

// An owner accepts whatever the line says (RFC 9568, 6.1).
FilteredAddresses RoleFilters::filtered(const Instance& instance) const {
  FilteredAddresses out;
  if (instance.conf.accept || instance.conf.priority == priority_owner) return out;
  for (const auto& entry : instance.addresses.entries()) {
    const auto* link = netlink_.table().link(entry.interface);
    out.insert({entry.conf.prefix.address, entry.interface, link == nullptr ? 0 : link->index});
  }
  return out;
}

void RoleFilters::close(const Instance& instance) {
  const auto addresses = filtered(instance);
  if (accept_ == nullptr || addresses.empty()) return;
  if (auto status = accept_->add(addresses); !status) log::error("({}) {}", instance.conf.name, status.error().message);
}

void RoleFilters::open(const Instance& instance) {
  const auto addresses = filtered(instance);
  if (accept_ == nullptr || addresses.empty()) return;
  if (auto status = accept_->remove(addresses); !status) log::error("({}) {}", instance.conf.name, status.error().message);
}

void RoleFilters::trim(const Instances& instances) {
  if (accept_ == nullptr) return;
  FilteredAddresses wanted;
  for (const auto& instance : instances) {
    if (instance->state.role == Role::master) wanted.merge(filtered(*instance));
  }
  if (auto status = accept_->set(std::move(wanted)); !status) log::error("{}", status.error().message);
}

// Over IPv6 the kernel reports the groups of a link with the virtual MAC, whoever is master.
void RoleFilters::add_silent(Links& links, const conf::VrrpInstance& conf, Role role) {
  if (conf.family == AF_INET6 && conf.link.kind == conf::VirtualLink::Kind::macvlan && role != Role::master) links.insert(conf.link.name);
}

void RoleFilters::hold_reports(const Links& links) {
  if (report_ == nullptr) return;
  if (auto status = report_->hold_back(settings_, links); !status) log::error("{}", status.error().message);
}

void RoleFilters::hold_reports(const Instances& instances) {
  Links links;
  for (const auto& instance : instances) add_silent(links, instance->conf, instance->state.role);
  hold_reports(links);
}

}  // namespace xd::vrrp
