#include "datapath/service_table.h"

#include <arpa/inet.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>

namespace xd::datapath {

namespace {

constexpr Duration rest_time = 1s;  // a packet takes microseconds

Error cannot(const std::string& what, const lvs::ServiceKey& key, const std::string& why, int code = 0) {
  return Error{what + " " + key.str() + ": " + why, code};
}

IpAddress from_map_address(const __be32 (&addr)[4]) {
  in6_addr bytes{};
  std::memcpy(&bytes, addr, sizeof(bytes));
  return IpAddress::v6(bytes);
}

void to_map_address(const IpAddress& address, __be32 (&addr)[4]) { std::memcpy(addr, address.bytes().data(), sizeof(addr)); }

// IPv4 is v4-mapped, so 96 bits stand before its own.
void to_mask(int family, std::uint32_t prefix, __be32 (&mask)[4]) {
  std::uint32_t bits = family == AF_INET ? 96 + std::min(prefix, 32u) : std::min(prefix, 128u);
  for (__be32& word : mask) {
    const std::uint32_t here = std::min(bits, 32u);
    word = htonl(here == 0 ? 0 : 0xffffffffu << (32 - here));
    bits -= here;
  }
}

std::uint32_t prefix_of(int family, const __be32 (&mask)[4]) {
  int bits = family == AF_INET ? -96 : 0;
  for (const __be32 word : mask) bits += std::popcount(word);
  return static_cast<std::uint32_t>(bits);
}

// A header, the ring, the list, the slot of the rate limit.
bool has(const std::vector<Candidate>& candidates, std::uint32_t slot) {
  return std::ranges::any_of(candidates, [slot](const Candidate& c) { return c.dest == slot; });
}

std::uint32_t groups_of(std::uint32_t list_length) { return (list_length + XD_GROUP - 1) / XD_GROUP; }

std::uint32_t segment_length(std::uint32_t ring, std::uint32_t list) { return 2 + ring + list + (ring == 0 ? groups_of(list) : 0); }
std::uint32_t segment_length(const xd_service& service) { return segment_length(service.ring_len, service.list_len); }

constexpr std::uint8_t hop_flags = XD_DEST_F_RESOLVED | XD_DEST_F_LOCAL;

std::uint8_t tunnel_flags(const lvs::Destination& destination) {
  using lvs::TunnelChecksum;
  if (destination.forward != lvs::Forward::tun || destination.tunnel.type == lvs::TunnelType::ipip) return 0;
  int flags = destination.tunnel.type == lvs::TunnelType::gue ? XD_DEST_F_GUE : XD_DEST_F_GRE;
  if (destination.tunnel.checksum != TunnelChecksum::none) flags |= XD_DEST_F_TUNNEL_SUM;
  if (destination.tunnel.checksum == TunnelChecksum::remote) flags |= XD_DEST_F_REMCSUM;
  return static_cast<std::uint8_t>(flags);
}

lvs::Tunnel tunnel_of(const xd_dest& dest) {
  if (dest.method != XD_TUN) return {};
  lvs::Tunnel tunnel;
  if (dest.flags & XD_DEST_F_GUE) tunnel = {lvs::TunnelType::gue, lvs::TunnelChecksum::none, ntohs(dest.tunnel_port)};
  if (dest.flags & XD_DEST_F_GRE) tunnel.type = lvs::TunnelType::gre;
  if (dest.flags & XD_DEST_F_TUNNEL_SUM) tunnel.checksum = lvs::TunnelChecksum::full;
  if (dest.flags & XD_DEST_F_REMCSUM) tunnel.checksum = lvs::TunnelChecksum::remote;
  return tunnel;
}

// What a tunnel adds must fit too. An outer header without a source address cannot be written.
void write_hop(xd_dest& dest, const std::optional<Hop>& hop, xd_filter& filter) {
  auto flags = static_cast<std::uint8_t>(dest.flags & ~hop_flags);
  const bool tunnel = dest.method == XD_TUN;
  std::uint32_t mtu = hop && hop->mtu != 0 ? hop->mtu : 0xffff;
  if (tunnel && mtu != 0xffff) mtu -= std::min(mtu, xd_tunnel_overhead(dest.addr, dest.flags));
  const auto way = static_cast<std::uint16_t>(std::min(mtu, 0xffffu));
  const bool same_way = hop && (dest.flags & XD_DEST_F_RESOLVED) != 0 && std::ranges::equal(hop->to.bytes, dest.hop.to) &&
                        dest.hop.ifindex == static_cast<std::uint32_t>(hop->ifindex);
  // What a router has told of the way since goes on.
  if (dest.narrowed == 0 || !same_way || dest.way_mtu != way) {
    dest.narrowed = 0;
    dest.mtu = way;
  }
  if (hop && hop->local) flags |= XD_DEST_F_LOCAL;
  if (hop && !hop->local && tunnel && hop->source.is_unset()) {
    dest.flags = flags;
    return;
  }
  if (hop && !hop->local) {
    std::copy(hop->to.bytes.begin(), hop->to.bytes.end(), dest.hop.to);
    std::copy(hop->from.bytes.begin(), hop->from.bytes.end(), dest.hop.from);
    dest.hop.ifindex = static_cast<std::uint32_t>(hop->ifindex);
    dest.hop.vlans = static_cast<std::uint32_t>(hop->vlan) << 16 | hop->inner_vlan;
    to_map_address(hop->source, dest.source);
    if (tunnel) set_role(filter, xd_filter_hash(dest.source), XD_TUNNEL, true);
    flags |= XD_DEST_F_RESOLVED;
  }
  std::atomic_thread_fence(std::memory_order_release);  // the hop before the word that it is valid
  dest.flags = flags;
}

}  // namespace

xd_service_key to_map_key(const lvs::ServiceKey& key) {
  xd_service_key out{};
  if (key.fwmark != 0) {
    if (key.family() == AF_INET) out.addr[2] = XD_V4_MAPPED;
    out.addr[3] = htonl(key.fwmark);
    return out;
  }
  to_map_address(key.address, out.addr);
  out.port = htons(key.port);
  out.proto = static_cast<std::uint8_t>(key.protocol);
  return out;
}

lvs::ServiceKey from_map_key(const xd_service_key& key) {
  lvs::ServiceKey out;
  if (key.proto == 0) {
    out.fwmark = ntohl(key.addr[3]);
    out.mark_family = key.addr[2] == XD_V4_MAPPED ? AF_INET : AF_INET6;
    return out;
  }
  out.address = from_map_address(key.addr);
  out.port = ntohs(key.port);
  out.protocol = static_cast<lvs::Protocol>(key.proto);
  return out;
}

namespace {

// A firewall mark's service stands in xd_services under the mark, and again under each of its matches.
bool is_alias(const xd_service_key& key, const xd_service& service) { return service.mark != 0 && key.proto != 0; }

// The service that an entry of xd_services is of.
lvs::ServiceKey service_named(const xd_service_key& key, const xd_service& service) {
  lvs::ServiceKey named = from_map_key(key);
  if (!is_alias(key, service)) return named;
  lvs::ServiceKey mark;
  mark.fwmark = ntohl(service.mark);
  mark.mark_family = named.address.family();
  return mark;
}

}  // namespace

// ---- Segments

std::optional<std::uint32_t> Segments::take(std::uint32_t length) {
  for (const auto& [offset, free] : free_) {
    if (free < length) continue;
    const std::uint32_t at = offset;
    take_at(at, length);
    return at;
  }
  return std::nullopt;
}

void Segments::take_at(std::uint32_t offset, std::uint32_t length) {
  auto it = std::prev(free_.upper_bound(offset));
  const auto [begin, free] = *it;
  free_.erase(it);
  if (begin < offset) free_[begin] = offset - begin;
  if (begin + free > offset + length) free_[offset + length] = begin + free - offset - length;
}

void Segments::give_back(std::uint32_t offset, std::uint32_t length) {
  auto next = free_.lower_bound(offset);
  if (next != free_.end() && offset + length == next->first) {
    length += next->second;
    next = free_.erase(next);
  }
  if (next != free_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == offset) {
      before->second += length;
      return;
    }
  }
  free_[offset] = length;
}

