// Which engine serves a virtual service. Pure.
//
//   automatic   the packet path where it can, with IPVS behind it where the kernel has it: IPVS serves what the packet
//   path
//               passes (fragments, IP options, local clients)
//   ipvs        only IPVS
//   xdp         only the packet path
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/lvs.h"
#include "conf/model.h"

namespace xd::plan {

struct Serving {
  bool xdp = false;
  bool ipvs = false;
  std::string why;        // it is not served, or not by the packet path though it was wanted there
  std::string ends_with;  // the engine that served it before, and keeps the connections that it has: "xdp", "ipvs"; else empty

  // "served by xdp", "served by xdp, ipvs behind it", "served by ipvs", "served by ipvs only: wlc is not in the packet
  // path yet", "not served: this kernel has no IPVS", "served by ipvs; earlier connections end in xdp"
  std::string str() const;
  bool operator==(const Serving&) const = default;
};

// `no_xdp`, `no_ipvs`: why the engine cannot serve this service; empty when it can.
Serving choose(conf::Engine wanted, const std::optional<std::string>& no_xdp, const std::optional<std::string>& no_ipvs);

// What the configuration wants for each service.
using Wanted = std::map<lvs::ServiceKey, conf::Engine>;
Wanted wanted_engines(const conf::Model& model);

// The packets of services by firewall mark, as far as the configuration tells them.
std::map<lvs::ServiceKey, std::set<lvs::ServiceKey>> mark_matches(const conf::Model& model);

// New connections a second of the services that have a limit.
std::map<lvs::ServiceKey, std::uint32_t> rate_limits(const conf::Model& model);

}  // namespace xd::plan
