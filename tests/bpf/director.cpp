#include "director.h"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "datapath/program.h"

namespace xd::test {

namespace {

std::unique_ptr<datapath::Datapath> loaded;
std::string why_not;
std::set<std::string> reached;  // reasons that a test has met, by its packets' outcomes

class Kernel : public testing::Environment {
 public:
  explicit Kernel(datapath::Sizes sizes) : sizes_(sizes) {}
  void SetUp() override {
    if (geteuid() != 0) {
      why_not = "loading BPF needs root";
      return;
    }
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
      why_not = "namespaces of its own are refused";
      return;
    }
    if (std::system("ip link set lo up && ip link add out type veth peer name wire && ip link set out up") != 0) {
      why_not = "no veth can be made";
      return;
    }
    auto created = datapath::Datapath::create("/sys/fs/bpf/xd-test", sizes_);
    if (created)
      loaded = std::make_unique<datapath::Datapath>(std::move(*created));
    else
      why_not = created.error().message;
  }
  void TearDown() override {
    const auto& all = *testing::UnitTest::GetInstance();
    if (loaded && all.test_to_run_count() == all.total_test_count()) {  // not a chosen few
      for (const auto& reason : loaded->reasons())
        EXPECT_TRUE(reached.contains(std::string(reason.word))) << reason.word << ": no test reaches it";
    }
    if (loaded) (void)loaded->unpin();
    loaded.reset();
  }