// ---- ServiceTable

ServiceTable::ServiceTable(ServiceMaps maps)
    : maps_(std::move(maps)), segments_(maps_.rings.size()), vip_uses_(XD_FILTER_SIZE), real_uses_(XD_FILTER_SIZE) {}

void ServiceTable::learn() {
  if (std::exchange(learned_, true)) return;
  for (const auto& [key, service] : maps_.services.all()) {
    ++vip_uses_[xd_filter_hash(key.addr)];
    if (is_alias(key, service)) {
      aliases_[service_named(key, service)].insert(from_map_key(key));
    } else {
      segments_.take_at(service.ring, segment_length(service));
    }
  }
  // Those that were removed count too: their replies are still theirs.
  std::vector<std::uint32_t> removed;
  for (std::uint32_t slot = 0; slot < maps_.dests.size() && maps_.dests[slot].generation != 0; ++slot) {
    const xd_dest& dest = maps_.dests[slot];
    enter(slot, from_map_key(dest.service), {from_map_address(dest.addr), ntohs(dest.port)});
    if (dest.method == XD_NAT) ++real_uses_[xd_filter_hash(dest.addr)];
    if (!(dest.flags & XD_DEST_F_PRESENT)) removed_.push_back(slot);
    fresh_ = slot + 1;
  }
}

