#include "datapath/datapath.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <net/if.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <set>

#include "datapath/attach.h"
#include "datapath/bpffs.h"
#include "datapath/program.h"
#include "datapath/service_table.h"

namespace xd::datapath {

namespace {

struct ReasonText {
  std::string_view word, verdict, sentence;
};
#define XD_REASON_TEXT(NAME, word, verdict, sentence) ReasonText{#word, #verdict, sentence},
constexpr std::array<ReasonText, XD_REASON_COUNT> reason_texts{XD_REASONS(XD_REASON_TEXT)};
#undef XD_REASON_TEXT

constexpr const char* sweep_name = "xd_sweep_flows";

// Map descriptors by name, each owned.
using Fds = std::map<std::string, Fd, std::less<>>;

Result<Fds> pinned(const std::string& dir) {
  Fds fds;
  for (const std::string& name : pinned_maps()) {
    Fd fd(bpf_obj_get((dir + "/" + name).c_str()));
    if (!fd) return Error::from_errno("open the pinned map " + dir + "/" + name);
    fds[name] = std::move(fd);
  }
  return fds;
}

Fd copy_of(const Fds& fds, std::string_view name) { return Fd(fcntl(fds.find(name)->second.get(), F_DUPFD_CLOEXEC, 0)); }

bool fits(const xd_info& info, const Sizes& sizes) {
  return info.layout == XD_LAYOUT && info.flows == sizes.flows && info.half_open == sizes.half_open && info.services == sizes.services &&
         info.dests == sizes.dests && info.ring_slots == sizes.ring_slots;
}

Status pin(int fd, const std::string& path) {
  unlink(path.c_str());
  return bpf_obj_pin(fd, path.c_str()) == 0 ? Status{} : Error::from_errno("pin " + path);
}

std::array<Duration, XD_STATE_COUNT> timeouts_by_state(const Timeouts& timeouts) {
  std::array<Duration, XD_STATE_COUNT> by_state{};  // kernel IPVS's, where it is not ours to choose
  by_state[XD_STATE_ESTABLISHED] = timeouts.tcp;
  by_state[XD_STATE_SYN_SENT] = 120s;
  by_state[XD_STATE_SYN_RECV] = 60s;
  by_state[XD_STATE_FIN_WAIT] = timeouts.tcp_fin;
  by_state[XD_STATE_TIME_WAIT] = 120s;
  by_state[XD_STATE_CLOSE] = 10s;
  by_state[XD_STATE_CLOSE_WAIT] = 60s;
  by_state[XD_STATE_LAST_ACK] = 30s;
  by_state[XD_STATE_UDP] = timeouts.udp;
  for (int state = XD_STATE_SCTP_INIT1; state <= XD_STATE_SCTP_CLOSED; ++state) by_state[static_cast<std::size_t>(state)] = 61s;
  by_state[XD_STATE_SCTP_INIT1] = by_state[XD_STATE_SCTP_REJECTED] = 4s;
  by_state[XD_STATE_SCTP_ESTABLISHED] = 900s;
  return by_state;
}

xd_gate_key gate_key(const IpAddress& vip) {
  xd_gate_key key{};
  std::memcpy(key.addr, vip.bytes().data(), sizeof(key.addr));
  return key;
}

IpAddress address_of(const xd_gate_key& key) {
  in6_addr address;
  std::memcpy(&address, key.addr, sizeof address);
  return IpAddress::v6(address);
}

}  // namespace

struct Datapath::Impl {
  std::string pin_dir;
  bool adopted = false;
  Fds fds;
  SharedArray<xd_info> info;
  std::unique_ptr<ServiceTable> table;
  SharedArray<xd_filter> filter;
  HashMap<xd_gate_key, xd_gate> gates;
  std::optional<std::map<std::uint32_t, std::set<IpAddress>>> closed_gates;  // by hash; empty: not read yet
  HashMap<std::uint32_t, xd_port> ports;
  HashMap<std::uint32_t, std::uint32_t> devices;
  PerCpuArray<xd_counter> reasons;
  Object object;  // only after create()
  std::unique_ptr<Attacher> attacher;

  int fd(std::string_view name) const {
    const auto found = fds.find(name);
    return found != fds.end() ? found->second.get() : -1;
  }

