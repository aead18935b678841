// What a packet costs on each path of the loaded program, against an empty XDP_TX program in the same run.
//
//   packet_bench [--json FILE | --only PART_OF_A_CASE'S_NAME]
//
// Times are medians of 9 runs of BPF_PROG_TEST_RUN through the rig (rig.bpf.c). "ratio" is the quotient of the program and an
// empty one, both called by the rig; "ns" is what the program takes longer than the empty one, where the rig makes no difference. The verdict and the reason of each case are asserted before it is
// measured. "memory_alone" is no path but the floor of those that meet a random place of the flow table: a program that looks there and does
// nothing else. A case whose ratio is over its budget fails the program; the goal is what the project still wants to reach.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sched.h>
#include <sys/mount.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/fd.h"
#include "bench/director.h"
#include "datapath/bpf_map.h"
#include "datapath/datapath.h"
#include "datapath/watches.h"
#include "support/packet.h"

namespace {

using namespace xd;
using namespace xd::test;

constexpr int samples = 9;
constexpr int repeat = 100'000;
constexpr std::uint32_t table = 1u << 20;  // the default, made a power of two
constexpr std::uint32_t half_open = 262'144;

struct Case {
  std::string name;
  Packet packet;
  int verdict;
  std::string reason;
  double budget, goal;      // times the empty program; 0: none, for it is not ours
  std::uint32_t flows = 1;  // that take turns
  int times = repeat;
  bool grows = false;  // the packet goes into a tunnel
};

class Rig {
 public:
  Rig(int flows, std::uint32_t buckets) : buckets_(buckets) {
    object_ = bpf_object__open_file(XD_RIG_OBJECT, nullptr);
    if (object_ == nullptr || bpf_map__reuse_fd(bpf_object__find_map_by_name(object_, "xd_flows"), flows) != 0 ||
        bpf_object__load(object_) != 0) {
      die("the rig does not load");
    }
    wanted_ = bpf_object__find_map_by_name(object_, ".bss");
  }
  int empty() const { return fd("empty"); }
  int empty_tunnel() const { return fd("empty_tunnel"); }
  int memory_alone() const { return fd("memory_alone"); }
  void put(int program, const Packet& packet, std::uint32_t flows, bool grows) {
    const std::uint32_t zero = 0;
    if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(object_, "under_test"), &zero, &program, BPF_ANY) != 0) {
      die(std::string("the rig cannot call the program: ") + std::strerror(errno));
    }
    Bytes wanted = packet.bytes();
    length_ = wanted.size() > 64 ? 80 : 64;
    wanted.resize(bpf_map__value_size(wanted_));  // the frame, how many flows, which turn, length, buckets
    const std::uint32_t rest[] = {flows, 1, grows ? 0 : static_cast<std::uint32_t>(length_), buckets_};  // the first is established
    std::memcpy(wanted.data() + 80, rest, sizeof(rest));
    bpf_map_update_elem(bpf_map__fd(wanted_), &zero, wanted.data(), BPF_ANY);
  }
  // ns per round; the verdict of the last.
  double run(int times, int& verdict) const { return run_program(fd("rig"), times, verdict, length_); }
  static double run_program(int program, int times, int& verdict, std::size_t length = 64) {
    Bytes in(length), out(256);
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in.data(), .data_out = out.data(), .data_size_in = static_cast<__u32>(length),
                .data_size_out = static_cast<__u32>(out.size()), .repeat = times);
    if (bpf_prog_test_run_opts(program, &options) != 0) die(std::string("BPF_PROG_TEST_RUN: ") + std::strerror(errno));
    verdict = static_cast<int>(options.retval);
    return options.duration + 0.5;  // the kernel cuts the fraction off
  }

 private:
  int fd(const char* name) const { return bpf_program__fd(bpf_object__find_program_by_name(object_, name)); }
  std::uint32_t buckets_;
  bpf_object* object_ = nullptr;
  bpf_map* wanted_ = nullptr;
  std::size_t length_ = 64;
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

