// Connections: states, counts, the sweep, full tables, and services that change under them.
#include "director.h"

#include <sched.h>

#include "datapath/program.h"

#include <functional>

namespace xd::test {
namespace {

using lvs::Forward;
using lvs::Scheduler;

class Flows : public Director {
 protected:
  const lvs::ServiceKey http = service_key(vip, 80);

  Outcome send(std::string_view flags, std::uint16_t port = 1) { return run(Ethernet{} / Ipv4{} / Tcp{.from = port, .flags = flags}); }
  xd_state state(std::uint16_t port = 1) {
    const auto found = flow(flow_key(client, port));
    return found ? static_cast<xd_state>(found->state) : XD_STATE_NONE;
  }
  void all_timeouts(std::uint32_t jiffies) {
    for (std::uint32_t s = 0; s < XD_STATE_COUNT; ++s) set_timeout(static_cast<xd_state>(s), jiffies);
  }
  void TearDown() override {
    if (!IsSkipped()) all_timeouts(1'000'000);
  }
};

TEST_F(Flows, AnAckConfirmsAFlow) {
  serve(http, service(Forward::dr, {1}));
  for (std::uint16_t port = 1; port <= 20; ++port) send("S", port);
  EXPECT_EQ(half_open(), 20u);
  EXPECT_EQ(confirmed(), 0u);
  send("A", 7);
  EXPECT_EQ(half_open(), 19u);
  EXPECT_EQ(confirmed(), 1u);
}

TEST_F(Flows, AFloodOfSynsLeavesRoomForOthers) {
  serve(http, service(Forward::nat, {1}));
  for (std::uint16_t port = 1; port <= 1000; ++port) send("S", port);
  EXPECT_LE(half_open(), 8u * datapath::buckets_for(sizes()));
  establish(client, 2000);
  EXPECT_EQ(send("A", 2000).reason, "established");
}

// ipvs.md's table, as observed with single crafted segments.
TEST_F(Flows, DrStatesAreThoseOfIpvs) {
  serve(http, service(Forward::dr, {1}));
  const struct {
    std::vector<std::string_view> segments;
    xd_state state;
  } stories[] = {
      {{"S"}, XD_STATE_SYN_RECV},
      {{"S", "S"}, XD_STATE_SYN_RECV},
      {{"S", "A"}, XD_STATE_ESTABLISHED},
      {{"S", "FA"}, XD_STATE_TIME_WAIT},
      {{"S", "R"}, XD_STATE_SYN_RECV},
      {{"S", "A", "S"}, XD_STATE_ESTABLISHED},
      {{"S", "A", "FA"}, XD_STATE_FIN_WAIT},
      {{"S", "A", "RA"}, XD_STATE_CLOSE},
      {{"S", "A", "FA", "A"}, XD_STATE_FIN_WAIT},
      {{"S", "A", "FA", "S"}, XD_STATE_SYN_RECV},
      {{"S", "A", "FA", "R"}, XD_STATE_CLOSE},
      {{"S", "FA", "A"}, XD_STATE_TIME_WAIT},
      {{"S", "A", "R", "A"}, XD_STATE_CLOSE},
      {{"S", "A", ""}, XD_STATE_CLOSE},
  };
  std::uint16_t port = 1;
  for (const auto& story : stories) {
    for (const auto segment : story.segments) send(segment, port);
    EXPECT_EQ(state(port), story.state) << testing::PrintToString(story.segments);
    ++port;
  }
}

TEST_F(Flows, NatSeesTheServersFin) {
  serve(http, service(Forward::nat, {1}));
  const auto server = [&](std::string_view flags) {
    return run(Ethernet{.from = web_mac(1)} / Ipv4{.from = web(1), .to = client} / Tcp{.from = 80, .to = 1, .flags = flags});
  };
  send("S");
  server("SA");
  send("A");
  EXPECT_EQ(state(), XD_STATE_ESTABLISHED);
  server("FA");
  EXPECT_EQ(state(), XD_STATE_FIN_WAIT);
  send("FA");
  EXPECT_EQ(state(), XD_STATE_TIME_WAIT);
}

TEST_F(Flows, ASynOnAClosedConnectionIsScheduledAnew) {
  serve(http, service(Forward::dr, {1, 1}));
  const auto before = stats(http, 2);
  EXPECT_EQ(served_by(send("S")), 2);
  send("FA");  // TIME_WAIT
  const Outcome out = send("S");
  EXPECT_EQ(out.reason, "new_flow");
  EXPECT_EQ(served_by(out), 1);
  EXPECT_EQ(stats(http, 2).inactive, before.inactive);
}

TEST_F(Flows, ThatWhichEndedStillCountsWhenItsSuccessorIsScheduled) {
  serve(http, service(Forward::dr, {1, 1}, Scheduler::lc));
  const int first = served_by(send("S"));
  send("FA");  // TIME_WAIT
  const auto before = stats(http, first);
  EXPECT_EQ(served_by(send("S")), 3 - first);
  EXPECT_EQ(stats(http, first).inactive, before.inactive - 1);
}

TEST_F(Flows, CountsFollowTheStates) {
  serve(http, service(Forward::dr, {1}));
  const auto before = stats(http, 1);
  for (std::uint16_t port = 1; port <= 3; ++port) send("S", port);
  send("A", 1);
  send("A", 2);
  send("FA", 2);
  const auto now = stats(http, 1);
  EXPECT_EQ(now.active - before.active, 2u);
  EXPECT_EQ(now.inactive - before.inactive, 1u);
  EXPECT_EQ(now.connections - before.connections, 3u);
  EXPECT_EQ(now.packets_in - before.packets_in, 6u);
  EXPECT_EQ(now.bytes_in - before.bytes_in, 240u);
}

TEST_F(Flows, SilentOnesAreSweptAndCountedOut) {
  serve(http, service(Forward::nat, {1}));
  const auto before = stats(http, 1);
  establish(client, 1);
  send("S", 2);
  ASSERT_TRUE(datapath().sweep());
  EXPECT_EQ(confirmed() + half_open(), 4u) << "nothing is old yet";
  set_timeout(XD_STATE_SYN_RECV, 0);
  sweep_until([&] { return half_open() == 0; });
  EXPECT_EQ(half_open(), 0u);
  EXPECT_EQ(confirmed(), 2u);
  all_timeouts(0);
  ASSERT_TRUE(datapath().sweep());
  EXPECT_EQ(confirmed(), 0u);
  EXPECT_EQ(stats(http, 1).active, before.active);
  EXPECT_EQ(stats(http, 1).inactive, before.inactive);
}

TEST_F(Flows, RepliesKeepANatFlowAlive) {
  serve(http, service(Forward::nat, {1}));
  establish(client, 1);
  set_timeout(XD_STATE_ESTABLISHED, 20);
  usleep(300'000);
  run(Ethernet{.from = web_mac(1)} / Ipv4{.from = web(1), .to = client} / Tcp{.from = 80, .to = 1});
  ASSERT_TRUE(datapath().sweep());
  EXPECT_EQ(confirmed(), 2u);
}

TEST_F(Flows, FullTablesFallBackToTheHashAndLoseNothing) {
  serve(http, service(Forward::dr, {1, 1, 1}));
  std::uint16_t port = 1;
  Outcome first = send("S", port);
  while (first.reason == "new_flow" && port < 1000) {
    EXPECT_EQ(send("A", port).reason, "half_open");
    first = send("S", ++port);
  }
  EXPECT_GT(port, sizes().flows) << "there is room for as many as were asked for";
  EXPECT_EQ(first.reason, "stateless");
  EXPECT_EQ(first.verdict, XDP_TX);
  const Outcome second = send("A", port);
  EXPECT_EQ(second.reason, "stateless");
  EXPECT_EQ(served_by(second), served_by(first));
  EXPECT_EQ(send("A", 1).reason, "established") << "live ones are not touched";
}

TEST_F(Flows, FullTablesPassNatToTheStack) {
  serve(http, service(Forward::nat, {1}));
  std::uint16_t port = 1;
  Outcome out = send("S", port);
  while (out.reason == "new_flow" && port < 1000) {
    EXPECT_EQ(send("A", port).reason, "half_open");
    out = send("S", ++port);
  }
  EXPECT_GT(2 * port, sizes().flows);
  EXPECT_EQ(out.reason, "table_full");
  EXPECT_EQ(out.verdict, XDP_PASS);
  EXPECT_EQ(send("A", 1).reason, "established");
}

TEST_F(Flows, AnAddedServerMovesNoEstablishedFlow) {
  for (const Scheduler scheduler : {Scheduler::rr, Scheduler::mh}) {
    SetUp();
    serve(http, service(Forward::dr, {1, 1}, scheduler));
    std::map<std::uint16_t, int> served;
    for (std::uint16_t port = 1; port <= 10; ++port) {
      establish(client, port);
      served[port] = served_by(send("A", port));
    }
    serve(http, service(Forward::dr, {1, 1, 1}, scheduler));
    for (const auto& [port, server] : served) EXPECT_EQ(served_by(send("A", port)), server);
  }
}

TEST_F(Flows, ServicesAreReadBackAsTheyWerePut) {
  auto wanted = service(Forward::nat, {5, 0, 2}, Scheduler::wrr, 8080);
  wanted.scheduler_flags = 0;
  serve(http, wanted);
  auto dns = service(Forward::dr, {1}, Scheduler::mh, 53);
  dns.scheduler_flags = lvs::mh_port;
  serve(service_key(vip, 53, lvs::Protocol::udp), dns);
  EXPECT_EQ(datapath().services(), (lvs::Services{{http, wanted}, {service_key(vip, 53, lvs::Protocol::udp), dns}}));
  const auto other = datapath::Datapath::open(datapath().pin_dir());
  ASSERT_TRUE(other) << other.error().message;
  EXPECT_EQ(other->services(), datapath().services());
}

TEST_F(Flows, ARestartedDaemonAdoptsServicesAndFlows) {
  serve(http, service(Forward::dr, {1, 1}));
  establish(client, 1);
  const int before = served_by(send("A", 1));
  auto next = datapath::Datapath::create(datapath().pin_dir(), sizes());
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_TRUE(next->adopted());
  EXPECT_EQ(next->services(), datapath().services());
  ASSERT_TRUE(next->put_service(http, service(Forward::dr, {1, 1, 1})));
  EXPECT_EQ(served_by(send("A", 1)), before);
}

TEST_F(Flows, ConnectionsGoOnWhenTheirServiceReturnsAndItCountsAnew) {
  serve(http, service(Forward::nat, {1, 1}));
  establish(client, 1);
  const int before = served_by(send("A", 1));
  ASSERT_TRUE(datapath().remove_service(http));
  EXPECT_EQ(send("A", 1).reason, "not_ours");
  serve(http, service(Forward::nat, {1, 1}));
  EXPECT_EQ(stats(http, before).packets_in, 0u);
  EXPECT_EQ(served_by(send("A", 1)), before);
  EXPECT_EQ(stats(http, before).active, 1u);
}

// A director in a container may share the BPF file system with the host's.
TEST_F(Flows, ADaemonOfAnotherNetworkNamespaceKeepsItsOwnPins) {
  serve(http, service(Forward::dr, {1}));
  std::string place, error;
  std::size_t services = 1;
  std::thread([&] {
    if (unshare(CLONE_NEWNET) != 0) return;
    auto other = datapath::Datapath::create(datapath().pin_dir(), sizes());
    if (!other) {
      error = other.error().message;
      return;
    }
    place = other->pin_dir();
    services = other->services().size();
    (void)other->unpin();
  }).join();
  EXPECT_EQ(error, "");
  EXPECT_TRUE(place.starts_with(datapath().pin_dir() + "-")) << place;
  EXPECT_EQ(services, 0u);
  EXPECT_EQ(send("S").reason, "new_flow") << "ours are as they were";
}

TEST_F(Flows, TimeoutsAreThoseOfTheConfiguration) {
  const auto of = [&](std::uint32_t state) {
    std::uint32_t jiffies = 0;
    bpf_map_lookup_elem(datapath().map_fd("xd_timeouts"), &state, &jiffies);
    return jiffies;
  };
  xd_info info{};
  const std::uint32_t zero = 0;
  bpf_map_lookup_elem(datapath().map_fd("xd_info"), &zero, &info);
  ASSERT_TRUE(datapath().set_timeouts({.tcp = 60s, .tcp_fin = 7s, .udp = 11s}));
  EXPECT_EQ(of(XD_STATE_ESTABLISHED), 60 * info.hz);
  EXPECT_EQ(of(XD_STATE_FIN_WAIT), 7 * info.hz);
  EXPECT_EQ(of(XD_STATE_UDP), 11 * info.hz);
  EXPECT_EQ(of(XD_STATE_TIME_WAIT), 120 * info.hz);
  ASSERT_TRUE(datapath().set_timeouts({}));
  EXPECT_EQ(of(XD_STATE_ESTABLISHED), 900 * info.hz);
}

// IPVS's sysctls, by the names they have there.
TEST_F(Flows, ConnReuseModeSaysWhenASynIsANewConnection) {
  const auto served_again = [&](std::uint32_t mode, std::string_view last) {
    SetUp();
    serve(http, service(Forward::dr, {1, 1}));
    datapath().set_behaviour({.conn_reuse_mode = mode});
    const int first = served_by(send("S", 7));
    send("A", 7);
    send(last, 7);
    return served_by(send("S", 7)) == first;
  };
  EXPECT_TRUE(served_again(0, "R"));
  EXPECT_FALSE(served_again(1, "R"));
  EXPECT_TRUE(served_again(1, "FA"));
  EXPECT_FALSE(served_again(2, "FA"));
  datapath().set_behaviour({});
}

TEST_F(Flows, APersistentClientsOldConnectionStaysItsOwn) {
  lvs::Service wanted = service(Forward::dr, {1, 1});
  wanted.persistence_seconds = 60;
  serve(http, wanted);
  const int first = served_by(send("S", 7));
  send("R", 7);
  EXPECT_EQ(served_by(send("S", 7)), first);
}

TEST_F(Flows, ExpireNodestConnForgetsFlowsOfARemovedServer) {
  serve(http, service(Forward::dr, {1, 1}));
  establish(client, 1);  // at server 2
  datapath().set_behaviour({.expire_nodest_conn = true});
  serve(http, service(Forward::dr, {1}));
  EXPECT_EQ(send("A", 1).reason, "no_flow");
  serve(http, service(Forward::dr, {1, 1}));
  establish(client, 2);
  establish(client, 3);
  serve(http, service(Forward::dr, {1}));
  sweep_until([this] { return confirmed() == 1; });
  serve(http, service(Forward::dr, {1, 1}));
  const int quiesced = served_by(send("A", 3));
  serve(http, quiesced == 1 ? service(Forward::dr, {0, 1}) : service(Forward::dr, {1, 0}));
  EXPECT_EQ(served_by(send("A", 3)), quiesced) << "weight 0 keeps what it has";
  EXPECT_NE(served_by(send("S", 3)), quiesced) << "but for a client that begins anew";
  datapath().set_behaviour({});
}

TEST_F(Flows, ExpireQuiescentTemplateSendsPersistentClientsAway) {
  lvs::Service wanted = service(Forward::dr, {1, 1});
  wanted.persistence_seconds = 60;
  serve(http, wanted);
  const int first = served_by(send("S", 7));
  wanted.destinations[endpoint(web(first), 80)].weight = 0;
  serve(http, wanted);
  EXPECT_EQ(served_by(send("S", 8)), first);
  datapath().set_behaviour({.expire_quiescent_template = true});
  EXPECT_NE(served_by(send("S", 9)), first);
  datapath().set_behaviour({});
}

TEST_F(Flows, ARateLimitLetsSoManyInEachSecond) {
  serve(http, service(Forward::dr, {1, 1}));
  establish(client, 1);
  datapath().set_rate_limits({{http, 5}});
  // A second may end in the middle of the first look, so there are two.
  int fewest = 100;
  std::uint16_t port = 100;
  for (int look = 0; look < 2; ++look) {
    int let_in = 0;
    for (int i = 0; i < 20; ++i) let_in += send("S", ++port).verdict == XDP_TX;
    fewest = std::min(fewest, let_in);
  }
  EXPECT_LE(fewest, 5);
  const Outcome over = send("S", 99);
  EXPECT_EQ(over.reason, "rate_limit");
  EXPECT_EQ(over.verdict, XDP_DROP);
  EXPECT_EQ(send("A", 1).reason, "established");
  serve(http, service(Forward::dr, {1, 1, 1}));
  EXPECT_EQ(datapath().services().at(http).destinations.size(), 3u);
  datapath().set_rate_limits({});
  for (int i = 0; i < 20; ++i) EXPECT_EQ(send("S", ++port).verdict, XDP_TX);
}

TEST_F(Flows, ShortOfMemoryItForgetsWhatIsHalfOpenOrIdle) {
  const auto dropped = [this] {
    const auto reasons = datapath().reasons();
    return std::ranges::find(reasons, "drop_entry", &datapath::ReasonCount::word)->packets;
  };
  lvs::Service persistent = service(Forward::dr, {1, 1});
  persistent.persistence_seconds = 60;
  serve(http, persistent);
  establish(client, 1);
  for (std::uint16_t port = 2; port < 6; ++port) EXPECT_NE(served_by(send("S", port)), 0);
  const auto before = dropped();
  sweep_until([&] { return half_open() == 0; }, true);
  EXPECT_EQ(dropped() - before, 4u);
  EXPECT_EQ(confirmed(), 2u) << "the client's connection and its template";
  EXPECT_EQ(stats(http, 1).active + stats(http, 2).active, 1u);

  // Silent for more than a minute, but for less than the timeout.
  xd_info info{};
  const std::uint32_t zero = 0;
  bpf_map_lookup_elem(datapath().map_fd("xd_info"), &zero, &info);
  const auto make_old = [&](std::uint32_t packets) {
    for (std::uint32_t index = 0; index < info.buckets; ++index) {
      xd_bucket bucket{};
      bpf_map_lookup_elem(datapath().map_fd("xd_flows"), &index, &bucket);
      for (xd_flow& flow : bucket.flow) {
        if (flow.flags & XD_FLOW_TEMPLATE) continue;
        flow.seen -= 61 * info.hz;
        flow.way = (flow.way & ~XD_FLOW_PACKETS) | packets;
      }
      bpf_map_update_elem(datapath().map_fd("xd_flows"), &index, &bucket, BPF_ANY);
    }
  };
  make_old(8);
  ASSERT_TRUE(datapath().sweep());
  EXPECT_EQ(confirmed(), 2u) << "when memory is not short";
  sweep_until([&] { return confirmed() == 1; }, true);
  EXPECT_EQ(dropped() - before, 5u);
  ASSERT_TRUE(datapath().sweep());

  // A client that has sent more than a few packets keeps its connection.
  establish(client, 7);
  establish(client, 8);
  make_old(XD_FLOW_MANY);
  send("A", 8);
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(datapath().sweep(true));
  EXPECT_EQ(confirmed(), 3u);
  ASSERT_TRUE(datapath().sweep());
}

TEST_F(Flows, WhatTheClientSentIsCountedOnceInAJiffy) {
  serve(http, service(Forward::nat, {1}));
  establish(client, 1);
  const auto packets = [this] { return flow(flow_key(client, 1))->way & XD_FLOW_PACKETS; };
  EXPECT_GE(packets(), 1u);
  const std::uint32_t way = flow(flow_key(client, 1))->way | XD_FLOW_PACKETS;
  const TimePoint end = Clock::now() + 10s;
  while (packets() < XD_FLOW_MANY && Clock::now() < end) send("A", 1);
  wait_for_ticks();
  send("A", 1);
  EXPECT_EQ(packets(), XD_FLOW_MANY) << "and no further";
  EXPECT_EQ(flow(flow_key(client, 1))->way | XD_FLOW_PACKETS, way) << "the way back is what it was";
}

// As IPVS has it: SYN begins a connection, whatever stands beside it, but for RST.
TEST_F(Flows, OddFlagsBeginWhatTheyBeginInIpvs) {
  serve(http, service(Forward::dr, {1}));
  std::uint16_t port = 100;
  for (const char* flags : {"S", "SA", "SF", "SPU", "SFA"}) EXPECT_EQ(send(flags, ++port).reason, "new_flow") << flags;
  for (const char* flags : {"", "A", "F", "FA", "R", "RA", "SR", "SRA", "SFR", "FPU"})
    EXPECT_EQ(send(flags, ++port).reason, "no_flow") << flags;
  EXPECT_EQ(flow(flow_key(client, 103))->state, XD_STATE_SYN_RECV);
  // On a connection that has ended, SYN with RST ends it for good.
  send("F", 101);
  EXPECT_EQ(flow(flow_key(client, 101))->state, XD_STATE_TIME_WAIT);
  EXPECT_EQ(send("SR", 101).reason, "no_flow");
  EXPECT_FALSE(flow(flow_key(client, 101)));
}

TEST_F(Flows, SloppyTcpTakesAConnectionInItsMidst) {
  serve(http, service(Forward::dr, {1}));
  datapath().set_behaviour({.sloppy_tcp = true});
  EXPECT_EQ(send("R", 1).reason, "no_flow");
  EXPECT_EQ(send("A", 2).reason, "new_flow");
  EXPECT_EQ(flow(flow_key(client, 2))->state, XD_STATE_ESTABLISHED);
  EXPECT_EQ(send("FA", 3).reason, "new_flow");
  EXPECT_EQ(flow(flow_key(client, 3))->state, XD_STATE_CLOSE);
  EXPECT_EQ(send("", 4).reason, "new_flow");
  datapath().set_behaviour({});
  EXPECT_EQ(send("A", 5).reason, "no_flow");
}

// What its client did makes a template stay while memory is short: a handshake, and by NAT an answer to a datagram.
TEST_F(Flows, TemplatesAreAssuredAsInIpvs) {
  const auto dns = service_key(vip, 53, lvs::Protocol::udp);
  lvs::Service persistent = service(Forward::nat, {1});
  persistent.persistence_seconds = 60;
  serve(http, persistent);
  persistent = service(Forward::nat, {1}, lvs::Scheduler::rr, 53);
  persistent.persistence_seconds = 60;
  serve(dns, persistent);
  const auto assured = [this](std::uint16_t port, std::uint8_t protocol) {
    return flow(flow_key(client, 0, vip, port, static_cast<std::uint8_t>(protocol ^ XD_TEMPLATE_PROTO)))->state == XD_STATE_ESTABLISHED;
  };
  send("S", 1);
  send("R", 1);
  EXPECT_FALSE(assured(80, IPPROTO_TCP)) << "a reset is no second step";
  send("S", 2);
  send("A", 2);
  EXPECT_TRUE(assured(80, IPPROTO_TCP));

  const Packet question = Ethernet{} / Ipv4{} / Udp{.from = 9, .to = 53} / Payload{"question"};
  run(question);
  run(question);
  EXPECT_FALSE(assured(53, IPPROTO_UDP));
  EXPECT_EQ(run(Ethernet{.from = web_mac(1)} / Ipv4{.from = web(1), .to = client} / Udp{.from = 53, .to = 9} / Payload{"answer"}).reason,
            "reply");
  EXPECT_TRUE(assured(53, IPPROTO_UDP));
}

TEST_F(Flows, WhatItCannotServeItSays) {
  lvs::Service mixed;
  mixed.destinations[endpoint("fd00::1", 80)] = {Forward::dr, 1, 0, 0};
  const Status status = datapath().put_service(http, mixed);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "serve 192.0.2.10:80/tcp: only a tunnel could reach [fd00::1]:80, which is of another address family");
}

}  // namespace
}  // namespace xd::test
