// Routing netlink messages of routes and policy rules ↔ values (base/route.h).
#pragma once

#include <functional>

#include "base/route.h"
#include "netlink/messages.h"

namespace xd::netlink {

// From an interface's name to its index; 0: there is none.
using IndexOf = std::function<int(const std::string& name)>;

Message add_route_request(const Route& route, const IndexOf& index_of, bool replace);
Message remove_route_request(const Route& route, const IndexOf& index_of);
Message add_rule_request(const PolicyRule& rule);
Message remove_rule_request(const PolicyRule& rule);

// A route or rule with protocol keepalived, added or gone. None: somebody else's.
std::optional<Change> parse_own_route(const nlmsghdr* header);
std::optional<Change> parse_own_rule(const nlmsghdr* header);
// Dumps for them. The kernel leaves the routes of other protocols out when it knows how (4.20 and newer).
Message own_routes_request(int family);
Message own_rules_request();

}  // namespace xd::netlink
