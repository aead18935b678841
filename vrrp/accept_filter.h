// no_accept: packets to and from virtual addresses that this host must not accept are dropped by nftables, all but neighbour discovery (and
// ARP, which nftables' IP hooks do not see). The table has keepalived's form and, unless `nftables` says otherwise, its name.
//
// The table is made with the first address and goes with the last. It belongs to nobody's socket: after a crash it goes on filtering, as
// the addresses stay, and what an earlier process left is swept away in the same transaction that makes ours.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "base/ip.h"
#include "base/result.h"
#include "conf/model.h"

namespace xd::vrrp {

struct FilteredAddress {
  IpAddress address;
  std::string interface;  // link-local addresses are filtered on theirs only
  int index = 0;
  auto operator<=>(const FilteredAddress&) const = default;
};
using FilteredAddresses = std::set<FilteredAddress>;

// What to do in words of nft(8); pure, and one transaction each.
class FilterScript {
 public:
  explicit FilterScript(conf::Nftables settings) : settings_(std::move(settings)) {}
  // Sweeps a table of that name away, and makes a new one.
  std::string create(int family) const;
  std::string remove_table(int family) const;
  std::string add(const FilteredAddress& address) const { return element("add", address); }
  std::string remove(const FilteredAddress& address) const { return element("delete", address); }

 private:
  std::string element(std::string_view verb, const FilteredAddress& address) const;
  conf::Nftables settings_;
};

class AcceptFilter {
 public:
  // Carries a transaction out; empty on success, else nft's complaint.
  using Run = std::function<std::string(const std::string& script)>;
  // By libnftables, opened at first use.
  static Run by_nftables();

  explicit AcceptFilter(Run run = by_nftables());
  ~AcceptFilter();

  // Other settings: what is there moves into the new table. Before anything else; the first time it sweeps what an earlier process left.
  void configure(const conf::Nftables& settings);
  Status add(const FilteredAddresses& addresses);
  Status remove(const FilteredAddresses& addresses);
  // Those and no others.
  Status set(FilteredAddresses wanted);

 private:
  Run run_;
  conf::Nftables settings_;
  bool swept_ = false;
  FilteredAddresses present_;
};

}  // namespace xd::vrrp