  Status use(Fds given) {
    fds = std::move(given);
    auto mapped_info = SharedArray<xd_info>::map(copy_of(fds, "xd_info"), 1);
    if (!mapped_info) return mapped_info.error();
    info = std::move(*mapped_info);
    const int cpus = libbpf_num_possible_cpus();
    auto rings = SharedArray<xd_slot>::map(copy_of(fds, "xd_rings"), info[0].ring_slots);
    auto dests = SharedArray<xd_dest>::map(copy_of(fds, "xd_dests"), info[0].dests);
    auto services = ServiceMap::open(copy_of(fds, "xd_services"), copy_of(fds, "xd_svc_index"), copy_of(fds, "xd_svc_places"));
    auto filter_for_table = SharedArray<xd_filter>::map(copy_of(fds, "xd_filter"), 1);
    auto filter_for_gates = SharedArray<xd_filter>::map(copy_of(fds, "xd_filter"), 1);
    if (!rings) return rings.error();
    if (!dests) return dests.error();
    if (!services) return services.error();
    if (!filter_for_table) return filter_for_table.error();
    if (!filter_for_gates) return filter_for_gates.error();
    filter = std::move(*filter_for_gates);
    gates = HashMap<xd_gate_key, xd_gate>(copy_of(fds, "xd_gate"));
    ports = HashMap<std::uint32_t, xd_port>(copy_of(fds, "xd_ports"));
    devices = HashMap<std::uint32_t, std::uint32_t>(copy_of(fds, "xd_devices"));
    reasons = PerCpuArray<xd_counter>(copy_of(fds, "xd_reasons"), cpus);
    table =
        std::make_unique<ServiceTable>(ServiceMaps{std::move(*services), std::move(*rings), std::move(*dests), std::move(*filter_for_table),
                                                   PerCpuArray<xd_dest_stats>(copy_of(fds, "xd_dest_stats"), cpus), info[0].hz});
    return {};
  }

  // XD_CLOSED says "look in xd_gate": it is set after a gate closed, and cleared when the last one of its hash is no longer
  // closed. Counted here, so that a change of one of thousands costs no look at the others; what an earlier process left is read once.
  void note_gate(const xd_gate_key& key, bool closed) {
    if (!closed_gates) {
      closed_gates.emplace();
      std::vector<bool> are_closed(XD_FILTER_SIZE);
      for (const auto& [other, gate] : gates.all()) {
        if (gate.ours != 0) continue;
        const std::uint32_t hash = xd_filter_hash(other.addr);
        (*closed_gates)[hash].insert(address_of(other));
        are_closed[hash] = true;
      }
      for (std::uint32_t hash = 0; hash < XD_FILTER_SIZE; ++hash) set_role(filter[0], hash, XD_CLOSED, are_closed[hash]);
    }
    const std::uint32_t hash = xd_filter_hash(key.addr);
    auto& same_hash = (*closed_gates)[hash];
    if (closed) {
      same_hash.insert(address_of(key));
    } else {
      same_hash.erase(address_of(key));
    }
    set_role(filter[0], hash, XD_CLOSED, !same_hash.empty());
    if (same_hash.empty()) closed_gates->erase(hash);
  }

  Status put_port(int ifindex, const xd_port& port) {
    const int failed = ports.put(static_cast<std::uint32_t>(ifindex), port);
    write_ports();
    return failed == 0 ? Status{} : Error::from_errno("enter interface " + std::to_string(ifindex) + " in xd_ports", failed);
  }

  void forget_port(int ifindex) {
    ports.erase(static_cast<std::uint32_t>(ifindex));
    write_ports();
  }

  void write_ports() {
    std::uint32_t flags = 0;
    for (const auto& [ifindex, port] : ports.all()) flags |= port.flags;
    filter[0].ports = flags;
  }

  Status write_timeouts(const Timeouts& timeouts) {
    const auto by_state = timeouts_by_state(timeouts);
    for (std::uint32_t state = 0; state < XD_STATE_COUNT; ++state) {
      const auto jiffies = static_cast<std::uint32_t>(to_seconds(by_state[state]) * info[0].hz);
      if (bpf_map_update_elem(fd("xd_timeouts"), &state, &jiffies, BPF_ANY) != 0) return Error::from_errno("write to xd_timeouts");
    }
    return {};
  }

