// What the benches of the packet path have in common: services to load it with, and packets to send to them.
#pragma once

#include <fmt/core.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "datapath/datapath.h"
#include "support/packet.h"

namespace xd::test {

[[noreturn]] inline void die(const std::string& why) {
  fmt::print(stderr, "bench: {}\n", why);
  std::exit(2);
}

inline datapath::Datapath create(const std::string& pins, const datapath::Sizes& sizes) {
  auto path = datapath::Datapath::create(pins, sizes);
  if (path && path->adopted()) {  // what a run that failed has left
    (void)path->unpin();
    path = datapath::Datapath::create(pins, sizes);
  }
  if (!path) die(path.error().message);
  return std::move(*path);
}

// A service on port 80 with real servers whose addresses are `real` and a number from 0.
inline void serve(datapath::Datapath& path, const std::string& vip, lvs::Forward forward, lvs::Scheduler scheduler, const std::string& real,
                  int servers = 8, int ifindex = 1, lvs::Protocol protocol = lvs::Protocol::tcp) {
  lvs::Service service;
  service.scheduler = scheduler;
  for (int i = 0; i < servers; ++i) {
    const Endpoint e{*IpAddress::parse(real + std::to_string(i)), 80};
    service.destinations[e] = {forward, 1, 0, 0};
    service.order.push_back(e);
    path.set_hop(e.address, datapath::Hop{*MacAddress::parse("02:00:00:00:01:01"), *MacAddress::parse("02:00:00:00:00:01"), ifindex, 0, 0,
                                          false, *IpAddress::parse("10.0.0.254"), 1500});
  }
  if (const Status status = path.put_service({*IpAddress::parse(vip), 80, protocol}, service); !status) die(status.error().message);
}

inline Packet to(const std::string& vip, std::string_view flags) {
  if (vip.find(':') != std::string::npos) return Ethernet{} / Ipv6{.to = vip} / Tcp{.from = 1024, .flags = flags} / Payload{"six..."};
  return Ethernet{} / Ipv4{.from = "198.51.0.7", .to = vip} / Tcp{.from = 1024, .flags = flags} / Payload{"payload..."};
}

}  // namespace xd::test
