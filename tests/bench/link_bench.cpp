// What it takes to bring a packet from one link to another: the XDP program beside the kernel's own ways, in one run.
//
//   link_bench ipvs|nft [--json FILE]
//
//     out ──────── eth0      one veth pair. Packets to virtual addresses leave by `out` and come back to real servers' MACs,
//     make, count  director  where they are counted and dropped.
//
// ipvs: for a kernel with IPVS under scripts/vm --icount, where a nanosecond is an instruction: instructions for each packet beyond those of a
// program that drops it at eth0, by DR, NAT and TUN. nft: on this machine's clock, against the same packets under an nftables rule that
// translates to the real servers in turn, all on one processor. Packets are made by BPF_PROG_TEST_RUN with live frames: no sender's stack is
// measured. Status 1 when a figure is over its budget.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/director.h"

namespace {

using namespace xd;
using namespace xd::test;

void run(const std::string& command) {
  if (std::system(command.c_str()) != 0) die("failed: " + command);
}

class Links {
 public:
  Links() {
    run("ip link set lo up");
    run("ip link add out address 02:00:00:00:01:01 type veth peer name eth0 address 02:00:00:00:00:01");
    run("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 "
        "net.ipv4.conf.eth0.rp_filter=0 net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0");
    run("ethtool -K eth0 gro off");
    run("ip link set out up && ip link set eth0 up && ip addr add 10.0.0.254/16 dev eth0 && ip route add 198.51.0.0/16 via 10.0.0.1");
    run("ip neigh add 10.0.0.1 dev eth0 lladdr 02:00:00:00:01:01");
    for (int net = 1; net <= 3; ++net) {
      for (int i = 0; i < servers; ++i) run(fmt::format("ip neigh add 10.0.{}.{} dev eth0 lladdr 02:00:00:00:01:01", net, i));
    }
    for (int i = 10; i <= 12; ++i) run(fmt::format("ip addr add 192.0.2.{}/32 dev lo", i));
    object_ = bpf_object__open_file(XD_LINKS_OBJECT, nullptr);
    if (object_ == nullptr || bpf_object__load(object_) != 0) die("the programs of the links do not load");
    const int memory = bpf_object__find_map_fd_by_name(object_, ".bss");
    void* mapped = mmap(nullptr, sizeof(Wanted), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (mapped == MAP_FAILED) die("the memory of the links' programs cannot be mapped");
    wanted_ = static_cast<Wanted*>(mapped);
    attach("out", program("count"));
  }

  static void attach(const char* device, int program) {
    if (bpf_xdp_attach(static_cast<int>(if_nametoindex(device)), program, XDP_FLAGS_DRV_MODE, nullptr) != 0) {
      die(fmt::format("cannot attach a program to {}", device));
    }
  }
  int program(const char* name) const { return bpf_program__fd(bpf_object__find_program_by_name(object_, name)); }
  // What send() sends: this frame, with source ports and addresses of so many flows in turns.
  void put(const Packet& packet, std::uint32_t flows) {
    const Bytes bytes = packet.bytes();
    if (bytes.size() != sizeof(wanted_->frame)) die("the frame has another length");
    std::ranges::copy(bytes, wanted_->frame);
    wanted_->flows = flows;
    wanted_->turn = 0;
  }
  void skip(std::uint32_t turns) { wanted_->turn = turns; }
  struct Sent {
    double ns;  // each
    std::uint64_t arrived;
  };
  Sent send(int packets) {
    Bytes in(sizeof(wanted_->frame));
    xdp_md context{};
    context.data_end = static_cast<__u32>(in.size());
    context.ingress_ifindex = if_nametoindex("out");
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in.data(), .data_size_in = static_cast<__u32>(in.size()), .ctx_in = &context,
                .ctx_size_in = sizeof(context), .repeat = packets, .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = 64);
    const std::uint64_t before = wanted_->arrived;
    if (bpf_prog_test_run_opts(program("make"), &options) != 0) die(fmt::format("BPF_PROG_TEST_RUN: {}", std::strerror(errno)));
    return {options.duration + 0.5, wanted_->arrived - before};  // the kernel cuts the fraction off
  }

  static constexpr int servers = 8;

 private:
  volatile struct Wanted {  // as in links.bpf.c, whose memory it is
    std::uint64_t arrived;
    std::uint8_t frame[64];
    std::uint32_t flows, turn;
  }* wanted_ = nullptr;
  bpf_object* object_ = nullptr;
};

// A frame to one of the services, of a connection's beginning or middle.
constexpr const char* vips[] = {"192.0.2.10", "192.0.2.11", "192.0.2.12"};
constexpr lvs::Forward methods[] = {lvs::Forward::dr, lvs::Forward::nat, lvs::Forward::tun};
constexpr const char* method_names[] = {"dr", "nat", "tun"};

Packet datagram(const std::string& vip) {
  return Ethernet{} / Ipv4{.from = "198.51.0.7", .to = vip} / Udp{.from = 1024, .to = 80, .checksum = Checksum::absent} /
         Payload{"22 bytes of a request."};
}

// ns for each packet. All of them arrive, or none.
double ns_each(Links& links, int packets, bool arrive = true) {
  const Links::Sent sent = links.send(packets);
  if (sent.arrived != (arrive ? static_cast<std::uint64_t>(packets) : 0))
    die(fmt::format("{} of {} packets arrived", sent.arrived, packets));
  return sent.ns;
}

class Report {
 public:
  explicit Report(std::string file) : file_(std::move(file)) {}
  void row(const std::string& name, nlohmann::json figures) {
    fmt::print(stderr, "{:<10}", name);
    for (const auto& [what, value] : figures.items())
      fmt::print(stderr, "  {} {:.{}f}", what, value.get<double>(), value.get<double>() < 100 ? 3 : 0);
    fmt::print(stderr, "\n");
    result_[name] = std::move(figures);
  }
  ~Report() {
    if (!file_.empty()) std::ofstream(file_) << result_.dump(2) << '\n';
  }

