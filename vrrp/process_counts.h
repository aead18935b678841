// How many processes match each vrrp_track_process, and what follows from it. Pure: processes and times in, verdicts out; what
// runs is found out by ProcessTracker (track_processes.h).
//
// A rule is up while quorum <= n <= quorum_max. A gain counts after fork_delay, a loss after terminate_delay, so that the moment
// between fork and exec, or between an end and a restart, changes nothing.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/time.h"
#include "conf/model.h"

namespace xd::vrrp {

// A process as /proc shows it.
struct SeenProcess {
  std::string name;                // comm: at most 15 characters
  std::vector<std::string> words;  // its command line; not read when no rule asks for it
};

// Without full_command the name counts, else the whole first word of the command line; and where arguments are compared, those: all
// of them (exact), the first of them (partial), or the same with a last one that may go on (initial).
bool matches(const conf::TrackProcess& rule, const SeenProcess& process);

class ProcessCounts {
 public:
  // Counts begin at 0; see_all() follows.
  void define(std::vector<conf::TrackProcess> rules);
  bool empty() const { return rules_.empty(); }
  bool needs_words() const;

  // A process is there: it is new, or it has become another program.
  void see(pid_t pid, const SeenProcess& process, TimePoint now);
  void gone(pid_t pid, TimePoint now);
  // These and no others. The first time what is found counts at once.
  void see_all(const std::map<pid_t, SeenProcess>& processes, TimePoint now);

  // The rules whose verdict has changed since the last call, when `now` is reached.
  std::vector<std::string> take_changes(TimePoint now);
  std::optional<TimePoint> next() const;  // when a delay ends
  std::map<std::string, bool> up() const;
  struct Count {
    std::size_t processes = 0;
    bool gain_waits = false, loss_waits = false;  // for the end of their delay
  };
  std::map<std::string, Count> counts() const;

 private:
  struct Rule {
    conf::TrackProcess conf;
    std::set<pid_t> pids;
    bool up = false;
    std::optional<TimePoint> change_at;  // its count says otherwise, and does from then on
    bool wants_up() const { return pids.size() >= conf.quorum && (!conf.quorum_max || pids.size() <= *conf.quorum_max); }
  };
  void reconsider(Rule& rule, TimePoint now);

  std::vector<Rule> rules_;
  bool counted_ = false;
};

}  // namespace xd::vrrp
