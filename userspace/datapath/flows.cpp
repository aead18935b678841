#include "datapath/flows.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "datapath/bpf_map.h"

namespace xd::datapath {

namespace {

constexpr std::array<std::string_view, XD_STATE_COUNT> state_names{
    "NONE",     "ESTABLISHED", "SYN_SENT", "SYN_RECV",   "FIN_WAIT",   "TIME_WAIT", "CLOSE",  "CLOSE_WAIT",
    "LAST_ACK", "UDP",         "INIT1",    "INIT",       "C-SENT",     "C-REPLIED", "C-WAIT", "COOKIE",
    "C-ECHOED", "ESTABLISHED", "S-SENT",   "S-RECEIVED", "S-ACK-SENT", "REJECTED",  "CLOSED"};

std::string_view protocol_name(std::uint32_t number) {
  switch (number) {
    case IPPROTO_TCP: return "TCP";
    case IPPROTO_UDP: return "UDP";
    case IPPROTO_SCTP: return "SCTP";
    default: return "IP";
  }
}

IpAddress address_of(const __be32 (&words)[4]) {
  in6_addr address{};
  std::memcpy(&address, words, sizeof address);
  return IpAddress::v6(address);
}

// The kernel's tick counter, low half: it began at -300 seconds when the clock began at 0.
std::uint32_t jiffies_now(std::uint32_t hz) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  const auto ticks = static_cast<std::uint64_t>(now.tv_sec) * hz + static_cast<std::uint64_t>(now.tv_nsec) * hz / 1'000'000'000;
  return static_cast<std::uint32_t>(ticks - 300ull * hz);
}

// A read-only look at an array map's memory.
template <typename Value>
class View {
 public:
  View(int fd, std::uint32_t size) : bytes_(size * sizeof(Value)) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    bytes_ = (bytes_ + page - 1) / page * page;
    memory_ = mmap(nullptr, bytes_, PROT_READ, MAP_SHARED, fd, 0);
  }
  ~View() {
    if (good()) munmap(memory_, bytes_);
  }
  View(const View&) = delete;
  View& operator=(const View&) = delete;
  bool good() const { return memory_ != MAP_FAILED; }
  const Value& operator[](std::uint32_t index) const { return static_cast<const Value*>(memory_)[index]; }

 private:
  std::size_t bytes_;
  void* memory_ = MAP_FAILED;
};

// Flows in words, by the tables that they point into.
class Describer {
 public:
  explicit Describer(const MapFd& fd_of) : info_(fd_of("xd_info"), 1), dests_(fd_of("xd_dests"), info_.good() ? info_[0].dests : 1) {
    if (!good()) return;
    for (std::uint32_t state = 0; state < XD_STATE_COUNT; ++state) bpf_map_lookup_elem(fd_of("xd_timeouts"), &state, &timeouts_[state]);
    now_ = jiffies_now(hz());
  }
  bool good() const { return info_.good() && dests_.good(); }

  Connection describe(const xd_flow& flow) const {
    const bool is_template = (flow.flags & XD_FLOW_TEMPLATE) != 0;
    const auto state = std::min<std::uint32_t>(flow.state, XD_STATE_COUNT - 1);
    const auto silent = now_ - flow.seen, limit = is_template ? flow.way : timeouts_[state];
    Connection connection;
    connection.protocol = protocol_name(is_template ? flow.proto ^ XD_TEMPLATE_PROTO : flow.proto);
    connection.state = !is_template ? state_names[state] : state == XD_STATE_ESTABLISHED ? "ASSURED" : "NONE";
    connection.seconds = static_cast<std::int32_t>(silent) < 0 ? limit / hz() : silent > limit ? 0 : (limit - silent) / hz();
    connection.client = {address_of(flow.saddr), ntohs(flow.sport)};
    connection.service = {address_of(flow.daddr), ntohs(flow.dport)};
    if (flow.dest < info_[0].dests) {
      const xd_dest& dest = dests_[flow.dest];
      connection.server = {address_of(dest.addr), ntohs(dest.port != 0 ? dest.port : flow.dport)};
    }
    connection.engine = "xdp";
    return connection;
  }
  const xd_info& info() const { return info_[0]; }
  // Of the real server that stands in its slot now.
  bool is_current(const xd_flow& flow) const {
    return flow.dest < info_[0].dests && static_cast<std::uint16_t>(dests_[flow.dest].generation) == flow.generation;
  }

 private:
  std::uint32_t hz() const { return std::max(info_[0].hz, 1u); }

