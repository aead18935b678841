// static_ipaddress, static_routes, static_rules: there from the start to the end, put back when somebody takes them away.
#pragma once

#include <string>
#include <vector>

#include "conf/model.h"
#include "netlink/netlink.h"
#include "vrrp/addresses.h"
#include "vrrp/routes.h"

namespace xd::vrrp {

class StaticObjects {
 public:
  explicit StaticObjects(netlink::Netlink& netlink) : addresses_(netlink, {}), routes_(netlink) {}

  // Only what differs is changed. What fails is logged, here and below.
  void become(const conf::Model& model);
  void release();

  void on_change(const netlink::Change& change);
  // An interface came up: with it some go silently.
  void restore();

  const std::vector<VirtualAddresses::Entry>& addresses() const { return addresses_.entries(); }

 private:
  VirtualAddresses addresses_;
  VirtualRoutes routes_;
};

}  // namespace xd::vrrp
