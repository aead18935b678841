// One checker's belief about its server, from the outcomes of its attempts. Pure: no clock, no socket, no log.
//
// Two shapes of checker. A single check (all but HTTP_GET and SSL_GET) is decided by one attempt. A check of URLs
// tries one URL per attempt and is good when all of them were good in turn; a server that went down on a URL must first
// pass that URL and then the whole list again, which with delay_loop between URLs is up to two rounds until it returns.
#pragma once

#include <optional>

#include "base/time.h"

namespace xd::checkers {

struct HealthPolicy {
  unsigned retry = 1;  // further attempts before down
  Duration delay_loop = 60s;
  Duration delay_before_retry = 1s;
  unsigned urls = 0;           // 0: a single check
  bool fast_recovery = false;  // URLs of a server that is not known to be up are tried without delay
  // Where keepalived's single checks differ from each other:
  bool first_failure_decides = true;  // else what was never seen up has its retries as well
  bool hurries_back = true;           // a server that is down is retried at the quick pace as well: it returns sooner
  bool paced_by_start = false;        // delays count from the beginning of an attempt, not from its end
  bool operator==(const HealthPolicy&) const = default;
};

struct Health {
  bool up = true;
  bool has_run = false;                // false: nothing was learnt yet, `up` is the initial belief
  unsigned failures = 0;               // in a row, since the last good attempt
  unsigned url = 0;                    // the one to try next
  std::optional<unsigned> failed_url;  // the one that took the server down, until it passes
  bool operator==(const Health&) const = default;
};

enum class Verdict { unchanged, up, down };

struct HealthStep {
  Health next;
  Duration delay{};  // until the next attempt
  Verdict verdict = Verdict::unchanged;
  // The first completed check: the belief is now knowledge, also when it stayed the same.
  bool first = false;
  // Failed attempts that led to `down`, the first not counted.
  unsigned retries_used = 0;
};

// alpha begins down, so that a server serves only after a good check; else it begins up.
Health initial_health(bool alpha);

// One attempt ended. The very first failure is enough to go down: what was never seen up gets no credit (but see first_failure_decides).
HealthStep after_attempt(const HealthPolicy& policy, const Health& health, bool good);

}  // namespace xd::checkers
