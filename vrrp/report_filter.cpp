#include "vrrp/report_filter.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace xd::vrrp {

Status ReportFilter::hold_back(const conf::Nftables& settings, const std::set<std::string>& links) {
  const std::string table = settings.table + "_reports";
  if (table == table_ ? links == held_ : links.empty() && table_.empty()) return {};
  std::string script;
  const auto remove = [&](const std::string& name) { script += fmt::format("add table ip6 {0}\ndelete table ip6 {0}\n", name); };
  if (!table_.empty() && table_ != table) remove(table_);
  remove(table);
  if (!links.empty()) {
    script += fmt::format("add table ip6 {0}\nadd chain ip6 {0} out {{ type filter hook output priority {1}; policy accept; }}\n", table,
                          settings.priority);
    // Version 1's report and leave, version 2's report.
    script += fmt::format("add rule ip6 {} out oifname {{ \"{}\" }} icmpv6 type {{ 131, 132, 143 }} {}drop\n", table,
                          fmt::join(links, "\", \""), settings.counters ? "counter " : "");
  }
  if (const std::string complaint = run_(script); !complaint.empty()) return Error{"MLD reports of virtual MACs: nftables: " + complaint};
  table_ = links.empty() ? std::string() : table;
  held_ = links;
  return {};
}

}  // namespace xd::vrrp
