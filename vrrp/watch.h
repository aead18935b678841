// Between the election's words and those of the XDP watch (bpf/xdirector.h). Pure.
#pragma once

#include <optional>

#include "bpf/xdirector.h"
#include "vrrp/advert.h"
#include "vrrp/election.h"

namespace xd::vrrp {

// Whether the kernel can judge this instance's adverts: IPv4, no AH, no TTL limits, not more unicast sources to check than a
// watch holds. Those it cannot are left to the raw socket.
bool can_watch(const Expected& expected);

// What a watch must know. To be put again whenever one of these changes; of the state those are its role, priority and
// preempt_at. `expected` must be one that can_watch().
xd_watch_config watch_config(const Expected& expected, const InstanceConfig& config, const State& state);

// What a watch heard, in the election's words. Nothing when `heard` is empty.
std::optional<Heard> heard_of(const xd_heard& heard);
// `ours`: the form of checksum that we send, which the program does not repeat.
Remarks remarks_of(const xd_heard& heard, ChecksumForm ours);

}  // namespace xd::vrrp
