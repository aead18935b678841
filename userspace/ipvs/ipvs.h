// Kernel IPVS over generic netlink (family "IPVS", include/uapi/linux/ip_vs.h), as values of base/lvs.h.
//
// A Table speaks for the network namespace it was opened in. Every call is one request and waits for the kernel's
// answer; it is not for the fast path. Errors name the request in words and carry the errno: EEXIST and ENOENT/ESRCH
// tell that somebody else changed the table; the caller decides whether that matters.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/lvs.h"
#include "base/result.h"

namespace xd::ipvs {

// What went through a service or a destination, and its rates, which the kernel estimates every two seconds.
struct Traffic {
  std::uint64_t connections = 0;
  std::uint64_t packets_in = 0, packets_out = 0;
  std::uint64_t bytes_in = 0, bytes_out = 0;
  std::uint64_t connections_per_second = 0;
  std::uint64_t packets_in_per_second = 0, packets_out_per_second = 0;
  std::uint64_t bytes_in_per_second = 0, bytes_out_per_second = 0;
};

struct DestinationCounters : Traffic {
  std::uint32_t active_connections = 0;
  std::uint32_t inactive_connections = 0;
  std::uint32_t persistent_connections = 0;
};

// The table with all that the kernel counts, in the kernel's order.
struct DestinationEntry {
  Endpoint server;
  lvs::Destination destination;
  DestinationCounters counters;
};
struct ServiceEntry {
  lvs::ServiceKey key;
  lvs::Service service;  // its destinations are below
  Traffic traffic;
  std::vector<DestinationEntry> destinations;
};

struct Info {
  std::uint32_t version = 0;     // 0x010201: 1.2.1
  std::uint32_t table_size = 0;  // buckets of the connection table
};

// Seconds of silence until a connection is forgotten. To set: 0 leaves one as it is.
struct Timeouts {
  std::uint32_t tcp = 0, tcp_fin = 0, udp = 0;
  bool operator==(const Timeouts&) const = default;
};

// Connection synchronization: a sender (master) or a receiver (backup); the kernel has room for one of each.
enum class SyncRole : std::uint32_t { master = 1, backup = 2 };
struct SyncDaemon {
  SyncRole role = SyncRole::master;
  std::string interface;
  std::uint8_t id = 0;           // sender and receiver have the same
  std::uint16_t max_length = 0;  // 0: the kernel's choice, also below
  std::uint16_t port = 0;
  std::uint8_t ttl = 0;
  std::optional<IpAddress> group;
  bool operator==(const SyncDaemon&) const = default;
};

using Counters = std::map<lvs::ServiceKey, std::map<Endpoint, DestinationCounters>>;

class Table {
 public:
  // Error::code is ENOPROTOOPT when this kernel has no IPVS; loading the module ip_vs is tried first.
  static Result<Table> open();
  // Of the network namespace at this path, for every open() from now on (net_namespace_ipvs).
  static void open_in(std::string path);
  Table(Table&&) noexcept;
  Table& operator=(Table&&) noexcept;
  ~Table();

  // All services with their destinations. Service::order is the order in which the kernel got them, first added first.
  Result<lvs::Services> services();
  Result<Counters> counters();
  Result<std::vector<ServiceEntry>> list();
  Result<Info> info();

  // Room for the kernel's answers (base/receive_queue.h).
  Status set_answer_queue(std::uint32_t bytes, bool force);

  Result<Timeouts> timeouts();
  Status set_timeouts(const Timeouts& timeouts);
  Result<std::vector<SyncDaemon>> sync_daemons();
  Status start_sync_daemon(const SyncDaemon& daemon);  // EEXIST when one of this role runs
  Status stop_sync_daemon(SyncRole role);              // ESRCH when none does

  // Destinations of `service` are not looked at: they are added one by one, in the order that rr is to know.
  Status add_service(const lvs::ServiceKey& key, const lvs::Service& service);
  Status edit_service(const lvs::ServiceKey& key, const lvs::Service& service);
  Status remove_service(const lvs::ServiceKey& key);

  Status add_destination(const lvs::ServiceKey& key, const Endpoint& server, const lvs::Destination& destination);
  Status edit_destination(const lvs::ServiceKey& key, const Endpoint& server, const lvs::Destination& destination);
  Status remove_destination(const lvs::ServiceKey& key, const Endpoint& server);

 private:
  struct Impl;
  explicit Table(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace xd::ipvs
