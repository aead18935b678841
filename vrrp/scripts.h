// vrrp_script: a program that is run every interval and whose exit status says up or down. The judgement (rise, fall) is pure; the
// tracker keeps the times and the runs, over a Runner that starts programs.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/process.h"
#include "base/result.h"
#include "base/time.h"
#include "conf/model.h"

namespace xd::vrrp {

// Starts programs. The loop's implementation is LoopRunner (runner.h).
class Runner {
 public:
  struct Outcome {
    bool success = false;
    std::string words;               // "exited with status 1"
    std::optional<int> status = {};  // of one that ended by itself
    bool ended = true;               // false: over its limit, and alive
    bool counts = true;              // false: the end of a run that has been told as over its limit
  };
  using Done = std::function<void(const Outcome&)>;
  // A run in progress; destroying it kills the program and its children.
  struct Run {
    virtual ~Run() = default;
  };

  virtual ~Runner() = default;
  // Runs it with a time limit; `done` is called later, and may destroy the Run when that has ended. A run over its limit is told
  // when it is asked to end, and once more when it is killed.
  virtual Result<std::unique_ptr<Run>> check(const Command& command, Duration limit, Done done) = 0;
  // Starts it and forgets it: it is neither waited for nor killed.
  virtual Status fire(const Command& command) = 0;
};

// One script's results, damped: a counter from 0 to rise + fall - 1, up from `rise` on. Success counts up, and goes to the top when
// it crosses; failure counts down, and goes to 0 when it crosses. The first result decides at once, whatever rise and fall are.
class ScriptJudge {
 public:
  ScriptJudge(unsigned rise, unsigned fall);
  // True when up() is another than before.
  bool add(bool success);
  std::optional<bool> up() const { return up_; }  // empty: no result yet
  unsigned counter() const { return counter_; }

 private:
  unsigned rise_;
  unsigned top_;
  unsigned counter_ = 0;
  std::optional<bool> up_;
};

// Whether a configured script can be run, and as what: its path found, executable for its user, and with script security no
// element of the path writable by others than root. The Error says why not, and where.
struct ScriptSecurity {
  bool enabled = false;
  std::string default_user;   // empty: keepalived_script when that user exists, else the daemon's own
  std::string default_group;  // empty: the user's
};
Result<Command> resolve_script(const conf::Script& script, const ScriptSecurity& security);

class ScriptTracker {
 public:
  struct Definition {
    conf::VrrpScript script;
    Command command;
  };

  // `changed` is called, from run() or from a Runner's done, after up() of a script has changed (the first answer included).
  ScriptTracker(Runner& runner, std::function<TimePoint()> now, std::function<void()> changed);
  ~ScriptTracker();

  // What is defined as before keeps its results and its rhythm; what is new runs at once (at the next run()).
  void define(std::vector<Definition> definitions);
  void clear() { define({}); }

  bool known(const std::string& name) const;
  std::optional<bool> up(const std::string& name) const;

  // For dumps.
  struct Shown {
    const Definition& definition;
    std::optional<bool> up;
    unsigned result;  // the judge's counter
    bool running;
  };
  std::vector<Shown> shown() const;

  std::optional<TimePoint> next() const;
  // Starts what is due. A script whose last run still goes is not started again.
  void run();

 private:
  struct Script;
  void start(Script& script);
  void judge(Script& script, const Runner::Outcome& outcome);

  Runner& runner_;
  std::function<TimePoint()> now_;
  std::function<void()> changed_;
  std::vector<std::unique_ptr<Script>> scripts_;
};

}  // namespace xd::vrrp