void ServiceTable::count_role(xd_role role, std::vector<std::uint32_t>& uses, const __be32 (&addr)[4], int change) {
  const std::uint32_t hash = xd_filter_hash(addr);
  uses[hash] += static_cast<std::uint32_t>(change);
  set_role(maps_.filter[0], hash, role, uses[hash] != 0);
}

void ServiceTable::count_vip(const __be32 (&addr)[4], int change) { count_role(XD_VIP, vip_uses_, addr, change); }
void ServiceTable::count_real(const __be32 (&addr)[4], int change) { count_role(XD_REAL, real_uses_, addr, change); }

void ServiceTable::enter(std::uint32_t slot, const lvs::ServiceKey& key, const Endpoint& endpoint) {
  slots_[{key, endpoint}] = slot;
  slots_by_address_[endpoint.address].push_back(slot);
}

// A slot for a destination that has none; what was in it before is forgotten, flows included (they carry its generation).
void ServiceTable::fill(std::uint32_t slot, const lvs::ServiceKey& key, const Endpoint& endpoint) {
  xd_dest& dest = maps_.dests[slot];
  if (dest.generation != 0) {
    const IpAddress address = from_map_address(dest.addr);
    slots_.erase({from_map_key(dest.service), {address, ntohs(dest.port)}});
    std::erase(slots_by_address_[address], slot);
    if (slots_by_address_[address].empty()) slots_by_address_.erase(address);
    if (dest.method == XD_NAT) count_real(dest.addr, -1);
  }
  xd_dest fresh{};
  fresh.generation = dest.generation + 1 != 0 ? dest.generation + 1 : 1;
  fresh.method = XD_DR;
  fresh.mtu = 0xffff;
  fresh.service = to_map_key(key);
  fresh.port = htons(endpoint.port);
  to_map_address(endpoint.address, fresh.addr);
  dest = fresh;
  if (fresh.generation != 1) maps_.stats.clear(slot);  // a system call, for what may be 100,000 of them at the start
  enter(slot, key, endpoint);
}

Result<std::uint32_t> ServiceTable::slot_of(const lvs::ServiceKey& key, const Endpoint& endpoint) {
  if (const auto known = slots_.find({key, endpoint}); known != slots_.end()) {
    if (!(maps_.dests[known->second].flags & XD_DEST_F_PRESENT)) std::erase(removed_, known->second);
    return known->second;
  }
  if (fresh_ < maps_.dests.size()) {
    fill(fresh_, key, endpoint);
    return fresh_++;
  }
  if (removed_.empty()) return Error{"all " + std::to_string(maps_.dests.size()) + " places for real servers are taken", ENOSPC};
  const std::uint32_t slot = removed_.front();
  removed_.pop_front();
  fill(slot, key, endpoint);
  return slot;
}

