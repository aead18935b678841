#include "datapath/rehearsal.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "base/fd.h"
#include "datapath/bpf_map.h"

namespace xd::datapath {

namespace {

// The program only reads these, so the pinned ones serve.
constexpr std::array<std::string_view, 7> shared{"xd_services", "xd_svc_index", "xd_svc_places", "xd_gate",
                                                 "xd_ports",    "xd_timeouts",  "xd_devices"};
// Of the flows only what concerns the packet is brought over (bring_flow), into a table of so many buckets.
constexpr std::uint32_t own_buckets = 16384;

bool is_in(const auto& names, std::string_view name) { return std::find(names.begin(), names.end(), name) != names.end(); }

Status copy_memory(int from, int to, std::size_t bytes) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  bytes = (bytes + page - 1) / page * page;
  void* source = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, from, 0);
  void* target = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, to, 0);
  const bool good = source != MAP_FAILED && target != MAP_FAILED;
  const auto error = good ? Status{} : Status{Error::from_errno("copy a table of the packet path")};
  if (good) std::memcpy(target, source, bytes);
  if (source != MAP_FAILED) munmap(source, bytes);
  if (target != MAP_FAILED) munmap(target, bytes);
  return error;
}

void copy_entries(int from, int to, std::size_t key_size, std::size_t value_size) {
  std::vector<std::uint8_t> key(key_size), next(key_size), value(value_size);
  for (const void* at = nullptr; bpf_map_get_next_key(from, at, next.data()) == 0; at = key.data()) {
    key = next;
    if (bpf_map_lookup_elem(from, key.data(), value.data()) == 0) bpf_map_update_elem(to, key.data(), value.data(), BPF_ANY);
  }
}

std::optional<bpf_prog_info> info_of(int fd, std::array<std::uint32_t, 64>& maps) {
  bpf_prog_info info{};
  info.nr_map_ids = maps.size();
  info.map_ids = reinterpret_cast<std::uintptr_t>(maps.data());
  std::uint32_t size = sizeof info;
  if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return std::nullopt;
  return info;
}

}  // namespace

Result<Rehearsal> Rehearsal::prepare(const Datapath& path) {
  const auto info = SharedArray<xd_info>::map(Fd(fcntl(path.map_fd("xd_info"), F_DUPFD_CLOEXEC, 0)), 1);
  if (!info) return info.error();
  const xd_info& had = (*info)[0];
  if (had.layout != XD_LAYOUT)
    return Error{"the running daemon's tables have another layout than this program knows: they are of different versions"};
  Sizes sizes;
  sizes.flows = std::min(had.flows, own_buckets * 8);
  sizes.half_open = had.half_open;
  sizes.services = had.services;
  sizes.dests = had.dests;
  sizes.ring_slots = had.ring_slots;
  auto object = open_object(sizes);
  if (!object) return std::move(object).error();
  load_only(object->get(), entry_name);
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object->get()) {
    const std::string_view name = name_of(map);
    if (is_in(shared, name) && bpf_map__reuse_fd(map, path.map_fd(name)) != 0) return Error::from_errno("use map " + std::string(name));
  }
  if (auto loaded = load_object(object->get()); !loaded) return loaded.error();
  bpf_object__for_each_map(map, object->get()) {
    const std::string_view name = name_of(map);
    const int from = path.map_fd(name);
    if (from < 0 || is_in(shared, name) || name == "xd_flows") continue;
    if (bpf_map__type(map) == BPF_MAP_TYPE_ARRAY && bpf_map__map_flags(map) & BPF_F_MMAPABLE) {
      const std::size_t value = (bpf_map__value_size(map) + 7) / 8 * 8;
      if (auto copied = copy_memory(from, bpf_map__fd(map), value * bpf_map__max_entries(map)); !copied) return copied.error();
    } else if (bpf_map__type(map) == BPF_MAP_TYPE_ARRAY || (bpf_map__type(map) == BPF_MAP_TYPE_HASH && name != "xd_watches")) {
      copy_entries(from, bpf_map__fd(map), bpf_map__key_size(map), bpf_map__value_size(map));
    }
  }
  Rehearsal rehearsal(path, std::move(*object));
  auto own = SharedArray<xd_info>::map(Fd(fcntl(rehearsal.fd_of("xd_info"), F_DUPFD_CLOEXEC, 0)), 1);
  if (!own) return own.error();
  rehearsal.real_info_ = had;
  (*own)[0].buckets = buckets_for(sizes);
  rehearsal.own_mask_ = (*own)[0].buckets - 1;
  return rehearsal;
}

int Rehearsal::fd_of(std::string_view name) const {
  const bpf_map* map = map_named(object_.get(), std::string(name));
  return map != nullptr ? bpf_map__fd(map) : -1;
}

