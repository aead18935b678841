// Floods of SYNs from random sources, and whether the counts of connections are right after all that can happen to them.
#include "director.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <random>
#include <set>

#include "datapath/program.h"

namespace xd::test {
namespace {

using lvs::Forward;

// A director with tables of a size where a flood takes some packets to fill them.
class Flood : public Director, public testing::WithParamInterface<Forward> {
 protected:
  static constexpr datapath::Sizes large{16'384, 8'192, 64, 64, 4'096};

  void SetUp() override {
    Director::SetUp();
    if (IsSkipped()) return;
    auto made = datapath::Datapath::create("/sys/fs/bpf/xd-test-flood", large);
    ASSERT_TRUE(made) << made.error().message;
    path_.emplace(std::move(*made));
    const lvs::Service wanted = service(GetParam(), {1, 1, 1, 1});
    ASSERT_TRUE(path_->put_service(service_key(vip, 80), wanted));
    for (int number = 1; number <= 4; ++number) {
      path_->set_hop(*IpAddress::parse(web(number)), datapath::Hop{*MacAddress::parse(web_mac(number)), *MacAddress::parse(director_mac), 1,
                                                                   0, 0, false, *IpAddress::parse("10.0.0.254")});
    }
  }
  void TearDown() override {
    if (path_) (void)path_->unpin();
  }

  struct Client {
    std::uint32_t address;
    std::uint16_t port;
  };
  // The number of the server that the client's packet goes to; 0: it was not sent on.
  int send(const Client& client, std::uint8_t flags) {
    in_[26] = static_cast<std::uint8_t>(client.address >> 24);
    in_[27] = static_cast<std::uint8_t>(client.address >> 16);
    in_[28] = static_cast<std::uint8_t>(client.address >> 8);
    in_[29] = static_cast<std::uint8_t>(client.address);
    put16(in_, 34, client.port);
    in_[47] = flags;
    std::array<std::uint8_t, 128> out{};
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in_.data(), .data_out = out.data(), .data_size_in = static_cast<__u32>(in_.size()),
                .data_size_out = static_cast<__u32>(out.size()));
    if (bpf_prog_test_run_opts(path_->program_fd(), &options) != 0 || options.retval != XDP_TX) return 0;
    return out[5];
  }
  void flood(int packets) {
    for (int i = 0; i < packets; ++i) send({static_cast<std::uint32_t>(random_()), static_cast<std::uint16_t>(random_())}, syn);
  }
  std::uint64_t counted(std::string_view word) const {
    for (const auto& reason : path_->reasons()) {
      if (reason.word == word) return reason.packets;
    }
    return 0;
  }