std::vector<std::uint32_t> ServiceTable::list_of(const xd_service& service) const {
  std::vector<std::uint32_t> list(service.list_len);
  for (std::uint32_t i = 0; i < service.list_len; ++i) list[i] = maps_.rings[service.list + i].dest;
  return list;
}

std::vector<Candidate> ServiceTable::candidates_of(const std::vector<std::uint32_t>& list) const {
  std::vector<Candidate> candidates;
  for (const std::uint32_t slot : list) {
    const xd_dest& dest = maps_.dests[slot];
    candidates.push_back({slot, from_map_address(dest.addr), ntohs(dest.port), dest.weight, dest.last_weight});
  }
  return candidates;
}

std::optional<Previous> ServiceTable::previous_of(const std::optional<xd_service>& service, lvs::Scheduler scheduler) const {
  if (!service) return std::nullopt;
  Previous previous{candidates_of(list_of(*service)), {}, service->scheduler == static_cast<std::uint32_t>(scheduler)};
  const xd_slot& header = maps_.rings[service->ring];
  previous.ring.start = header.dest;
  previous.ring.cursor = header.cursor;
  for (std::uint32_t i = 0; i < service->ring_len; ++i) previous.ring.slots.push_back(maps_.rings[service->ring + 1 + i].dest);
  return previous;
}

Result<std::uint32_t> ServiceTable::write_segment(const Ring& ring, const std::vector<std::uint32_t>& list) {
  const auto length = segment_length(static_cast<std::uint32_t>(ring.slots.size()), static_cast<std::uint32_t>(list.size()));
  const auto segment = segments_.take(length);
  if (!segment) {
    return Error{"no room for " + std::to_string(length) + " more of " + std::to_string(segments_.size()) + " ring slots", ENOSPC};
  }
  std::uint32_t at = *segment;
  maps_.rings[at++] = {ring.start, ring.cursor};
  for (const std::uint32_t slot : ring.slots) maps_.rings[at++] = {slot, 0};
  for (const std::uint32_t slot : list) maps_.rings[at++] = {slot, 0};
  maps_.rings[at++] = {0, 0};
  while (at < *segment + length) maps_.rings[at++] = {XD_NOBODY, 1};
  return *segment;
}

void ServiceTable::rest(std::uint32_t offset, std::uint32_t length) { resting_.push_back({Clock::now() + rest_time, offset, length}); }

void ServiceTable::wake() {
  const TimePoint now = Clock::now();
  for (; !resting_.empty() && resting_.front().until <= now; resting_.pop_front()) {
    segments_.give_back(resting_.front().offset, resting_.front().length);
  }
}

// Where the program notes that a destination's load has changed.
void ServiceTable::name_groups(const xd_service& service) {
  for (std::uint32_t i = 0; i < service.list_len; ++i)
    maps_.dests[maps_.rings[service.list + i].dest].group = service.ring_len == 0 ? xd_groups(&service) + i / XD_GROUP : 0;
}

// lblcr's set of a service, removed members included.
void ServiceTable::disband(const lvs::ServiceKey& key) {
  for (auto it = slots_.lower_bound({key, Endpoint{}}); it != slots_.end() && it->first.first == key; ++it)
    maps_.dests[it->second].joined = 0;
}

void ServiceTable::remove_dest(std::uint32_t slot) {
  maps_.dests[slot].group = 0;
  maps_.dests[slot].flags &= static_cast<std::uint8_t>(~XD_DEST_F_PRESENT);
  removed_.push_back(slot);
}

