// The rings against what kernel IPVS serves. Destinations are numbered in the order in which they were added.
#include "datapath/ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <numeric>

#include "bpf/xdirector.h"

namespace xd::datapath {
namespace {

using lvs::Scheduler;
using testing::ElementsAre;

Candidate server(std::uint32_t number, std::uint32_t weight = 1) {
  const auto address = *IpAddress::parse("192.0.2." + std::to_string(number));
  return {number, address, 80, weight, weight};
}

// Servers 1, 2, 3... with these weights, added in this order.
std::vector<Candidate> added(const std::vector<std::uint32_t>& weights) {
  std::vector<Candidate> candidates;
  for (std::size_t i = weights.size(); i-- > 0;) candidates.push_back(server(static_cast<std::uint32_t>(i + 1), weights[i]));
  return candidates;
}

Ring ring_of(Scheduler scheduler, const std::vector<Candidate>& candidates, const Previous* previous = nullptr) {
  auto ring = build_ring(scheduler, candidates, previous);
  EXPECT_TRUE(ring) << ring.error().message;
  return *ring;
}

std::vector<std::uint32_t> serve(Ring& ring, int count) {
  std::vector<std::uint32_t> served;
  for (; count > 0; --count) served.push_back(ring.slots[ring.cursor++ % ring.slots.size()]);
  return served;
}

// IPVS's wrr, told step by step: what the ring must equal.
class WrrOracle {
 public:
  void change(std::vector<Candidate> list) {
    list_ = std::move(list);
    at_ = -1;
    int max = 0, divisor = 0;
    for (const auto& c : list_) {
      max = std::max(max, static_cast<int>(c.weight));
      divisor = std::gcd(divisor, static_cast<int>(c.weight));
    }
    step_ = divisor != 0 ? divisor : 1;
    top_ = max - (step_ - 1);
    if (threshold_ > top_ || threshold_ == 0)
      threshold_ = top_;
    else if (step_ > 1)
      threshold_ = threshold_ / step_ * step_ + 1;
  }
  std::uint32_t serve() {
    for (;;) {
      if (++at_ == static_cast<int>(list_.size())) {
        at_ = -1;
        threshold_ -= step_;
        if (threshold_ <= 0) threshold_ = top_;
        continue;
      }
      if (static_cast<int>(list_[static_cast<std::size_t>(at_)].weight) >= threshold_) return list_[static_cast<std::size_t>(at_)].dest;
    }
  }

