// The health of all real servers, and from it the services that should be served now.
//
// The engine runs every checker of the configuration on the Loop, believes what their attempts say by keepalived's
// rules (checkers/health.h), counts quorums (checkers/quorum.h), runs notify scripts, writes the log lines that
// operators grep for, and reports the wanted tables. It programs nothing itself: whoever gets the services makes a plan
// of them (plan/plan.h).
//
// Reload: prepare() checks and builds the next generation beside the running one; commit() puts it in place, abort()
// forgets it. A checker that is equal in both, its schedule apart, keeps its state. Not thread safe: everything happens
// on the Loop's thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/loop.h"
#include "base/lvs.h"
#include "base/result.h"
#include "checkers/probe.h"
#include "checkers/snapshot.h"
#include "checkers/status.h"
#include "conf/model.h"

namespace xd::checkers {

class Engine {
 public:
  // Called at once by commit(), and after that at most once per turn of the loop when the belief in any checker, a
  // weight or a quorum changed. The services may equal the last ones. Moments to store snapshot().
  using OnDesired = std::function<void(const lvs::Services& desired)>;

  Engine(Loop& loop, OnDesired on_desired);                                  // probes the network
  Engine(Loop& loop, std::unique_ptr<Prober> prober, OnDesired on_desired);  // for tests
  ~Engine();                                                                 // cancels attempts; leaves tables and running scripts alone

  // The configuration of the next generation. An error names the virtual server; the running generation goes on
  // untouched.
  Status prepare(const conf::Model& model);
  // Only after a prepare() that succeeded. Logs and notifies what the reload adds, removes and changes.
  void commit();
  void abort();

  // Ends all checks. Runs quorum_down and notify_down of servers that are up where the virtual server says omega. Does
  // not report empty services: whether the tables are emptied or left in place (-I) is the daemon's to decide.
  void stop();

  // FILE_CHECK finds its files by itself; of BFD sessions and of this host's addresses (ha_suspend) it is told. Before anybody told, a
  // session is as alpha says, and every address is here.
  void observe_bfds(const std::map<std::string, bool>& sessions);
  void observe_addresses(std::function<bool(const IpAddress&)> is_here);

  // What a former process knew; before the first commit(), which inherits from it as a reload does from the old
  // generation.
  void resume(Snapshot snapshot);
  Snapshot snapshot() const;

  const lvs::Services& desired() const;
  EngineStatus status() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace xd::checkers