Status ServiceTable::put(const lvs::ServiceKey& key, const lvs::Service& service) {
  if (const auto why = cannot_serve(key, service)) return cannot("serve", key, *why, EOPNOTSUPP);
  learn();
  wake();
  const xd_service_key map_key = to_map_key(key);
  const std::optional<xd_service> old = maps_.services.get(map_key);
  const std::optional<Previous> previous = previous_of(old, service.scheduler);

  // Newest first. What `order` does not name counts as added last.
  std::vector<Endpoint> endpoints;
  for (const Endpoint& e : service.order) {
    if (service.destinations.contains(e)) endpoints.push_back(e);
  }
  for (const auto& [e, destination] : service.destinations) {
    if (std::ranges::find(endpoints, e) == endpoints.end()) endpoints.push_back(e);
  }
  std::ranges::reverse(endpoints);

  std::vector<std::uint32_t> list;
  std::vector<Candidate> candidates;
  const auto give_up = [&](const std::string& doing, const Error& why) {
    for (const std::uint32_t slot : list) {
      if (!(maps_.dests[slot].flags & XD_DEST_F_PRESENT)) removed_.push_back(slot);
    }
    return cannot(doing, key, why.message, why.code);
  };
  for (const Endpoint& e : endpoints) {
    const lvs::Destination& wanted = service.destinations.at(e);
    const bool returns = slots_.contains({key, e});
    auto slot = slot_of(key, e);
    if (!slot) return give_up("add " + e.str() + " to", slot.error());
    if (returns && !old) maps_.stats.clear(*slot);  // a service that is added anew counts anew, as in IPVS; its connections go on
    list.push_back(*slot);
    candidates.push_back({*slot, e.address, e.port, wanted.weight, wanted.weight != 0 ? wanted.weight : maps_.dests[*slot].last_weight});
  }
  auto ring = build_ring(service.scheduler, candidates, previous ? &*previous : nullptr, key.family() == AF_INET);
  if (!ring) return give_up("serve", ring.error());
  if (service.scheduler == lvs::Scheduler::lblc || service.scheduler == lvs::Scheduler::lblcr) {
    const bool goes_on = previous && previous->same_scheduler;
    const xd_slot header = goes_on ? maps_.rings[old->ring] : xd_slot{XD_NOBODY, 0};
    ring->start = header.dest;
    ring->cursor = header.cursor;
    if (!goes_on) disband(key);
  }
  auto segment = write_segment(*ring, list);
  if (!segment) return give_up("serve", segment.error());

  for (std::size_t i = 0; i < list.size(); ++i) {
    const lvs::Destination& wanted = service.destinations.at(endpoints[i]);
    xd_dest& dest = maps_.dests[list[i]];
    const auto method = static_cast<std::uint8_t>(wanted.forward);
    if (dest.method != method) {
      if (method == XD_NAT) count_real(dest.addr, 1);
      if (dest.method == XD_NAT) count_real(dest.addr, -1);
      dest.method = method;
    }
    dest.tunnel_port = htons(wanted.tunnel.port);
    dest.flags = static_cast<std::uint8_t>((dest.flags & (XD_DEST_F_PRESENT | hop_flags)) | tunnel_flags(wanted) |
                                           (xd_is_v6(dest.addr) != 0 ? XD_DEST_F_V6 : 0));
    dest.weight = wanted.weight;
    dest.last_weight = candidates[i].last_weight;
    if (wanted.upper_threshold == 0 || wanted.upper_threshold > dest.upper) dest.overloaded = 0;
    dest.upper = wanted.upper_threshold;
    dest.lower = wanted.lower_threshold;
    dest.flags |= XD_DEST_F_PRESENT;
    const auto hop = hops_.find(endpoints[i].address);
    if (hop != hops_.end()) write_hop(dest, hop->second, maps_.filter[0]);
  }

  const auto ring_length = static_cast<std::uint32_t>(ring->slots.size());
  xd_service entry{static_cast<std::uint32_t>(service.scheduler),
                   service.scheduler_flags,
                   *segment,
                   ring_length,
                   *segment + 1 + ring_length,
                   static_cast<std::uint32_t>(list.size()),
                   service.one_packet ? 1u : 0u,
                   service.persistence_seconds * maps_.hz,
                   {},
                   0,
                   htonl(key.fwmark),
                   0};
  if (const auto limit = rate_limits_.find(key); limit != rate_limits_.end()) entry.rate_limit = limit->second;
  to_mask(key.family(), service.persistence_mask, entry.mask);
  if (!old) count_vip(map_key.addr, 1);
  name_groups(entry);
  std::atomic_thread_fence(std::memory_order_release);
  if (const int failed = maps_.services.put(map_key, entry); failed != 0) {
    if (!old) count_vip(map_key.addr, -1);
    for (const std::uint32_t slot : list) {
      if (!previous || !has(previous->candidates, slot)) remove_dest(slot);
    }
    if (old) name_groups(*old);
    rest(*segment, segment_length(entry));
    return cannot("add", key, Error::from_errno("write to xd_services", failed).message, failed);
  }
  const Status aliases = write_aliases(key, entry);
  if (old) {
    for (const Candidate& c : previous->candidates) {
      if (std::ranges::find(list, c.dest) == list.end()) remove_dest(c.dest);
    }
    rest(old->ring, segment_length(*old));
  }
  return aliases;
}

