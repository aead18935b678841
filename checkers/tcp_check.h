// TCP_CHECK: good when the connection is established within connect_timeout. Nothing is sent.
#pragma once

#include <memory>

#include "base/loop.h"
#include "checkers/probe.h"

namespace xd::checkers {

std::unique_ptr<Probe> start_tcp_check(Loop& loop, const conf::CheckConnection& connection, const Endpoint& target, ProbeDone done);

}  // namespace xd::checkers
