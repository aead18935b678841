// Links for tests that run in a network namespace of their own (private_network.h), made and changed by iproute2.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/time.h"

namespace xd::test {

inline void ip(const std::string& words) {
  const std::string command = "ip " + words;
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

// The far end of a veth pair as a wire tap: sees every frame that comes out of it, and puts frames in.
class Tap {
 public:
  explicit Tap(const std::string& interface) : socket_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL))) {
    EXPECT_TRUE(socket_.valid()) << "packet socket";
    sockaddr_ll where{};
    where.sll_family = AF_PACKET;
    where.sll_protocol = htons(ETH_P_ALL);
    where.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where), 0);
  }

  // What came in since the last call, with the time of reading.
  std::vector<std::vector<std::uint8_t>> frames() {
    std::vector<std::vector<std::uint8_t>> out;
    for (;;) {
      std::vector<std::uint8_t> frame(2048);
      sockaddr_ll from{};
      socklen_t length = sizeof from;
      const ssize_t n = ::recvfrom(socket_.get(), frame.data(), frame.size(), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &length);
      if (n <= 0) return out;
      if (from.sll_pkttype == PACKET_OUTGOING) continue;
      frame.resize(static_cast<std::size_t>(n));
      out.push_back(std::move(frame));
    }
  }

  void put(const std::vector<std::uint8_t>& frame) {
    EXPECT_EQ(::send(socket_.get(), frame.data(), frame.size(), 0), static_cast<ssize_t>(frame.size()));
  }

 private:
  Fd socket_;
};

inline std::vector<std::uint8_t> bytes_of(const std::string& hex) {
  std::vector<std::uint8_t> out;
  std::string digits;
  for (const char c : hex) {
    if (c == ' ') continue;
    digits += c;
    if (digits.size() == 2) {
      out.push_back(static_cast<std::uint8_t>(std::stoul(digits, nullptr, 16)));
      digits.clear();
    }
  }
  return out;
}

}  // namespace xd::test