const std::set<lvs::ServiceKey>& ServiceTable::matches_of(const lvs::ServiceKey& key) const {
  static const std::set<lvs::ServiceKey> none;
  const auto found = matches_.find(key);
  return found != matches_.end() ? found->second : none;
}

std::optional<std::string> ServiceTable::cannot_serve(const lvs::ServiceKey& key, const lvs::Service& service) const {
  return unsupported(key, service, matches_of(key));
}

std::optional<lvs::ServiceKey> ServiceTable::service_of(const lvs::ServiceKey& packet) const {
  lvs::ServiceKey asked = packet;
  for (const std::uint16_t port : {packet.port, std::uint16_t{0}}) {
    asked.port = port;
    if (const auto entry = maps_.services.get(to_map_key(asked))) return service_named(to_map_key(asked), *entry);
  }
  return std::nullopt;
}

// The value of a firewall mark's service under its matches too, and no longer under what is none any more.
Status ServiceTable::write_aliases(const lvs::ServiceKey& key, const xd_service& entry) {
  if (key.fwmark == 0) return {};
  std::set<lvs::ServiceKey>& present = aliases_[key];
  const std::set<lvs::ServiceKey>& wanted = matches_of(key);
  Status status;
  for (const lvs::ServiceKey& match : wanted) {
    const xd_service_key map_key = to_map_key(match);
    if (const int failed = maps_.services.put(map_key, entry); failed != 0) {
      status = cannot("tell the packets of", key, Error::from_errno("write " + match.str() + " to xd_services", failed).message, failed);
      continue;
    }
    if (present.insert(match).second) count_vip(map_key.addr, 1);
  }
  std::erase_if(present, [&](const lvs::ServiceKey& match) {
    if (wanted.contains(match)) return false;
    const xd_service_key map_key = to_map_key(match);
    // It may be another mark's, or a service of its own, by now.
    if (const auto there = maps_.services.get(map_key); there && service_named(map_key, *there) == key) maps_.services.erase(map_key);
    count_vip(map_key.addr, -1);
    return true;
  });
  return status;
}

void ServiceTable::set_matches(Matches matches) {
  learn();
  matches_ = std::move(matches);
  for (const auto& [map_key, entry] : maps_.services.all()) {
    if (map_key.proto == 0) (void)write_aliases(from_map_key(map_key), entry).ok();
  }
}

Status ServiceTable::remove(const lvs::ServiceKey& key) {
  learn();
  wake();
  const xd_service_key map_key = to_map_key(key);
  const auto old = maps_.services.get(map_key);
  if (!old) return cannot("remove", key, "no such service", ENOENT);
  for (const lvs::ServiceKey& match : aliases_[key]) {
    maps_.services.erase(to_map_key(match));
    count_vip(to_map_key(match).addr, -1);
  }
  aliases_.erase(key);
  maps_.services.erase(map_key);
  for (const std::uint32_t slot : list_of(*old)) remove_dest(slot);
  disband(key);
  count_vip(map_key.addr, -1);
  rest(old->ring, segment_length(*old));
  return {};
}

