// Gives the test program a network namespace of its own with nothing but loopback in it, so that no test can reach, or
// be disturbed by, the network of the machine. Before any thread starts: register as a GoogleTest environment.
#pragma once

#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "base/fd.h"

namespace xd::test {

class PrivateNetwork : public ::testing::Environment {
 public:
  void SetUp() override {
    const int what = ::geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET;
    ASSERT_EQ(::unshare(what), 0) << "a network namespace for the test: " << std::strerror(errno);
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    ASSERT_EQ(::ioctl(socket.get(), SIOCSIFFLAGS, &request), 0) << std::strerror(errno);
  }
};

}  // namespace xd::test
