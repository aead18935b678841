// Who is chosen, connection by connection: the schedulers that look at what each server carries beside a plain model of kernel IPVS's, then
// thresholds, fallback, persistence and one-packet scheduling.
#include <cstring>
#include <random>
#include <set>

#include "datapath/service_table.h"
#include "director.h"

namespace xd::test {
namespace {

using lvs::Forward;
using lvs::Scheduler;

struct Carried {
  std::uint64_t weight = 1, active = 0, inactive = 0;
};

// What lblc and lblcr remember of an address: the last server, the set with the latest member first.
struct Remembered {
  std::optional<std::size_t> last;
  std::vector<std::size_t> set;
};

// IPVS's choice over a list that has the newest first. None: nobody.
std::optional<std::size_t> model(Scheduler scheduler, const std::vector<Carried>& list, Remembered& remembered) {
  const auto load = [&](const Carried& c) {
    if (scheduler == Scheduler::sed || scheduler == Scheduler::nq) return c.active + 1;
    return c.active * 256 + c.inactive;
  };
  std::optional<std::size_t> best;
  const auto least = [&] {
    best.reset();
    for (std::size_t i = 0; i < list.size(); ++i) {
      const Carried& c = list[i];
      if (c.weight == 0) continue;
      if (scheduler == Scheduler::nq && c.active == 0) return best = i, void();
      if (scheduler == Scheduler::lc ? !best || load(c) < load(list[*best])
                                     : !best || load(list[*best]) * c.weight > load(c) * list[*best].weight)
        best = i;
    }
  };
  const auto swamped = [&](const Carried& c) {
    return c.active > c.weight && std::ranges::any_of(list, [](const Carried& other) { return other.active * 2 < other.weight; });
  };
  switch (scheduler) {
    case Scheduler::fo:
    case Scheduler::ovf:
      for (std::size_t i = 0; i < list.size(); ++i) {
        if (list[i].weight == 0 || (scheduler == Scheduler::ovf && list[i].active > list[i].weight)) continue;
        if (!best || list[i].weight > list[*best].weight) best = i;
      }
      return best;
    case Scheduler::lblc: {
      auto& last = remembered.last;
      if (last && list[*last].weight > 0 && !swamped(list[*last])) return last;
      least();
      return last = best;
    }
    case Scheduler::lblcr: {
      auto& set = remembered.set;
      for (const std::size_t i : set) {
        if (list[i].weight > 0 && (!best || load(list[*best]) * list[i].weight > load(list[i]) * list[*best].weight)) best = i;
      }
      if (best && !swamped(list[*best])) return best;
      least();
      if (best && std::ranges::find(set, *best) == set.end()) set.insert(set.begin(), *best);
      return best;
    }
    default: least(); return best;
  }
}

class ByLoad : public Director, public testing::WithParamInterface<Scheduler> {
 protected:
  void compare(std::vector<std::uint32_t> weights);
  const lvs::ServiceKey http = service_key(vip, 80);
};

TEST_P(ByLoad, ChoosesAsIpvsDoes) { compare({3, 1, 0, 2, 5}); }

// More than one group of those whose least loaded one is remembered.
TEST_P(ByLoad, ChoosesAsIpvsDoesAmongMany) {
  std::vector<std::uint32_t> weights;
  for (std::uint32_t i = 0; i < 40; ++i) weights.push_back(i * 7 % 5);
  compare(weights);
}

void ByLoad::compare(std::vector<std::uint32_t> weights) {
  const auto count = static_cast<int>(weights.size());
  serve(http, service(Forward::dr, weights, GetParam()));
  std::vector<Carried> list;  // newest first
  std::vector<datapath::DestinationStats> before;
  for (int number = count; number >= 1; --number) list.push_back({weights[static_cast<std::size_t>(number - 1)], 0, 0});
  for (const Carried& c : list) before.push_back(stats(http, count - static_cast<int>(&c - list.data())));
  // Slots of servers keep what earlier tests left in them when those were not swept: begin where they stand.
  for (std::size_t i = 0; i < list.size(); ++i) list[i].active = before[i].active, list[i].inactive = before[i].inactive;
  Remembered remembered;
  std::mt19937 random(42);
  std::vector<std::pair<std::uint16_t, std::size_t>> open;
  for (std::uint16_t port = 1; port <= 60; ++port) {
    if (port == 30) {  // weights change in flight
      weights.front() = 0;
      weights.back() = 4;
      list.back().weight = 0;
      list.front().weight = 4;
      serve(http, service(Forward::dr, weights, GetParam()));
    }
    const auto expected = model(GetParam(), list, remembered);
    const Outcome out = run(Ethernet{} / Ipv4{} / Tcp{.from = port, .flags = "S"});
    if (!expected) {
      EXPECT_EQ(out.reason, "no_dest");
      continue;
    }
    ASSERT_EQ(served_by(out), count - static_cast<int>(*expected)) << "connection " << port;
    ++list[*expected].active;
    run(Ethernet{} / Ipv4{} / Tcp{.from = port, .flags = "A"});
    open.emplace_back(port, *expected);
    if (random() % 3 == 0) {  // one of them closes
      const std::size_t which = random() % open.size();
      run(Ethernet{} / Ipv4{} / Tcp{.from = open[which].first, .flags = "FA"});
      --list[open[which].second].active;
      ++list[open[which].second].inactive;
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(which));
    }
  }
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto now = stats(http, count - static_cast<int>(i));
    EXPECT_EQ(now.active, list[i].active);
    EXPECT_EQ(now.inactive, list[i].inactive);
  }
}

