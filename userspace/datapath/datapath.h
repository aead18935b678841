// The XDP packet path as userspace holds it: the loaded program, its pinned maps, the interfaces it is attached to, and the
// services in it.
//
// One process (the parent) calls create() and attaches; others open() the same maps by their pins. Services are written by one
// process (checkers), gates by one (vrrp); reading is free for all. Everything here is a system call or a write to mapped
// memory on the caller's thread; nothing logs.
//
// The program and its maps outlive the process: pins hold the maps, the interfaces hold the program. Whoever comes next
// finds the services, the flows and the attachments as they were (create() adopts them), and a packet sees no gap.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/lvs.h"
#include "base/result.h"
#include "base/time.h"
#include "bpf/xdirector.h"

namespace xd::datapath {

inline constexpr std::string_view default_pin_dir = "/sys/fs/bpf/xdirector";

// Table sizes in entries. What a run has is kept by its successor only if it wants the same.
struct Sizes {
  std::uint32_t flows = 1'000'000;
  std::uint32_t half_open = 262'144;
  std::uint32_t services = 16'384;
  std::uint32_t dests = 65'536;          // destinations of all services, removed ones included until they are needed
  std::uint32_t ring_slots = 2'097'152;  // 8 bytes each; a service takes 1 + 2 x destinations + its ring (mh: 4,093)
  bool operator==(const Sizes&) const = default;
};

// Silence after which a flow is forgotten; the defaults are kernel IPVS's. TCP's other states follow IPVS and cannot be set there.
struct Timeouts {
  Duration tcp = 900s;
  Duration tcp_fin = 120s;
  Duration udp = 300s;
  bool operator==(const Timeouts&) const = default;
};

// What of IPVS's sysctls (net.ipv4.vs.*) the packet path has too, by the same names and with the same defaults.
struct Behaviour {
  std::uint32_t conn_reuse_mode = 1;
  bool expire_nodest_conn = false;
  bool expire_quiescent_template = false;
  bool sloppy_tcp = false, sloppy_sctp = false;
  Duration lblc_expiration = 24h, lblcr_expiration = 24h;
  Duration mtu_expires = 600s;  // net.ipv4.route.mtu_expires, of what a router tells of the way to a tunnel's end
  bool operator==(const Behaviour&) const = default;
};

enum class Mode { automatic, native, generic };

struct Attachment {
  int ifindex = 0;
  Mode mode = Mode::generic;  // native or generic
  bool dispatcher = false;    // through libxdp's dispatcher, so other XDP programs can run beside it
  std::string note;           // why not native, why no dispatcher; empty: nothing to tell
};

struct DestinationStats {
  std::uint64_t connections = 0;
  std::uint64_t packets_in = 0, bytes_in = 0;    // from clients; bytes from the IP header on, as IPVS counts
  std::uint64_t packets_out = 0, bytes_out = 0;  // from the real server; NAT only
  std::uint32_t active = 0, inactive = 0;        // connections now
  std::uint32_t slot = 0;                        // in xd_dests
};

struct ReasonCount {
  std::string_view word;     // "no_service"
  std::string_view verdict;  // "pass", "tx", "drop"
  std::string_view sentence;
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};

// Where frames for an address go. None: not known yet.
struct Hop {
  MacAddress to;
  MacAddress from;
  int ifindex = 0;         // the interface that XDP sends by: a VLAN's parent
  std::uint16_t vlan = 0;  // outer VLAN id, 0: untagged
  std::uint16_t inner_vlan = 0;
  bool local = false;     // the address is this host's own: such packets go to the stack
  IpAddress source{};     // this host's address on the way there, for tunnels; unset: not known
  std::uint32_t mtu = 0;  // of the way; 0: not known
  bool operator==(const Hop&) const = default;
};

// By which packets a service of a firewall mark is told: addresses with a port (0: any) and protocol, since XDP comes before marks are set.
using Matches = std::map<lvs::ServiceKey, std::set<lvs::ServiceKey>>;

// A sentence why the packet path cannot serve this service, or nothing when it can. `matches`: of a firewall mark. Pure.
std::optional<std::string> unsupported(const lvs::ServiceKey& key, const lvs::Service& service,
                                       const std::set<lvs::ServiceKey>& matches = {});

class Datapath {
 public:
  // Loads what needs no interface, and adopts the maps pinned under `pin_dir` when their layout, sizes and network namespace are these, else
  // pins new ones.
  // Mounts a BPF file system on /sys/fs/bpf when none is there. When the pins belong to a living process of another
  // network namespace, those of this one are kept beside them in <pin_dir>-<inode of the namespace>: see pin_dir().
  static Result<Datapath> create(const std::string& pin_dir, const Sizes& sizes, const Timeouts& timeouts = {});
  // The maps of a create() by another process. `pin_dir` as its pin_dir() says.
  static Result<Datapath> open(const std::string& pin_dir);

