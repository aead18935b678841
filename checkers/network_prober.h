// Starts the probe that a checker's type asks for.
#pragma once

#include <random>

#include "base/loop.h"
#include "checkers/curl_loop.h"
#include "checkers/probe.h"

namespace xd::checkers {

class NetworkProber final : public Prober {
 public:
  explicit NetworkProber(Loop& loop) : loop_(loop), curl_(loop) {}
  std::unique_ptr<Probe> start(const ProbeRequest& request, ProbeDone done) override;

 private:
  Loop& loop_;
  CurlLoop curl_;
  std::random_device random_;  // numbers of questions
};

}  // namespace xd::checkers
