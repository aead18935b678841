#include "checkers/quorum.h"

#include <unordered_set>

namespace xd::checkers {

std::uint64_t live_weight(const Pool& pool) {
  std::uint64_t sum = 0;
  for (const auto& member : pool.members) {
    if (member.up) sum += member.destination.weight;
  }
  return sum;
}

bool sorry_in_use(const Pool& pool) { return pool.sorry && !pool.quorum_up; }

std::int64_t quorum_threshold(const Pool& pool) {
  const auto quorum = std::int64_t{pool.quorum};
  const auto hysteresis = std::int64_t{pool.hysteresis};
  return pool.quorum_up ? quorum - hysteresis : quorum + hysteresis;
}

QuorumChange update_quorum(Pool& pool) {
  const auto weight = static_cast<std::int64_t>(live_weight(pool));
  const bool enough = weight >= quorum_threshold(pool);
  if (!pool.quorum_up && enough) {
    pool.quorum_up = true;
    return QuorumChange::gained;
  }
  if (pool.quorum_up && (!enough || weight == 0)) {
    pool.quorum_up = false;
    return QuorumChange::lost;
  }
  return QuorumChange::none;
}

void fill(Pool& pool, lvs::Service& service) {
  auto& wanted = service.destinations;
  wanted.clear();
  const auto put = [&](const Member& member, bool serving) {
    auto destination = member.destination;
    if (!serving) destination.weight = 0;
    wanted.emplace(member.endpoint, destination);
  };
  const bool sorry = sorry_in_use(pool);
  // A sorry server that is a real server as well is there once, as sorry server while it is one.
  if (pool.sorry && sorry) put(*pool.sorry, true);
  for (const auto& member : pool.members) {
    if (member.up && !sorry) put(member, true);
    if (!member.up && member.inhibit_on_failure) put(member, false);
  }
  if (pool.sorry && !sorry && pool.sorry->inhibit_on_failure) put(*pool.sorry, false);

  std::erase_if(pool.order, [&](const Endpoint& endpoint) { return !wanted.contains(endpoint); });
  std::unordered_set<Endpoint> placed(pool.order.begin(), pool.order.end());
  const auto append = [&](const Endpoint& endpoint) {
    if (wanted.contains(endpoint) && placed.insert(endpoint).second) pool.order.push_back(endpoint);
  };
  for (const auto& member : pool.members) append(member.endpoint);
  if (pool.sorry) append(pool.sorry->endpoint);
  service.order = pool.order;
}

}  // namespace xd::checkers
