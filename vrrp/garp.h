// Telling the network where a VIP lives now: gratuitous ARP, and unsolicited neighbour advertisements for IPv6 addresses. Frames,
// and the schedule by which they go out; nothing here sends.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "base/ip.h"
#include "base/time.h"
#include "conf/model.h"

namespace xd::vrrp {

// An Ethernet frame, complete: broadcast ARP *request* with sender = target = `address` and ff:ff:ff:ff:ff:ff as the target's
// MAC (RFC 5227 calls it an announcement; the form is keepalived's), 42 bytes; or for IPv6 a neighbour advertisement to all
// nodes with the override flag (RFC 4861, 7.2.6), 86 bytes.
std::vector<std::uint8_t> build_announcement(const IpAddress& address, const MacAddress& mac);

// When to announce what. An owner is a number of the caller's (an instance).
class GarpSchedule {
 public:
  struct Target {
    int index = 0;  // interface that holds the address
    IpAddress address;
    bool operator==(const Target&) const = default;
  };
  struct Due {
    std::uint32_t owner;
    Target target;
    bool operator==(const Due&) const = default;
  };

  // Least distance between two frames on one interface; 0: none. Takes effect for what is not sent yet.
  void set_pace(Duration arp, Duration neighbour) {
    arp_pace_ = arp;
    neighbour_pace_ = neighbour;
  }

  // Interfaces that share a clock (garp_group): at most one frame of all of them in each interval. By index, in place of what was set
  // before; those that are not named are paced each by itself.
  struct SharedClock {
    int number = 0;  // which clock
    Duration arp{}, neighbour{};
  };
  void share_clocks(std::map<int, SharedClock> by_index) { shared_ = std::move(by_index); }

  // The owner became master of `targets`: `repeat` rounds over all of them at once, as many again after `delay`, and from then
  // on `refresh_repeat` every `refresh`. Replaces what was scheduled for it.
  void begin(std::uint32_t owner, std::span<const Target> targets, const conf::GarpSettings& settings, TimePoint now);
  // It gained some of its addresses while master: one burst, of all of them, as keepalived's.
  void add(std::uint32_t owner, std::span<const Target> targets, const conf::GarpSettings& settings, TimePoint now);
  // A lower-priority advert was heard, whose sender may have announced the addresses as its own.
  void again(std::uint32_t owner, std::span<const Target> targets, const conf::GarpSettings& settings, TimePoint now);
  // So that switches do not forget where the owner is (garp_extra_if): once each `period`, beside what else is scheduled for it.
  void keep_known(std::uint32_t owner, std::span<const Target> targets, Duration period, TimePoint now);
  void cancel(std::uint32_t owner);

  // When take_due() has something next.
  std::optional<TimePoint> next() const;
  // Appends what is to be sent now, in the order of sending; about `most`, and what is left stays due.
  void take_due(TimePoint now, std::vector<Due>& out, std::size_t most = SIZE_MAX);

 private:
  // Rounds over targets of one interface and family.
  struct Burst {
    std::uint32_t owner;
    TimePoint at;
    std::vector<Target> targets;
    unsigned repeat;
    Duration period;       // 0: once
    std::size_t sent = 0;  // frames of this run
  };
  using Lane = std::pair<int, int>;  // interface, or shared clock (negative), and family: each is paced by itself
  using Queue = std::list<Burst>;
  using Place = std::pair<TimePoint, std::uint64_t>;  // bursts of one time go in the order in which they were scheduled
  // Bursts that are due and whose frames leave one by one, the first of them first.
  struct Paced {
    TimePoint free;  // for the next frame
    Queue waiting;
  };

  void schedule(std::uint32_t owner, std::span<const Target> targets, unsigned repeat, TimePoint at, Duration period = 0s);
  const SharedClock* shared_clock(int index) const;
  Lane lane(const Target& target) const;
  Lane lane(const Burst& burst) const { return lane(burst.targets[0]); }
  Duration pace(const Burst& burst) const;
  void enqueue(Burst burst);
  void send_next(Burst& burst, std::vector<Due>& out);
  void finished(Burst burst, TimePoint now);
  void take_paced(TimePoint now, std::vector<Due>& out);

  Duration arp_pace_{};
  Duration neighbour_pace_{};
  std::map<int, SharedClock> shared_;
  // Thousands of owners begin together, and each only touches its own.
  std::map<Place, Burst> bursts_;
  std::set<std::pair<std::uint32_t, Place>> by_owner_;  // of bursts_
  std::uint64_t last_number_ = 0;
  std::map<Lane, Paced> lanes_;                     // only those that are paced now
  std::set<std::pair<TimePoint, Lane>> lanes_due_;  // of lanes_ with somebody waiting
};

}  // namespace xd::vrrp
