#include "base/lvs.h"

#include <array>

namespace xd::lvs {

namespace {

constexpr std::array<std::string_view, 14> scheduler_names{"rr", "wrr", "lc", "wlc", "lblc", "lblcr", "sh",
                                                           "dh", "sed", "nq", "mh",  "fo",   "ovf",   "twos"};

}  // namespace

std::string_view name(Protocol protocol) {
  switch (protocol) {
    case Protocol::tcp: return "tcp";
    case Protocol::udp: return "udp";
    case Protocol::sctp: return "sctp";
  }
  return "?";
}

std::string_view name(Scheduler scheduler) { return scheduler_names.at(static_cast<std::size_t>(scheduler)); }

std::string_view name(Forward forward) {
  switch (forward) {
    case Forward::nat: return "NAT";
    case Forward::dr: return "DR";
    case Forward::tun: return "TUN";
  }
  return "?";
}

std::string str(const Tunnel& tunnel) {
  if (tunnel == Tunnel{}) return "";
  constexpr std::array<std::string_view, 3> types{"ipip", "gue", "gre"}, checksums{"", " csum", " remcsum"};
  auto text = "type " + std::string(types.at(static_cast<std::size_t>(tunnel.type)));
  if (tunnel.port != 0) text += " port " + std::to_string(tunnel.port);
  return text.append(checksums.at(static_cast<std::size_t>(tunnel.checksum)));
}

std::optional<Scheduler> parse_scheduler(std::string_view text) {
  for (std::size_t i = 0; i < scheduler_names.size(); ++i) {
    if (scheduler_names[i] == text) return static_cast<Scheduler>(i);
  }
  return std::nullopt;
}

std::string ServiceKey::str() const {
  if (fwmark != 0) return "FWM " + std::to_string(fwmark);
  return Endpoint{address, port}.str() + "/" + std::string(name(protocol));
}

}  // namespace xd::lvs