  static constexpr std::uint8_t syn = 0x02, ack = 0x10;
  std::optional<datapath::Datapath> path_;
  std::mt19937 random_{20261122};
  Bytes in_ = (Ethernet{} / Ipv4{} / Tcp{.flags = "S"}).bytes();
};

TEST_P(Flood, ClosesNoConnectionAndLetsNewOnesIn) {
  std::vector<std::pair<Client, int>> established;
  for (std::uint16_t i = 0; i < 500; ++i) {
    const Client client{0xc6336400u + i % 250, static_cast<std::uint16_t>(1024 + i)};
    established.emplace_back(client, send(client, syn));
    ASSERT_NE(established.back().second, 0);
    ASSERT_EQ(send(client, ack), established.back().second);
  }
  flood(60'000);

  // Each waits for its server's answer while the flood goes on: so many SYNs between its own and its ACK as a hundredth of the table.
  // XD_FLOOD_SECONDS=60: for so long, and a table's worth of SYNs after each.
  const char* asked = std::getenv("XD_FLOOD_SECONDS");
  const bool is_long = asked != nullptr;
  const TimePoint until = Clock::now() + std::chrono::seconds(is_long ? std::atoi(asked) : 0);
  int let_in = 0, tries = 0;
  for (; tries < 400 || Clock::now() < until; ++tries) {
    const Client client{0xcb007100u + static_cast<std::uint32_t>(tries % 250), static_cast<std::uint16_t>(30'000 + tries)};
    const int server = send(client, syn);
    flood(160);
    let_in += server != 0 && send(client, ack) == server && send(client, ack) == server;
    if (is_long) flood(16'384);
    if (tries % 30 == 0) {
      ASSERT_TRUE(path_->sweep());
    }
  }
  EXPECT_GE(let_in, tries * 8 / 10);
  std::cout << let_in << " of " << tries << " new connections let in\n";

  const std::uint64_t before = counted("established");
  for (const auto& [client, server] : established) EXPECT_EQ(send(client, ack), server);
  EXPECT_EQ(counted("established") - before, established.size());
  EXPECT_GT(counted(GetParam() == Forward::nat ? "crowded" : "stateless"), 10'000u) << "the flood is seen in the reasons";
}

INSTANTIATE_TEST_SUITE_P(Methods, Flood, testing::Values(Forward::dr, Forward::nat, Forward::tun),
                         [](const auto& each) { return std::string(lvs::name(each.param)); });

// ---- Counts

class Counts : public Director {
 protected:
  struct Count {
    std::uint32_t active = 0, inactive = 0;
    bool operator==(const Count&) const = default;
  };
  static bool is_active(std::uint32_t state) {
    return state == XD_STATE_ESTABLISHED || state == XD_STATE_SYN_SENT || state == XD_STATE_SYN_RECV;
  }
  // What the table holds, and what the destinations say, by slot.
  void compare(int step) {
    std::map<std::uint32_t, Count> held;
    std::vector<xd_dest> dests(sizes().dests);
    for (std::uint32_t i = 0; i < sizes().dests; ++i) bpf_map_lookup_elem(datapath().map_fd("xd_dests"), &i, &dests[i]);
    for (std::uint32_t i = 0; i < datapath::buckets_for(sizes()); ++i) {
      static xd_bucket bucket;
      bpf_map_lookup_elem(datapath().map_fd("xd_flows"), &i, &bucket);
      for (std::uint32_t way = 0; way < XD_WAYS; ++way) {
        const xd_flow& flow = bucket.flow[way];
        if (bucket.tag[way] <= XD_TAG_BUSY || (flow.flags & (XD_FLOW_REPLY | XD_FLOW_TEMPLATE)) != 0) continue;
        if (static_cast<std::uint16_t>(dests[flow.dest].generation) != flow.generation) continue;
        ++(is_active(flow.state) ? held[flow.dest].active : held[flow.dest].inactive);
      }
    }
    for (std::uint32_t i = 0; i < sizes().dests; ++i) {
      EXPECT_EQ(dests[i].active, held[i].active) << "of slot " << i << " after step " << step;
      EXPECT_EQ(dests[i].inactive, held[i].inactive) << "of slot " << i << " after step " << step;
    }
  }
};

TEST_F(Counts, AreThoseOfARecountWhateverHappened) {
  std::mt19937 random(4711);
  const auto any = [&](std::uint32_t below) { return static_cast<std::uint32_t>(random() % below); };
  const std::vector<std::pair<lvs::ServiceKey, Forward>> services{{service_key("192.0.2.21", 80), Forward::dr},
                                                                  {service_key("192.0.2.22", 80), Forward::nat},
                                                                  {service_key("192.0.2.23", 80), Forward::tun},
                                                                  {service_key("192.0.2.24", 80, lvs::Protocol::udp), Forward::nat}};
  const auto put = [&](std::size_t which, std::vector<std::uint32_t> weights) {
    lvs::Service wanted = service(services[which].second, std::move(weights), lvs::Scheduler::wlc);
    if (which == 0) wanted.persistence_seconds = 10;
    serve(services[which].first, wanted);
    for (int number = 1; number <= 4; ++number) {
      datapath().set_hop(*IpAddress::parse(web(number)),
                         datapath::Hop{*MacAddress::parse(web_mac(number)), *MacAddress::parse(director_mac), 1, 0, 0, false,
                                       *IpAddress::parse("10.0.0.254")});
    }
  };
  for (std::size_t i = 0; i < services.size(); ++i) put(i, {1, 2, 1});
  constexpr std::array<std::string_view, 6> flags{"S", "A", "A", "FA", "R", ""};
  for (int step = 0; step < 6'000; ++step) {
    const auto& [key, method] = services[any(static_cast<std::uint32_t>(services.size()))];
    const std::string from = "198.51.100." + std::to_string(any(6)), to = key.address.str();
    const auto port = static_cast<std::uint16_t>(1 + any(12));
    const bool reply = method == Forward::nat && any(3) == 0;
    const std::string real = web(static_cast<int>(1 + any(3)));
    Packet packet = reply ? Ethernet{} / Ipv4{.from = real, .to = from} : Ethernet{} / Ipv4{.from = from, .to = to};
    const std::uint16_t source = reply ? 80 : port, destination = reply ? port : 80;
    if (key.protocol == lvs::Protocol::udp) {
      packet = packet / Udp{.from = source, .to = destination};
    } else {
      packet = packet / Tcp{.from = source, .to = destination, .flags = reply && any(4) == 0 ? "SA" : flags[any(6)]};
    }
    run(packet);
    switch (any(300)) {
      case 0: put(any(4), {1, 1}); break;  // the third one leaves
      case 1: put(any(4), {1, 2, 1}); break;
      case 2: put(any(4), {0, 5, 1, 1}); break;
      case 3: ASSERT_TRUE(datapath().sweep()); break;
      case 4:  // all that is silent for a tick is old
        for (std::uint32_t state = 1; state < XD_STATE_COUNT; ++state) set_timeout(static_cast<xd_state>(state), 0);
        ASSERT_TRUE(datapath().sweep());
        ASSERT_TRUE(datapath().set_timeouts({}));
        break;
      default: break;
    }
    if (step % 500 == 499) {
      compare(step);
      if (HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace xd::test
