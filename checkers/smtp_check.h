// SMTP_CHECK: connects, hears 220, says HELO, hears 250, says QUIT and hears anything. connect_timeout holds for each step.
#pragma once

#include "base/loop.h"
#include "checkers/probe.h"

namespace xd::checkers {

std::unique_ptr<Probe> start_smtp_check(Loop& loop, const conf::SmtpCheck& check, const conf::CheckConnection& connection,
                                        const Endpoint& target, ProbeDone done);

}  // namespace xd::checkers
