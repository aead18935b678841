// What the packet path cannot serve, in words.
#include "datapath/datapath.h"

namespace xd::datapath {

std::optional<std::string> unsupported(const lvs::ServiceKey& key, const lvs::Service& service) {
  using lvs::Scheduler;
  if (key.fwmark != 0) return "XDP does not see firewall marks";
  if (key.family() == AF_INET6) return "the packet path serves IPv4 only";
  if (key.protocol == lvs::Protocol::sctp) return "the packet path serves TCP and UDP only";
  switch (service.scheduler) {
    case Scheduler::rr:
    case Scheduler::wrr:
    case Scheduler::sh:
    case Scheduler::mh: break;
    default: return "the packet path has rr, wrr, sh and mh, not " + std::string(lvs::name(service.scheduler));
  }
  if ((service.scheduler == Scheduler::sh || service.scheduler == Scheduler::mh) && service.scheduler_flags & lvs::sched_1) {
    return "the packet path has no fallback for " + std::string(lvs::name(service.scheduler));
  }
  if (service.persistence_seconds != 0) return "the packet path has no persistence";
  if (service.one_packet) return "the packet path has no one-packet scheduling";
  for (const auto& [endpoint, destination] : service.destinations) {
    if (destination.forward == lvs::Forward::tun) return "the packet path forwards by DR and NAT, and " + endpoint.str() + " wants TUN";
    if (endpoint.address.is_v6()) return "the packet path serves IPv4 only, and " + endpoint.str() + " is IPv6";
    if (destination.upper_threshold != 0) return "the packet path has no connection thresholds, and " + endpoint.str() + " has one";
  }
  return std::nullopt;
}

}  // namespace xd::datapath
