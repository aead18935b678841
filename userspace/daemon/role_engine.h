// What a role does for its process: the vrrp and checkers engines behind one face, so that one loop of messages
// (role_process.h) serves both.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/loop.h"
#include "base/result.h"
#include "conf/model.h"
#include "daemon/messages.h"
#include "daemon/options.h"

namespace xd::daemon {

struct StatusPart {
  std::string json;
  bool last = true;
};

class RoleEngine {
 public:
  virtual ~RoleEngine() = default;  // leaves addresses and tables as they are

  // Two phases, as in the engines: prepare() changes nothing that others can see.
  virtual Status prepare(const conf::Model& model) = 0;
  virtual void commit() = 0;
  virtual void abort() = 0;
  // What an earlier process left. Between the first prepare() and its commit().
  virtual Status resume(const Handover& handover) = 0;
  // All that a successor must know.
  virtual Parts snapshot() const = 0;
  // Of that, what has changed since it was last asked for; at most about `most` parts, and then what is left the next time.
  virtual Parts changes(std::size_t most) = 0;
  virtual std::string summary() const = 0;
  // A JSON object for the parent to merge into `xdirector status -j`. In parts, counted from 0, and lists are continued by the next
  // part: of thousands of instances no answer holds up an advert.
  virtual StatusPart status(std::size_t part) const = 0;
  // On a dump signal: writes this role's files, or sets its counters to 0 (daemon/dump_files.h).
  virtual void on_signal(int signo) = 0;
  // The orderly end; `done` is called once, from the loop.
  virtual void stop(std::function<void()> done) = 0;
};

// `changed`: changes() and perhaps summary() have something new to say.
using MakeEngine = Result<std::unique_ptr<RoleEngine>> (*)(Loop& loop, const Options& options, std::function<void()> changed);

Result<std::unique_ptr<RoleEngine>> make_vrrp_engine(Loop& loop, const Options& options, std::function<void()> changed);
Result<std::unique_ptr<RoleEngine>> make_checkers_engine(Loop& loop, const Options& options, std::function<void()> changed);
Result<std::unique_ptr<RoleEngine>> make_bfd_engine(Loop& loop, const Options& options, std::function<void()> changed);

}  // namespace xd::daemon
