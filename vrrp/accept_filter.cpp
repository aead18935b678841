#include "vrrp/accept_filter.h"

#include <fmt/format.h>
#include <nftables/libnftables.h>

#include <algorithm>

namespace xd::vrrp {

namespace {

std::string_view word(int family) { return family == AF_INET ? "ip" : "ip6"; }

bool any(const FilteredAddresses& addresses, int family) {
  return std::any_of(addresses.begin(), addresses.end(), [&](const auto& a) { return a.address.family() == family; });
}

}  // namespace

std::string FilterScript::create(int family) const {
  const std::string table = fmt::format("{} {}", word(family), settings_.table);
  const std::string_view counter = settings_.counters ? "counter " : "";
  std::string out = fmt::format("add table {0}\ndelete table {0}\nadd table {0}\n", table);
  out += fmt::format("add set {} vips {{ type {}; }}\n", table, family == AF_INET ? "ipv4_addr" : "ipv6_addr");
  if (family == AF_INET6) {
    out += fmt::format("add set {} vips_link_local {{ type ipv6_addr . {}; }}\n", table, settings_.ifindex ? "iface_index" : "ifname");
    out += fmt::format(
        "add set {} neighbor-discovery {{ type icmpv6_type; flags constant; elements = {{ nd-neighbor-solicit, nd-neighbor-advert }}; }}\n",
        table);
  }
  for (const auto& [chain, hook, end, link] : {std::tuple{"out", "output", "saddr", settings_.ifindex ? "oif" : "oifname"},
                                               std::tuple{"in", "input", "daddr", settings_.ifindex ? "iif" : "iifname"}}) {
    out += fmt::format("add chain {} {} {{ type filter hook {} priority {}; policy accept; }}\n", table, chain, hook, settings_.priority);
    if (family == AF_INET6) {
      out += fmt::format("add rule {} {} icmpv6 type @neighbor-discovery {}accept\n", table, chain, counter);
      out += fmt::format("add rule {} {} ip6 {} . {} @vips_link_local {}drop\n", table, chain, end, link, counter);
    }
    out += fmt::format("add rule {} {} {} {} @vips {}drop\n", table, chain, word(family), end, counter);
  }
  return out;
}

// Added first, so that it is no error when there is none.
std::string FilterScript::remove_table(int family) const {
  return fmt::format("add table {0} {1}\ndelete table {0} {1}\n", word(family), settings_.table);
}

std::string FilterScript::element(std::string_view verb, const FilteredAddress& a) const {
  const int family = a.address.family();
  if (family == AF_INET6 && a.address.is_link_local())
    return fmt::format("{} element ip6 {} vips_link_local {{ {} . \"{}\" }}\n", verb, settings_.table, a.address.str(), a.interface);
  return fmt::format("{} element {} {} vips {{ {} }}\n", verb, word(family), settings_.table, a.address.str());
}

AcceptFilter::Run AcceptFilter::by_nftables() {
  return [context = std::shared_ptr<nft_ctx>()](const std::string& script) mutable -> std::string {
    if (!context) {
      context.reset(nft_ctx_new(NFT_CTX_DEFAULT), [](nft_ctx* c) {
        if (c != nullptr) nft_ctx_free(c);
      });
      if (!context) return "out of memory";
      nft_ctx_buffer_output(context.get());
      nft_ctx_buffer_error(context.get());
    }
    const bool failed = nft_run_cmd_from_buffer(context.get(), script.c_str()) != 0;
    std::string complaint = nft_ctx_get_error_buffer(context.get());
    if (!failed) return {};
    complaint.resize(std::min(complaint.find('\n'), complaint.size()));
    return complaint.empty() ? "nftables refused it" : complaint;
  };
}

AcceptFilter::AcceptFilter(Run run) : run_(std::move(run)) {}
AcceptFilter::~AcceptFilter() = default;

void AcceptFilter::configure(const conf::Nftables& settings) {
  if (swept_ && settings == settings_) return;
  auto wanted = std::exchange(present_, {});
  const FilterScript old(std::exchange(settings_, settings));
  const FilterScript now(settings_);
  // What an earlier process of ours, or keepalived, left. Where nftables is missing there is nothing.
  for (const int family : {AF_INET, AF_INET6}) {
    if (std::exchange(swept_, true)) (void)run_(old.remove_table(family));
    (void)run_(now.remove_table(family));
  }
  (void)set(std::move(wanted));
}

Status AcceptFilter::add(const FilteredAddresses& addresses) {
  auto wanted = present_;
  wanted.insert(addresses.begin(), addresses.end());
  return set(std::move(wanted));
}

Status AcceptFilter::remove(const FilteredAddresses& addresses) {
  auto wanted = present_;
  for (const auto& a : addresses) wanted.erase(a);
  return set(std::move(wanted));
}

Status AcceptFilter::set(FilteredAddresses wanted) {
  if (wanted == present_) return {};
  const FilterScript script(settings_);
  std::string text;
  for (const int family : {AF_INET, AF_INET6}) {
    const bool had = any(present_, family);
    const bool needs = any(wanted, family);
    if (had && !needs) text += script.remove_table(family);
    if (!had && needs) text += script.create(family);
    if (!needs) continue;
    for (const auto& a : present_) {
      if (a.address.family() == family && !wanted.contains(a)) text += script.remove(a);
    }
    for (const auto& a : wanted) {
      if (a.address.family() == family && !present_.contains(a)) text += script.add(a);
    }
  }
  const std::string complaint = run_(text);
  if (!complaint.empty()) return Error{"no_accept: nftables: " + complaint};
  present_ = std::move(wanted);
  return {};
}

}  // namespace xd::vrrp
