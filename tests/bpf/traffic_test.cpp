// Real TCP through the program on plain veth pairs with every offload left on: senders leave checksums to the device, and in generic mode
// segments of up to 64 KiB arrive whole.
//
//   two arms   client eth0 ── eth0 director eth1 ── eth0 server      the director is this process: VIP 192.0.2.10
//              client eth1 ───────────────────────── eth1 server     the way back of direct routing
//   one arm    client eth0 ──┐
//            director eth0 ──┼── bridge, in a namespace of its own: every packet leaves as it came, by XDP_TX
//              server eth0 ──┘
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "director.h"

namespace xd::test {
namespace {

class Traffic : public Director {
 protected:
  void SetUp() override {
    Director::SetUp();
    if (IsSkipped()) return;
    const std::string id = std::to_string(getpid());
    client_ = "xdt-client-" + id;
    server_ = "xdt-server-" + id;
    for (const auto& name : {client_, server_}) {
      sh("ip netns add " + name);
      in(name, "ip link set lo up");
    }
  }
  // Both ends are made here and moved: older kernels do not make them in two other namespaces at once.
  void two_arms() {
    sh("ip link add eth0 type veth peer name end0 && ip link set end0 netns " + client_ + " name eth0");
    sh("ip link add end1 type veth peer name end2 && ip link set end1 netns " + client_ + " name eth1 && ip link set end2 netns " +
       server_ + " name eth1");
    sh("ip link add eth1 type veth peer name end3 && ip link set end3 netns " + server_ + " name eth0");
    sh("ip link set eth0 up && ip link set eth1 up");
    sh("ip addr add 198.51.100.1/24 dev eth0 && ip addr add 10.0.0.254/24 dev eth1 && ip addr add 192.0.2.10/32 dev eth0");
    in(client_,
       "ip link set eth0 up && ip link set eth1 up && ip addr add 198.51.100.7/24 dev eth0 && ip route add default via 198.51.100.1");
    in(server_, "ip link set eth0 up && ip link set eth1 up && ip addr add 10.0.0.1/24 dev eth0");
    arms_ = {"eth0", "eth1"};
    peers_ = {{client_, "eth0"}, {server_, "eth0"}};
  }
  // Two arms, and frames that fill several of a driver's buffers.
  void two_long_arms() {
    two_arms();
    for (const char* arm : {"eth0", "eth1"}) sh(std::string("ip link set ") + arm + " mtu 9000");
    for (const auto& [ns, link] : peers_) in(ns, "ip link set " + link + " mtu 9000");
  }
  void one_arm() {
    switch_ = "xdt-switch-" + std::to_string(getpid());
    sh("ip netns add " + switch_);
    in(switch_, "ip link add name bridge0 type bridge mcast_snooping 0 && ip link set dev bridge0 up");
    const auto plug = [&](const std::string& port) { in(switch_, "ip link set dev " + port + " master bridge0 up"); };
    sh("ip link add eth0 type veth peer name port0 && ip link set dev port0 netns " + switch_ + " && ip link set eth0 up");
    plug("port0");
    for (const auto& [port, ns] : {std::pair{std::string("port1"), client_}, {std::string("port2"), server_}}) {
      sh("ip link add end" + port + " type veth peer name " + port + " && ip link set end" + port + " netns " + ns +
         " name eth0 && ip link set " + port + " netns " + switch_);
      plug(port);
    }
    sh("ip addr add 198.51.100.1/24 dev eth0 && ip addr add 192.0.2.10/32 dev eth0");
    in(client_, "ip link set eth0 up && ip addr add 198.51.100.7/24 dev eth0 && ip route add 192.0.2.10 via 198.51.100.1");
    in(server_, "ip link set eth0 up && ip addr add 198.51.100.11/24 dev eth0");
    arms_ = {"eth0"};
    peers_ = {{switch_, "port0"}};
    real_ = "198.51.100.11";
  }
  void TearDown() override {
    if (serving_ > 0) {
      kill(serving_, SIGKILL);
      waitpid(serving_, nullptr, 0);
    }
    for (const char* name : {"eth0", "eth1"}) {
      if (const unsigned index = if_nametoindex(name); index != 0) (void)datapath().detach(static_cast<int>(index));
    }
    for (const auto& name : {client_, server_, switch_}) {
      if (!name.empty()) attempt("ip netns del " + name);
    }
    for (const char* arm : {"eth0", "eth1"}) attempt(std::string("ip link del ") + arm);
  }

  // What may not be there is to go.
  static void attempt(const std::string& command) { [[maybe_unused]] const int status = std::system((command + " 2>/dev/null").c_str()); }
  static void sh(const std::string& command) { ASSERT_EQ(std::system(command.c_str()), 0) << command; }
  static void in(const std::string& ns, const std::string& command) { sh("ip netns exec " + ns + " sh -c '" + command + "'"); }
  static std::string mac(const std::string& ns, const std::string& link) {
    FILE* out =
        popen(("ip " + (ns.empty() ? "" : "-n " + ns) + " -br link show " + link + " | grep -o \"..:..:..:..:..:..\"").c_str(), "r");
    char text[32] = "";
    const bool got = fgets(text, sizeof(text), out) != nullptr;
    pclose(out);
    return got ? std::string(text, 17) : "00:00:00:00:00:00";
  }

