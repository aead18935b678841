#include "vrrp/link_states.h"

#include <utility>

namespace xd::vrrp {

bool LinkStates::is_up_now(const std::string& name, const netlink::Link* link) const {
  if (link == nullptr || !link->up) return false;
  const auto polled = polled_.find(name);
  return polled == polled_.end() ? link->running : polled->second;
}

void LinkStates::configure(const std::vector<conf::LinkDelay>& delays, const netlink::Table& table) {
  auto before = std::exchange(settling_, {});
  for (const auto& delay : delays) {
    const auto known = before.find(delay.interface);
    Settling& settling = settling_[delay.interface];
    if (known != before.end()) {
      settling = known->second;
    } else {
      settling.counts = is_up_now(delay.interface, table.link(delay.interface));
    }
    settling.down = delay.down;
    settling.up = delay.up;
  }
}

bool LinkStates::up(const std::string& name, const netlink::Link* link) const {
  const auto place = settling_.find(name);
  return place == settling_.end() ? is_up_now(name, link) : place->second.counts;
}

bool LinkStates::look(const std::string& name, const netlink::Link* link, TimePoint now) {
  const auto place = settling_.find(name);
  if (place == settling_.end()) return true;
  Settling& settling = place->second;
  const bool is_up = is_up_now(name, link);
  if (is_up == settling.counts) {
    settling.at.reset();
    return false;
  }
  const Duration delay = is_up ? settling.up : settling.down;
  // One that was deleted does not come back by itself.
  if (delay <= 0s || link == nullptr) {
    settling.counts = is_up;
    settling.at.reset();
    return true;
  }
  if (!settling.at) settling.at = now + delay;
  return false;
}

std::optional<TimePoint> LinkStates::next() const {
  std::optional<TimePoint> soonest;
  for (const auto& [_, settling] : settling_) {
    if (settling.at && (!soonest || *settling.at < *soonest)) soonest = settling.at;
  }
  return soonest;
}

std::vector<std::string> LinkStates::run(TimePoint now) {
  std::vector<std::string> changed;
  for (auto& [name, settling] : settling_) {
    if (!settling.at || *settling.at > now) continue;
    settling.at.reset();
    settling.counts = !settling.counts;
    changed.push_back(name);
  }
  return changed;
}

}  // namespace xd::vrrp
