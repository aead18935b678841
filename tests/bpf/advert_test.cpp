// The XDP program's advert path, by BPF_PROG_TEST_RUN: frames in, counters, events and notes out. Frames arrive on
// loopback, which is what a test run without further words has for an interface.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <random>

#include "datapath/program.h"
#include "datapath/watches.h"
#include "vrrp/advert.h"
#include "vrrp/election.h"
#include "vrrp/timing.h"
#include "vrrp/watch.h"

namespace xd::vrrp {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint8_t vrid = 51;
constexpr xd_watch_key key{.ifindex = 1, .vlan = 0, .family = AF_INET, .vrid = vrid};
constexpr std::size_t ip_at = 14;
constexpr std::size_t message_at = ip_at + 20;

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }
const IpAddress we = ip("192.0.2.20");
const IpAddress neighbour = ip("192.0.2.1");
const IpAddress other = ip("192.0.2.100");
const IpAddress group = ip("224.0.0.18");

conf::VrrpInstance instance(int version) {
  conf::VrrpInstance out;
  out.version = version;
  out.vrid = vrid;
  out.interface = "lo";
  for (const char* vip : {"192.0.2.10", "192.0.2.11"}) out.addresses.emplace_back().prefix = {ip(vip), 32};
  return out;
}

conf::VrrpInstance with_password(conf::VrrpInstance out) {
  out.authentication.type = conf::AuthType::pass;
  out.authentication.data = {'s', 'e', 'c', 'r', 'e', 't', 0, 0};
  return out;
}

Bytes frame_of(const Advert& advert, const Carrier& carrier) {
  Bytes frame{0x01, 0x00, 0x5e, 0x00, 0x00, 0x12, 0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00};
  const Bytes packet = build_ipv4_packet(advert, carrier, 1);
  frame.insert(frame.end(), packet.begin(), packet.end());
  return frame;
}

// The loaded program, shared by all tests: each begins with an empty table and no events waiting.
class AdvertPath : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto opened = datapath::open_object({.flows = 1024, .half_open = 1024, .services = 16, .dests = 16, .ring_slots = 1024});
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    object = std::move(*opened).release();
    const Status loaded = datapath::load_object(object);
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    auto adopted = datapath::Watches::adopt(map("xd_watches"), map("xd_events"), Fd(dup(program("xd_watch"))));
    ASSERT_TRUE(adopted.ok()) << adopted.error().message;
    watches = std::make_unique<datapath::Watches>(std::move(*adopted));
  }
  static void TearDownTestSuite() {
    watches.reset();
    bpf_object__close(object);
  }
  static Fd map(const char* name) { return Fd(dup(bpf_object__find_map_fd_by_name(object, name))); }
  static int program(const char* name) { return bpf_program__fd(bpf_object__find_program_by_name(object, name)); }

  void SetUp() override {
    for (const xd_watch_key& k : watches->keys()) ASSERT_TRUE(watches->remove(k).ok());
    events();
  }

  // What runs on this instance from now on.
  void use(const conf::VrrpInstance& conf, Role role, std::uint8_t priority = 100) {
    expected = expected_of(conf);
    config = config_of(conf, we, false);
    state = initial_state(config, priority);
    state.role = role;
    conf_ = conf;
    put();
  }
  void put() {
    const Status status = watches->put(key, watch_config(expected, config, state));
    ASSERT_TRUE(status.ok()) << status.error().message;
  }

  // An advert like ours, by another.
  Advert advert(std::uint8_t priority) const { return advert_of(conf_, priority); }
  Carrier from(const IpAddress& source) const { return {source, expected.unicast ? we : group, 255}; }
  void hear(std::uint8_t priority, const IpAddress& source = neighbour) { run(frame_of(advert(priority), from(source))); }

  static void run(const Bytes& frame) {
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_size_in = static_cast<__u32>(frame.size()), .repeat = 1);
    ASSERT_EQ(bpf_prog_test_run_opts(program("xd_entry"), &options), 0) << std::strerror(errno);
    ASSERT_EQ(options.retval, static_cast<__u32>(XDP_PASS)) << "every advert goes on to the stack";
  }

  static std::vector<xd_event> events() {
    std::vector<xd_event> all;
    watches->drain([&](const xd_event& event) { all.push_back(event); });
    return all;
  }
  static std::vector<int> event_types() {
    std::vector<int> types;
    for (const xd_event& event : events()) types.push_back(event.type);
    return types;
  }
  static xd_event next_event() {
    pollfd waiting{.fd = watches->event_fd(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&waiting, 1, 5000), 1) << "no event came";
    xd_event event{};
    watches->drain([&](const xd_event& e) { event = e; });
    return event;
  }
  static xd_watch look() { return watches->look(key).value(); }
  static std::map<std::string_view, std::uint64_t> rejects() {
    std::map<std::string_view, std::uint64_t> counts;
    const xd_watch watch = look();
    for (std::size_t i = 0; i < XD_REJECT_COUNT; ++i)
      if (watch.rejects[i] != 0) counts[name(static_cast<Reject>(i))] = watch.rejects[i];
    return counts;
  }

  static inline bpf_object* object = nullptr;
  static inline std::unique_ptr<datapath::Watches> watches;
  Expected expected;
  InstanceConfig config;
  State state;
  conf::VrrpInstance conf_;
};

