#include "vrrp/garp.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <net/if_arp.h>

#include <algorithm>
#include <array>

namespace xd::vrrp {

namespace {

class Frame {
 public:
  explicit Frame(std::size_t size) { bytes_.reserve(size); }
  template <typename Bytes>
  Frame& bytes(const Bytes& bytes) {
    bytes_.insert(bytes_.end(), std::begin(bytes), std::end(bytes));
    return *this;
  }
  Frame& bytes(const IpAddress& address) {
    bytes_.insert(bytes_.end(), address.data(), address.data() + address.size());
    return *this;
  }
  Frame& u8(std::uint8_t value) {
    bytes_.push_back(value);
    return *this;
  }
  Frame& u16(std::uint16_t value) { return u8(static_cast<std::uint8_t>(value >> 8)).u8(static_cast<std::uint8_t>(value)); }
  Frame& u32(std::uint32_t value) { return u16(static_cast<std::uint16_t>(value >> 16)).u16(static_cast<std::uint16_t>(value)); }
  std::vector<std::uint8_t> take() && { return std::move(bytes_); }

 private:
  std::vector<std::uint8_t> bytes_;
};

constexpr std::array<std::uint8_t, 6> broadcast{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

std::vector<std::uint8_t> build_arp(const IpAddress& address, const MacAddress& mac) {
  Frame frame(42);
  frame.bytes(broadcast).bytes(mac.bytes).u16(ETHERTYPE_ARP);
  frame.u16(ARPHRD_ETHER).u16(ETHERTYPE_IP).u8(6).u8(4).u16(ARPOP_REQUEST);
  frame.bytes(mac.bytes).bytes(address).bytes(broadcast).bytes(address);
  return std::move(frame).take();
}

// RFC 1071 over big-endian words; `bytes` has an even length.
std::uint16_t checksum(std::span<const std::uint8_t> bytes, std::uint32_t sum) {
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum += static_cast<std::uint32_t>(bytes[i] << 8 | bytes[i + 1]);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

std::vector<std::uint8_t> build_neighbour_advertisement(const IpAddress& address, const MacAddress& mac) {
  constexpr std::uint8_t icmpv6 = 58;
  constexpr std::uint8_t neighbour_advertisement = 136;
  constexpr std::uint32_t override_flag = 0x20000000;
  constexpr std::uint8_t target_link_layer_address = 2;
  constexpr std::uint16_t length = 32;
  const std::array<std::uint8_t, 6> all_nodes_mac{0x33, 0x33, 0, 0, 0, 1};
  const std::array<std::uint8_t, 16> all_nodes{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

  Frame message(length);
  message.u8(neighbour_advertisement).u8(0).u16(0).u32(override_flag).bytes(address);
  message.u8(target_link_layer_address).u8(1).bytes(mac.bytes);
  auto icmp = std::move(message).take();
  // Pseudo-header: both addresses, length, next header.
  Frame pseudo(40);
  pseudo.bytes(address).bytes(all_nodes).u32(length).u32(icmpv6).bytes(icmp);
  const std::uint16_t sum = checksum(std::move(pseudo).take(), 0);
  icmp[2] = static_cast<std::uint8_t>(sum >> 8);
  icmp[3] = static_cast<std::uint8_t>(sum);

  Frame frame(86);
  frame.bytes(all_nodes_mac).bytes(mac.bytes).u16(ETHERTYPE_IPV6);
  frame.u32(0x60000000).u16(length).u8(icmpv6).u8(255).bytes(address).bytes(all_nodes).bytes(icmp);
  return std::move(frame).take();
}

}  // namespace

std::vector<std::uint8_t> build_announcement(const IpAddress& address, const MacAddress& mac) {
  return address.is_v4() ? build_arp(address, mac) : build_neighbour_advertisement(address, mac);
}

void GarpSchedule::begin(std::uint32_t owner, std::span<const Target> targets, const conf::GarpSettings& settings, TimePoint now) {
  cancel(owner);
  add(owner, targets, settings, now);
  if (settings.delay > 0s) schedule(owner, targets, settings.repeat, now + settings.delay);
  if (settings.refresh > 0s) schedule(owner, targets, settings.refresh_repeat, now + settings.refresh, settings.refresh);
}

void GarpSchedule::add(std::uint32_t owner, std::span<const Target> targets, const conf::GarpSettings& settings, TimePoint now) {
  schedule(owner, targets, settings.repeat, now);
}

void GarpSchedule::again(std::uint32_t owner, std::span<const Target> targets, const conf::GarpSettings& settings, TimePoint now) {
  schedule(owner, targets, settings.lower_prio_repeat, now);
  if (settings.lower_prio_delay > 0s) schedule(owner, targets, settings.lower_prio_repeat, now + settings.lower_prio_delay);
}

void GarpSchedule::keep_known(std::uint32_t owner, std::span<const Target> targets, Duration period, TimePoint now) {
  schedule(owner, targets, 1, now + period, period);
}

const GarpSchedule::SharedClock* GarpSchedule::shared_clock(int index) const {
  const auto place = shared_.find(index);
  return place == shared_.end() ? nullptr : &place->second;
}

GarpSchedule::Lane GarpSchedule::lane(const Target& target) const {
  const auto* shared = shared_clock(target.index);
  return {shared != nullptr ? -shared->number : target.index, target.address.family()};
}

Duration GarpSchedule::pace(const Burst& burst) const {
  const auto* shared = shared_clock(burst.targets[0].index);
  if (burst.targets[0].address.is_v4()) return shared != nullptr ? shared->arp : arp_pace_;
  return shared != nullptr ? shared->neighbour : neighbour_pace_;
}

void GarpSchedule::cancel(std::uint32_t owner) {
  const auto first = by_owner_.lower_bound({owner, Place{TimePoint::min(), 0}});
  auto at = first;
  for (; at != by_owner_.end() && at->first == owner; ++at) bursts_.erase(at->second);
  by_owner_.erase(first, at);
  for (auto& [lane, paced] : lanes_) {
    paced.waiting.remove_if([owner](const Burst& burst) { return burst.owner == owner; });
    if (paced.waiting.empty()) lanes_due_.erase({paced.free, lane});
  }
}

void GarpSchedule::enqueue(Burst burst) {
  const Place place{burst.at, ++last_number_};
  by_owner_.insert({burst.owner, place});
  bursts_.emplace(place, std::move(burst));
}

void GarpSchedule::schedule(std::uint32_t owner, std::span<const Target> targets, unsigned repeat, TimePoint at, Duration period) {
  if (repeat == 0) return;
  std::map<Lane, Burst> by_lane;
  for (const auto& target : targets) {
    auto [it, inserted] = by_lane.try_emplace(lane(target), Burst{owner, at, {}, repeat, period});
    it->second.targets.push_back(target);
  }
  for (auto& [_, burst] : by_lane) enqueue(std::move(burst));
}

std::optional<TimePoint> GarpSchedule::next() const {
  std::optional<TimePoint> soonest;
  if (!bursts_.empty()) soonest = bursts_.begin()->first.first;
  if (!lanes_due_.empty() && (!soonest || lanes_due_.begin()->first < *soonest)) soonest = lanes_due_.begin()->first;
  return soonest;
}

void GarpSchedule::send_next(Burst& burst, std::vector<Due>& out) {
  out.push_back({burst.owner, burst.targets[burst.sent % burst.targets.size()]});
  ++burst.sent;
}

void GarpSchedule::finished(Burst burst, TimePoint now) {
  if (burst.period <= 0s) return;
  burst.sent = 0;
  burst.at = std::max(burst.at + burst.period, now + burst.period / 2);
  enqueue(std::move(burst));
}

void GarpSchedule::take_due(TimePoint now, std::vector<Due>& out, std::size_t most) {
  while (!bursts_.empty() && bursts_.begin()->first.first <= now && out.size() < most) {
    auto node = bursts_.extract(bursts_.begin());
    Burst& burst = node.mapped();
    by_owner_.erase({burst.owner, node.key()});
    if (pace(burst) > 0s) {
      const Lane its = lane(burst);
      Paced& paced = lanes_[its];
      paced.waiting.push_back(std::move(burst));
      lanes_due_.insert({paced.free, its});
      continue;
    }
    const std::size_t frames = burst.targets.size() * burst.repeat;
    while (burst.sent < frames && out.size() < most) send_next(burst, out);
    if (burst.sent == frames) {
      finished(std::move(burst), now);
    } else {
      by_owner_.insert({burst.owner, node.key()});
      bursts_.insert(std::move(node));
    }
  }
  take_paced(now, out);
}

void GarpSchedule::take_paced(TimePoint now, std::vector<Due>& out) {
  while (!lanes_due_.empty() && lanes_due_.begin()->first <= now) {
    const Lane its = lanes_due_.begin()->second;
    lanes_due_.erase(lanes_due_.begin());
    Paced& paced = lanes_[its];
    const Duration pace_of_lane = pace(paced.waiting.front());
    do {
      Burst& burst = paced.waiting.front();
      send_next(burst, out);
      if (burst.sent < burst.targets.size() * burst.repeat) continue;
      finished(std::move(burst), now);
      paced.waiting.pop_front();
    } while (pace_of_lane <= 0s && !paced.waiting.empty());  // not paced any more
    // From now and not from when it was free: after a pause the frames must not catch up in a bunch.
    paced.free = now + pace_of_lane;
    if (!paced.waiting.empty()) lanes_due_.insert({paced.free, its});
  }
  std::erase_if(lanes_, [now](const auto& entry) { return entry.second.waiting.empty() && entry.second.free <= now; });
}

}  // namespace xd::vrrp
