// The connections of both engines on standard output.
#pragma once

#include <optional>
#include <string>

#include "base/ip.h"
#include "base/result.h"
#include "ctl/tables.h"
#include "datapath/flows.h"

namespace xd::ctl {

// "tcp established client 198.51.100.7 service 192.0.2.10:80 xdp": all of it must fit. An endpoint's port may be left out, or its
// address ("service :80").
struct FlowFilter {
  struct Part {
    IpAddress address;  // unset: any
    std::uint16_t port = 0;
    bool fits(const Endpoint& endpoint) const;
  };
  std::string protocol, state, engine;  // empty: any
  std::optional<Part> client, service, server;

  static Result<FlowFilter> parse(const std::string& words);
  bool fits(const datapath::Connection& connection) const;
};

Status print_flows(const Tables& tables, const FlowFilter& filter, bool json);

}  // namespace xd::ctl
