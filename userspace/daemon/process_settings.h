// How the kernel treats a process among others, by vrrp_priority, checker_rt_priority and their like.
#pragma once

#include <string>
#include <vector>

#include "conf/model_daemon.h"

namespace xd::netlink {
class KernelNetlink;
}

namespace xd::daemon {

// For the calling process, in place of what was applied before. Returns what the kernel refused, a sentence each. A real-time priority
// is the calling thread's alone: helper threads do not need it. A process that reaches the limit of rlimit_rttime waits for a
// moment, so that others get the CPU, and goes on.
std::vector<std::string> apply(const conf::ProcessSettings& settings);

// The queues of a process's netlink sockets, by vrrp_netlink_monitor_rcv_bufs and their like. Logs what the kernel refuses.
void set_queues(netlink::KernelNetlink& netlink, const conf::SocketBuffer& events, const conf::SocketBuffer& answers);

}  // namespace xd::daemon
