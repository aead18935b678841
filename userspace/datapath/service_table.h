// Services in the maps: written so that a packet sees each service's old ring or its new one, read back by whoever comes next.
//
// A service's memory in xd_rings is one segment: header, ring, list of destinations. A change fills a new segment and then swaps
// the service's entry; the old segment rests for a while before it is used again, because a packet may still be reading it.
// A destination keeps its slot in xd_dests after it was removed: its flows are dropped while it is away, and go on when it
// returns. Slots of removed destinations are taken again only when no fresh ones are left, longest removed first.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/lvs.h"
#include "base/result.h"
#include "base/time.h"
#include "bpf/xdirector.h"
#include "datapath/bpf_map.h"
#include "datapath/datapath.h"
#include "datapath/ring.h"
#include "datapath/service_map.h"

namespace xd::datapath {

// Several processes write to the filter, each its own roles.
inline void set_role(xd_filter& filter, std::uint32_t hash, xd_role role, bool on) {
  const std::atomic_ref<std::uint8_t> roles(filter.roles[hash]);
  if (on) {
    roles |= static_cast<std::uint8_t>(role);
  } else {
    roles &= static_cast<std::uint8_t>(~role);
  }
}

struct ServiceMaps {
  ServiceMap services;
  SharedArray<xd_slot> rings;
  SharedArray<xd_dest> dests;
  SharedArray<xd_filter> filter;
  PerCpuArray<xd_dest_stats> stats;
  std::uint32_t hz = 250;  // jiffies a second
};

xd_service_key to_map_key(const lvs::ServiceKey& key);
lvs::ServiceKey from_map_key(const xd_service_key& key);

// Free stretches of an array; first fit.
class Segments {
 public:
  explicit Segments(std::uint32_t size) : size_(size) { free_[0] = size; }
  std::optional<std::uint32_t> take(std::uint32_t length);
  void take_at(std::uint32_t offset, std::uint32_t length);  // must be free
  void give_back(std::uint32_t offset, std::uint32_t length);
  std::uint32_t size() const { return size_; }

 private:
  std::uint32_t size_;
  std::map<std::uint32_t, std::uint32_t> free_;  // offset → length
};

class ServiceTable {
 public:
  explicit ServiceTable(ServiceMaps maps);

  std::optional<std::string> cannot_serve(const lvs::ServiceKey& key, const lvs::Service& service) const;
  std::optional<lvs::ServiceKey> service_of(const lvs::ServiceKey& packet) const;
  Status put(const lvs::ServiceKey& key, const lvs::Service& service);
  Status remove(const lvs::ServiceKey& key);
  Status close(const lvs::ServiceKey& key);
  void set_matches(Matches matches);
  void set_rate_limits(std::map<lvs::ServiceKey, std::uint32_t> limits);
  lvs::Services services(bool closed) const;
  std::map<Endpoint, DestinationStats> stats(const lvs::ServiceKey& key) const;
  std::vector<IpAddress> addresses() const;
  void set_hop(const IpAddress& address, const std::optional<Hop>& hop);

 private:
  using DestKey = std::pair<lvs::ServiceKey, Endpoint>;

  const std::set<lvs::ServiceKey>& matches_of(const lvs::ServiceKey& key) const;
  Status write_aliases(const lvs::ServiceKey& key, const xd_service& entry);
  void learn();  // what the maps hold, before the first change
  Result<std::uint32_t> slot_of(const lvs::ServiceKey& key, const Endpoint& endpoint);
  std::vector<std::uint32_t> list_of(const xd_service& service) const;  // newest first
  std::vector<Candidate> candidates_of(const std::vector<std::uint32_t>& list) const;
  std::optional<Previous> previous_of(const std::optional<xd_service>& service, lvs::Scheduler scheduler) const;
  Result<std::uint32_t> write_segment(const Ring& ring, const std::vector<std::uint32_t>& list);
  void rest(std::uint32_t offset, std::uint32_t length);
  void wake();
  void count_role(xd_role role, std::vector<std::uint32_t>& uses, const __be32 (&addr)[4], int change);
  void count_vip(const __be32 (&addr)[4], int change);
  void count_real(const __be32 (&addr)[4], int change);
  void enter(std::uint32_t slot, const lvs::ServiceKey& key, const Endpoint& endpoint);
  void fill(std::uint32_t slot, const lvs::ServiceKey& key, const Endpoint& endpoint);
  void name_groups(const xd_service& service);
  void disband(const lvs::ServiceKey& key);
  void remove_dest(std::uint32_t slot);

  struct Resting {
    TimePoint until;
    std::uint32_t offset, length;
  };

  ServiceMaps maps_;
  bool learned_ = false;
  Segments segments_;
  std::deque<Resting> resting_;
  std::map<DestKey, std::uint32_t> slots_;  // present and removed destinations
  std::map<IpAddress, std::vector<std::uint32_t>> slots_by_address_;
  std::uint32_t fresh_ = 0;            // slots from here on were never used
  std::deque<std::uint32_t> removed_;  // all that are not present, longest removed first
  std::map<IpAddress, std::optional<Hop>> hops_;
  std::map<lvs::ServiceKey, std::uint32_t> rate_limits_;
  Matches matches_;                                  // as they should be
  Matches aliases_;                                  // as they stand in xd_services
  std::vector<std::uint32_t> vip_uses_, real_uses_;  // by filter hash
};

}  // namespace xd::datapath
