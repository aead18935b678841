#include "datapath/service_map.h"

#include <atomic>
#include <cstring>

namespace xd::datapath {

namespace {

constexpr Duration rest_time = 1s;  // a packet takes microseconds

bool same_key(const xd_service_key& a, const xd_service_key& b) { return std::memcmp(&a, &b, sizeof a) == 0; }

std::uint32_t entries_of(int map) {
  bpf_map_info info{};
  std::uint32_t size = sizeof info;
  return bpf_obj_get_info_by_fd(map, &info, &size) == 0 ? info.max_entries : 0;
}

}  // namespace

Result<ServiceMap> ServiceMap::open(Fd services, Fd index, Fd known) {
  const std::uint32_t places = entries_of(known.get());
  auto mapped_index = SharedArray<xd_service_index>::map(std::move(index), 1);
  auto mapped_known = SharedArray<xd_known_service>::map(std::move(known), places);
  if (!mapped_index) return mapped_index.error();
  if (!mapped_known) return mapped_known.error();
  return ServiceMap(HashMap<xd_service_key, xd_service>(std::move(services)), std::move(*mapped_index), std::move(*mapped_known));
}

// A process that died in the middle of a change may have left an entry that does not agree with xd_services.
void ServiceMap::learn() {
  if (std::exchange(learned_, true)) return;
  std::vector<bool> used(known_.size());
  for (std::uint32_t& entry : index_[0].place) {
    if (entry == 0) continue;
    if (entry < known_.size()) {
      const xd_known_service& known = known_[entry];
      const auto there = services_.get(known.key);
      used[entry] = true;
      if (there && std::memcmp(&*there, &known.service, sizeof *there) == 0 && &entry_of(known.key) == &entry) continue;
    }
    name(entry, 0);
  }
  for (std::uint32_t place = known_.size(); place-- > 1;) {
    if (!used[place]) free_.push_back(place);
  }
}

std::uint32_t& ServiceMap::entry_of(const xd_service_key& key) {
  return index_[0].place[xd_service_hash(key.addr, key.port, key.proto) % XD_SERVICE_INDEX_SIZE];
}

bool ServiceMap::is_of_another(std::uint32_t place, const xd_service_key& key) const {
  return place != 0 && !same_key(known_[place].key, key);
}

std::uint32_t ServiceMap::fresh_place() {
  for (const TimePoint now = Clock::now(); !resting_.empty() && resting_.front().until <= now; resting_.pop_front())
    free_.push_back(resting_.front().place);
  if (free_.empty()) return 0;
  const std::uint32_t place = free_.back();
  free_.pop_back();
  return place;
}

void ServiceMap::name(std::uint32_t& entry, std::uint32_t place) {
  const std::uint32_t before = entry;
  std::atomic_ref(entry).store(place, std::memory_order_release);  // what stands in the place comes before
  if (before != 0 && before < known_.size()) resting_.push_back({Clock::now() + rest_time, before});
}

int ServiceMap::put(const xd_service_key& key, const xd_service& service) {
  learn();
  if (const int failed = services_.put(key, service); failed != 0) return failed;
  std::uint32_t& entry = entry_of(key);
  if (is_of_another(entry, key)) return 0;
  const std::uint32_t place = fresh_place();
  if (place != 0) known_[place] = {key, service};
  name(entry, place);
  return 0;
}

int ServiceMap::erase(const xd_service_key& key) {
  learn();
  std::uint32_t& entry = entry_of(key);
  if (entry != 0 && !is_of_another(entry, key)) name(entry, 0);
  return services_.erase(key);
}

}  // namespace xd::datapath