INSTANTIATE_TEST_SUITE_P(Scheduling, ByLoad,
                         testing::Values(Scheduler::lc, Scheduler::wlc, Scheduler::sed, Scheduler::nq, Scheduler::fo, Scheduler::ovf,
                                         Scheduler::lblc, Scheduler::lblcr),
                         [](const auto& scheduler) { return std::string(lvs::name(scheduler.param)); });

class Choice : public Director {
 protected:
  const lvs::ServiceKey http = service_key(vip, 80);
  xd_dest dest(int number) {
    xd_dest found{};
    for (std::uint32_t slot = 0; slot < sizes().dests; ++slot) {
      xd_dest here{};
      bpf_map_lookup_elem(datapath().map_fd("xd_dests"), &slot, &here);
      in6_addr address{};
      std::memcpy(&address, here.addr, sizeof(address));
      const xd_service_key key = datapath::to_map_key(http);
      if (here.generation != 0 && std::memcmp(&here.service, &key, sizeof(key)) == 0 && IpAddress::v6(address).str() == web(number))
        found = here;
    }
    return found;
  }
  int connect(std::uint16_t port, const std::string& from = client, std::uint16_t to_port = 80) {
    return served_by(run(Ethernet{} / Ipv4{.from = from} / Tcp{.from = port, .to = to_port, .flags = "S"}));
  }
};

TEST_F(Choice, ServersThatCameAndWentGetPlacesOfTheirOwn) {
  for (int i = 0; i < 3; ++i) {
    serve(http, service(Forward::dr, {1, 1}));
    ASSERT_TRUE(datapath().remove_service(http));
  }
  const auto other = service_key(vip, 81);
  serve(other, service(Forward::dr, std::vector<std::uint32_t>(sizes().dests, 1), Scheduler::rr, 81));
  EXPECT_EQ(datapath().services()[other].destinations.size(), sizes().dests);
}

TEST_F(Choice, LblcrAddsAServerWhenItsSetIsSwamped) {
  serve(http, service(Forward::dr, {2, 9, 9}, Scheduler::lblcr));
  std::map<int, int> served;
  for (std::uint16_t port = 1; port <= 30; ++port) ++served[connect(port)];
  EXPECT_GT(served[3], 0);
  EXPECT_GT(served[2], 0);
}

