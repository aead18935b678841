// xd_services, and beside it the index by which packets find most services without a call into the kernel's hash table.
//
// Who reads or writes a service does so here, and the two agree: a packet that finds a service by the index finds what xd_services has, or
// for a moment what it had before. The index is a help only; what has no place in it is found all the same.
#pragma once

#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "bpf/xdirector.h"
#include "datapath/bpf_map.h"

namespace xd::datapath {

class ServiceMap {
 public:
  static Result<ServiceMap> open(Fd services, Fd index, Fd known);

  std::optional<xd_service> get(const xd_service_key& key) const { return services_.get(key); }
  std::vector<std::pair<xd_service_key, xd_service>> all() const { return services_.all(); }
  // 0 or an errno value.
  int put(const xd_service_key& key, const xd_service& service);
  int erase(const xd_service_key& key);

 private:
  ServiceMap(HashMap<xd_service_key, xd_service> services, SharedArray<xd_service_index> index, SharedArray<xd_known_service> known)
      : services_(std::move(services)), index_(std::move(index)), known_(std::move(known)) {}

  void learn();  // what an earlier process has left, before the first change
  std::uint32_t& entry_of(const xd_service_key& key);
  bool is_of_another(std::uint32_t place, const xd_service_key& key) const;
  std::uint32_t fresh_place();  // 0: none is free now
  void name(std::uint32_t& entry, std::uint32_t place);

  struct Resting {
    TimePoint until;
    std::uint32_t place;
  };

  HashMap<xd_service_key, xd_service> services_;
  SharedArray<xd_service_index> index_;
  SharedArray<xd_known_service> known_;
  bool learned_ = false;
  std::vector<std::uint32_t> free_;
  std::deque<Resting> resting_;  // a packet may still be reading them
};

}  // namespace xd::datapath