const char* verdict_name(int verdict) {
  constexpr const char* names[] = {"aborted", "drop", "pass", "tx", "redirect"};
  return verdict >= 0 && verdict < 5 ? names[verdict] : "?";
}

using FlowTable = datapath::SharedArray<xd_bucket>;

void forget_half_open(FlowTable& table_) {
  for (std::uint32_t i = 0; i < table_.size(); ++i) {
    if (table_[i].marks == 0) continue;
    for (std::uint32_t way = 0; way < XD_WAYS; ++way) {
      if (table_[i].marks >> way & 1) table_[i].tag[way] = XD_TAG_FREE;
    }
    table_[i].marks = 0;  // nothing that is confirmed has spilled
  }
}

// Every place taken, by flows that nobody asks for.
void fill_up(FlowTable& table_, std::uint32_t tag) {
  for (std::uint32_t i = 0; i < table_.size(); ++i) {
    for (std::uint32_t& line : table_[i].tag) {
      if (line == XD_TAG_FREE || line == 3) line = tag;
    }
  }
}

// An advert as keepalived sends it (version 2, VRID 52, priority 100, every 3 s, for 192.0.2.12), and a backup that listens.
Packet steady_advert() {
  const std::string message("\x21\x34\x64\x01\x00\x03\xb8\xba\xc0\x00\x02\x0c\0\0\0\0\0\0\0\0", 20);
  return Ethernet{} / Ipv4{.from = "192.0.2.1", .to = "224.0.0.18", .ttl = 255, .fragment = 0, .protocol = 112} / Payload{message};
}

void listen(datapath::Datapath& path) {
  auto watches = datapath::Watches::open(path.pin_dir());
  if (!watches) die(watches.error().message);
  xd_watch_config backup{};
  backup.interval = 3'000'000'000;
  backup.version = 2;
  backup.role = XD_WATCH_BACKUP;
  backup.priority = backup.keeps_from = 50;
  backup.down_adverts = 3;
  if (const Status status = watches->put({.ifindex = 1, .vlan = 0, .family = AF_INET, .vrid = 52}, backup); !status)
    die(status.error().message);
}

// Enters as many flows as the rig takes in turns, all like the one that `packet` belongs to.
void fill_flows(FlowTable& flows, std::uint64_t seed, const Packet& packet) {
  xd_flow_key first{};
  const Bytes bytes = packet.bytes();
  first.saddr[2] = first.daddr[2] = htonl(0xffff);
  std::memcpy(&first.saddr[3], bytes.data() + 26, 4);
  std::memcpy(&first.daddr[3], bytes.data() + 30, 4);
  std::memcpy(&first.sport, bytes.data() + 34, 4);
  first.proto = IPPROTO_TCP;
  const std::uint32_t mask = flows.size() - 1;
  const auto find = [&](const xd_flow_key& key) -> xd_flow* {
    const std::uint64_t hash = xd_flow_hash(&key, seed);
    xd_bucket& bucket = flows[static_cast<std::uint32_t>(hash) & mask];
    for (std::uint32_t way = 0; way < XD_WAYS; ++way) {
      if (bucket.tag[way] == xd_flow_tag(hash)) return &bucket.flow[way];
    }
    return nullptr;
  };
  const xd_flow* like = find(first);
  if (like == nullptr) die("the flow to copy is not there");
  const auto put_in = [&](std::uint32_t at, std::uint32_t tag, const xd_flow& flow) {
    for (std::uint32_t i = 0; i < XD_WAYS; ++i) {
      const std::uint32_t way = (xd_favourite(tag) + i) % XD_WAYS;
      if (flows[at].tag[way] != XD_TAG_FREE) continue;
      flows[at].flow[way] = flow;
      flows[at].tag[way] = tag;
      return true;
    }
    return false;
  };
  for (std::uint32_t i = 1; i < table; ++i) {  // as in rig.bpf.c
    xd_flow_key key = first;
    key.sport = static_cast<__be16>(key.sport + i);
    key.saddr[3] += i >> 16 << 16;
    xd_flow flow = *like;
    std::memcpy(flow.saddr, &key, 36);
    const std::uint64_t hash = xd_flow_hash(&key, seed);
    const std::uint32_t at = static_cast<std::uint32_t>(hash) & mask, tag = xd_flow_tag(hash);
    if (put_in(at, tag, flow)) continue;
    if (put_in(xd_second_bucket(at, tag, mask), tag, flow)) flows[at].marks += 0x10000;
  }
}

