// The VRRP role: owns the instances of a configuration and everything around their elections: transports, virtual addresses,
// gratuitous ARP, trackers, notify scripts. The elections themselves are pure (vrrp/election.h); the engine feeds them events
// and carries out their actions.
//
// One thread, the loop's. Nothing here waits: scripts, netlink events and adverts come back through the loop.
//
// Life: prepare(model) → commit() brings the first configuration to life or changes to another one; abort() forgets a prepared
// one. resume() between the first prepare() and commit() makes the instances go on where an earlier process stopped.
// stop() is the orderly end.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/loop.h"
#include "base/result.h"
#include "base/time.h"
#include "conf/model.h"
#include "netlink/netlink.h"
#include "vrrp/election.h"
#include "vrrp/findings.h"
#include "vrrp/transport.h"

namespace xd::datapath {
class Watches;
}

namespace xd::vrrp {

// What the engine needs from outside. References must outlive the engine.
struct Ports {
  netlink::Netlink& netlink;
  // The XDP watches (datapath/watches.h); null where no interface carries the XDP program: raw sockets everywhere.
  datapath::Watches* watches = nullptr;
  // Does this interface (index) carry the XDP program at this moment? Datapath::attached(). Needed with `watches`.
  std::function<bool(int)> carries_xdp;
  // Tells the packet path whether a VIP is ours. Opened before the address appears on the interface and closed after it went,
  // so that no packet for a VIP that the stack would answer misses the packet path. Empty: no packet path.
  std::function<Status(const IpAddress& address, bool ours)> set_gate;
  // The address is no VIP of VRRP any more (removed by a reload, or orderly stop).
  std::function<Status(const IpAddress& address)> forget_gate;
  // lvs_sync_daemon that follows an instance: its settings, the instance's VRID and role. Nothing to run: no settings. Empty: no IPVS.
  std::function<void(const std::optional<conf::LvsSyncDaemon>& settings, std::uint8_t vrid, Role role)> sync_daemon = {};
};

// How the daemon was started (command line), as far as it matters here.
struct EngineOptions {
  bool release_on_stop = true;  // false with -V: addresses stay at stop()
};

// What a process that takes over from a dead one must be told to go on without an election. Times are CLOCK_MONOTONIC, which
// both processes share. It holds what changes with state and priority, not with each advert, so a copy that is taken after each
// on_change() stays true. Instances are known by what is on the wire, as on reload.
struct InstanceSnapshot {
  std::string interface;
  int family = AF_INET;
  std::uint8_t vrid = 0;
  Remembered election;  // last_heard: as it was when the snapshot was taken
  std::uint64_t became_master = 0;
  std::uint32_t ah_sequence = 0;  // of the authentication header
  TimePoint ah_sequence_at{};     // when it was that
  bool gone = false;              // only in changes(): a reload has removed it
};

struct Snapshot {
  std::vector<InstanceSnapshot> instances;
};

struct Rejects {
  std::string reason;  // name(Reject)
  std::uint64_t count = 0;
};

// What `xdirector status` shows of an instance.
struct InstanceStatus {
  std::string name;
  std::string interface;
  std::uint8_t vrid = 0;
  int version = 2;
  int family = AF_INET;
  std::string sync_group;  // empty: none
  Role role = Role::init;
  Cause cause = Cause::started;
  TimePoint since{};  // of `role`
  std::uint8_t base_priority = 0;
  std::uint8_t priority = 0;  // effective
  Duration advert_interval{};
  IpAddress master;  // of the network as far as known: ourselves while master; unset: none
  std::uint8_t master_priority = 0;
  TransportKind transport = TransportKind::none;
  std::vector<std::string> addresses;  // VIPs as "192.0.2.1/24"
  std::vector<std::string> excluded_addresses;
  std::vector<std::string> faults;  // why it is in FAULT, in words; and in INIT, what it waits for
  std::uint64_t adverts_sent = 0;
  std::uint64_t adverts_received = 0;
  std::uint64_t priority_zero_sent = 0;
  std::uint64_t priority_zero_received = 0;
  std::uint64_t became_master = 0;
  std::uint64_t released_master = 0;
  std::uint64_t rival_adverts = 0;  // of others that acted as master while we were: two masters
  IpAddress rival;                  // the last of them; unset: none in the last three intervals
  std::vector<Finding> findings;    // what looks like a split brain, while it goes on
  std::vector<Rejects> rejects;     // only those above 0
  std::vector<Rejects> checksums;   // adverts believed, by the form of their checksum; only those above 0
};

// What the dump signals write, in keepalived's form: its data (SIGUSR1), counters (SIGUSR2), both as JSON.
enum class Dump { data, statistics, json };

class Engine {
 public:
  // Throws nothing and opens nothing: sockets are opened by the first prepare().
  Engine(Loop& loop, Ports ports, EngineOptions options = {});
  ~Engine();  // releases descriptors; leaves addresses as they are (stop() is what removes them)
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Checks the model against this host (interfaces, scripts, sockets) and builds all that commit() needs, changing nothing that
  // others can see. On failure the running configuration stays whole. `warnings()` holds what was corrected or dropped.
  Status prepare(const conf::Model& model);
  // Makes the prepared configuration the running one. Cannot fail as a whole: what the kernel refuses is logged, and the
  // instance concerned goes to FAULT. Instances are matched by VRID, family and interface; a matched instance keeps its
  // state and its timers, and only the difference of its addresses is applied.
  void commit();
  void abort();
  const std::vector<std::string>& warnings() const;

  // Between the first prepare() and its commit(): instances named here start in their old role, without an election; a master
  // sends its next advert at once and keeps its addresses. `alive_until` is when the old process was last known to send (its
  // death, as the parent saw it): a master that has been silent for longer than its peers wait starts as a backup instead.
  void resume(const Snapshot& snapshot, TimePoint alive_until);
  Snapshot snapshot() const;
  // Of that, what on_change() told of since this was last called, at most `most` of them: more may be left.
  Snapshot changes(std::size_t most);

  // Adverts of priority 0, addresses removed (unless they are to be kept), STOP notifications; then `done`, once, from the loop.
  void stop(std::function<void()> done);

  // What the BFD process says: by name, is the session up. Nothing said for a while after the first commit() counts as down.
  void tell_bfds(const std::map<std::string, bool>& sessions);

  // In the order of the configuration, from the `first` one on, at most `most` of them.
  std::vector<InstanceStatus> status(std::size_t first = 0, std::size_t most = static_cast<std::size_t>(-1)) const;
  // How many instances are in each Role.
  std::array<std::size_t, role_count> roles() const;
  std::string dump(Dump what) const;
  void clear_statistics();
  // Called, from the loop, after anything in snapshot() that outlives a moment has changed: state, priority, master. Timers moving
  // on do not count. One function; it may call snapshot(), changes(), status() and roles().
  void on_change(std::function<void()> handler);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace xd::vrrp
