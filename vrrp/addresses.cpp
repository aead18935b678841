#include "vrrp/addresses.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "vrrp/virtual_links.h"

namespace xd::vrrp {

namespace {

// Who added an address, as `ip address` shows it: "proto keepalived". Operators and scripts look for that name.
constexpr std::uint8_t address_protocol = RTPROT_KEEPALIVED;

std::vector<VirtualAddresses::Entry> entries_of(const conf::VrrpInstance& instance) {
  std::vector<VirtualAddresses::Entry> out;
  const auto take = [&](const std::vector<conf::VirtualAddress>& addresses, bool excluded) {
    for (const auto& address : addresses) {
      out.push_back({.conf = address, .interface = holder_of(instance, address), .excluded = excluded});
    }
  };
  take(instance.addresses, false);
  take(instance.excluded_addresses, true);
  return out;
}

}  // namespace

void VirtualAddresses::define(const conf::VrrpInstance& instance, std::vector<std::string>& problems) {
  auto wanted = entries_of(instance);
  for (auto& old : entries_) {
    const auto kept = std::find_if(wanted.begin(), wanted.end(), [&](const Entry& e) { return e.is_same_address(old); });
    if (kept != wanted.end()) {
      kept->held = old.held;
      kept->index = old.index;
    } else if (old.held) {
      remove(old, problems);
    }
  }
  entries_ = std::move(wanted);
}

void VirtualAddresses::close_gates(std::vector<std::string>& problems) {
  for (const auto& entry : entries_) {
    if (!entry.held) set_gate(entry, false, problems);
  }
}

std::vector<VirtualAddresses::Entry> VirtualAddresses::acquire(std::vector<std::string>& problems) {
  held_ = true;
  std::vector<Entry> gained;
  for (auto& entry : entries_) {
    if (entry.held) continue;
    add(entry, problems);
    gained.push_back(entry);
  }
  return gained;
}

bool VirtualAddresses::restore(const netlink::Link* on, std::vector<std::string>& problems) {
  bool any = false;
  for (auto& entry : entries_) {
    if (!entry.held || (on != nullptr && entry.interface != on->name)) continue;
    const auto* link = netlink_->table().link(entry.interface);
    if (link == nullptr || netlink_->table().address(link->index, entry.conf.prefix) != nullptr) continue;
    add(entry, problems);
    any = true;
  }
  return any;
}

void VirtualAddresses::release(std::vector<std::string>& problems) {
  if (!held_) return;
  held_ = false;
  // First none is held, then they go: removing one can take others along (secondary addresses go with their primary).
  std::vector<Entry*> leaving;
  for (auto& entry : entries_) {
    if (std::exchange(entry.held, false)) leaving.push_back(&entry);
  }
  for (Entry* entry : leaving) remove(*entry, problems);
}

void VirtualAddresses::remove_leftovers(const std::function<bool(const Entry&)>& held_by_another, std::vector<std::string>& problems) {
  for (auto& entry : entries_) {
    if (!held_by_another(entry)) remove(entry, problems);
  }
}

bool VirtualAddresses::holds(const Entry& address) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.held && entry.interface == address.interface && entry.conf.prefix == address.conf.prefix;
  });
}

bool VirtualAddresses::lost(const netlink::AddressGone& gone) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    if (!entry.held || entry.conf.no_track || entry.conf.prefix != gone.address.prefix) return false;
    const netlink::Link* link = netlink_->table().link(entry.interface);
    return link != nullptr && link->index == gone.address.index && netlink_->table().address(link->index, entry.conf.prefix) == nullptr;
  });
}

bool VirtualAddresses::contains(const IpAddress& address) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.conf.prefix.address == address; });
}

void VirtualAddresses::add(Entry& entry, std::vector<std::string>& problems) {
  entry.held = true;
  set_gate(entry, true, problems);
  const auto address = address_of(entry);
  entry.index = address.index;
  if (address.index == 0) {
    problems.push_back("cannot add " + entry.conf.prefix.str() + ": interface " + entry.interface + " does not exist");
    return;
  }
  auto status = netlink_->add_address(address);
  if (!status && status.error().code != EEXIST) problems.push_back(status.error().message);
}

void VirtualAddresses::remove(Entry& entry, std::vector<std::string>& problems) {
  entry.held = false;
  const int put_on = std::exchange(entry.index, 0);
  const int index = put_on != 0 ? put_on : address_of(entry).index;
  // Looked up first: what is not there is not asked for, and a label that differs does not matter.
  if (index != 0) {
    if (const auto* present = netlink_->table().address(index, entry.conf.prefix)) {
      auto status = netlink_->remove_address(netlink::Address(*present));
      if (!status && status.error().code != EADDRNOTAVAIL) problems.push_back(status.error().message);
    }
  }
  set_gate(entry, false, problems);
}

void VirtualAddresses::set_gate(const Entry& entry, bool ours, std::vector<std::string>& problems) {
  if (!gate_) return;
  if (auto status = gate_(entry.conf.prefix.address, ours); !status) problems.push_back(status.error().message);
}

netlink::Address VirtualAddresses::address_of(const Entry& entry) const {
  const netlink::Link* link = netlink_->table().link(entry.interface);
  netlink::Address address;
  address.index = link != nullptr ? link->index : 0;
  address.prefix = entry.conf.prefix;
  address.label = entry.conf.label;
  address.scope = entry.conf.scope;
  address.broadcast = entry.conf.broadcast;
  address.peer = entry.conf.peer;
  if (entry.conf.home) address.wishes.flags |= IFA_F_HOMEADDRESS;
  if (entry.conf.mngtmpaddr) address.wishes.flags |= IFA_F_MANAGETEMPADDR;
  if (entry.conf.noprefixroute) address.wishes.flags |= IFA_F_NOPREFIXROUTE;
  if (entry.conf.autojoin) address.wishes.flags |= IFA_F_MCAUTOJOIN;
  // An address that waits for duplicate address detection is not reachable for a second or two after a takeover, and the former
  // master may still hold it: the election has decided already whose it is.
  address.wishes.duplicate_detection = entry.conf.duplicate_detection;
  address.wishes.preferred = entry.conf.preferred_lft;
  address.protocol = address_protocol;
  return address;
}

}  // namespace xd::vrrp
