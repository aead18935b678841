// Which processes run, for vrrp_track_process: the kernel's process events (netlink connector) say when one begins, becomes another
// program and ends.
//
// The kernel reports them in its first network namespace and with the numbers of its first pid namespace only. A daemon in another
// network namespace listens in that of process 1 all the same. In another pid namespace (a container) /proc is looked at every
// second instead.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/loop.h"
#include "vrrp/process_counts.h"

namespace xd::vrrp {

// /proc, now. `words`: command lines too.
std::map<pid_t, SeenProcess> running_processes(bool words);

class ProcessTracker {
 public:
  using Changed = std::function<void(const std::string& name, bool up)>;
  ProcessTracker(Loop& loop, Changed changed);

  // These and no others from now on, counted at this moment. `queue`: for events that wait to be read. Returns what is worth telling.
  std::vector<std::string> define(std::vector<conf::TrackProcess> rules, const conf::SocketBuffer& queue);
  std::map<std::string, bool> up() const { return counts_.up(); }
  std::map<std::string, ProcessCounts::Count> counts() const { return counts_.counts(); }

 private:
  void on_events();
  void on_event(const void* event);
  void look_at(pid_t pid);
  void count_all();
  void tell();

  Loop& loop_;
  Changed changed_;
  ProcessCounts counts_;
  Fd socket_;
  Loop::Source events_;
  Timer delays_;
  Timer look_;  // where there are no events
};

}  // namespace xd::vrrp