  Status pin_sweep() {
    bpf_iter_link_info walked{};
    walked.map.map_fd = static_cast<std::uint32_t>(fd("xd_flows"));
    LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &walked, .link_info_len = sizeof(walked));
    bpf_link* link = bpf_program__attach_iter(bpf_object__find_program_by_name(object.get(), sweep_name), &options);
    if (link == nullptr) return Error::from_errno(std::string("attach ") + sweep_name);
    Status status = pin(bpf_link__fd(link), pin_dir + "/" + sweep_name);
    bpf_link__destroy(link);
    return status;
  }
};

Datapath::Datapath(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Datapath::Datapath(Datapath&&) noexcept = default;
Datapath& Datapath::operator=(Datapath&&) noexcept = default;
Datapath::~Datapath() = default;

Result<Datapath> Datapath::create(const std::string& wanted_dir, const Sizes& sizes, const Timeouts& timeouts) {
  if (const Status status = prepare_pin_dir(wanted_dir); !status) return status.error();
  auto impl = std::make_unique<Impl>();
  impl->pin_dir = pin_dir_of_this_namespace(wanted_dir);
  if (const Status status = prepare_pin_dir(impl->pin_dir); !status) return status.error();

  auto object = open_object(sizes);
  if (!object) return object.error();
  impl->object = std::move(*object);
  load_all_but(impl->object.get(), entry_name);  // the attacher does that, as it needs it

  const std::uint32_t zero = 0;
  xd_info info{};
  Fds fds;
  if (auto earlier = pinned(impl->pin_dir); earlier) {
    impl->adopted =
        bpf_map_lookup_elem((*earlier)["xd_info"].get(), &zero, &info) == 0 && fits(info, sizes) && info.netns == network_namespace();
    if (impl->adopted) fds = std::move(*earlier);
  }
  if (impl->adopted) {
    const Status status = reuse_maps(impl->object.get(), [&](std::string_view name) { return fds.find(name)->second.get(); });
    if (!status) return status.error();
  }
  if (const Status status = load_object(impl->object.get()); !status) return status.error();

  if (!impl->adopted) {
    auto hz = measure_hz(impl->object.get());
    if (!hz) return hz.error();
    std::uint64_t seed = 0;
    if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) return Error::from_errno("ask for random bytes");
    info = {XD_LAYOUT,
            0,
            0,
            *hz,
            sizes.flows,
            sizes.half_open,
            sizes.services,
            sizes.dests,
            sizes.ring_slots,
            0,
            buckets_for(sizes),
            half_ways_for(sizes),
            0,
            seed,
            0,
            0,
            0,
            0};
    for (const std::string& name : pinned_maps()) {
      fds[name].reset(fcntl(bpf_map__fd(map_named(impl->object.get(), name)), F_DUPFD_CLOEXEC, 0));
    }
  }
  info.owner_pid = static_cast<std::uint32_t>(getpid());
  info.netns = network_namespace();
  if (bpf_map_update_elem(fds["xd_info"].get(), &zero, &info, BPF_ANY) != 0) return Error::from_errno("write to xd_info");
  if (const Status status = impl->use(std::move(fds)); !status) return status.error();
  impl->filter[0].one_in = 0;  // who traced has gone with the earlier run

  if (const Status status = impl->write_timeouts(timeouts); !status) return status.error();
  if (!impl->adopted) {
    for (const std::string& name : pinned_maps()) {
      if (const Status status = pin(impl->fd(name), impl->pin_dir + "/" + name); !status) return status.error();
    }
  }
  if (const Status status = impl->pin_sweep(); !status) return status.error();

  Datapath datapath(std::move(impl));
  if (!datapath.impl_->adopted) datapath.set_behaviour({});
  const int watch = bpf_program__fd(bpf_object__find_program_by_name(datapath.impl_->object.get(), "xd_watch"));
  if (const Status status = pin(watch, datapath.pin_dir() + "/xd_watch"); !status) return status.error();
  datapath.impl_->attacher = std::make_unique<Attacher>(
      bpf_program__fd(bpf_object__find_program_by_name(datapath.impl_->object.get(), "xd_long")),
      [raw = datapath.impl_.get()](std::string_view name) { return raw->fd(name); }, sizes);
  return datapath;
}

