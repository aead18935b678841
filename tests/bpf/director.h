// A director without a network: the loaded program, services put into it, packets run through it one at a time.
//
// The process has network and mount namespaces of its own. The program is loaded once; every test begins with empty tables. Where
// BPF cannot be loaded the tests are skipped with the kernel's reason.
#pragma once

#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "datapath/datapath.h"
#include "support/packet.h"

namespace xd::test {

inline constexpr const char* vip = "192.0.2.10";
inline constexpr const char* client = "198.51.100.7";
inline constexpr const char* director_mac = "02:00:00:00:00:01";
inline constexpr const char* router_mac = "02:00:00:00:00:aa";  // brings the client's packets

inline Endpoint endpoint(const std::string& address, std::uint16_t port) { return {*IpAddress::parse(address), port}; }
inline lvs::ServiceKey service_key(const std::string& address, std::uint16_t port, lvs::Protocol protocol = lvs::Protocol::tcp) {
  return {*IpAddress::parse(address), port, protocol};
}

struct Outcome {
  int verdict = -1;
  Bytes frame;
  std::string reason;  // the word of the one reason that was counted
};

class Director : public testing::Test {
 protected:
  static datapath::Sizes sizes();
  void SetUp() override;

  // Web servers 1, 2, 3... are 10.0.0.N with MAC 02:00:00:00:01:N, on the interface that packets come in by.
  static std::string web(int number) { return "10.0.0." + std::to_string(number); }
  static std::string web_mac(int number);
  static lvs::Service service(lvs::Forward forward, std::vector<std::uint32_t> weights, lvs::Scheduler scheduler = lvs::Scheduler::rr,
                              std::uint16_t port = 80);
  // Returns when the kernel's clock of ticks, by which the program measures time, has gone on by two.
  static void wait_for_ticks();
  // Puts the service, and makes its real servers' next hops known.
  void serve(const lvs::ServiceKey& key, const lvs::Service& service);
  void resolve(int number);

  // Runs the frame, by the program for frames in several buffers if so. Exactly one reason must have been counted for it.
  Outcome run(const Packet& packet, bool in_pieces = false);
  // The number of the web server whose MAC the frame now has; 0: none of them.
  static int served_by(const Outcome& outcome);
  // A connection's first packets, so that its flow is in the big table.
  void establish(const std::string& from, std::uint16_t port, const std::string& to = vip, std::uint16_t to_port = 80);

  // Entries of the flow table, replies included: those that the client has confirmed, and the others.
  std::size_t confirmed() const;
  std::size_t half_open() const;
  // The flow of a key; nothing when there is none.
  std::optional<xd_flow> flow(const xd_flow_key& key) const;
  static xd_flow_key flow_key(const std::string& from, std::uint16_t port, const std::string& to = vip, std::uint16_t to_port = 80,
                              std::uint8_t protocol = IPPROTO_TCP);
  datapath::DestinationStats stats(const lvs::ServiceKey& key, int number, std::uint16_t port = 80);
  // What is known of the interface that packets come in by; each test begins with XD_PORT_GENERIC.
  void put_port(std::uint32_t flags);
  void set_timeout(xd_state state, std::uint32_t jiffies);
  // Sweeps again and again until it is so: what is due is decided in jiffies, which the caller cannot see pass.
  void sweep_until(const std::function<bool()>& is_so, bool short_of_memory = false);

  datapath::Datapath& datapath();
};

}  // namespace xd::test