// The set of one address: 2 servers of weight 1, which one connection more than that swamps, beside an idle one.
TEST_F(Choice, LblcrKeepsARemovedMemberInItsSet) {
  serve(http, service(Forward::dr, {1, 1, 9}, Scheduler::lblcr));
  for (std::uint16_t port = 1; port <= 40; ++port) connect(port);
  const auto members = [this] {
    std::set<int> found;
    for (int number = 1; number <= 3; ++number) {
      if (dest(number).joined != 0) found.insert(number);
    }
    return found;
  };
  const auto before = members();
  ASSERT_TRUE(before.contains(3));
  serve(http, service(Forward::dr, {1, 1}, Scheduler::lblcr));
  serve(http, service(Forward::dr, {1, 1, 9}, Scheduler::lblcr));
  EXPECT_EQ(members(), before);
  // Another scheduler, or another service, begins with an empty set.
  serve(http, service(Forward::dr, {1, 1, 9}, Scheduler::lc));
  serve(http, service(Forward::dr, {1, 1, 9}, Scheduler::lblcr));
  EXPECT_EQ(members(), std::set<int>{});
  connect(100);
  EXPECT_EQ(members().size(), 1u);
  ASSERT_TRUE(datapath().remove_service(http));
  serve(http, service(Forward::dr, {1, 1, 9}, Scheduler::lblcr));
  EXPECT_EQ(members(), std::set<int>{});
}

TEST_F(Choice, LblcrsSetLosesWhoCarriesMostWhenItHasStayedForLong) {
  serve(http, service(Forward::dr, {1, 1, 9}, Scheduler::lblcr));
  std::uint16_t port = 0;
  const auto members = [this] { return (dest(1).joined != 0) + (dest(2).joined != 0) + (dest(3).joined != 0); };
  while (members() < 2) {
    connect(++port);
    ASSERT_LT(port, 100);
  }
  const int grown = members();
  datapath().set_behaviour({.lblcr_expiration = 0s});
  wait_for_ticks();
  connect(++port);
  EXPECT_LE(members(), grown) << "one went, or all; one may have come";
  datapath().set_behaviour({});
}

TEST_F(Choice, LblcForgetsWhereItSentWhenNobodyAsked) {
  serve(http, service(Forward::dr, {5, 5, 5}, Scheduler::lblc));
  const int first = connect(1);
  for (std::uint16_t port = 2; port < 5; ++port) EXPECT_EQ(connect(port), first);
  datapath().set_behaviour({.lblc_expiration = 0s});
  wait_for_ticks();
  EXPECT_NE(connect(5), first);
  datapath().set_behaviour({});
}

TEST_F(Choice, OfTwoTakesWhoCarriesLess) {
  serve(http, service(Forward::dr, {1, 1, 0}, Scheduler::twos));
  std::map<int, int> served;
  for (std::uint16_t port = 1; port <= 50; ++port) ++served[connect(port)];
  EXPECT_EQ(served[3], 0);
  EXPECT_EQ(served[1] + served[2], 50);
  EXPECT_GE(served[1], 10);
  EXPECT_GE(served[2], 10);
}