Result<Datapath> Datapath::open(const std::string& pin_dir) {
  auto impl = std::make_unique<Impl>();
  impl->pin_dir = pin_dir;
  auto fds = pinned(pin_dir);
  if (!fds) return fds.error();
  const std::uint32_t zero = 0;
  xd_info info{};
  if (bpf_map_lookup_elem((*fds)["xd_info"].get(), &zero, &info) != 0 || info.layout != XD_LAYOUT) {
    return Error{"the maps under " + pin_dir + " are of another version (layout " + std::to_string(info.layout) + ", not " +
                     std::to_string(XD_LAYOUT) + "): restart xdirectord",
                 0};
  }
  if (const Status status = impl->use(std::move(*fds)); !status) return status.error();
  return Datapath(std::move(impl));
}

const std::string& Datapath::pin_dir() const { return impl_->pin_dir; }
bool Datapath::adopted() const { return impl_->adopted; }

Status Datapath::unpin() {
  for (const std::string& name : pinned_maps()) unlink((pin_dir() + "/" + name).c_str());
  for (const char* name : {sweep_name, "xd_watch"}) unlink((pin_dir() + "/" + name).c_str());
  if (rmdir(pin_dir().c_str()) != 0 && errno != ENOENT) return Error::from_errno("remove the pin directory " + pin_dir());
  return {};
}

Result<Attachment> Datapath::attach(int ifindex, Mode mode, std::optional<unsigned> run_priority) {
  const auto index = static_cast<std::uint32_t>(ifindex);
  if (const int failed = impl_->devices.put(index, index); failed != 0) {
    return Error::from_errno("enter interface " + std::to_string(ifindex) + " in xd_devices", failed);
  }
  auto attachment = impl_->attacher->attach(ifindex, mode, run_priority);
  if (!attachment) return attachment;
  const std::uint32_t flags = attachment->mode == Mode::generic          ? std::uint32_t{XD_PORT_GENERIC}
                              : Attacher::checksums_are_partial(ifindex) ? std::uint32_t{XD_PORT_PARTIAL}
                                                                         : 0;
  if (const Status status = impl_->put_port(ifindex, {flags, Attacher::mtu_of(ifindex)}); !status) return status.error();
  return attachment;
}

Status Datapath::detach(int ifindex) {
  const Status status = Attacher::detach(ifindex);
  impl_->forget_port(ifindex);
  return status;
}

std::vector<int> Datapath::attached() const {
  std::vector<int> interfaces;
  const std::unique_ptr<struct if_nameindex, decltype(&if_freenameindex)> names(if_nameindex(), &if_freenameindex);
  for (const struct if_nameindex* at = names.get(); at != nullptr && at->if_index != 0; ++at) {
    if (Attacher::attached(static_cast<int>(at->if_index))) interfaces.push_back(static_cast<int>(at->if_index));
  }
  return interfaces;
}

bool Datapath::attached_to(int ifindex) { return Attacher::attached(ifindex); }

std::optional<std::string> Datapath::cannot_serve(const lvs::ServiceKey& key, const lvs::Service& service) const {
  return impl_->table->cannot_serve(key, service);
}
std::optional<lvs::ServiceKey> Datapath::service_of(const lvs::ServiceKey& packet) const { return impl_->table->service_of(packet); }
Status Datapath::put_service(const lvs::ServiceKey& key, const lvs::Service& service) { return impl_->table->put(key, service); }
Status Datapath::remove_service(const lvs::ServiceKey& key) { return impl_->table->remove(key); }
Status Datapath::close_service(const lvs::ServiceKey& key) { return impl_->table->close(key); }
lvs::Services Datapath::services() const { return impl_->table->services(false); }
lvs::Services Datapath::closed_services() const { return impl_->table->services(true); }
std::map<Endpoint, DestinationStats> Datapath::stats(const lvs::ServiceKey& key) const { return impl_->table->stats(key); }
std::vector<IpAddress> Datapath::destination_addresses() const { return impl_->table->addresses(); }

void Datapath::set_hop(const IpAddress& destination, const std::optional<Hop>& hop) {
  if (hop && !hop->local) {
    const auto index = static_cast<std::uint32_t>(hop->ifindex);
    impl_->devices.put(index, index);
  }
  impl_->table->set_hop(destination, hop);
}