  Datapath(Datapath&&) noexcept;
  Datapath& operator=(Datapath&&) noexcept;
  ~Datapath();  // leaves pins and attachments

  const std::string& pin_dir() const;
  bool adopted() const;  // create() found an earlier run's maps
  // Removes the pins. The maps live on while a program or process holds them.
  Status unpin();

  // Only after create(). An attachment of an earlier run is replaced in one step, without a gap. Mode::automatic is native where
  // the driver can and the link is not a veth, else generic: native XDP_TX on a veth is lost unless its peer polls (GRO or an
  // XDP program there), and checksums that the sender left to the device are lost with it.
  Result<Attachment> attach(int ifindex, Mode mode, std::optional<unsigned> run_priority = std::nullopt);
  Status detach(int ifindex);
  // The MTU of an attached interface changed; it tells packets that were merged from those on the wire (bpf/checksum.bpf.h).
  Status set_mtu(int ifindex, std::uint32_t mtu);
  // Interfaces of this namespace on which the program runs, an earlier run's included.
  std::vector<int> attached() const;
  static bool attached_to(int ifindex);

  // unsupported(), with the matches that were set.
  std::optional<std::string> cannot_serve(const lvs::ServiceKey& key, const lvs::Service& service) const;
  // The service that takes packets to this address, port and protocol.
  std::optional<lvs::ServiceKey> service_of(const lvs::ServiceKey& packet) const;
  // Puts the service as it is given: a packet sees the old one or the new one whole. Flows of a removed destination are
  // dropped silently, as IPVS does, and go on when it returns; a new destination takes only new flows.
  Status put_service(const lvs::ServiceKey& key, const lvs::Service& service);
  Status remove_service(const lvs::ServiceKey& key);  // ENOENT when it is not there
  // Its flows go on, and what begins one is passed; until put_service().
  Status close_service(const lvs::ServiceKey& key);
  // Read back from the maps: those that take new flows, and those that were closed.
  lvs::Services services() const;
  lvs::Services closed_services() const;
  std::map<Endpoint, DestinationStats> stats(const lvs::ServiceKey& key) const;

  // Next hops, for NextHops (nexthop.h): every destination that needs one, and its hop. Unset: packets for it pass.
  std::vector<IpAddress> destination_addresses() const;
  void set_hop(const IpAddress& destination, const std::optional<Hop>& hop);

  // A VIP of a VRRP instance: ours now, or held by another. Until it is told, and after forget_gate(), the address is open.
  Status set_gate(const IpAddress& vip, bool ours);
  Status forget_gate(const IpAddress& vip);

  std::vector<ReasonCount> reasons() const;

  // Tells one packet in so many to samples.h; 0: none. create() begins with none.
  void trace(std::uint32_t one_in);

  // For all flows, from now on: those that are there as well.
  Status set_timeouts(const Timeouts& timeouts);
  void set_behaviour(const Behaviour& behaviour);
  // Of services by firewall mark, those that are there included; a mark without matches is not served.
  void set_matches(Matches matches);
  // New flows a second of these services, which need not be there yet; the others have no limit.
  void set_rate_limits(std::map<lvs::ServiceKey, std::uint32_t> limits);
  // Forgets flows that have been silent for too long, in the kernel. Call it every second. `short_of_memory`: and random half-open and idle ones,
  // as IPVS's drop_entry does. The same happens when somebody reads the pin xd_sweep_flows.
  Status sweep(bool short_of_memory = false);

  // Descriptors of the maps, and of the program as it is attached plainly (-1 after open()), for the advert path and for tests.
  int map_fd(std::string_view name) const;
  int program_fd(bool in_pieces = false) const;  // for frames in several buffers

 private:
  struct Impl;
  explicit Datapath(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace xd::datapath
