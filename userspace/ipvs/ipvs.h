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

#include "base/lvs.h"
#include "base/result.h"

namespace xd::ipvs {

// What the kernel counts for one destination (ipvsadm -Ln shows the first two).
struct DestinationCounters {
  std::uint32_t active_connections = 0;
  std::uint32_t inactive_connections = 0;
  std::uint32_t persistent_connections = 0;
  std::uint64_t connections = 0;
  std::uint64_t packets_in = 0;
  std::uint64_t packets_out = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
};

using Counters = std::map<lvs::ServiceKey, std::map<Endpoint, DestinationCounters>>;

// One side of the connection synchronisation. 0: the kernel's default.
enum class SyncSide { master, backup };
struct Sync {
  SyncSide side = SyncSide::master;
  std::string interface;
  std::uint8_t id = 0;
  std::uint16_t max_length = 0;
  std::uint16_t port = 0;
  std::uint8_t ttl = 0;
  std::optional<IpAddress> group;
};

class Table {
 public:
  // Error::code is ENOPROTOOPT when this kernel has no IPVS; loading the module ip_vs is tried first.
  static Result<Table> open();
  Table(Table&&) noexcept;
  Table& operator=(Table&&) noexcept;
  ~Table();

  // All services with their destinations. Service::order is the order in which the kernel got them, first added first.
  Result<lvs::Services> services();
  Result<Counters> counters();

  // Destinations of `service` are not looked at: they are added one by one, in the order that rr is to know.
  Status add_service(const lvs::ServiceKey& key, const lvs::Service& service);
  Status edit_service(const lvs::ServiceKey& key, const lvs::Service& service);
  Status remove_service(const lvs::ServiceKey& key);

  Status add_destination(const lvs::ServiceKey& key, const Endpoint& server, const lvs::Destination& destination);
  Status edit_destination(const lvs::ServiceKey& key, const Endpoint& server, const lvs::Destination& destination);
  Status remove_destination(const lvs::ServiceKey& key, const Endpoint& server);

  Status start_sync(const Sync& sync);
  Status stop_sync(SyncSide side);  // ESRCH: it does not run

 private:
  struct Impl;
  explicit Table(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace xd::ipvs