  // A veth receives what its other end sends by native XDP_TX only when it has an XDP program too. The program stays until the link goes.
  static void make_receive(const std::string& ns, const std::string& link) {
    int failed = -1;
    std::thread([&] {
      const Fd there(open(("/run/netns/" + ns).c_str(), O_RDONLY | O_CLOEXEC));
      if (setns(there.get(), CLONE_NEWNET) != 0) return;
      const std::vector<bpf_insn> pass{{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_PASS}, {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
      LIBBPF_OPTS(bpf_prog_load_opts, options, .prog_flags = BPF_F_XDP_HAS_FRAGS);
      const Fd program(bpf_prog_load(BPF_PROG_TYPE_XDP, "receive", "GPL", pass.data(), pass.size(), &options));
      failed = bpf_xdp_attach(static_cast<int>(if_nametoindex(link.c_str())), program.get(), XDP_FLAGS_DRV_MODE, nullptr);
    }).join();
    ASSERT_EQ(failed, 0) << ns << " " << link;
  }

  // Sends 8 MiB to the service and gets them back: lost or corrupted bytes make it fail or time out.
  void exchange(lvs::Forward forward, datapath::Mode mode) {
    for (const std::string& name : arms_) {
      auto attached = datapath().attach(static_cast<int>(if_nametoindex(name.c_str())), mode);
      ASSERT_TRUE(attached) << attached.error().message;
      EXPECT_EQ(attached->mode, mode == datapath::Mode::automatic ? datapath::Mode::generic : mode);
    }
    if (mode == datapath::Mode::native) {
      for (const auto& [ns, link] : peers_) make_receive(ns, link);
    }
    const std::uint16_t port = forward == lvs::Forward::nat ? 8080 : 80;
    const Endpoint real = endpoint(real_, port);
    lvs::Service wanted;
    wanted.scheduler = lvs::Scheduler::rr;
    wanted.destinations[real] = {forward, 1, 0, 0};
    wanted.order = {real};
    ASSERT_TRUE(datapath().put_service(service_key(vip, 80), wanted));
    datapath().set_hop(real.address, datapath::Hop{*MacAddress::parse(mac(server_, "eth0")), *MacAddress::parse(mac("", arms_.back())),
                                                   static_cast<int>(if_nametoindex(arms_.back().c_str())), 0, 0, false});

    const std::string python =
        "import socket,sys,hashlib\n"
        "s=socket.create_server((\"0.0.0.0\"," +
        std::to_string(port) +
        "))\n"
        "print(\"ready\",flush=True)\n"
        "while True:\n"
        "  c,_=s.accept(); d=b\"\"\n"
        "  while True:\n"
        "    b=c.recv(1<<20)\n"
        "    if not b: break\n"
        "    d+=b\n"
        "  c.sendall(d); c.close()\n";
    int ready[2];
    ASSERT_EQ(pipe(ready), 0);
    serving_ = fork();
    if (serving_ == 0) {
      dup2(ready[1], 1);
      execlp("ip", "ip", "netns", "exec", server_.c_str(), "python3", "-c", python.c_str(), nullptr);
      _exit(127);
    }
    close(ready[1]);
    char word[8];
    ASSERT_GT(read(ready[0], word, sizeof(word)), 0) << "the server did not start";
    close(ready[0]);

    const std::string client_program =
        "import socket,os\n"
        "d=os.urandom(8<<20)\n"
        "s=socket.create_connection((\"192.0.2.10\",80),5); s.settimeout(20)\n"
        "s.sendall(d); s.shutdown(1); g=b\"\"\n"
        "while len(g)<len(d):\n"
        "  b=s.recv(1<<20)\n"
        "  if not b: break\n"
        "  g+=b\n"
        "assert g==d, len(g)\n";
    in(client_, "timeout 40 python3 -c \"$PROGRAM\"", client_program);
    const auto now = datapath().stats(service_key(vip, 80))[real];
    EXPECT_GT(now.bytes_in, 8u << 20);
    EXPECT_GE(now.connections, 1u);
    if (forward == lvs::Forward::nat) {
      EXPECT_GT(now.bytes_out, 8u << 20);
    }
  }
  static void in(const std::string& ns, const std::string& command, const std::string& program) {
    setenv("PROGRAM", program.c_str(), 1);
    in(ns, command);
  }

  std::string client_, server_, switch_;
  std::string real_ = "10.0.0.1";
  std::vector<std::string> arms_;                           // the director's interfaces: clients' side, servers' side
  std::vector<std::pair<std::string, std::string>> peers_;  // namespace and name of their other ends
  pid_t serving_ = 0;
};

class InMode : public Traffic, public testing::WithParamInterface<datapath::Mode> {};

TEST_P(InMode, EightMegabytesEachWayByNat) {
  two_arms();
  in(server_, "ip route add default via 10.0.0.254");
  exchange(lvs::Forward::nat, GetParam());
}

TEST_P(InMode, EightMegabytesEachWayByDr) {
  two_arms();
  in(server_, "ip addr add 192.0.2.10/32 dev lo && ip route add 198.51.100.7/32 dev eth1");
  exchange(lvs::Forward::dr, GetParam());
}

TEST_P(InMode, EightMegabytesEachWayByNatThroughOneArm) {
  one_arm();
  in(server_, "ip route replace 198.51.100.7/32 via 198.51.100.1");
  exchange(lvs::Forward::nat, GetParam());
}

TEST_P(InMode, EightMegabytesByDrThroughOneArm) {
  one_arm();
  in(server_, "ip addr add 192.0.2.10/32 dev lo");
  exchange(lvs::Forward::dr, GetParam());
}

TEST_F(Traffic, JumboFramesInNativeModeByNat) {
  two_long_arms();
  in(server_, "ip route add default via 10.0.0.254");
  exchange(lvs::Forward::nat, datapath::Mode::native);
}

INSTANTIATE_TEST_SUITE_P(Traffic, InMode, testing::Values(datapath::Mode::automatic, datapath::Mode::native),
                         [](const auto& mode) { return mode.param == datapath::Mode::native ? "Native" : "Generic"; });

}  // namespace
}  // namespace xd::test
