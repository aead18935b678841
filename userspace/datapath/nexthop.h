// Where the frames for each real server go: kept fresh from routes, neighbours and links, so that the packet path needs no lookup.
//
// A destination without a usable neighbour entry is asked for (netlink::Netlink::resolve) and its packets pass to the stack until the
// answer comes. One whose entry is being confirmed again keeps its MAC. The traffic of the packet path is not seen by the kernel's
// neighbour table, which therefore thinks nobody needs these neighbours: they are confirmed every 15 s, so a real server
// that changed its MAC silently is followed.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "base/ip.h"
#include "base/loop.h"
#include "datapath/datapath.h"
#include "netlink/netlink.h"

namespace xd::datapath {

// The hop that a route and the tables give. None: unknown until the neighbour is resolved, or unreachable. Pure.
std::optional<Hop> hop_of(const netlink::Table& table, const netlink::NextHop& route, const IpAddress& destination);

class NextHops {
 public:
  // What the packet path offers; Datapath's methods of the same names.
  struct Sink {
    std::function<std::vector<IpAddress>()> destination_addresses;
    std::function<void(const IpAddress&, const std::optional<Hop>&)> set_hop;
    std::function<void(int ifindex, std::uint32_t mtu)> set_mtu;
  };

  NextHops(Loop& loop, netlink::Netlink& netlink, Sink sink);
  NextHops(Loop& loop, netlink::Netlink& netlink, Datapath& datapath);

  // Call after services changed: destinations that are new get their hops.
  void update();

 private:
  struct Known {
    std::optional<netlink::NextHop> route;
    std::optional<Hop> hop;
    bool told = false;
  };

  void on_change(const netlink::Change& change);
  void look_up_later();
  void look_up_routes();
  void look_up_route(const IpAddress& destination, Known& known);
  void enter(const IpAddress& destination, Known& known);
  void confirm();
  static IpAddress target(const IpAddress& destination, const netlink::NextHop& route);

  Loop& loop_;
  netlink::Netlink& netlink_;
  Sink sink_;
  std::map<IpAddress, Known> known_;
  netlink::Netlink::Subscription subscription_;
  Loop::Source later_;
  Timer confirm_;
};

}  // namespace xd::datapath