using Types = std::vector<int>;
using Counts = std::map<std::string_view, std::uint64_t>;

// ---- Who is told what

TEST_F(AdvertPath, ASteadyMasterIsNotedAndWakesNobody) {
  use(instance(3), Role::backup);
  hear(150);
  const auto first = events();
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].type, XD_EVENT_NEW_MASTER);
  const Heard heard = heard_of(first[0].heard).value();
  EXPECT_EQ(heard.source, neighbour);
  EXPECT_EQ(heard.priority, 150);
  EXPECT_EQ(heard.interval, 1s);
  EXPECT_LE(Clock::now() - heard.at, 5s);
  for (int i = 0; i < 100; ++i) hear(150);
  EXPECT_EQ(event_types(), Types{});
  EXPECT_EQ(look().adverts, 101u);
  EXPECT_GT(heard_of(look().seen)->at, heard.at) << "but the watch knows when it was heard last";
}

TEST_F(AdvertPath, AnotherMasterAndAnotherPriorityAreNews) {
  use(instance(3), Role::backup);
  hear(150);
  hear(150, other);
  hear(151, other);
  Advert slower = advert(151);
  slower.interval = 2s;
  run(frame_of(slower, from(other)));
  EXPECT_EQ(event_types(), (Types{XD_EVENT_NEW_MASTER, XD_EVENT_NEW_MASTER, XD_EVENT_CHANGED, XD_EVENT_CHANGED}));
  EXPECT_EQ(look().seen.interval, 2'000'000'000u);
}

TEST_F(AdvertPath, OnlyTheMastersFarewellEmptiesTheNote) {
  use(instance(3), Role::backup);
  hear(150);
  hear(0, other);
  EXPECT_NE(look().seen.at, 0u);
  hear(0);
  EXPECT_EQ(look().seen.at, 0u);
  EXPECT_EQ(event_types(), (Types{XD_EVENT_NEW_MASTER, XD_EVENT_PRIORITY_ZERO, XD_EVENT_PRIORITY_ZERO}));
  EXPECT_EQ(look().zeros, 2u);
}

TEST_F(AdvertPath, AMasterToBePreemptedIsToldOnceAndDoesNotCount) {
  use(instance(3), Role::backup, 100);
  for (int i = 0; i < 5; ++i) hear(90);
  EXPECT_EQ(event_types(), Types{XD_EVENT_WORSE});
  EXPECT_EQ(look().seen.at, 0u);
  EXPECT_NE(look().ignored.at, 0u);
}

TEST_F(AdvertPath, WithNopreemptALowerMasterCounts) {
  auto conf = instance(3);
  conf.nopreempt = true;
  use(conf, Role::backup, 100);
  for (int i = 0; i < 5; ++i) hear(90);
  EXPECT_EQ(event_types(), Types{XD_EVENT_NEW_MASTER});
  EXPECT_NE(look().seen.at, 0u);
}

TEST_F(AdvertPath, DuringThePreemptDelayALowerMasterCountsAndAfterItNot) {
  auto conf = instance(3);
  conf.preempt_delay = 10s;
  use(conf, Role::backup, 100);
  hear(90);
  EXPECT_EQ(event_types(), Types{XD_EVENT_NEW_MASTER});
  state.preempt_at = Clock::now() + 1h;
  put();
  hear(90);
  EXPECT_EQ(event_types(), Types{});
  state.preempt_at = Clock::now() - 1ms;
  put();
  hear(90);
  EXPECT_EQ(event_types(), Types{XD_EVENT_WORSE});
}

TEST_F(AdvertPath, AMasterHearsOfEveryRival) {
  use(instance(3), Role::master, 100);
  hear(90);
  hear(90);
  hear(101);
  hear(100, ip("192.0.2.3"));  // equal, lower as a number
  hear(100, other);            // equal, higher
  hear(0);
  EXPECT_EQ(event_types(),
            (Types{XD_EVENT_WORSE, XD_EVENT_WORSE, XD_EVENT_BETTER, XD_EVENT_WORSE, XD_EVENT_BETTER, XD_EVENT_PRIORITY_ZERO}));
}

TEST_F(AdvertPath, InInitAndFaultNobodyIsToldAnything) {
  for (const Role role : {Role::init, Role::fault}) {
    use(instance(3), role);
    hear(150);
    EXPECT_EQ(event_types(), Types{});
    EXPECT_EQ(look().seen.at, 0u);
  }
}

TEST_F(AdvertPath, AnAdvertOfAnotherVridOrVlanIsNobodysBusiness) {
  use(instance(3), Role::backup);
  Advert stranger = advert(150);
  stranger.vrid = 52;
  run(frame_of(stranger, from(neighbour)));
  Bytes tagged = frame_of(advert(150), from(neighbour));
  const Bytes tag{0x81, 0x00, 0x00, 0x07};
  tagged.insert(tagged.begin() + 12, tag.begin(), tag.end());
  run(tagged);
  EXPECT_EQ(event_types(), Types{});
  EXPECT_EQ(look().adverts, 0u);

  xd_watch_key on_vlan = key;
  on_vlan.vlan = 7;
  ASSERT_TRUE(watches->put(on_vlan, watch_config(expected, config, state)).ok());
  run(tagged);
  EXPECT_EQ(event_types(), Types{XD_EVENT_NEW_MASTER});
  EXPECT_EQ(watches->look(on_vlan)->adverts, 1u);
}

TEST_F(AdvertPath, WhatIsRemarkableIsCountedAndToldOnce) {
  use(instance(3), Role::backup);
  Advert odd = advert(150);
  odd.addresses.pop_back();
  odd.checksum = ChecksumForm::message_only;
  for (int i = 0; i < 3; ++i) run(frame_of(odd, from(neighbour)));
  const auto told = events();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(remarks_of(told[0].heard, ChecksumForm::pseudo_header), (Remarks{.addresses_differ = true, .checksum_differs = true}));
  EXPECT_EQ(look().remarks[0], 3u);
  EXPECT_EQ(look().remarks[1], 0u);
  EXPECT_EQ(look().remarks[2], 3u);
  hear(150);
  EXPECT_EQ(event_types(), Types{XD_EVENT_CHANGED}) << "put right again: news";
}

TEST_F(AdvertPath, AddressesInAnotherOrderAreTheSame) {
  use(instance(3), Role::backup);
  Advert swapped = advert(150);
  std::swap(swapped.addresses[0], swapped.addresses[1]);
  run(frame_of(swapped, from(neighbour)));
  EXPECT_EQ(look().seen.remarks, 0);
}

TEST_F(AdvertPath, TheLongestAdvertFits) {
  for (const int version : {2, 3}) {
    auto conf = with_password(instance(version));
    conf.addresses.clear();
    for (int i = 0; i < 255; ++i) conf.addresses.emplace_back().prefix = {IpAddress::v4(htonl(0xc0000200u + static_cast<unsigned>(i))), 32};
    use(conf, Role::backup);
    hear(150);
    EXPECT_EQ(rejects(), Counts{});
    EXPECT_EQ(look().seen.remarks, 0);
    SetUp();
  }
}

// ---- Rejects

TEST_F(AdvertPath, EveryRejectIsCountedUnderItsReason) {
  const auto broken = [&](const conf::VrrpInstance& conf, const std::function<void(Advert&, Carrier&)>& change,
                          const std::function<void(Bytes&)>& damage = {}) {
    SetUp();
    use(conf, Role::backup);
    Advert a = advert(150);
    Carrier carrier = from(neighbour);
    if (change) change(a, carrier);
    Bytes frame = frame_of(a, carrier);
    if (damage) damage(frame);
    run(frame);
    return rejects();
  };
  const auto one = [](const char* reason) { return Counts{{reason, 1}}; };
  const auto v2 = with_password(instance(2));
  const auto v3 = instance(3);
  auto unicast = v3;
  unicast.unicast_peers = {ip("192.0.2.8"), ip("192.0.2.9")};

  EXPECT_EQ(broken(v3, {}, [](Bytes& f) { f.pop_back(); }), one("too_short"));
  EXPECT_EQ(broken(v3, [](Advert&, Carrier& c) { c.ttl = 254; }), one("ttl"));
  EXPECT_EQ(broken(v3, [](Advert& a, Carrier&) { a.version = 4; }), one("version"));
  EXPECT_EQ(broken(v3, {}, [](Bytes& f) { f[message_at] = 0x32; }), one("type"));
  EXPECT_EQ(broken(v3, {}, [](Bytes& f) { f[message_at + 3] = 1; }), one("length"));
  EXPECT_EQ(broken(v3, [](Advert& a, Carrier&) { a.interval = 0s; }), one("interval_zero"));
  EXPECT_EQ(broken(v3, {}, [](Bytes& f) { f[message_at + 2] ^= 1; }), one("checksum"));
  EXPECT_EQ(broken(v3, [](Advert& a, Carrier&) { a.version = 2, a.checksum = ChecksumForm::message_only; }), one("other_version"));
  EXPECT_EQ(broken(v2, [](Advert& a, Carrier&) { a.auth_type = 0; }), one("auth_type"));
  EXPECT_EQ(broken(v2, [](Advert& a, Carrier&) { a.auth_data[7] = 'x'; }), one("auth_data"));
  EXPECT_EQ(broken(v2, [](Advert& a, Carrier&) { a.interval = 2s; }), one("other_interval"));
  EXPECT_EQ(broken(v3, [](Advert&, Carrier& c) { c.destination = we; }), one("other_destination"));
  EXPECT_EQ(broken(v3, [](Advert&, Carrier& c) { c.source = we; }), one("own_source"));
  EXPECT_EQ(broken(unicast, [](Advert&, Carrier& c) { c.destination = group; }), one("other_destination"));
  EXPECT_EQ(look().adverts, 0u);
  EXPECT_EQ(broken(unicast, {}), Counts{}) << "sources are not checked unless that is asked for";
}

TEST_F(AdvertPath, WhereSourcesAreCheckedStrangersAreRejected) {
  auto conf = instance(3);
  conf.unicast_peers = {ip("192.0.2.8"), ip("192.0.2.9")};
  use(conf, Role::backup);
  expected.check_unicast_source = true;
  put();
  hear(150, neighbour);
  EXPECT_EQ(rejects(), (Counts{{"unicast_source", 1}}));
  hear(150, ip("192.0.2.9"));
  EXPECT_EQ(look().adverts, 1u);
}

TEST_F(AdvertPath, AFloodOfBadAdvertsIsOneEventAndManyCounts) {
  use(with_password(instance(2)), Role::backup);
  hear(150);
  events();
  Advert bad = advert(200);
  bad.auth_data[0] = 'x';
  const auto began = Clock::now();
  int sent = 0;
  while (Clock::now() - began < 100ms) run(frame_of(bad, from(other))), ++sent;
  const auto told = events();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].type, XD_EVENT_REJECTED);
  EXPECT_EQ(static_cast<Reject>(told[0].reject), Reject::auth_data);
  EXPECT_EQ(rejects(), (Counts{{"auth_data", static_cast<std::uint64_t>(sent)}}));
  EXPECT_EQ(heard_of(look().seen)->source, neighbour) << "the master known is still the master";
}