// One-packet scheduling counts no connections, so what each server carries stays as it is, and with it the chances.
TEST_F(Choice, OfTwoKeepsToItsChances) {
  const std::vector<std::uint32_t> weights{1, 2, 3, 4};
  auto wanted = service(Forward::dr, weights, Scheduler::twos, 53);
  wanted.one_packet = true;
  const auto dns = service_key(vip, 53, lvs::Protocol::udp);
  serve(dns, wanted);
  // IPVS draws from 0 to the sum of the weights: 0 is the newest server's, too.
  std::vector<double> draw{1. / 11, 2. / 11, 3. / 11, 5. / 11};

  const auto expect_shares = [&](const std::vector<double>& chances) {
    constexpr int packets = 4000;
    std::map<int, int> served;
    for (int i = 0; i < packets; ++i) {
      ++served[served_by(run(Ethernet{} / Ipv4{} / Udp{.from = static_cast<std::uint16_t>(1 + i), .to = 53} / Payload{"query"}))];
    }
    double chi_square = 0;
    for (std::size_t i = 0; i < chances.size(); ++i) {
      const double expected = packets * chances[i], off = served[static_cast<int>(i) + 1] - expected;
      chi_square += off * off / expected;
    }
    EXPECT_LT(chi_square, 30.7) << "three degrees of freedom: by chance in one of a million runs";
  };
  expect_shares(draw);  // nobody carries anything: the first of two that were drawn

  // The third carries much: it is taken only when it was drawn twice.
  for (std::uint32_t slot = 0; slot < sizes().dests; ++slot) {
    xd_dest dest{};
    ASSERT_EQ(bpf_map_lookup_elem(datapath().map_fd("xd_dests"), &slot, &dest), 0);
    if (dest.weight != 3) continue;
    dest.active = 1000;
    ASSERT_EQ(bpf_map_update_elem(datapath().map_fd("xd_dests"), &slot, &dest, BPF_ANY), 0);
  }
  const double heavy = draw[2];
  for (double& chance : draw) chance *= 1 + heavy;
  draw[2] = heavy * heavy;
  expect_shares(draw);
}

TEST_F(Choice, DestinationHashSendsAVipToOneServer) {
  serve(http, service(Forward::dr, {1, 1, 1}, Scheduler::dh));
  const int first = connect(1);
  EXPECT_NE(first, 0);
  for (int host = 1; host <= 9; ++host) EXPECT_EQ(connect(2, "198.51.100." + std::to_string(host)), first);
}

TEST_F(Choice, FallbackFindsAnotherServer) {
  for (const Scheduler scheduler : {Scheduler::sh, Scheduler::mh}) {
    auto wanted = service(Forward::dr, {1, 1, 1}, scheduler);
    serve(http, wanted);
    const int first = connect(1);
    ASSERT_NE(first, 0);
    wanted.destinations[endpoint(web(first), 80)].weight = 0;
    serve(http, wanted);
    EXPECT_EQ(run(Ethernet{} / Ipv4{} / Tcp{.from = 2, .flags = "S"}).reason, "no_dest");
    wanted.scheduler_flags = lvs::sh_fallback;
    serve(http, wanted);
    const int second = connect(3);
    EXPECT_NE(second, 0);
    EXPECT_NE(second, first);
    SetUp();
  }
}

TEST_F(Choice, ThresholdsTurnAServerAwayUntilItHasRoom) {
  for (const Scheduler scheduler : {Scheduler::rr, Scheduler::wlc}) {
    SetUp();
    auto wanted = service(Forward::dr, {1, 1}, scheduler, 81);  // ports that other tests do not count on
    serve(http, wanted);                                        // what earlier flows left in the slots counts
    wanted.destinations[endpoint(web(2), 81)].upper_threshold = stats(http, 2, 81).active + stats(http, 2, 81).inactive + 2;
    serve(http, wanted);
    std::map<int, int> served;
    for (std::uint16_t port = 1; port <= 8; ++port) ++served[connect(port)];
    EXPECT_EQ(served[2], 2) << lvs::name(scheduler);
    EXPECT_EQ(served[1], 6);
  }
}

TEST_F(Choice, OneWithEnoughConnectionsDoesNotHoldTheTurnHoweverGreatItsWeight) {
  auto wanted = service(Forward::dr, {1000, 1, 1}, Scheduler::wrr, 82);
  wanted.destinations[endpoint(web(1), 82)].upper_threshold = stats(http, 1, 82).active + stats(http, 1, 82).inactive + 1;
  serve(http, wanted);
  std::map<int, int> served;
  for (std::uint16_t port = 1; port <= 40; ++port) ++served[connect(port)];
  EXPECT_EQ(served[0], 0);
  EXPECT_EQ(served[1], 1);
}

