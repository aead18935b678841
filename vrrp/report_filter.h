// Multicast listener reports (MLD) of links with a virtual MAC, held back while the instance is no master: a report that left with the
// virtual MAC would teach switches that it lives here, and draw the master's traffic. A master's reports are right where they are.
#pragma once

#include <set>
#include <string>

#include "base/result.h"
#include "vrrp/accept_filter.h"

namespace xd::vrrp {

class ReportFilter {
 public:
  explicit ReportFilter(AcceptFilter::Run run = AcceptFilter::by_nftables()) : run_(std::move(run)) {}

  // Of those links and of no others. A table of our own, made in one transaction that sweeps what an earlier process left.
  Status hold_back(const conf::Nftables& settings, const std::set<std::string>& links);

 private:
  AcceptFilter::Run run_;
  std::string table_;  // empty: there is none
  std::set<std::string> held_;
};

}  // namespace xd::vrrp
