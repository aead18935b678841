#include "vrrp/findings.h"

#include <fmt/format.h>

#include <algorithm>

namespace xd::vrrp {

namespace {

// Anybody on the link can send from any address: no more is kept than a person would read.
constexpr std::size_t most_kept = 32;

std::string sentence_of(Trouble trouble, const std::string& who, const std::string& detail) {
  switch (trouble) {
    case Trouble::two_masters:
      return fmt::format(
          "{} sends adverts as master while we do: it does not hear or believe ours. Look for filtered {} on the way to it, another "
          "password, "
          "interval or version there, or a foreign router with this virtual_router_id",
          who, detail);
    case Trouble::foreign_claim:
      return fmt::format(
          "{} says that {} is its address: another host has it, or another master whose adverts do not arrive here. Look for filtered "
          "adverts "
          "between the two, and at the host with this MAC address",
          who, detail);
    case Trouble::refused:
      return fmt::format("adverts of {} are not believed: {}. As long as that is so, each side thinks it is alone", who, detail);
    case Trouble::other_addresses:
      return fmt::format(
          "adverts of {} name other virtual addresses than ours: the configurations differ, or it is a foreign router with this "
          "virtual_router_id",
          who);
    case Trouble::link_silent:
      return fmt::format("adverts of {} arrive {}. Without the heartbeat there would be two masters: look at the link between them", who,
                         detail);
    case Trouble::other_interval: return fmt::format("adverts of {} come every {}: advert_int differs between the routers", who, detail);
  }
  return {};
}

}  // namespace

std::string_view name(Trouble trouble) {
  switch (trouble) {
    case Trouble::two_masters: return "two_masters";
    case Trouble::foreign_claim: return "foreign_claim";
    case Trouble::refused: return "refused";
    case Trouble::other_addresses: return "other_addresses";
    case Trouble::link_silent: return "link_silent";
    case Trouble::other_interval: return "other_interval";
  }
  return "";
}

void Findings::note(Trouble trouble, const std::string& who, const std::string& detail, TimePoint now) {
  ++totals_[trouble];
  auto at = seen_.find(Key{trouble, who, detail});
  if (at == seen_.end()) {
    if (seen_.size() >= most_kept)
      seen_.erase(std::min_element(seen_.begin(), seen_.end(), [](const auto& a, const auto& b) { return a.second.last < b.second.last; }));
    at = seen_.emplace(Key{trouble, who, detail}, Seen{now, now, 0}).first;
  }
  at->second.last = now;
  ++at->second.count;
}

std::vector<Finding> Findings::current(TimePoint now, Duration recent) {
  std::erase_if(seen_, [&](const auto& entry) { return now - entry.second.last > recent; });
  std::vector<Finding> out;
  for (const auto& [key, seen] : seen_)
    out.push_back({key.trouble, key.who, seen.since, seen.count, sentence_of(key.trouble, key.who, key.detail)});
  return out;
}

}  // namespace xd::vrrp
