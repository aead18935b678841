// The two tables that a plan is made for, as the executors see them: kernel IPVS and the XDP packet path. Tests have
// fakes.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "base/lvs.h"
#include "base/result.h"

namespace xd::plan {

// Kernel IPVS. Error::code tells EEXIST and ENOENT/ESRCH, when somebody else changed the table.
class ServiceTable {
 public:
  virtual ~ServiceTable() = default;
  virtual Result<lvs::Services> services() = 0;
  virtual Status add_service(const lvs::ServiceKey& key, const lvs::Service& service) = 0;
  virtual Status edit_service(const lvs::ServiceKey& key, const lvs::Service& service) = 0;
  virtual Status remove_service(const lvs::ServiceKey& key) = 0;
  virtual Status add_destination(const lvs::ServiceKey& key, const Endpoint& server, const lvs::Destination& destination) = 0;
  virtual Status edit_destination(const lvs::ServiceKey& key, const Endpoint& server, const lvs::Destination& destination) = 0;
  virtual Status remove_destination(const lvs::ServiceKey& key, const Endpoint& server) = 0;
};

// The packet path takes a service as a whole and publishes it at once.
class PacketPath {
 public:
  virtual ~PacketPath() = default;
  // Why the packet path cannot serve this one ("wlc is not in the packet path yet"); empty when it can.
  virtual std::optional<std::string> cannot_serve(const lvs::ServiceKey& key, const lvs::Service& service) const = 0;
  virtual Result<lvs::Services> services() = 0;  // those that take connections
  virtual Status put_service(const lvs::ServiceKey& key, const lvs::Service& service) = 0;
  virtual Status remove_service(const lvs::ServiceKey& key) = 0;
  // A service that is left to IPVS from now on, but for the connections that it has here; until it is put again, or removed.
  virtual Status close_service(const lvs::ServiceKey& key) = 0;
  virtual std::set<lvs::ServiceKey> closed_services() = 0;
};

}  // namespace xd::plan
