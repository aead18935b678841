// The kernel's links, addresses, neighbours and routes: a table that is kept fresh, and the few changes we make to it.
//
// The interface has two implementations: KernelNetlink (kernel_netlink.h) over a routing netlink socket, and an in-memory twin
// for tests (tests/support/fake_netlink.h) that keeps the same promises and lets a test inject events.
//
// Threads: one, the loop's. Observers are called from the loop, never from inside one of the calls below, one change at a time
// and after the table has taken it; an observer may subscribe, unsubscribe and make changes. The table shows the present, which
// may be newer than the change being told: who must know whether an address is still missing looks it up.
// What the calls below do is in the table when they return, and is told as a change too.
// When the kernel's event queue overflows (ENOBUFS) the table is read anew and only true differences are told: an overflow
// never looks like a link that went down.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "netlink/values.h"

namespace xd::netlink {

// What the kernel was last known to hold.
struct Table {
  std::map<int, Link> links;                                  // by index
  std::vector<Address> addresses;                             // in the kernel's order: primary before secondary
  std::map<std::pair<int, IpAddress>, Neighbour> neighbours;  // by interface index and address
  std::map<RouteId, int> routes;                              // of protocol keepalived, with their interface
  std::set<RuleId> rules;                                     // of protocol keepalived

  const Link* link(std::string_view name) const;
  const Link* link(int index) const;
  // The address with exactly this prefix length on this interface, or, with index 0, on any.
  const Address* address(int index, const IpPrefix& prefix) const;
  const Neighbour* neighbour(int index, const IpAddress& address) const;
  // Can it be reached by this interface without a router?
  bool is_neighbour(int index, const IpAddress& address) const;
};

// Enters a change in the table; false when the table held exactly that already (then there is nothing to tell). What stood
// there before replaces the value of a `..._gone` change, because the kernel's farewell messages are sparse.
bool apply(Table& table, Change& change);
// The changes that make `before` into `after`; what is gone first.
std::vector<Change> difference(const Table& before, const Table& after);

class Netlink {
 public:
  using Observer = std::function<void(const Change&)>;
  // Destroying it ends the calls, also from inside one.
  using Subscription = std::shared_ptr<void>;

  virtual ~Netlink() = default;

  virtual const Table& table() const = 0;
  [[nodiscard]] virtual Subscription subscribe(Observer observer) = 0;

  // EEXIST when the interface has the prefix already.
  virtual Status add_address(const Address& address) = 0;
  // EADDRNOTAVAIL when it has not.
  virtual Status remove_address(const Address& address) = 0;
  virtual Status add_link(const NewLink& link) = 0;  // it is down
  virtual Status remove_link(int index) = 0;
  virtual Status set_up(int index) = 0;
  // What has protocol keepalived is in the table when they return. `replace`: it takes the place of the route with the same id.
  virtual Status add_route(const Route& route, bool replace) = 0;
  virtual Status remove_route(const Route& route) = 0;
  virtual Status add_rule(const PolicyRule& rule) = 0;
  virtual Status remove_rule(const PolicyRule& rule) = 0;
  // Asks the kernel now; ENETUNREACH and EHOSTUNREACH when there is no route.
  virtual Result<NextHop> next_hop(const IpAddress& to) = 0;
  // Asks the kernel to resolve (or confirm) a neighbour; the answer arrives as a change.
  virtual Status resolve(int index, const IpAddress& address) = 0;
};

}  // namespace xd::netlink