 private:
  std::vector<Candidate> list_;
  int at_ = -1, step_ = 1, top_ = 0, threshold_ = 0;
};

// As keepalived tells IPVS: who leaves, then who changes or comes, oldest first.
void change_one_by_one(WrrOracle& oracle, std::vector<Candidate> now, const std::vector<Candidate>& wanted) {
  for (std::size_t i = now.size(); i-- > 0;) {
    const auto is_it = [dest = now[i].dest](const Candidate& c) { return c.dest == dest; };
    if (std::ranges::any_of(wanted, is_it)) continue;
    now.erase(now.begin() + static_cast<std::ptrdiff_t>(i));
    oracle.change(now);
  }
  for (std::size_t i = wanted.size(); i-- > 0;) {
    const auto same = std::ranges::find(now, wanted[i].dest, &Candidate::dest);
    if (same == now.end()) {
      now.insert(now.begin(), wanted[i]);
    } else if (same->weight != wanted[i].weight) {
      same->weight = wanted[i].weight;
    } else {
      continue;
    }
    oracle.change(now);
  }
}

TEST(RoundRobin, ServesTheNewestFirst) {
  Ring ring = ring_of(Scheduler::rr, added({1, 1, 1}));
  EXPECT_THAT(serve(ring, 7), ElementsAre(3, 2, 1, 3, 2, 1, 3));
}

TEST(RoundRobin, LeavesOutWeightZero) {
  Ring ring = ring_of(Scheduler::rr, added({1, 0, 1}));
  EXPECT_THAT(serve(ring, 3), ElementsAre(3, 1, 3));
}

TEST(RoundRobin, GoesOnWhereItWasWhenAServerJoins) {
  Previous previous{added({1, 1, 1}), ring_of(Scheduler::rr, added({1, 1, 1}))};
  serve(previous.ring, 2);  // 3, 2
  Ring ring = ring_of(Scheduler::rr, added({1, 1, 1, 1}), &previous);
  EXPECT_THAT(serve(ring, 4), ElementsAre(1, 4, 3, 2));
}

TEST(RoundRobin, GoesOnBehindTheServerThatLeft) {
  Previous previous{added({1, 1, 1}), ring_of(Scheduler::rr, added({1, 1, 1}))};
  serve(previous.ring, 2);  // 3, 2; then 2 leaves
  Ring ring = ring_of(Scheduler::rr, {server(3), server(1)}, &previous);
  EXPECT_THAT(serve(ring, 3), ElementsAre(1, 3, 1));
}

TEST(RoundRobin, NobodyLeftIsAnEmptyRing) { EXPECT_TRUE(ring_of(Scheduler::rr, added({0, 0})).slots.empty()); }

TEST(WeightedRoundRobin, EqualsIpvsFromTheFirstConnectionOn) {
  for (const auto& weights :
       std::vector<std::vector<std::uint32_t>>{{1}, {3, 2, 1}, {1, 2, 3}, {4, 2}, {5, 0, 1}, {10, 20, 30}, {7, 7, 7}, {1, 100}}) {
    WrrOracle oracle;
    for (std::size_t n = 1; n <= weights.size(); ++n)
      oracle.change(added({weights.begin(), weights.begin() + static_cast<std::ptrdiff_t>(n)}));
    Ring ring = ring_of(Scheduler::wrr, added(weights));
    for (int i = 0; i < 300; ++i) ASSERT_EQ(serve(ring, 1)[0], oracle.serve()) << "turn " << i << " of " << testing::PrintToString(weights);
  }
}

TEST(WeightedRoundRobin, EqualsIpvsWhenWeightsChangeAtAnyTime) {
  for (int served = 0; served < 14; ++served) {
    WrrOracle oracle;
    for (const auto& step : {added({4}), added({4, 2}), added({4, 2, 6})}) oracle.change(step);
    Previous previous{added({4, 2, 6}), ring_of(Scheduler::wrr, added({4, 2, 6}))};
    serve(previous.ring, served);
    for (int i = 0; i < served; ++i) oracle.serve();
    for (const auto& next :
         {added({3, 2, 1}), added({6, 9, 3}), {server(3, 5), server(1, 6)}, {server(4, 4), server(3, 2), server(1, 7)}}) {
      change_one_by_one(oracle, previous.candidates, next);
      previous = {next, ring_of(Scheduler::wrr, next, &previous)};
      for (int i = 0; i < 5; ++i) ASSERT_EQ(serve(previous.ring, 1)[0], oracle.serve()) << served << " served before, turn " << i;
    }
  }
}

TEST(WeightedRoundRobin, GoesOnWhereItWasWhenNoWeightChanges) {
  Previous previous{added({4, 2, 6}), ring_of(Scheduler::wrr, added({4, 2, 6}))};
  Ring undisturbed = previous.ring;
  serve(undisturbed, 3);
  serve(previous.ring, 3);
  Ring ring = ring_of(Scheduler::wrr, added({4, 2, 6}), &previous);
  EXPECT_EQ(serve(ring, 12), serve(undisturbed, 12));
}

TEST(WeightedRoundRobin, BeginsWithTheGreatestWeightAfterAnotherScheduler) {
  const Previous previous{added({1, 3}), ring_of(Scheduler::sh, added({1, 3})), false};
  Ring ring = ring_of(Scheduler::wrr, added({1, 3}), &previous);
  EXPECT_THAT(serve(ring, 4), ElementsAre(2, 2, 2, 1));
}

TEST(WeightedRoundRobin, RefusesACycleThatIsTooLong) {
  auto ring = build_ring(Scheduler::wrr, added({2'000'003, 1'999'993}), nullptr);
  ASSERT_FALSE(ring);
  EXPECT_THAT(ring.error().message, testing::HasSubstr("common divisor"));
}

TEST(SourceHash, DealsBucketsInRowsOfTheWeight) {
  const Ring ring = ring_of(Scheduler::sh, added({1, 3}));
  ASSERT_EQ(ring.slots.size(), 256u);
  EXPECT_THAT(std::vector(ring.slots.begin(), ring.slots.begin() + 6), ElementsAre(2, 2, 2, 1, 2, 2));
}

TEST(SourceHash, WeightZeroKeepsOneBucketInARow) {
  const Ring ring = ring_of(Scheduler::sh, added({2, 0}));
  EXPECT_THAT(std::vector(ring.slots.begin(), ring.slots.begin() + 6), ElementsAre(2, 1, 1, 2, 1, 1));
}

TEST(Maglev, HashSpreads) {
  std::vector<int> hits(16);
  for (std::uint32_t word = 0; word < 16'000; ++word) ++hits[mh_hash(word, 2654435761u) % 16];
  for (int h : hits) EXPECT_NEAR(h, 1000, 130);
}

TEST(Maglev, SharesFollowTheWeights) {
  const Ring ring = ring_of(Scheduler::mh, added({1, 2, 1}));
  ASSERT_EQ(ring.slots.size(), mh_table_size);
  std::map<std::uint32_t, int> share;
  for (auto slot : ring.slots) ++share[slot];
  EXPECT_NEAR(share[1], mh_table_size / 4, 2);
  EXPECT_NEAR(share[2], mh_table_size / 2, 2);
  EXPECT_NEAR(share[3], mh_table_size / 4, 2);
}

// Of the slots that were not the removed server's, how many change hands, averaged over the servers that may go. docs/dataplane.md has
// the figures.
TEST(Maglev, RemovingAServerMovesFewOthers) {
  const std::pair<std::uint32_t, double> cases[] = {{3, 0.02}, {10, 0.025}, {30, 0.035}, {100, 0.05}, {300, 0.1}};
  for (const auto& [servers, bound] : cases) {
    const auto all = added(std::vector<std::uint32_t>(servers, 1));
    const Ring before = ring_of(Scheduler::mh, all);
    const std::uint32_t step = std::max(servers / 10, 1u);
    double moved = 0, removed = 0;
    for (std::uint32_t gone = 1; gone <= servers; gone += step) {
      auto rest = all;
      std::erase_if(rest, [gone = gone](const Candidate& c) { return c.dest == gone; });
      const Ring after = ring_of(Scheduler::mh, rest);
      double others = 0, changed = 0;
      for (std::size_t i = 0; i < mh_table_size; ++i) {
        if (before.slots[i] == gone) continue;
        ++others;
        changed += before.slots[i] != after.slots[i];
      }
      moved += changed / others;
      ++removed;
    }
    std::cout << servers << " servers, one goes: " << 100 * moved / removed << " % of the others' slots move\n";
    EXPECT_LT(moved / removed, bound) << servers << " servers";
  }
}

TEST(Maglev, WeightSetToZeroKeepsItsSlots) {
  auto all = added({1, 1});
  const Ring before = ring_of(Scheduler::mh, all);
  all[0].weight = 0;
  EXPECT_EQ(ring_of(Scheduler::mh, all).slots, before.slots);
}

// What IPVS does: it folds the address of a real server as the service's family has it.
TEST(Maglev, AnIpv4ServiceGoesByTheFirstWordOfAnIpv6Server) {
  const auto ring = [](const char* one, const char* other, bool v4_service) {
    return build_ring(Scheduler::mh, {{1, *IpAddress::parse(one), 80, 1, 1}, {2, *IpAddress::parse(other), 80, 1, 1}}, nullptr, v4_service)
        ->slots;
  };
  EXPECT_EQ(ring("2001:db8::1", "2001:db9::2", true), ring("32.1.13.184", "32.1.13.185", true));
  EXPECT_NE(ring("2001:db8::1", "2001:db9::2", false), ring("32.1.13.184", "32.1.13.185", false));
}

TEST(Maglev, GreatWeightsAreShiftedDown) {
  const Ring ring = ring_of(Scheduler::mh, added({1, 1000}));
  const auto small = std::ranges::count(ring.slots, 1u);
  EXPECT_NEAR(static_cast<double>(small), mh_table_size / 63.0, 2);  // 1000 >> 4 = 62 turns against 1
}

}  // namespace
}  // namespace xd::datapath
