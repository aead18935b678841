// A netlink socket: requests with sequence numbers, acknowledgements and a time limit, or a stream of notifications. It knows
// nothing of what the messages mean.
#pragma once

#include <sys/socket.h>  // linux/netlink.h of old kernels wants it first

#include <linux/netlink.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "netlink/messages.h"

namespace xd::netlink {

using Handler = std::function<void(const nlmsghdr*)>;

// Sends a request and waits for all of its answer. The kernel answers routing requests within the system call, so the wait is
// the kernel's own work; the time limit of 3 s is there for a kernel that is stuck.
class RequestSocket {
 public:
  static Result<RequestSocket> open();

  // For a dump or a question: every message of the answer goes to `handler`. A dump that the kernel marks as inconsistent
  // (NLM_F_DUMP_INTR) is an Error of EAGAIN. `what` begins the message of an Error: "add 192.0.2.1/24 to eth0".
  Status transact(const Message& request, const std::string& what, const Handler& handler = {});
  // Room for answers, as EventSocket::set_queue.
  Status set_queue(std::uint32_t bytes, bool force);

 private:
  explicit RequestSocket(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
  std::uint32_t sequence_ = 0;
  std::vector<char> buffer_ = std::vector<char>(64 * 1024);
};

// Notifications of multicast groups. Never blocks.
class EventSocket {
 public:
  static Result<EventSocket> open(const std::vector<int>& groups);

  int fd() const { return fd_.get(); }
  // Room for notifications that wait (base/receive_queue.h).
  Status set_queue(std::uint32_t bytes, bool force);
  // Hands out what is queued. False when the kernel dropped notifications for lack of room (ENOBUFS): read everything anew.
  bool drain(const Handler& handler);

 private:
  explicit EventSocket(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
  std::vector<char> buffer_ = std::vector<char>(64 * 1024);
};

}  // namespace xd::netlink
