// Values of base/lvs.h to and from the attributes of IPVS's netlink messages. No socket in here.
#pragma once

#include <netlink/attr.h>
#include <netlink/msg.h>

#include <optional>
#include <utility>

#include "base/lvs.h"
#include "ipvs/ipvs.h"

namespace xd::ipvs {

// Only what names the service: enough for remove_service and for a destination's request.
void put_service_key(nl_msg* msg, const lvs::ServiceKey& key);
// Key and everything that add and edit want.
void put_service(nl_msg* msg, const lvs::ServiceKey& key, const lvs::Service& service);
void put_destination_key(nl_msg* msg, const Endpoint& server);
void put_destination(nl_msg* msg, const Endpoint& server, const lvs::Destination& destination);

void put_timeouts(nl_msg* msg, const Timeouts& timeouts);
void put_sync_role(nl_msg* msg, SyncRole role);
void put_sync_daemon(nl_msg* msg, const SyncDaemon& daemon);

// From the payload of an IPVS_CMD_ATTR_SERVICE attribute; nothing when the kernel speaks of something we have no type
// for.
std::optional<std::pair<lvs::ServiceKey, lvs::Service>> get_service(nlattr* service);

Traffic get_traffic(nlattr* service);
// From the payload of an IPVS_CMD_ATTR_DEST attribute. `family` is the service's: old kernels leave the destination's
// out.
std::optional<DestinationEntry> get_destination(nlattr* destination, int family);
std::optional<SyncDaemon> get_sync_daemon(nlattr* daemon);

}  // namespace xd::ipvs