 private:
  std::string file_;
  nlohmann::json result_;
};

// Like the goals of packet_bench: what the project wants to reach. Over the budget is a failure.
constexpr double goal_of_ipvs = 1.0 / 8, budget_of_ipvs = 0.13, goal_of_nft = 2;

bool beside_ipvs(Links& links, datapath::Datapath& path, Report& report) {
  constexpr int packets = 16'384, flows = 64;
  const auto measure = [&](const char* vip) {
    for (const char* flags : {"S", "A"}) {
      links.put(to(vip, flags), flows);
      links.send(flows);
    }
    return ns_each(links, packets);
  };
  Links::attach("eth0", links.program("drop"));
  links.put(to(vips[0], "A"), flows);
  const double floor = ns_each(links, packets, false);
  report.row("drop", {{"instructions", floor}});
  Links::attach("eth0", links.program("back"));
  const double back = ns_each(links, packets);
  report.row("tx", {{"instructions", back}, {"above_drop", back - floor}});

  double ours[std::size(vips)];
  Links::attach("eth0", path.program_fd());
  for (std::size_t i = 0; i < std::size(vips); ++i) ours[i] = measure(vips[i]);
  Links::attach("eth0", links.program("pass"));
  bool within = true;
  for (std::size_t i = 0; i < std::size(vips); ++i) {
    constexpr const char* options[] = {"-g", "-m", "-i"};
    run(fmt::format("ipvsadm -A -t {}:80 -s rr", vips[i]));
    for (int server = 0; server < Links::servers; ++server) {
      run(fmt::format("ipvsadm -a -t {}:80 -r 10.0.{}.{}:80 {}", vips[i], i + 1, server, options[i]));
    }
    const double theirs = measure(vips[i]), share = (ours[i] - floor) / (theirs - floor);
    report.row(fmt::format("ipvs_{}", method_names[i]), {{"instructions", theirs}, {"above_drop", theirs - floor}});
    report.row(fmt::format("xdp_{}", method_names[i]), {{"instructions", ours[i]},
                                                        {"above_drop", ours[i] - floor},
                                                        {"of_ipvs", share},
                                                        {"budget", budget_of_ipvs},
                                                        {"goal", goal_of_ipvs}});
    within = within && share <= budget_of_ipvs;
  }
  return within;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

bool beside_nft(Links& links, datapath::Datapath& path, Report& report) {
  constexpr int samples = 7, packets = 19'200;
  constexpr std::uint32_t flows = 1024;
  std::uint32_t datagrams = 0;
  std::string map;
  for (int i = 0; i < Links::servers; ++i) map += fmt::format("{}{}: 10.0.1.{}", i == 0 ? "" : ", ", i, i);
  run(
      fmt::format("nft 'add table ip lb; add chain ip lb pre {{ type nat hook prerouting priority dstnat; }}; "
                  "add rule ip lb pre ip daddr {} th dport 80 dnat to numgen inc mod {} map {{ {} }}'",
                  vips[0], Links::servers, map));
  bool within = true;
  for (const bool known : {true, false}) {
    std::vector<double> ceiling, ours, theirs;
    for (int i = 0; i < samples; ++i) {  // side by side
      for (const int program : {links.program("back"), path.program_fd(), links.program("pass")}) {
        Links::attach("eth0", program);
        if (program == path.program_fd() && known) {  // connection tracking picks up what is under way, the packet path wants a beginning
          links.put(to(vips[0], "S"), flows);
          links.send(flows);
        }
        links.put(known ? to(vips[0], "A") : datagram(vips[0]), known ? flows : 1u << 20);
        if (known) {
          links.send(flows);
        } else {
          links.skip(datagrams += packets);
        }
        (program == path.program_fd() ? ours : program == links.program("pass") ? theirs : ceiling).push_back(ns_each(links, packets));
      }
    }
    const double nft = 1e9 / median(theirs), xdp = 1e9 / median(ours);
    report.row(known ? "known" : "requests", {{"tx_a_second", 1e9 / median(ceiling)},
                                              {"nft_a_second", nft},
                                              {"xdp_a_second", xdp},
                                              {"times", xdp / nft},
                                              {"goal", goal_of_nft}});
    within = within && xdp / nft >= goal_of_nft;
  }
  return within;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string against = argc > 1 ? argv[1] : "";
  if ((against != "ipvs" && against != "nft") || (argc != 2 && (argc != 4 || std::string(argv[2]) != "--json"))) {
    die("link_bench ipvs|nft [--json FILE]");
  }
  if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) die("needs root");
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  sched_setaffinity(0, sizeof(one), &one);  // both ways get one processor, for everything

  Links links;
  datapath::Datapath path = create("/sys/fs/bpf/xd-link-bench", {1'000'000, 262'144, 64, 512, 65'536});
  const int director = static_cast<int>(if_nametoindex("eth0"));
  for (std::size_t i = 0; i < std::size(vips); ++i) {
    const std::string real = fmt::format("10.0.{}.", i + 1);
    serve(path, vips[i], methods[i], lvs::Scheduler::rr, real, Links::servers, director);
    serve(path, vips[i], methods[i], lvs::Scheduler::rr, real, Links::servers, director, lvs::Protocol::udp);
  }
  Report report(argc == 4 ? argv[3] : "");
  const bool within = against == "ipvs" ? beside_ipvs(links, path, report) : beside_nft(links, path, report);
  (void)path.unpin();
  return within ? 0 : 1;
}
