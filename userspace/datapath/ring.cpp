#include "datapath/ring.h"

#include <arpa/inet.h>
#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>
#include <optional>

#include "bpf/xdirector.h"

namespace xd::datapath {

namespace {

std::uint32_t greatest_divisor(const std::vector<Candidate>& candidates, std::uint32_t Candidate::*weight) {
  std::uint32_t divisor = 0;
  for (const Candidate& c : candidates) divisor = std::gcd(divisor, c.*weight);
  return divisor;
}

std::uint32_t greatest(const std::vector<Candidate>& candidates, std::uint32_t Candidate::*weight) {
  std::uint32_t most = 0;
  for (const Candidate& c : candidates) most = std::max(most, c.*weight);
  return most;
}

bool has(const std::vector<Candidate>& candidates, std::uint32_t dest) {
  return std::ranges::any_of(candidates, [&](const Candidate& c) { return c.dest == dest; });
}

// ---- rr: whoever follows the one served last. When that one is gone, its predecessor in the list stands for it.

Ring rr(const std::vector<Candidate>& candidates, const Previous* previous) {
  Ring ring;
  std::uint32_t after = XD_NOBODY;
  if (previous != nullptr && previous->same_scheduler && previous->ring.cursor != previous->ring.start && !previous->ring.slots.empty()) {
    const auto& slots = previous->ring.slots;
    const std::uint32_t last = slots[(previous->ring.cursor - 1) % slots.size()];
    const auto& old = previous->candidates;
    for (auto at = std::ranges::find(old, last, &Candidate::dest); at != old.end();) {
      if (has(candidates, at->dest)) {
        after = at->dest;
        break;
      }
      if (at == old.begin()) break;
      --at;
    }
  }
  for (const Candidate& c : candidates) {
    if (c.weight > 0) ring.slots.push_back(c.dest);
    if (c.dest == after) ring.cursor = static_cast<std::uint32_t>(ring.slots.size());
  }
  if (!ring.slots.empty()) ring.cursor %= static_cast<std::uint32_t>(ring.slots.size());
  ring.start = 0;
  return ring;
}

// ---- wrr: rounds with a falling threshold. In the round of threshold t everybody with weight >= t is served once.

struct Rounds {
  std::uint32_t step = 1;
  std::uint32_t first = 0;  // threshold of the first round; the last one's is 1
};

Rounds rounds_of(const std::vector<Candidate>& candidates) {
  const std::uint32_t step = std::max(1u, greatest_divisor(candidates, &Candidate::weight));
  const std::uint32_t most = greatest(candidates, &Candidate::weight);
  return {step, most == 0 ? 0 : most - (step - 1)};
}

// Index of the first slot of the round `threshold`.
std::uint32_t round_start(const std::vector<Candidate>& candidates, const Rounds& rounds, std::uint32_t threshold) {
  std::uint32_t slots = 0;
  for (const Candidate& c : candidates) {
    if (c.weight > threshold) slots += (c.weight - threshold) / rounds.step;
  }
  return slots;
}

// The threshold at which the previous ring stands. A service begins with its last round: each destination added one by one finds
// the threshold at 1. One that had another scheduler finds all of them at once, and begins with the first round.
std::uint32_t current_threshold(const Previous* previous) {
  if (previous == nullptr) return 1;
  const Rounds rounds = rounds_of(previous->candidates);
  if (!previous->same_scheduler) return rounds.first;
  if (previous->ring.slots.empty()) return 1;
  const Ring& ring = previous->ring;
  const auto size = static_cast<std::uint32_t>(ring.slots.size());
  // Nothing served yet: at the beginning of a round. Else in the round of the slot that was served last.
  const std::uint32_t at = ring.cursor == ring.start ? ring.cursor % size : (ring.cursor - 1) % size;
  std::uint32_t threshold = rounds.first;
  while (threshold > rounds.step && round_start(previous->candidates, rounds, threshold - rounds.step) <= at) threshold -= rounds.step;
  return threshold;
}

// The threshold after destinations have left, changed their weight and come, one by one, as keepalived tells IPVS of them. Nothing when none has.
std::optional<std::uint32_t> changed_threshold(const std::vector<Candidate>& candidates, const Previous* previous) {
  std::uint32_t threshold = current_threshold(previous);
  if (previous == nullptr) return threshold;
  std::vector<Candidate> now = previous->candidates;
  bool changed = !previous->same_scheduler;
  const auto change = [&] {
    changed = true;
    const Rounds rounds = rounds_of(now);
    if (threshold == 0 || threshold > rounds.first) {
      threshold = rounds.first;
    } else if (rounds.step > 1) {
      threshold = threshold / rounds.step * rounds.step + 1;
    }
  };
  for (const Candidate& c : previous->candidates) {
    if (has(candidates, c.dest)) continue;
    std::erase_if(now, [&](const Candidate& other) { return other.dest == c.dest; });
    change();
  }
  for (auto c = candidates.rbegin(); c != candidates.rend(); ++c) {
    const auto same = std::ranges::find(now, c->dest, &Candidate::dest);
    if (same != now.end() && same->weight == c->weight) continue;
    if (same != now.end()) {
      same->weight = c->weight;
    } else {
      now.push_back(*c);
    }
    change();
  }
  return changed ? std::optional(threshold) : std::nullopt;
}

Result<Ring> wrr(const std::vector<Candidate>& candidates, const Previous* previous) {
  Ring ring;
  const Rounds rounds = rounds_of(candidates);
  if (rounds.first == 0) return ring;
  std::uint64_t length = 0;
  for (const Candidate& c : candidates) length += c.weight / rounds.step;
  if (length > longest_ring) {
    return Error{"the weights make a wrr cycle of " + std::to_string(length) + " turns, more than " + std::to_string(longest_ring) +
                     ": give the weights a common divisor",
                 0};
  }
  ring.slots.reserve(length);
  for (std::int64_t threshold = rounds.first; threshold >= 1; threshold -= rounds.step) {
    for (const Candidate& c : candidates) {
      if (c.weight >= threshold) ring.slots.push_back(c.dest);
    }
  }
  if (const auto threshold = changed_threshold(candidates, previous)) {
    ring.cursor = ring.start = round_start(candidates, rounds, *threshold);
  } else {
    ring.cursor = previous->ring.cursor;
    ring.start = previous->ring.start;
  }
  return ring;
}

// ---- sh: 256 buckets dealt out in the list's order, to each as many in a row as its weight; weight 0 gets one too.

Ring sh(const std::vector<Candidate>& candidates) {
  Ring ring;
  if (candidates.empty()) return ring;
  std::size_t at = 0;
  std::uint32_t dealt = 0;
  for (std::uint32_t i = 0; i < sh_table_size; ++i) {
    ring.slots.push_back(candidates[at].dest);
    if (++dealt >= candidates[at].weight) {
      at = (at + 1) % candidates.size();
      dealt = 0;
    }
  }
  return ring;
}

// ---- dh: 256 buckets dealt out in turns, whatever the weights.

Ring dh(const std::vector<Candidate>& candidates) {
  Ring ring;
  for (std::size_t i = 0; i < sh_table_size && !candidates.empty(); ++i) ring.slots.push_back(candidates[i % candidates.size()].dest);
  return ring;
}

// ---- mh: Maglev. Each destination walks its own permutation of the table and takes the next free slot, `turns` times a round.

// An address as one word; IPv6 by XOR, as IPVS folds it. A service of IPv4 has IPVS look at the first word only, whatever the real server's family.
std::uint32_t folded(const IpAddress& address, bool v4_service) {
  if (!address.is_v6()) return ntohl(address.v4_bits());
  std::uint32_t word[4], fold = 0;
  std::memcpy(word, address.bytes().data(), sizeof(word));
  if (v4_service) return ntohl(word[0]);
  for (const std::uint32_t w : word) fold ^= w;
  return ntohl(fold);
}

constexpr std::uint64_t offset_key = 2654435761u;
constexpr std::uint64_t skip_key = 2654446892u;
constexpr int weight_bits = 6;

Ring mh(const std::vector<Candidate>& candidates, bool v4_service) {
  Ring ring;
  const std::uint32_t divisor = greatest_divisor(candidates, &Candidate::last_weight);
  if (divisor == 0) return ring;
  const auto bits = static_cast<int>(std::bit_width(greatest(candidates, &Candidate::last_weight) / divisor));
  const int shift = std::max(0, bits - weight_bits);

  struct Walker {
    std::uint32_t dest, at, skip, turns;
  };
  std::vector<Walker> walkers;
  for (const Candidate& c : candidates) {
    const std::uint32_t turns = c.last_weight / divisor >> shift;
    if (c.last_weight == 0) continue;
    // The port is added in network order's host value, as the client's would be.
    const std::uint32_t word = folded(c.address, v4_service) + c.port;
    walkers.push_back(
        {c.dest, mh_hash(word, offset_key) % mh_table_size, mh_hash(word, skip_key) % (mh_table_size - 1) + 1, turns != 0 ? turns : 1});
  }
  ring.slots.assign(mh_table_size, XD_NOBODY);
  for (std::uint32_t filled = 0; filled < mh_table_size;) {
    for (Walker& w : walkers) {
      for (std::uint32_t turn = 0; turn < w.turns && filled < mh_table_size; ++turn, ++filled) {
        while (ring.slots[w.at] != XD_NOBODY) w.at = (w.at + w.skip) % mh_table_size;
        ring.slots[w.at] = w.dest;
      }
    }
  }
  return ring;
}

}  // namespace

std::uint32_t mh_hash(std::uint32_t word, std::uint64_t key) {
  const std::uint64_t last = std::uint64_t{4} << 56 | word;
  std::uint64_t a = 0x736f6d6570736575 ^ key, b = 0x646f72616e646f6d ^ key, c = 0x6c7967656e657261 ^ key,
                d = 0x7465646279746573 ^ key ^ last;
  const auto round = [&] {
    a += b;
    b = std::rotl(b, 13) ^ a;
    a = std::rotl(a, 32);
    c += d;
    d = std::rotl(d, 16) ^ c;
    a += d;
    d = std::rotl(d, 21) ^ a;
    c += b;
    b = std::rotl(b, 17) ^ c;
    c = std::rotl(c, 32);
  };
  round();
  a ^= last;
  c ^= 0xff;
  round();
  round();
  round();
  return static_cast<std::uint32_t>(a ^ b ^ c ^ d);
}

Result<Ring> build_ring(lvs::Scheduler scheduler, const std::vector<Candidate>& newest_first, const Previous* previous, bool v4_service) {
  switch (scheduler) {
    case lvs::Scheduler::rr: return rr(newest_first, previous);
    case lvs::Scheduler::wrr: return wrr(newest_first, previous);
    case lvs::Scheduler::sh: return sh(newest_first);
    case lvs::Scheduler::mh: return mh(newest_first, v4_service);
    case lvs::Scheduler::dh: return dh(newest_first);
    default: return Ring{};  // the others walk the list
  }
}

}  // namespace xd::datapath
