// What looks like a split brain, or will become one: kept while it goes on, named with who, since when and what to look at. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ip.h"
#include "base/time.h"

namespace xd::vrrp {

enum class Trouble : std::uint8_t {
  two_masters,      // while we are master somebody else acts as one
  foreign_claim,    // somebody else says that one of our addresses is his
  refused,          // adverts of our virtual router that we must not believe
  other_addresses,  // adverts that name other addresses
  link_silent,      // adverts arrive by a heartbeat link, and not by the instance's own
  other_interval,   // adverts that come at another pace
};
std::string_view name(Trouble trouble);  // "two_masters"

struct Finding {
  Trouble trouble = Trouble::two_masters;
  std::string who;  // address of the sender, or MAC address of who claims
  TimePoint since;
  std::uint64_t count = 0;  // how often it was seen since
  std::string text;         // a sentence: what is so, and what to look at
};

class Findings {
 public:
  // Seen now. `detail` tells kinds of one trouble apart: the reason of a refusal, the address that is claimed.
  void note(Trouble trouble, const std::string& who, const std::string& detail, TimePoint now);
  // Those that go on: seen within the last `recent`. Others are forgotten.
  std::vector<Finding> current(TimePoint now, Duration recent);
  // All that were ever noted, by trouble: for counters.
  const std::map<Trouble, std::uint64_t>& totals() const { return totals_; }

 private:
  struct Key {
    Trouble trouble;
    std::string who, detail;
    auto operator<=>(const Key&) const = default;
  };
  struct Seen {
    TimePoint since, last;
    std::uint64_t count = 0;
  };
  std::map<Key, Seen> seen_;
  std::map<Trouble, std::uint64_t> totals_;
};

}  // namespace xd::vrrp