// ---- The timer

TEST_F(AdvertPath, AWatchThatNeverHeardAnythingTellsThatTheMasterIsDownWhenArmed) {
  auto conf = instance(3);
  conf.advert_interval = 10ms;
  use(conf, Role::backup);
  const TimePoint due = Clock::now() + master_down_interval(3, 100, 10ms);
  ASSERT_TRUE(watches->arm(key, due).ok());
  const xd_event event = next_event();
  EXPECT_EQ(event.type, XD_EVENT_MASTER_DOWN);
  EXPECT_EQ(event.watch.vrid, vrid);
  EXPECT_GE(from_ktime(event.at), due);
  EXPECT_FALSE(heard_of(event.heard));
  EXPECT_EQ(next_event().type, XD_EVENT_MASTER_DOWN) << "and says so again until somebody acts";
}

TEST_F(AdvertPath, TheTimerSleepsOnWhileTheMasterIsHeard) {
  auto conf = instance(3);
  conf.advert_interval = 100ms;
  use(conf, Role::backup);
  ASSERT_TRUE(watches->arm(key, Clock::now() + 200ms).ok());
  const auto began = Clock::now();
  while (Clock::now() - began < 700ms) hear(150), usleep(20'000);
  const TimePoint last = heard_of(look().seen)->at;
  EXPECT_EQ(event_types(), Types{XD_EVENT_NEW_MASTER});
  const xd_event down = next_event();
  EXPECT_EQ(down.type, XD_EVENT_MASTER_DOWN);
  EXPECT_GE(from_ktime(down.at) - last, master_down_interval(3, 100, 100ms));
  EXPECT_EQ(heard_of(down.heard)->at, last);
  hear(150);
  EXPECT_EQ(next_event().type, XD_EVENT_NEW_MASTER) << "heard again: news, though it is the same one";
}

TEST_F(AdvertPath, TheMastersIntervalIsAdoptedByTheTimer) {
  auto conf = instance(3);
  conf.advert_interval = 10ms;
  use(conf, Role::backup);
  ASSERT_TRUE(watches->arm(key, Clock::now()).ok());
  Advert slow = advert(150);
  slow.interval = 100ms;
  run(frame_of(slow, from(neighbour)));
  const TimePoint last = heard_of(look().seen)->at;
  xd_event event{};
  do event = next_event();
  while (event.type != XD_EVENT_MASTER_DOWN || !heard_of(event.heard) || heard_of(event.heard)->at != last);
  EXPECT_GE(from_ktime(event.at) - last, master_down_interval(3, 100, 100ms));
}

TEST_F(AdvertPath, AWatchThatIsNoBackupKeepsSilent) {
  auto conf = instance(3);
  conf.advert_interval = 10ms;
  use(conf, Role::master);
  ASSERT_TRUE(watches->arm(key, Clock::now()).ok());
  usleep(100'000);
  EXPECT_EQ(event_types(), Types{});
  state.role = Role::backup;
  put();
  ASSERT_TRUE(watches->arm(key, Clock::now()).ok());
  EXPECT_EQ(next_event().type, XD_EVENT_MASTER_DOWN);
}

TEST_F(AdvertPath, ChangingAWatchKeepsWhatItHeardAndItsTimer) {
  auto conf = instance(3);
  conf.advert_interval = 100ms;
  use(conf, Role::backup);
  ASSERT_TRUE(watches->arm(key, Clock::now() + 100ms).ok());
  hear(150);
  state.priority = 120;
  put();
  EXPECT_EQ(heard_of(look().seen)->priority, 150);
  EXPECT_EQ(event_types(), Types{XD_EVENT_NEW_MASTER});
  EXPECT_EQ(next_event().type, XD_EVENT_MASTER_DOWN);
}

TEST_F(AdvertPath, InANewRoleTheOldMasterIsNewsAgain) {
  use(instance(3), Role::backup);
  hear(150);
  state.role = Role::fault;
  put();
  state.role = Role::backup;
  put();
  EXPECT_FALSE(heard_of(look().seen));
  hear(150);
  EXPECT_EQ(event_types(), (Types{XD_EVENT_NEW_MASTER, XD_EVENT_NEW_MASTER}));
}

TEST_F(AdvertPath, WhatIsNotThereCannotBeArmed) {
  const Status status = watches->arm(key, Clock::now());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ENOENT);
  EXPECT_EQ(status.error().message, "arm the watch of VRID 51 on interface 1: No such file or directory");
  EXPECT_TRUE(watches->remove(key).ok());
}

TEST_F(AdvertPath, TheTimerOutlivesTheProcessThatArmedItWhileTheMapIsPinned) {
  const std::string dir = ::testing::TempDir() + "xd-advert-" + std::to_string(getpid());
  std::filesystem::create_directory(dir);
  const pid_t child = fork();
  if (child == 0) {  // in a mount namespace of its own, so that nothing is left behind
    const auto give_up = [](const char* what) {
      std::perror(what);
      _exit(1);
    };
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("bpf", dir.c_str(), "bpf", 0, nullptr) != 0)
      give_up("mount");
    const pid_t arming = fork();
    if (arming == 0) {
      auto opened = datapath::open_object({.flows = 16, .half_open = 16, .services = 16, .dests = 16, .ring_slots = 16});
      if (!opened || !datapath::load_object(opened->get())) give_up("load");
      const auto pin = [&](int fd, const char* pin_name) {
        if (bpf_obj_pin(fd, (dir + "/" + pin_name).c_str()) != 0) give_up(pin_name);
      };
      for (const char* m : {"xd_watches", "xd_events"}) pin(bpf_object__find_map_fd_by_name(opened->get(), m), m);
      pin(bpf_program__fd(bpf_object__find_program_by_name(opened->get(), "xd_watch")), "xd_watch");
      auto mine = datapath::Watches::open(dir);
      if (!mine) give_up("open");
      auto conf = instance(3);
      conf.advert_interval = 10ms;
      State backup = initial_state(config_of(conf, we, false), 100);
      backup.role = Role::backup;
      const auto wanted = watch_config(expected_of(conf), config_of(conf, we, false), backup);
      _exit(mine->put(key, wanted, Clock::now() + 300ms).ok() ? 0 : 1);
    }
    int status = 0;
    waitpid(arming, &status, 0);
    if (status != 0) _exit(1);
    auto heirs = datapath::Watches::open(dir);
    if (!heirs) give_up("open as heir");
    pollfd waiting{.fd = heirs->event_fd(), .events = POLLIN, .revents = 0};
    if (poll(&waiting, 1, 5000) != 1) give_up("no event");
    int type = -1;
    heirs->drain([&](const xd_event& event) { type = event.type; });
    _exit(type == XD_EVENT_MASTER_DOWN ? 0 : 2);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  std::filesystem::remove(dir);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

// ---- The election, with the watch as its ears

TEST_F(AdvertPath, ABackupTakesOverWhenTheKernelSaysSoAndNotBefore) {
  auto conf = instance(3);
  conf.advert_interval = 20ms;
  use(conf, Role::init);
  const auto give = [&](const Event& event) {
    const Step s = step(config, state, event, Clock::now());
    state = s.next;
    const Status status = watches->put(key, watch_config(expected, config, state), state.role == Role::backup ? state.due : std::nullopt);
    ASSERT_TRUE(status.ok()) << status.error().message;
  };
  give(Start{});
  hear(150);
  hear(150);
  // Nobody reads for a while, but the master goes on.
  for (int i = 0; i < 20; ++i) hear(150), usleep(10'000);
  // Woken late, the process might look at its clock first: the watch knows better.
  give(Timeout{heard_of(look().seen)});
  EXPECT_EQ(state.role, Role::backup);
  const TimePoint last = heard_of(look().seen)->at;
  while (state.role == Role::backup) {
    const xd_event event = next_event();
    if (event.type == XD_EVENT_MASTER_DOWN)
      give(Timeout{heard_of(look().seen)});
    else
      give(AdvertHeard{heard_of(event.heard).value()});
  }
  EXPECT_EQ(state.role, Role::master);
  EXPECT_GE(state.since - last, master_down_interval(3, 100, 20ms));
}

// ---- Two readings of one RFC

class Agreement : public AdvertPath {
 protected:
  // Which counter the C++ reading expects to move: "believed" with remarks, a reason's name, or "" when no watch is
  // concerned.
  std::string by_codec(const Bytes& frame) const {
    const auto ip_header = std::span{frame}.subspan(ip_at);
    if (ip_header[9] != ip_protocol || ((ip_header[6] & 0x3f) | ip_header[7]) != 0) return "";
    const auto parsed = parse_ipv4_packet(ip_header);
    const std::size_t vrid_at = (ip_header[0] & 0x0fu) * 4u + 1;
    if (vrid_at < ip_header.size() && ip_header[vrid_at] != vrid) return "";
    if (const auto* rejection = std::get_if<Rejection>(&parsed)) return std::string{name(rejection->reason)};
    const auto& received = std::get<Received>(parsed);
    const auto verdict = acceptable(received.advert, received.carrier, expected, we);
    if (const auto* rejection = std::get_if<Rejection>(&verdict)) return std::string{name(rejection->reason)};
    const Remarks remarks = std::get<Remarks>(verdict);
    return believed(remarks.addresses_differ, remarks.interval_differs, remarks.checksum_differs);
  }
  std::string by_kernel(const Bytes& frame) const {
    const xd_watch before = look();
    run(frame);
    const xd_watch after = look();
    for (std::size_t i = 0; i < XD_REJECT_COUNT; ++i)
      if (after.rejects[i] != before.rejects[i]) return std::string{name(static_cast<Reject>(i))};
    if (after.adverts == before.adverts) return "";
    const auto moved = [&](int i) { return after.remarks[i] != before.remarks[i]; };
    return believed(moved(0), moved(1), moved(2));
  }
  static std::string believed(bool addresses, bool interval, bool checksum) {
    return std::string{"believed"} + (addresses ? ", addresses differ" : "") + (interval ? ", interval differs" : "") +
           (checksum ? ", checksum differs" : "");
  }
  void agree(const Bytes& frame) {
    const std::string codec = by_codec(frame);
    const std::string kernel = by_kernel(frame);
    // Cut before its VRID, an advert belongs to no watch.
    if (codec == "too_short" && kernel.empty()) return;
    ++seen_[codec];
    if (codec == kernel) return;
    std::string hex;
    for (const std::uint8_t byte : std::span{frame}.subspan(ip_at)) {
      char text[3];
      std::snprintf(text, sizeof text, "%02x", byte);
      hex += text;
    }
    ADD_FAILURE() << "C++ says '" << codec << "', the kernel '" << kernel << "' of " << hex;
  }

  static void mend(Bytes& frame, ChecksumForm form) {
    if (frame.size() < message_at + 8) return;
    std::uint32_t sum = 0;
    const auto add = [&](std::span<const std::uint8_t> bytes) {
      for (std::size_t i = 0; i < bytes.size(); ++i) sum += i % 2 == 0 ? bytes[i] << 8u : bytes[i];
    };
    frame[message_at + 6] = frame[message_at + 7] = 0;
    const auto message = std::span{frame}.subspan(message_at);
    add(message);
    if (form != ChecksumForm::message_only) {
      add(std::span{frame}.subspan(ip_at + 12, 4));
      if (form == ChecksumForm::pseudo_header)
        add(std::span{frame}.subspan(ip_at + 16, 4));
      else
        add({group.data(), 4});
      sum += ip_protocol + static_cast<std::uint32_t>(message.size());
    }
    while (sum >> 16u != 0) sum = (sum & 0xffffu) + (sum >> 16u);
    frame[message_at + 6] = static_cast<std::uint8_t>(~sum >> 8u);
    frame[message_at + 7] = static_cast<std::uint8_t>(~sum);
  }

  std::vector<conf::VrrpInstance> instances() const {
    auto unicast = instance(3);
    unicast.unicast_peers = {neighbour, other};
    auto as_v2 = instance(3);
    as_v2.checksum_as_v2 = true;
    auto careless = instance(2);
    careless.skip_check_adv_addr = true;
    return {instance(2), with_password(instance(2)), careless, instance(3), as_v2, unicast};
  }

  std::map<std::string, int> seen_;
};

TEST_F(Agreement, OnEveryValueOfEveryByte) {
  for (const auto& conf : instances()) {
    SetUp();
    use(conf, Role::backup);
    const Bytes good = frame_of(advert(150), from(neighbour));
    agree(good);
    for (std::size_t at = ip_at; at < good.size(); ++at)
      for (int value = 0; value < 256; ++value) {
        Bytes frame = good;
        frame[at] = static_cast<std::uint8_t>(value);
        agree(frame);
        if (at >= message_at && at != message_at + 6 && at != message_at + 7) {
          mend(frame, conf_.version == 2 ? ChecksumForm::message_only : ChecksumForm::pseudo_header);
          agree(frame);
        }
        if (HasFailure()) return;
      }
    events();
  }
}

TEST_F(Agreement, OnEveryTruncation) {
  for (const auto& conf : instances()) {
    SetUp();
    use(conf, Role::backup);
    const Bytes good = frame_of(advert(150), from(neighbour));
    for (std::size_t size = message_at; size < good.size(); ++size) {
      Bytes frame(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
      agree(frame);  // the frame is cut
      const std::size_t length = size - ip_at;
      frame[ip_at + 2] = 0;
      frame[ip_at + 3] = static_cast<std::uint8_t>(length);
      agree(frame);  // the packet is
    }
  }
}

TEST_F(Agreement, OnFiftyThousandRandomMutations) {
  std::mt19937 random(20241121);
  const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  const auto confs = instances();
  for (int round = 0; round < 500; ++round) {
    SetUp();
    use(confs[below(confs.size())], round % 2 == 0 ? Role::backup : Role::master);
    if (below(4) == 0) {
      expected.check_unicast_source = true;
      put();
    }
    for (int i = 0; i < 100; ++i) {
      Advert a = advert(static_cast<std::uint8_t>(below(256)));
      if (below(4) == 0) a.version = static_cast<int>(2 + below(2));
      if (below(4) == 0) a.interval = static_cast<int>(below(4)) * Duration{1s};
      if (below(4) == 0)
        for (std::size_t n = below(255); n > 0 && a.addresses.size() < 255; --n)
          a.addresses.push_back(IpAddress::v4(static_cast<std::uint32_t>(random())));
      a.checksum = static_cast<ChecksumForm>(below(3));
      if (a.version == 2 && below(4) != 0) a.checksum = ChecksumForm::message_only;
      Carrier carrier = from(below(8) == 0 ? we : below(4) == 0 ? other : neighbour);
      if (below(8) == 0) carrier.destination = below(2) == 0 ? we : group;
      if (below(8) == 0) carrier.ttl = static_cast<std::uint8_t>(below(256));
      Bytes frame = frame_of(a, carrier);
      for (std::size_t n = below(4); n > 0; --n) frame[ip_at + below(frame.size() - ip_at)] = static_cast<std::uint8_t>(random());
      if (below(2) == 0 && frame[ip_at] == 0x45) mend(frame, static_cast<ChecksumForm>(below(3)));
      if (below(10) == 0) frame.resize(message_at + below(frame.size() - message_at + 1));
      if (below(10) == 0) frame.resize(frame.size() + below(30));
      agree(frame);
      if (HasFailure()) return;
    }
    events();
  }
  for (const char* reason : {"believed", "too_short", "ttl", "version", "type", "length", "interval_zero", "checksum", "other_version",
                             "auth_type", "auth_data", "other_interval", "other_destination", "unicast_source", "own_source"})
    EXPECT_GT(seen_[reason], 20) << "hardly ever tried: " << reason;
}

// What does not belong to the instance at all, or is refused: the same count for each reason in both readings, and nothing else of the
// watch moves. VLAN tags are among it: a watch of the untagged link is not concerned.
TEST_F(Agreement, OnAMillionHostileAdvertsWhichChangeNothing) {
  constexpr int rounds = 1000, each = 1000;
  std::mt19937 random(20261122);
  const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  const auto confs = instances();
  std::map<std::string, std::uint64_t> all;
  for (int round = 0; round < rounds; ++round) {
    SetUp();
    use(confs[static_cast<std::size_t>(round) % confs.size()], round % 2 == 0 ? Role::backup : Role::master);
    hear(150);  // the state that must stay
    const xd_watch before = look();
    std::map<std::string, std::uint64_t> refused;
    for (int i = 0; i < each;) {
      Advert a = advert(static_cast<std::uint8_t>(below(256)));
      if (below(3) == 0) a.version = static_cast<int>(below(16));
      if (below(3) == 0) a.interval = static_cast<int>(below(256)) * Duration{1s};
      if (below(3) == 0) a.auth_type = static_cast<std::uint8_t>(below(4));
      if (below(3) == 0) a.auth_data[below(8)] = static_cast<std::uint8_t>(random());
      if (below(6) == 0) a.addresses.resize(below(256), other);
      if (a.version == 2) a.checksum = ChecksumForm::message_only;
      Carrier carrier = from(below(6) == 0 ? we : neighbour);
      if (below(6) == 0) carrier.destination = below(2) == 0 ? we : group;
      if (below(6) == 0) carrier.ttl = static_cast<std::uint8_t>(below(256));
      Bytes frame = frame_of(a, carrier);
      for (std::size_t n = below(4); n > 0; --n) frame[ip_at + below(frame.size() - ip_at)] = static_cast<std::uint8_t>(random());
      if (below(10) == 0) frame.resize(message_at + below(frame.size() - message_at + 1));
      const bool tagged = below(16) == 0;
      const std::string verdict = by_codec(frame);
      if (verdict.starts_with("believed")) continue;
      if (tagged) {
        const std::uint8_t tag[] = {0x81, 0x00, 0x00, 0x05};
        frame.insert(frame.begin() + 12, std::begin(tag), std::end(tag));
      }
      run(frame);
      ++i;
      if (tagged) continue;
      // Cut before its VRID, an advert belongs to no watch; the kernel counts it as such.
      if (!verdict.empty() && !(verdict == "too_short" && frame.size() < message_at + 8)) ++refused[verdict];
    }
    const xd_watch after = look();
    for (std::size_t i = 0; i < XD_REJECT_COUNT; ++i) {
      const std::string reason(name(static_cast<Reject>(i)));
      const auto counted = after.rejects[i] - before.rejects[i];
      all[reason] += counted;
      if (reason == "too_short") continue;  // where it is cut decides whether the kernel can tell whose it was
      EXPECT_EQ(counted, refused[reason]) << reason << " in round " << round;
    }
    EXPECT_EQ(after.adverts, before.adverts);
    EXPECT_EQ(std::memcmp(&after.seen, &before.seen, sizeof after.seen), 0);
    EXPECT_EQ(std::memcmp(&after.ignored, &before.ignored, sizeof after.ignored), 0);
    EXPECT_EQ(std::memcmp(&after.config, &before.config, sizeof after.config), 0);
    for (const xd_event& event : events())
      EXPECT_TRUE(event.type == XD_EVENT_REJECTED || event.heard.at == before.seen.at || event.heard.at == before.ignored.at);
    if (HasFailure()) return;
  }
  for (const char* reason : {"too_short", "ttl", "version", "type", "length", "interval_zero", "checksum", "other_version", "auth_type",
                             "auth_data", "other_interval", "other_destination", "own_source"})
    EXPECT_GT(all[reason], 100u) << "hardly ever tried: " << reason;
}

}  // namespace
}  // namespace xd::vrrp