Status ServiceTable::close(const lvs::ServiceKey& key) {
  learn();
  const xd_service_key map_key = to_map_key(key);
  auto entry = maps_.services.get(map_key);
  if (!entry) return cannot("close", key, "no such service", ENOENT);
  if (entry->closed != 0) return {};
  entry->closed = 1;
  if (const int failed = maps_.services.put(map_key, *entry); failed != 0)
    return cannot("close", key, Error::from_errno("write to xd_services", failed).message, failed);
  return write_aliases(key, *entry);
}

void ServiceTable::set_rate_limits(std::map<lvs::ServiceKey, std::uint32_t> limits) {
  rate_limits_ = std::move(limits);
  for (auto [map_key, entry] : maps_.services.all()) {
    const auto found = rate_limits_.find(service_named(map_key, entry));
    const std::uint32_t wanted = found != rate_limits_.end() ? found->second : 0;
    if (entry.rate_limit == wanted) continue;
    entry.rate_limit = wanted;
    maps_.services.put(map_key, entry);
  }
}

lvs::Services ServiceTable::services(bool closed) const {
  lvs::Services found;
  for (const auto& [map_key, entry] : maps_.services.all()) {
    if (is_alias(map_key, entry) || (entry.closed != 0) != closed) continue;
    const lvs::ServiceKey key = from_map_key(map_key);
    lvs::Service& service = found[key];
    service.scheduler = static_cast<lvs::Scheduler>(entry.scheduler);
    service.scheduler_flags = entry.flags;
    service.one_packet = entry.one_packet != 0;
    service.persistence_seconds = entry.persistence / maps_.hz;
    service.persistence_mask = prefix_of(key.family(), entry.mask);
    for (const std::uint32_t slot : list_of(entry)) {
      const xd_dest& dest = maps_.dests[slot];
      const Endpoint endpoint{from_map_address(dest.addr), ntohs(dest.port)};
      service.destinations[endpoint] = {static_cast<lvs::Forward>(dest.method), dest.weight, dest.upper, dest.lower, tunnel_of(dest)};
      service.order.push_back(endpoint);
    }
    std::ranges::reverse(service.order);
  }
  return found;
}

std::map<Endpoint, DestinationStats> ServiceTable::stats(const lvs::ServiceKey& key) const {
  std::map<Endpoint, DestinationStats> found;
  const auto entry = maps_.services.get(to_map_key(key));
  if (!entry) return found;
  for (const std::uint32_t slot : list_of(*entry)) {
    const xd_dest& dest = maps_.dests[slot];
    const xd_dest_stats sum = maps_.stats.sum(slot);
    found[{from_map_address(dest.addr), ntohs(dest.port)}] = {sum.connections, sum.packets_in, sum.bytes_in,  sum.packets_out,
                                                              sum.bytes_out,   dest.active,    dest.inactive, slot};
  }
  return found;
}

std::vector<IpAddress> ServiceTable::addresses() const {
  std::vector<IpAddress> addresses;
  for (const auto& [address, slots] : slots_by_address_) {
    if (std::ranges::any_of(slots, [this](std::uint32_t slot) { return (maps_.dests[slot].flags & XD_DEST_F_PRESENT) != 0; }))
      addresses.push_back(address);
  }
  return addresses;
}

void ServiceTable::set_hop(const IpAddress& address, const std::optional<Hop>& hop) {
  learn();
  hops_[address] = hop;
  const auto slots = slots_by_address_.find(address);
  if (slots == slots_by_address_.end()) return;
  for (const std::uint32_t slot : slots->second) write_hop(maps_.dests[slot], hop, maps_.filter[0]);
}

}  // namespace xd::datapath
