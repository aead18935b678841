// What nftables holds back for the roles of instances: traffic of a master's addresses under no_accept (accept_filter.h), and listener
// reports of a virtual MAC whose instance is no master (report_filter.h). What fails is logged, and elections go on.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "netlink/netlink.h"
#include "vrrp/accept_filter.h"
#include "vrrp/instance.h"
#include "vrrp/report_filter.h"

namespace xd::vrrp {

class RoleFilters {
 public:
  using Instances = std::vector<std::unique_ptr<Instance>>;

  // Without one of the two, what it does is not done.
  RoleFilters(AcceptFilter* accept, ReportFilter* report, netlink::Netlink& netlink)
      : accept_(accept), report_(report), netlink_(netlink) {}

  void configure(const conf::Nftables& settings);
  // An instance becomes master, or takes more addresses.
  void close(const Instance& instance);
  // It is master no more.
  void open(const Instance& instance);
  // Masters' addresses and no others: a reload may have taken some out.
  void trim(const Instances& instances);

  // Links whose listener reports are to be held back, each added by add_silent().
  using Links = std::set<std::string>;
  static void add_silent(Links& links, const conf::VrrpInstance& conf, Role role);
  void hold_reports(const Links& links);
  void hold_reports(const Instances& instances);

 private:
  FilteredAddresses filtered(const Instance& instance) const;

  AcceptFilter* accept_;
  ReportFilter* report_;
  netlink::Netlink& netlink_;
  conf::Nftables settings_;
};

}  // namespace xd::vrrp
