// Real TCP through the program on plain veth pairs with every offload left on: senders leave checksums to the device, and segments of up
// to 64 KiB arrive whole.
//
//   client eth0 ── eth0 director eth1 ── eth0 server      the director is this process: VIP 192.0.2.10, generic XDP on both
//   client eth1 ───────────────────────── eth1 server     the way back of direct routing
#include <net/if.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

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
    // Both ends are made here and moved: older kernels do not make them in two other namespaces at once.
    sh("ip link add eth0 type veth peer name end0 && ip link set end0 netns " + client_ + " name eth0");
    sh("ip link add end1 type veth peer name end2 && ip link set end1 netns " + client_ + " name eth1 && ip link set end2 netns " + server_ +
       " name eth1");
    sh("ip link add eth1 type veth peer name end3 && ip link set end3 netns " + server_ + " name eth0");
    sh("ip link set eth0 up && ip link set eth1 up");
    sh("ip addr add 198.51.100.1/24 dev eth0 && ip addr add 10.0.0.254/24 dev eth1 && ip addr add 192.0.2.10/32 dev eth0");
    in(client_, "ip link set eth0 up && ip link set eth1 up && ip addr add 198.51.100.7/24 dev eth0 && ip route add default via 198.51.100.1");
    in(server_, "ip link set eth0 up && ip link set eth1 up && ip addr add 10.0.0.1/24 dev eth0");
  }
  void TearDown() override {
    if (serving_ > 0) {
      kill(serving_, SIGKILL);
      waitpid(serving_, nullptr, 0);
    }
    for (const char* name : {"eth0", "eth1"}) {
      if (const unsigned index = if_nametoindex(name); index != 0) (void)datapath().detach(static_cast<int>(index));
    }
    for (const auto& name : {client_, server_}) {
      if (!name.empty()) (void)std::system(("ip netns del " + name + " 2>/dev/null").c_str());
    }
    (void)std::system("ip link del eth0 2>/dev/null; ip link del eth1 2>/dev/null");
  }

  static void sh(const std::string& command) { ASSERT_EQ(std::system(command.c_str()), 0) << command; }
  static void in(const std::string& ns, const std::string& command) { sh("ip netns exec " + ns + " sh -c '" + command + "'"); }
  static std::string mac(const std::string& ns, const std::string& link) {
    FILE* out = popen(("ip " + (ns.empty() ? "" : "-n " + ns) + " -br link show " + link + " | grep -o \"..:..:..:..:..:..\"").c_str(), "r");
    char text[32] = "";
    const bool got = fgets(text, sizeof(text), out) != nullptr;
    pclose(out);
    return got ? std::string(text, 17) : "00:00:00:00:00:00";
  }

  // Sends 8 MiB to the service and gets them back: lost or corrupted bytes make it fail or time out.
  void exchange(lvs::Forward forward) {
    for (const char* name : {"eth0", "eth1"}) {
      auto attached = datapath().attach(static_cast<int>(if_nametoindex(name)), datapath::Mode::automatic);
      ASSERT_TRUE(attached) << attached.error().message;
      EXPECT_EQ(attached->mode, datapath::Mode::generic);
    }
    const std::uint16_t port = forward == lvs::Forward::nat ? 8080 : 80;
    ASSERT_TRUE(datapath().put_service(service_key(vip, 80), service(forward, {1}, lvs::Scheduler::rr, port)));
    datapath().set_hop(*IpAddress::parse("10.0.0.1"),
                       datapath::Hop{*MacAddress::parse(mac(server_, "eth0")), *MacAddress::parse(mac("", "eth1")), static_cast<int>(if_nametoindex("eth1")), 0, 0, false});

    const std::string python = "import socket,sys,hashlib\n"
                               "s=socket.create_server((\"0.0.0.0\"," + std::to_string(port) + "))\n"
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

    const std::string client_program = "import socket,os\n"
                                       "d=os.urandom(8<<20)\n"
                                       "s=socket.create_connection((\"192.0.2.10\",80),5); s.settimeout(20)\n"
                                       "s.sendall(d); s.shutdown(1); g=b\"\"\n"
                                       "while len(g)<len(d):\n"
                                       "  b=s.recv(1<<20)\n"
                                       "  if not b: break\n"
                                       "  g+=b\n"
                                       "assert g==d, len(g)\n";
    in(client_, "timeout 40 python3 -c \"$PROGRAM\"", client_program);
    const auto now = stats(service_key(vip, 80), 1, port);
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

  std::string client_, server_;
  pid_t serving_ = 0;
};

TEST_F(Traffic, EightMegabytesEachWayByNat) {
  in(server_, "ip route add default via 10.0.0.254");
  exchange(lvs::Forward::nat);
}

TEST_F(Traffic, EightMegabytesEachWayByDr) {
  in(server_, "ip addr add 192.0.2.10/32 dev lo && ip route add 198.51.100.7/32 dev eth1");
  exchange(lvs::Forward::dr);
}

}  // namespace
}  // namespace xd::test
