// A match line of a firewall mark, in words and as what the packet path looks packets up by.
#pragma once

#include <set>
#include <string>

#include "conf/model.h"

namespace xd::conf {

// Each is an entry of its own in the packet path's table.
inline constexpr std::size_t match_keys_maximum = 4096;

// The addresses, ports (0: any) and protocols; empty when they are too many.
std::set<lvs::ServiceKey> keys_of(const MarkMatch& match);
// Whether a service by address takes some of these packets too. In IPVS the mark comes first.
bool overlaps(const std::set<lvs::ServiceKey>& keys, const lvs::ServiceKey& service);
// As in the file, without the keyword.
std::string match_words(const MarkMatch& match);

}  // namespace xd::conf
