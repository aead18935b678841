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

std::optional<std::string> unsupported(const lvs::ServiceKey& key, const lvs::Service& service, const std::set<lvs::ServiceKey>& matches) {
  if (key.fwmark != 0 && matches.empty())
    return "XDP comes before firewall marks are set, and no match in the xdirector block tells the packets";
  const bool of_one_address = matches.empty() || matches.begin()->address == matches.rbegin()->address;
  if ((service.scheduler == lvs::Scheduler::lblc || service.scheduler == lvs::Scheduler::lblcr) && !of_one_address)
    return "the packet path keeps one destination for " + std::string(lvs::name(service.scheduler)) +
           ", and the mark has several addresses";
  if (walks_list(service.scheduler) && service.destinations.size() > XD_LIST_MAX) {
    return "the packet path walks at most " + std::to_string(XD_LIST_MAX) + " real servers for " +
           std::string(lvs::name(service.scheduler)) + ", not " + std::to_string(service.destinations.size());
  }
  const bool ftp = key.fwmark == 0 && key.protocol == lvs::Protocol::tcp && key.port == 21;
  if (ftp && service.persistence_seconds != 0)
    return "only IPVS takes FTP's data connections to where the persistent client's control connection went";
  for (const auto& [endpoint, destination] : service.destinations) {
    if (ftp && destination.forward == lvs::Forward::nat) return "FTP by NAT needs IPVS's helper (ip_vs_ftp) for its data connections";
    if (endpoint.address.family() != key.family() && destination.forward != lvs::Forward::tun)
      return "only a tunnel could reach " + endpoint.str() + ", which is of another address family";
    if (service.one_packet && destination.forward == lvs::Forward::nat)
      return "one-packet scheduling by NAT, as to " + endpoint.str() + ", leaves replies to the stack";
  }
  return std::nullopt;
}

}  // namespace xd::datapath
