#include "conf/advice.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

namespace xd::conf {

namespace {

void warn(Builder& b, const Token& at, std::string message, std::string hint) {
  Diagnostic d;
  d.message = std::move(message);
  d.hint = std::move(hint);
  d.verdict = TestVerdict::fine;
  b.report(std::move(d), at);
}

// Where the instance lists an address, else the instance.
const Token& place_of(const InstanceDraft& d, const IpAddress& address) {
  for (const Token& t : d.entries_at) {
    if (IpAddress::parse(t.text.substr(0, t.text.find('/'))) == address) return t;
  }
  return d.at;
}

// ---- what this host's addresses say

void check_peers(Builder& b, const VrrpInstance& i, const InstanceDraft& d, const std::vector<HostAddress>& host) {
  for (const UnicastPeer& peer : i.unicast_peers) {
    const auto mine = std::find_if(host.begin(), host.end(), [&](const HostAddress& a) { return a.prefix.address == peer.address; });
    const bool is_source = i.unicast_src_ip && *i.unicast_src_ip == peer.address;
    if (mine == host.end() && !is_source) continue;
    warn(b, place_of(d, peer.address),
         fmt::format("{}: unicast peer {} is {}: it would hear itself", i.name, peer.address.str(),
                     is_source ? "its own unicast_src_ip" : fmt::format("an address of this host ({})", mine->interface)),
         "name the other routers only");
  }
}

bool is_host_route(const IpPrefix& p) { return p.length == p.address.bits(); }

// An address without a network of its own belongs into one that its interface has: else nobody on the link asks for it.
void check_subnet(Builder& b, const VrrpInstance& i, const InstanceDraft& d, const VirtualAddress& a,
                  const std::vector<HostAddress>& host) {
  const std::string& interface = a.interface.empty() ? i.interface : a.interface;
  if (!is_host_route(a.prefix) || interface.empty() || interface == "lo") return;
  const auto holds = [&](const HostAddress& h) { return !is_host_route(h.prefix) && h.prefix.contains(a.prefix.address); };
  bool has_network = false;
  for (const HostAddress& h : host) {
    if (h.interface != interface || is_host_route(h.prefix)) continue;
    if (h.prefix.contains(a.prefix.address)) return;
    has_network |=
        h.prefix.address.family() == a.prefix.address.family() && h.prefix.address.is_link_local() == a.prefix.address.is_link_local();
  }
  if (!has_network) return;
  const auto other = std::find_if(host.begin(), host.end(), holds);
  const Token& at = place_of(d, a.prefix.address);
  // Who writes /32 means it.
  if (other == host.end() && at.text.find('/') != std::string_view::npos) return;
  warn(b, at, fmt::format("{}: {} is in no network of {}", i.name, a.prefix.address.str(), interface),
       other != host.end() ? fmt::format("{} has {}: write dev {} behind it", other->interface, other->prefix.str(), other->interface)
                           : fmt::format("write its prefix length behind it (/{}) if it brings a network of its own, or /{} if it does not",
                                         a.prefix.address.is_v4() ? 24 : 64, a.prefix.address.bits()));
}

// ---- an advert interval that promises more than the checks keep

Duration master_down(const VrrpInstance& i) {
  return i.down_timer_adverts * i.advert_interval + (256 - i.priority) * i.advert_interval / 256;
}

struct Slowest {
  std::string what;
  Duration timeout = 0s;
  void consider(std::string name, Duration time) {
    if (time <= timeout) return;
    what = std::move(name);
    timeout = time;
  }
};

Duration timeout_of(const Checker& c) {
  if (const auto* misc = std::get_if<MiscCheck>(&c.check)) return misc->timeout;
  if (std::holds_alternative<FileCheck>(c.check) || std::holds_alternative<BfdCheck>(c.check)) return 0s;
  return c.connection.connect_timeout;
}

using ServersByAddress = std::multimap<IpAddress, const VirtualServer*>;

// Somebody who wants a takeover within a second wants a failure noticed as soon.
void check_interval(Builder& b, const VrrpInstance& i, const InstanceDraft& d, const ServersByAddress& servers) {
  if (i.advert_interval >= 1s) return;
  Slowest slowest;
  for (const Track& t : i.track_scripts) {
    for (const VrrpScript& s : b.model.vrrp_scripts) {
      if (s.name == t.name) slowest.consider("vrrp_script " + s.name, s.timeout > 0s ? s.timeout : s.interval);
    }
  }
  if (slowest.timeout <= master_down(i)) {
    for (const VirtualAddress& a : i.addresses) {
      const auto [first, last] = servers.equal_range(a.prefix.address);
      for (auto s = first; s != last; ++s) {
        for (const RealServer& r : s->second->real_servers) {
          for (const Checker& c : r.checkers) slowest.consider(fmt::format("{} of {}", keyword_of(c), r.endpoint.str()), timeout_of(c));
        }
      }
    }
  }
  if (slowest.timeout <= master_down(i)) return;
  warn(b, d.advert_int_at.length ? d.advert_int_at : d.at,
       fmt::format("{}: advert_int {:g} makes a dead router known within {:.3g} s, but {} may hang for {:g} s before it counts as failed",
                   i.name, to_seconds(i.advert_interval), to_seconds(master_down(i)), slowest.what, to_seconds(slowest.timeout)),
       "give it a shorter timeout, or the adverts a longer interval");
}

bool any_below_a_second(const Model& model) {
  return std::any_of(model.vrrp_instances.begin(), model.vrrp_instances.end(),
                     [](const VrrpInstance& i) { return i.advert_interval < 1s; });
}

}  // namespace

void advise(Builder& b) {
  const auto host = b.options.host_addresses ? b.options.host_addresses() : std::vector<HostAddress>();
  ServersByAddress servers;
  if (any_below_a_second(b.model)) {
    for (const VirtualServer& v : b.model.virtual_servers) {
      if (v.key.fwmark == 0) servers.emplace(v.key.address, &v);
    }
  }
  for (std::size_t k = 0; k < b.model.vrrp_instances.size(); ++k) {
    const VrrpInstance& i = b.model.vrrp_instances[k];
    const InstanceDraft& d = b.instances[k];
    check_peers(b, i, d, host);
    for (const VirtualAddress& a : i.addresses) check_subnet(b, i, d, a, host);
    for (const VirtualAddress& a : i.excluded_addresses) check_subnet(b, i, d, a, host);
    check_interval(b, i, d, servers);
  }
}

}  // namespace xd::conf
