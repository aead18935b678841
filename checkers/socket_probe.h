// What the checks that speak over one socket of their own have in common: the connecting, the limit of time, and an end that is
// told once.
#pragma once

#include <utility>

#include "base/fd.h"
#include "base/loop.h"
#include "base/time.h"
#include "checkers/probe.h"

namespace xd::checkers {

class SocketProbe : public Probe {
 protected:
  SocketProbe(Loop& loop, ProbeDone done) : loop_(loop), done_(std::move(done)), limit_(loop, [this] { finish(silence()); }) {}

  // What the end of the limit means.
  virtual Outcome silence() const = 0;

  // Opens `socket_` and begins to connect it. False: that failed, and the outcome is on its way.
  bool begin(const conf::CheckConnection& connection, const Endpoint& target, int type, int protocol = 0);
  // From the loop, for what is known before the caller has the probe in his hands.
  void finish_later(Outcome outcome);
  void finish(Outcome outcome);  // may destroy this object

  Loop& loop_;
  ProbeDone done_;
  Fd socket_;
  Timer limit_;
  Loop::Source event_;  // after socket_: gone before it is closed
};

}  // namespace xd::checkers