TEST_F(Choice, APersistentClientStaysWithItsServer) {
  auto wanted = service(Forward::dr, {1, 1, 1});
  wanted.persistence_seconds = 300;
  serve(http, wanted);
  const int first = connect(1);
  for (std::uint16_t port = 2; port <= 5; ++port) EXPECT_EQ(connect(port), first);
  EXPECT_NE(connect(1, "198.51.100.8"), first);
  const auto found = datapath().services().at(http);
  EXPECT_EQ(found.persistence_seconds, 300u);
  EXPECT_EQ(found.persistence_mask, 32u);
}

TEST_F(Choice, PersistenceHoldsForWeightZeroAndEndsWithTheServer) {
  auto wanted = service(Forward::dr, {1, 1});
  wanted.persistence_seconds = 300;
  serve(http, wanted);
  const int first = connect(1);
  wanted.destinations[endpoint(web(first), 80)].weight = 0;
  serve(http, wanted);
  EXPECT_EQ(connect(2), first) << "quiesced: its clients stay";
  wanted.destinations.erase(endpoint(web(first), 80));
  std::erase(wanted.order, endpoint(web(first), 80));
  ASSERT_TRUE(datapath().put_service(http, wanted));
  EXPECT_EQ(connect(3), 3 - first);
}

TEST_F(Choice, PersistenceGoesByNetworksAndAcrossPorts) {
  auto wanted = service(Forward::dr, {1, 1, 1}, Scheduler::rr, 0);
  wanted.persistence_seconds = 300;
  wanted.persistence_mask = 24;
  serve(service_key(vip, 0), wanted);
  const int first = connect(1, "198.51.100.7", 80);
  EXPECT_EQ(connect(2, "198.51.100.200", 443), first);
  EXPECT_NE(connect(3, "198.51.101.1", 80), first);
  EXPECT_EQ(datapath().services().at(service_key(vip, 0)).persistence_mask, 24u);
}

TEST_F(Choice, EachDatagramOfAOnePacketServiceIsScheduled) {
  const auto dns = service_key(vip, 53, lvs::Protocol::udp);
  auto wanted = service(Forward::dr, {1, 1, 1}, Scheduler::rr, 53);
  wanted.one_packet = true;
  serve(dns, wanted);
  std::vector<int> served;
  for (int i = 0; i < 4; ++i) served.push_back(served_by(run(Ethernet{} / Ipv4{} / Udp{} / Payload{"query"})));
  EXPECT_THAT(served, testing::ElementsAre(3, 2, 1, 3));
  EXPECT_EQ(confirmed() + half_open(), 0u);
}

TEST_F(Choice, Ipv6ClientsAreHashedToo) {
  const auto key = service_key("2001:db8::10", 80);
  for (const Scheduler scheduler : {Scheduler::sh, Scheduler::mh}) {
    lvs::Service wanted;
    wanted.scheduler = scheduler;
    for (int number = 1; number <= 3; ++number) {
      const Endpoint e = endpoint("fd00::" + std::to_string(number), 80);
      wanted.destinations[e] = {Forward::dr, 1, 0, 0};
      wanted.order.push_back(e);
    }
    const Status status = datapath().put_service(key, wanted);
    ASSERT_TRUE(status) << status.error().message;
    for (int number = 1; number <= 3; ++number) {
      datapath().set_hop(*IpAddress::parse("fd00::" + std::to_string(number)),
                         datapath::Hop{*MacAddress::parse(web_mac(number)), *MacAddress::parse(director_mac), 1, 0, 0, false});
    }
    std::map<int, int> served;
    for (int host = 1; host <= 20; ++host) {
      const Ipv6 ip{.from = "2001:db8:1::" + std::to_string(host)};
      const int first = served_by(run(Ethernet{} / ip / Tcp{.from = 1, .flags = "S"}));
      EXPECT_EQ(served_by(run(Ethernet{} / ip / Tcp{.from = 2, .flags = "S"})), first);
      ++served[first];
    }
    EXPECT_EQ(served[0], 0);
    EXPECT_GE(served.size(), 3u);
    SetUp();
  }
}

}  // namespace
}  // namespace xd::test