std::string reason_of_one(datapath::Datapath& path, const Rig& rig, int& verdict) {
  const auto before = path.reasons();
  rig.run(1, verdict);
  const auto after = path.reasons();
  for (std::size_t i = 0; i < after.size(); ++i) {
    if (after[i].packets != before[i].packets) return std::string(after[i].word);
  }
  return "none";
}

}  // namespace

int main(int argc, char** argv) {
  const std::string json_file = argc == 3 && std::string(argv[1]) == "--json" ? argv[2] : "";
  const std::string only = argc == 3 && std::string(argv[1]) == "--only" ? argv[2] : "";
  if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) die("needs root");

  datapath::Datapath path = create("/sys/fs/bpf/xd-bench", {table, half_open, 64, 512, 65'536});
  serve(path, "192.0.2.10", lvs::Forward::dr, lvs::Scheduler::rr, "10.0.1.");
  serve(path, "192.0.2.11", lvs::Forward::nat, lvs::Scheduler::rr, "10.0.2.");
  serve(path, "192.0.2.12", lvs::Forward::dr, lvs::Scheduler::mh, "10.0.3.");
  serve(path, "192.0.2.13", lvs::Forward::tun, lvs::Scheduler::rr, "10.0.4.");
  serve(path, "192.0.2.14", lvs::Forward::dr, lvs::Scheduler::lc, "10.0.5.", 256);
  serve(path, "2001:db8::10", lvs::Forward::dr, lvs::Scheduler::rr, "fd00::");

  listen(path);

  int verdict = 0;
  const std::uint32_t zero = 0;
  xd_info known{};
  bpf_map_lookup_elem(path.map_fd("xd_info"), &zero, &known);
  Rig rig(path.map_fd("xd_flows"), known.buckets);
  auto flows = FlowTable::map(Fd(fcntl(path.map_fd("xd_flows"), F_DUPFD_CLOEXEC, 0)), known.buckets);
  if (!flows) die(flows.error().message);
  for (const char* vip : {"192.0.2.10", "192.0.2.11", "192.0.2.13", "2001:db8::10"}) {
    for (const char* flags : {"S", "A"}) {
      rig.put(path.program_fd(), to(vip, flags), 1, false);
      rig.run(1, verdict);
    }
  }

  // They are forgotten after each run, and at random stay within the buckets' share of half-open ones.
  const int new_flows = static_cast<int>(half_open / 2);
  const std::vector<Case> cases{
      {"memory_alone", to("192.0.2.10", "S"), XDP_TX, "none", 0, 0, 1u << 20, new_flows},
      {"established_dr", to("192.0.2.10", "A"), XDP_TX, "established", 3.5, 3.0},
      {"established_nat", to("192.0.2.11", "A"), XDP_TX, "established", 4.5, 4.5},
      {"established_dr_v6", to("2001:db8::10", "A"), XDP_TX, "established", 3.8, 3.5},
      {"established_tun", to("192.0.2.13", "A"), XDP_TX, "established", 4.8, 4.5, 1, repeat, true},
      {"new_flow_rr", to("192.0.2.10", "S"), XDP_TX, "new_flow", 25.0, 12.0, 1u << 20, new_flows},
      {"new_flow_mh", to("192.0.2.12", "S"), XDP_TX, "new_flow", 25.0, 12.0, 1u << 20, new_flows},
      {"new_flow_lc_256", to("192.0.2.14", "S"), XDP_TX, "new_flow", 40.0, 30.0, 1u << 20, new_flows},
      {"table_full", to("192.0.2.10", "S"), XDP_TX, "stateless", 24.0, 15.0, 1u << 20, new_flows},
      {"not_ours", to("203.0.113.1", "A"), XDP_PASS, "not_ours", 1.9, 1.7},
      {"steady_advert", steady_advert(), XDP_PASS, "advert", 6.0, 6.0},
      {"million_flows", to("192.0.2.10", "A"), XDP_TX, "established", 16.0, 10.0, table, 2 * repeat},
  };

  bpf_prog_info info{};
  std::uint32_t size = sizeof(info);
  bpf_obj_get_info_by_fd(path.program_fd(), &info, &size);
  nlohmann::json result;
  result["program"] = {{"instructions", info.xlated_prog_len / 8}, {"verifier_instructions", info.verified_insns}};
  fmt::print("xd_entry: {} instructions, {} verifier steps\n{:<18}{:>9}{:>8}{:>8}{:>8}  {}\n", info.xlated_prog_len / 8,
             info.verified_insns, "case", "more ns", "ratio", "budget", "goal", "verdict");

  bool within = true;
  for (const Case& c : cases) {
    if (!only.empty() && c.name.find(only) == std::string::npos) continue;
    std::vector<double> alone, rigged, entry;
    const int program = c.reason == "none" ? rig.memory_alone() : path.program_fd();
    rig.put(program, c.packet, c.flows, c.grows);
    if (c.name == "table_full") fill_up(*flows, 3);
    if (c.name == "million_flows") fill_flows(*flows, known.seed, c.packet);
    if (const std::string reason = reason_of_one(path, rig, verdict); verdict != c.verdict || reason != c.reason) {
      die(fmt::format("{}: verdict {} ({}), not {} ({})", c.name, verdict_name(verdict), reason, verdict_name(c.verdict), c.reason));
    }
    for (int i = 0; i < samples; ++i) {  // side by side, so a change of the machine's mood meets all three
      alone.push_back(Rig::run_program(rig.empty(), repeat, verdict));
      rig.put(rig.empty(), c.packet, c.flows, false);
      rigged.push_back(rig.run(c.times, verdict));
      double cutting = 0;  // what the rig takes to cut what has grown: as much as growing it takes
      if (c.grows) {
        rig.put(rig.empty_tunnel(), c.packet, c.flows, true);
        cutting = (rig.run(c.times, verdict) - rigged.back()) / 2;
      }
      if (c.reason == "new_flow" || c.reason == "none") forget_half_open(*flows);  // the latter for the state of the caches
      rig.put(program, c.packet, c.flows, c.grows);
      entry.push_back(rig.run(c.times, verdict) - cutting);
    }
    if (c.name == "table_full") fill_up(*flows, XD_TAG_FREE);
    if (c.reason == "new_flow") forget_half_open(*flows);
    const double ns = median(entry) - median(rigged), ratio = median(entry) / median(rigged);
    const bool fits = c.budget == 0 || ratio <= c.budget;
    within = within && fits;
    result[c.name] = {{"ns", ns},
                      {"ratio", ratio},
                      {"verdict", verdict_name(c.verdict)},
                      {"budget", c.budget},
                      {"goal", c.goal},
                      {"rigged_empty_ns", median(rigged)},
                      {"empty_ns", median(alone)},
                      {"fastest_ns", std::ranges::min(entry)},
                      {"slowest_ns", std::ranges::max(entry)}};
    fmt::print("{:<18}{:>9.1f}{:>8.2f}{:>8.1f}{:>8.1f}  {}{}\n", c.name, ns, ratio, c.budget, c.goal, verdict_name(c.verdict),
               fits ? "" : "  OVER BUDGET");
  }
  if (!json_file.empty()) std::ofstream(json_file) << result.dump(2) << '\n';
  (void)path.unpin();
  return within ? 0 : 1;
}