Status Datapath::set_gate(const IpAddress& vip, bool ours) {
  const int failed = impl_->gates.put(gate_key(vip), xd_gate{ours ? 1u : 0u});
  if (failed != 0) return Error::from_errno("write the gate of " + vip.str(), failed);
  impl_->note_gate(gate_key(vip), !ours);
  return {};
}

Status Datapath::forget_gate(const IpAddress& vip) {
  const int failed = impl_->gates.erase(gate_key(vip));
  impl_->note_gate(gate_key(vip), false);
  return failed == 0 || failed == ENOENT ? Status{} : Error::from_errno("forget the gate of " + vip.str(), failed);
}

Status Datapath::set_mtu(int ifindex, std::uint32_t mtu) {
  const auto port = impl_->ports.get(static_cast<std::uint32_t>(ifindex));
  return port ? impl_->put_port(ifindex, {port->flags, mtu}) : Status{};
}

std::vector<ReasonCount> Datapath::reasons() const {
  std::vector<ReasonCount> counts;
  for (std::uint32_t reason = 0; reason < XD_REASON_COUNT; ++reason) {
    const xd_counter sum = impl_->reasons.sum(reason);
    const ReasonText& text = reason_texts[reason];
    counts.push_back({text.word, text.verdict, text.sentence, sum.packets, sum.bytes});
  }
  return counts;
}

void Datapath::trace(std::uint32_t one_in) {
  impl_->filter[0].lost = 0;
  impl_->filter[0].one_in = one_in;
}

Status Datapath::set_timeouts(const Timeouts& timeouts) { return impl_->write_timeouts(timeouts); }

void Datapath::set_behaviour(const Behaviour& behaviour) {
  std::uint32_t flags = 0;
  if (behaviour.conn_reuse_mode == 0) flags |= XD_REUSE_NEVER;
  if ((behaviour.conn_reuse_mode & 2) != 0) flags |= XD_REUSE_FIN_WAIT;
  if (behaviour.expire_nodest_conn) flags |= XD_EXPIRE_NODEST;
  if (behaviour.expire_quiescent_template) flags |= XD_EXPIRE_QUIESCENT;
  if (behaviour.sloppy_tcp) flags |= XD_SLOPPY_TCP;
  if (behaviour.sloppy_sctp) flags |= XD_SLOPPY_SCTP;
  xd_info& info = impl_->info[0];
  const auto jiffies = [&](Duration time) { return static_cast<std::uint32_t>(to_seconds(time) * info.hz); };
  const auto put = [](__u32& there, std::uint32_t wanted) {
    if (there != wanted) there = wanted;  // every packet reads that line
  };
  put(info.behaviour, flags);
  put(info.mtu_expires, jiffies(behaviour.mtu_expires));
  put(info.lblc_expiration, jiffies(behaviour.lblc_expiration));
  put(info.lblcr_expiration, jiffies(behaviour.lblcr_expiration));
}

void Datapath::set_matches(Matches matches) { impl_->table->set_matches(std::move(matches)); }
void Datapath::set_rate_limits(std::map<lvs::ServiceKey, std::uint32_t> limits) { impl_->table->set_rate_limits(std::move(limits)); }

Status Datapath::sweep(bool short_of_memory) {
  if (impl_->info[0].drop_entry != short_of_memory) impl_->info[0].drop_entry = short_of_memory;
  const std::string path = pin_dir() + "/" + sweep_name;
  const Fd walk(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!walk) return Error::from_errno("open " + path);
  char piece = 0;  // one at a time: who waits for this CPU gets it in between (bpf/sweep.bpf.h)
  ssize_t got = 0;
  while ((got = read(walk.get(), &piece, 1)) > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR))) {
  }
  return got < 0 ? Error::from_errno("read " + path) : Status{};
}

int Datapath::map_fd(std::string_view name) const { return impl_->fd(name); }

int Datapath::program_fd(bool in_pieces) const {
  const auto program = impl_->attacher ? impl_->attacher->plain_fd(in_pieces ? Frames::in_pieces : Frames::in_one_buffer)
                                       : Result<int>(Error{"not after open()"});
  return program ? *program : -1;
}

}  // namespace xd::datapath