// Buckets are powers of two and named by the lower bits of a hash, so in the smaller table a bucket's number is cut shorter, and so are the
// places that name a bucket.
void Rehearsal::bring_bucket(std::uint32_t index) {
  xd_bucket bucket{};
  if (bpf_map_lookup_elem(path_.map_fd("xd_flows"), &index, &bucket) != 0) return;
  const auto shorten = [this](std::uint32_t& place) { place = (place >> 4 & own_mask_) << 4 | (place & 15); };
  for (xd_flow& flow : bucket.flow) {
    if (!(flow.flags & XD_FLOW_TEMPLATE)) shorten(flow.peer);
    if (flow.flags & XD_FLOW_PERSISTENT) shorten(flow.control);
  }
  index &= own_mask_;
  bpf_map_update_elem(fd_of("xd_flows"), &index, &bucket, BPF_ANY);
}

void Rehearsal::bring_flow(const xd_flow_key& key) {
  for (const auto index : buckets_of(key, real_info_)) bring_bucket(index);
  const auto flow = find_flow(path_.map_fd("xd_flows"), real_info_, key);
  if (!flow || flow->flags & XD_FLOW_TEMPLATE) return;
  if (flow->peer != 0) bring_bucket(flow->peer >> 4);
  if (flow->flags & XD_FLOW_PERSISTENT) bring_bucket(flow->control >> 4);
}

// Where a persistent client goes; see xd_follow_template() in bpf/service.bpf.h.
void Rehearsal::bring_template(const xd_flow_key& key) {
  for (const __be16 port : {key.dport, __be16{0}}) {
    xd_service_key asked{.addr = {}, .port = port, .proto = key.proto, .zero = 0};
    std::memcpy(asked.addr, key.daddr, sizeof asked.addr);
    xd_service service{};
    if (bpf_map_lookup_elem(path_.map_fd("xd_services"), &asked, &service) != 0) continue;
    xd_flow_key wanted = key;
    const bool v6 = xd_is_v6(key.daddr);
    for (int i = 0; i < 4; ++i) wanted.saddr[i] &= service.mask[i];
    wanted.sport = 0;
    wanted.dport = port;
    if (service.mark != 0) {
      const __be32 mark[4] = {v6 ? service.mark : 0, 0, v6 ? 0 : XD_V4_MAPPED, v6 ? 0 : service.mark};
      std::memcpy(wanted.daddr, mark, sizeof wanted.daddr);
      wanted.dport = 0;
      wanted.proto = 0;
    }
    wanted.proto ^= XD_TEMPLATE_PROTO;
    if (service.persistence != 0) bring_flow(wanted);
    return;
  }
}

Result<Rehearsed> Rehearsal::run(std::span<const std::uint8_t> frame, const xd_flow_key& key, int ifindex) {
  bring_template(key);
  bring_flow(key);
  const MapFd fds = [this](std::string_view name) { return fd_of(name); };
  Rehearsed out;
  out.before = find_connection(fds, key);
  out.frame.resize(frame.size() + 256);
  xdp_md context{};
  context.data_end = static_cast<std::uint32_t>(frame.size());
  context.ingress_ifindex = static_cast<std::uint32_t>(ifindex);
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_out = out.frame.data(),
              .data_size_in = static_cast<__u32>(frame.size()), .data_size_out = static_cast<__u32>(out.frame.size()), .ctx_in = &context,
              .ctx_size_in = sizeof context);
  const bpf_program* entry = bpf_object__find_program_by_name(object_.get(), entry_name);
  if (bpf_prog_test_run_opts(bpf_program__fd(entry), &options) != 0) return Error::from_errno("run the program on the packet");
  out.action = static_cast<int>(options.retval);
  out.frame.resize(options.data_size_out);
  out.after = find_connection(fds, key);

  const PerCpuArray<xd_counter> reasons(Fd(fcntl(fd_of("xd_reasons"), F_DUPFD_CLOEXEC, 0)), libbpf_num_possible_cpus());
  const auto names = path_.reasons();
  for (std::uint32_t i = 0; i < XD_REASON_COUNT && i < names.size(); ++i) {
    if (reasons.sum(i).packets == 0) continue;
    out.reason = names[i].word;
    out.verdict = names[i].verdict;
    out.sentence = names[i].sentence;
  }
  return out;
}

std::optional<bool> Rehearsal::is_what_runs() const {
  std::array<std::uint32_t, 64> maps{};
  bpf_map_info services{};
  std::uint32_t size = sizeof services;
  if (bpf_obj_get_info_by_fd(path_.map_fd("xd_services"), &services, &size) != 0) return std::nullopt;
  const int own_fd = bpf_program__fd(bpf_object__find_program_by_name(object_.get(), entry_name));
  const auto own = info_of(own_fd, maps);
  if (!own) return std::nullopt;
  for (std::uint32_t id = 0; bpf_prog_get_next_id(id, &id) == 0;) {
    if (id == own->id) continue;
    const Fd fd(bpf_prog_get_fd_by_id(id));
    if (!fd) continue;
    const auto other = info_of(fd.get(), maps);
    if (!other || std::string_view(other->name) != entry_name) continue;
    const auto end = maps.begin() + std::min<std::size_t>(other->nr_map_ids, maps.size());
    if (std::find(maps.begin(), end, services.id) == end) continue;
    return std::memcmp(own->tag, other->tag, sizeof own->tag) == 0;
  }
  return std::nullopt;
}

}  // namespace xd::datapath