  View<xd_info> info_;
  View<xd_dest> dests_;
  std::array<std::uint32_t, XD_STATE_COUNT> timeouts_{};
  std::uint32_t now_ = 0;
};

template <typename Each>
Status each_flow(const Datapath& path, std::uint32_t buckets, const Each& each) {
  const View<xd_bucket> flows(path.map_fd("xd_flows"), buckets);
  if (!flows.good()) return Error::from_errno("look into the packet path's flows");
  for (std::uint32_t index = 0; index < buckets; ++index) {
    const xd_bucket& bucket = flows[index];
    for (std::uint32_t way = 0; way < XD_WAYS; ++way) {
      // The program goes on meanwhile: what was given back while it was copied is no flow.
      const auto tag = __atomic_load_n(&bucket.tag[way], __ATOMIC_ACQUIRE);
      if (tag <= XD_TAG_BUSY) continue;
      const xd_flow flow = bucket.flow[way];
      if (flow.flags & XD_FLOW_REPLY || __atomic_load_n(&bucket.tag[way], __ATOMIC_ACQUIRE) != tag) continue;
      if (!each(flow)) return {};
    }
  }
  return {};
}

bool is_of(const xd_flow& flow, const xd_flow_key& key) {
  return std::memcmp(flow.saddr, key.saddr, sizeof flow.saddr) == 0 && std::memcmp(flow.daddr, key.daddr, sizeof flow.daddr) == 0 &&
         flow.sport == key.sport && flow.dport == key.dport && flow.proto == key.proto;
}

std::optional<xd_flow> flow_at(int map, std::uint32_t place) {
  const std::uint32_t index = place >> 4, way = (place & 15) - 1;
  xd_bucket bucket{};
  if (way >= XD_WAYS || bpf_map_lookup_elem(map, &index, &bucket) != 0 || bucket.tag[way] <= XD_TAG_BUSY) return std::nullopt;
  return bucket.flow[way];
}

}  // namespace

std::array<std::uint32_t, 2> buckets_of(const xd_flow_key& key, const xd_info& info) {
  const auto hash = xd_flow_hash(&key, info.seed);
  const auto first = static_cast<std::uint32_t>(hash) & (info.buckets - 1);
  return {first, xd_second_bucket(first, xd_flow_tag(hash), info.buckets - 1)};
}

std::optional<xd_flow> find_flow(int map, const xd_info& info, const xd_flow_key& key) {
  for (const std::uint32_t index : buckets_of(key, info)) {
    xd_bucket bucket{};
    if (bpf_map_lookup_elem(map, &index, &bucket) != 0) continue;
    for (std::uint32_t way = 0; way < XD_WAYS; ++way) {
      if (bucket.tag[way] > XD_TAG_BUSY && is_of(bucket.flow[way], key)) return bucket.flow[way];
    }
  }
  return std::nullopt;
}

xd_flow_key flow_key(std::uint8_t protocol, const Endpoint& from, const Endpoint& to) {
  xd_flow_key key{};
  std::memcpy(key.saddr, from.address.bytes().data(), sizeof key.saddr);
  std::memcpy(key.daddr, to.address.bytes().data(), sizeof key.daddr);
  key.sport = htons(from.port);
  key.dport = htons(to.port);
  key.proto = protocol;
  return key;
}

std::optional<Connection> find_connection(const MapFd& fd_of, const xd_flow_key& key) {
  const Describer describer(fd_of);
  if (!describer.good()) return std::nullopt;
  const int map = fd_of("xd_flows");
  auto flow = find_flow(map, describer.info(), key);
  if (flow && flow->flags & XD_FLOW_REPLY) flow = flow_at(map, flow->peer);
  if (!flow) return std::nullopt;
  return describer.describe(*flow);
}

std::map<std::uint32_t, std::uint32_t> persistent_clients(const Datapath& path) {
  std::map<std::uint32_t, std::uint32_t> clients;
  const Describer describer([&path](std::string_view name) { return path.map_fd(name); });
  if (!describer.good()) return clients;
  const auto count = [&](const xd_flow& flow) {
    if (flow.flags & XD_FLOW_TEMPLATE && describer.is_current(flow)) ++clients[flow.dest];
    return true;
  };
  (void)each_flow(path, describer.info().buckets, count);
  return clients;
}

Status each_connection(const Datapath& path, const std::function<bool(const Connection&)>& each) {
  const Describer describer([&path](std::string_view name) { return path.map_fd(name); });
  if (!describer.good()) return Error::from_errno("look into the packet path's tables");
  return each_flow(path, describer.info().buckets, [&](const xd_flow& flow) { return each(describer.describe(flow)); });
}

}  // namespace xd::datapath