 private:
  datapath::Sizes sizes_;
};

std::vector<xd_bucket> buckets() {
  std::vector<xd_bucket> all(datapath::buckets_for({64, 32, 64, 64, 262'144}));
  for (std::uint32_t i = 0; i < all.size(); ++i) bpf_map_lookup_elem(loaded->map_fd("xd_flows"), &i, &all[i]);
  return all;
}

std::map<std::string, std::uint64_t> count_reasons() {
  std::map<std::string, std::uint64_t> counts;
  for (const auto& reason : loaded->reasons()) counts[std::string(reason.word)] = reason.packets;
  return counts;
}

std::size_t count_flows(bool half_open) {
  std::size_t count = 0;
  for (const xd_bucket& bucket : buckets()) {
    for (std::uint32_t way = 0; way < XD_WAYS; ++way)
      count += bucket.tag[way] > XD_TAG_BUSY && ((bucket.marks >> way & 1) != 0) == half_open;
  }
  return count;
}

}  // namespace

datapath::Sizes Director::sizes() { return {64, 32, 64, 64, 262'144}; }

static testing::Environment* const kernel = testing::AddGlobalTestEnvironment(new Kernel({64, 32, 64, 64, 262'144}));

datapath::Datapath& Director::datapath() { return *loaded; }

void Director::SetUp() {
  if (!loaded) GTEST_SKIP() << why_not;
  for (const auto& [key, service] : loaded->services()) ASSERT_TRUE(loaded->remove_service(key));
  const std::uint32_t zero = 0;
  static const xd_bucket nothing{};
  for (std::uint32_t i = 0; i < buckets().size(); ++i) bpf_map_update_elem(loaded->map_fd("xd_flows"), &i, &nothing, BPF_ANY);
  for (std::uint32_t i = 0; i < sizes().dests; ++i) {  // their flows are gone
    xd_dest dest{};
    bpf_map_lookup_elem(loaded->map_fd("xd_dests"), &i, &dest);
    dest.active = dest.inactive = dest.overloaded = 0;
    bpf_map_update_elem(loaded->map_fd("xd_dests"), &i, &dest, BPF_ANY);
  }
  xd_fragment_key fragment{};
  while (bpf_map_get_next_key(loaded->map_fd("xd_fragments"), nullptr, &fragment) == 0) {
    bpf_map_delete_elem(loaded->map_fd("xd_fragments"), &fragment);
  }
  xd_info info{};
  bpf_map_lookup_elem(loaded->map_fd("xd_info"), &zero, &info);
  info.overflow = 0;
  bpf_map_update_elem(loaded->map_fd("xd_info"), &zero, &info, BPF_ANY);
  put_port(XD_PORT_GENERIC);
}

void Director::put_port(std::uint32_t flags) {
  const std::uint32_t lo = 1, zero = 0;
  const xd_port port{flags, 1500};
  bpf_map_update_elem(loaded->map_fd("xd_ports"), &lo, &port, BPF_ANY);
  static xd_filter filter;
  bpf_map_lookup_elem(loaded->map_fd("xd_filter"), &zero, &filter);
  filter.ports = flags;
  bpf_map_update_elem(loaded->map_fd("xd_filter"), &zero, &filter, BPF_ANY);
}

lvs::Service Director::service(lvs::Forward forward, std::vector<std::uint32_t> weights, lvs::Scheduler scheduler, std::uint16_t port) {
  lvs::Service service;
  service.scheduler = scheduler;
  int number = 1;
  for (const std::uint32_t weight : weights) {
    const Endpoint e = endpoint(web(number++), port);
    service.destinations[e] = {forward, weight, 0, 0};
    service.order.push_back(e);
  }
  return service;
}

void Director::resolve(int number) {
  loaded->set_hop(*IpAddress::parse(web(number)),
                  datapath::Hop{*MacAddress::parse(web_mac(number)), *MacAddress::parse(director_mac), 1, 0, 0, false});
}

void Director::wait_for_ticks() {
  const auto coarse = [] {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);  // it goes by ticks
    return now.tv_nsec;
  };
  for (int tick = 0; tick < 2; ++tick) {
    for (const auto before = coarse(); coarse() == before;) std::this_thread::yield();
  }
}

void Director::serve(const lvs::ServiceKey& key, const lvs::Service& wanted) {
  const Status status = loaded->put_service(key, wanted);
  ASSERT_TRUE(status) << status.error().message;
  for (int number = 1; number <= static_cast<int>(wanted.destinations.size()); ++number) resolve(number);
}

Outcome Director::run(const Packet& packet, bool in_pieces) {
  auto before = count_reasons();
  const Bytes in = packet.bytes();
  Outcome outcome;
  outcome.frame.resize(16'384);
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in.data(), .data_out = outcome.frame.data(),
              .data_size_in = static_cast<__u32>(in.size()), .data_size_out = static_cast<__u32>(outcome.frame.size()));
  EXPECT_EQ(bpf_prog_test_run_opts(loaded->program_fd(in_pieces), &options), 0) << std::strerror(errno);
  outcome.verdict = static_cast<int>(options.retval);
  outcome.frame.resize(options.data_size_out);
  std::uint64_t counted = 0;
  for (const auto& [word, packets] : count_reasons()) {
    if (packets == before[word]) continue;
    outcome.reason = word;
    reached.insert(word);
    counted += packets - before[word];
  }
  EXPECT_EQ(counted, 1u) << "every packet has one reason";
  return outcome;
}

std::string Director::web_mac(int number) {
  constexpr const char* digits = "0123456789abcdef";
  return std::string("02:00:00:00:01:") + digits[number / 16 % 16] + digits[number % 16];
}

int Director::served_by(const Outcome& outcome) {
  const auto first = *MacAddress::parse(web_mac(0));
  return std::equal(first.bytes.begin(), first.bytes.end() - 1, outcome.frame.begin()) ? outcome.frame[5] : 0;
}

void Director::establish(const std::string& from, std::uint16_t port, const std::string& to, std::uint16_t to_port) {
  EXPECT_THAT(run(Ethernet{} / Ipv4{.from = from, .to = to} / Tcp{.from = port, .to = to_port, .flags = "S"}).reason,
              testing::AnyOf("new_flow", "crowded"));
  EXPECT_EQ(run(Ethernet{} / Ipv4{.from = from, .to = to} / Tcp{.from = port, .to = to_port, .flags = "A"}).reason, "half_open");
}

void Director::sweep_until(const std::function<bool()>& is_so, bool short_of_memory) {
  const TimePoint limit = Clock::now() + 5s;
  while (true) {
    auto before = count_reasons();
    ASSERT_TRUE(datapath().sweep(short_of_memory));
    for (const auto& [word, packets] : count_reasons()) {
      if (packets != before[word]) reached.insert(word);
    }
    if (is_so()) return;
    ASSERT_LT(Clock::now(), limit) << "swept for 5 s, and still it is not so";
    usleep(1'000);
  }
}

std::size_t Director::confirmed() const { return count_flows(false); }
std::size_t Director::half_open() const { return count_flows(true); }

std::optional<xd_flow> Director::flow(const xd_flow_key& key) const {
  for (const xd_bucket& bucket : buckets()) {
    for (std::uint32_t way = 0; way < XD_WAYS; ++way) {
      const xd_flow& flow = bucket.flow[way];
      if (bucket.tag[way] > XD_TAG_BUSY && std::memcmp(flow.saddr, key.saddr, 36) == 0 && flow.proto == key.proto) return flow;
    }
  }
  return std::nullopt;
}

xd_flow_key Director::flow_key(const std::string& from, std::uint16_t port, const std::string& to, std::uint16_t to_port,
                               std::uint8_t protocol) {
  xd_flow_key key{};
  std::memcpy(key.saddr, IpAddress::parse(from)->bytes().data(), 16);
  std::memcpy(key.daddr, IpAddress::parse(to)->bytes().data(), 16);
  key.sport = htons(port);
  key.dport = htons(to_port);
  key.proto = protocol;
  return key;
}

datapath::DestinationStats Director::stats(const lvs::ServiceKey& key, int number, std::uint16_t port) {
  return loaded->stats(key)[endpoint(web(number), port)];
}

void Director::set_timeout(xd_state state, std::uint32_t jiffies) {
  const std::uint32_t index = state;
  bpf_map_update_elem(loaded->map_fd("xd_timeouts"), &index, &jiffies, BPF_ANY);
}

}  // namespace xd::test
