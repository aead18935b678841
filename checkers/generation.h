// One configuration's virtual servers with the state that belongs to them: what a reload replaces as a whole.
//
// Building a generation and letting it inherit from its predecessor touch no socket and write no log; the engine sets
// it going.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/loop.h"
#include "base/lvs.h"
#include "base/process.h"
#include "base/result.h"
#include "checkers/health.h"
#include "checkers/observed.h"
#include "checkers/probe.h"
#include "checkers/quorum.h"
#include "checkers/snapshot.h"
#include "conf/model.h"

namespace xd::checkers {

struct Server;
struct Service;

// One checker of one real server.
struct CheckerRun {
  CheckerRun(Loop& loop, std::function<void(CheckerRun&)> due);

  Server* server = nullptr;
  const conf::Checker* config = nullptr;
  Endpoint target;
  std::string identity;
  std::optional<Command> command;             // of a MISC_CHECK
  std::optional<FileRule> file;               // of a FILE_CHECK
  std::int64_t weight_change = 0;             // of a FILE_CHECK: what it adds to the real server's weight
  std::optional<std::uint32_t> weight_asked;  // of a MISC_CHECK: what its program wants in place of the configured one
  HealthPolicy policy;
  Health health;

  Timer timer;
  std::unique_ptr<Probe> probe;  // an attempt under way
  TimePoint started;             // the last attempt
  TimePoint next;
  std::string last_outcome;
  std::optional<TimePoint> last_time;
  std::uint64_t runs = 0;
  std::uint64_t failures = 0;
};

struct Server {
  Service* service = nullptr;
  const conf::RealServer* config = nullptr;
  std::size_t member = 0;  // of service->pool
  std::vector<std::unique_ptr<CheckerRun>> checkers;
  std::optional<Command> notify_up, notify_down;
  TimePoint since;

  bool inherited = false;  // it was there before

  bool healthy() const;          // all checkers are up
  std::uint32_t weight() const;  // as configured, and as its checkers have changed it
};

struct Service {
  const conf::VirtualServer* config = nullptr;
  std::vector<std::unique_ptr<Server>> servers;  // in file order
  Pool pool;                                     // members in the order of `servers`
  lvs::Service table;                            // what is wanted now
  std::optional<Command> quorum_up, quorum_down;
  bool inherited = false;  // was there before
  bool suspended = false;  // ha_suspend: its address is not on this host

  Member& member(const Server& server) { return pool.members[server.member]; }
  const Member& member(const Server& server) const { return pool.members[server.member]; }
  void refill() { fill(pool, table); }
};

struct Generation {
  std::vector<conf::VirtualServer> config;  // the others point into it
  conf::SslSettings ssl;
  std::vector<std::unique_ptr<Service>> services;  // in file order
  std::map<lvs::ServiceKey, Service*> by_key;
  std::vector<std::string> warnings;  // to be logged when the generation is put in place

  // `due` is called when a checker's timer fires. The error names the virtual server.
  static Result<std::unique_ptr<Generation>> build(Loop& loop, const conf::Model& model, std::function<void(CheckerRun&)> due);

  Service* find(const lvs::ServiceKey& key) const;
  // Takes over what `past` knows, by keepalived's rules: a checker of the same identity goes on; a changed one is up
  // until its first failure, or with alpha as down as its server was. What is new begins as at start.
  void inherit(const Snapshot& past);
  // Counters, last outcomes and the rhythm of checkers that went on.
  void inherit_running(const Generation& old, TimePoint now);

  Snapshot snapshot() const;
};

// What keepalived compares of a checker when it reloads: checkers with the same identity continue each other. Else the server is put
// back until the first failure, so what is asked in another way but of the same server is better left out.
std::string identity(const conf::Checker& checker, const Endpoint& target);

}  // namespace xd::checkers
