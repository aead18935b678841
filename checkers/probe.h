// A probe is one attempt of one checker: it starts, and later says once how it ended. Retries, delays and beliefs are
// not its business (checkers/health.h).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/ip.h"
#include "base/process.h"
#include "checkers/outcome.h"
#include "conf/model.h"

namespace xd::checkers {

struct ProbeRequest {
  const conf::Checker* checker = nullptr;  // outlives the probe
  Endpoint target;                         // where to connect: connect_ip and connect_port already applied
  unsigned url = 0;                        // index into the URLs of an HTTP check
  const Command* command = nullptr;        // of a MISC_CHECK: what to run, and as whom
  const conf::SslSettings* ssl = nullptr;  // of SSL_GET; also outlives the probe
};

// One attempt under way. Destroying it cancels the attempt; its callback is then not called.
class Probe {
 public:
  virtual ~Probe() = default;
};

// Called once from the loop, never from within start(). The Probe may be destroyed inside.
using ProbeDone = std::function<void(Outcome)>;

class Prober {
 public:
  virtual ~Prober() = default;
  virtual std::unique_ptr<Probe> start(const ProbeRequest& request, ProbeDone done) = 0;
};

}  // namespace xd::checkers
