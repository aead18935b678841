// What the packet path cannot serve, in words.
#include "bpf/xdirector.h"
#include "datapath/datapath.h"

namespace xd::datapath {

namespace {

bool walks_list(lvs::Scheduler scheduler) {
  using lvs::Scheduler;
  switch (scheduler) {
    case Scheduler::rr:
    case Scheduler::wrr:
    case Scheduler::sh:
    case Scheduler::dh:
    case Scheduler::mh: return false;
    default: return true;
  }
}

}  // namespace

std::optional<std::string> unsupported(const lvs::ServiceKey& key, const lvs::Service& service) {
  if (key.fwmark != 0) return "XDP does not see firewall marks";
  if (key.protocol == lvs::Protocol::sctp) return "the packet path serves TCP and UDP only";
  if (walks_list(service.scheduler) && service.destinations.size() > XD_LIST_MAX) {
    return "the packet path walks at most " + std::to_string(XD_LIST_MAX) + " real servers for " +
           std::string(lvs::name(service.scheduler)) + ", not " + std::to_string(service.destinations.size());
  }
  for (const auto& [endpoint, destination] : service.destinations) {
    if (endpoint.address.family() != key.family() && destination.forward != lvs::Forward::tun)
      return "only a tunnel could reach " + endpoint.str() + ", which is of another address family";
    if (service.one_packet && destination.forward == lvs::Forward::nat)
      return "one-packet scheduling by NAT, as to " + endpoint.str() + ", leaves replies to the stack";
  }
  return std::nullopt;
}

}  // namespace xd::datapath
