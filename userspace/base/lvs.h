// Virtual services as values: what the checkers want served, what kernel IPVS holds, what the XDP packet path holds. All
// three speak these types, so that a plan is a comparison of like with like.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"

namespace xd::lvs {

enum class Protocol : std::uint8_t { tcp = 6, udp = 17, sctp = 132 };

// The names are keepalived.conf's and ipvsadm's.
enum class Scheduler : std::uint8_t { rr, wrr, lc, wlc, lblc, lblcr, sh, dh, sed, nq, mh, fo, ovf, twos };

enum class Forward : std::uint8_t { nat, dr, tun };  // ipvsadm prints Masq, Route, Tunnel

std::string_view name(Protocol protocol);    // "tcp"
std::string_view name(Scheduler scheduler);  // "wrr"
std::string_view name(Forward forward);      // "NAT", "DR", "TUN" as in keepalived.conf
std::optional<Scheduler> parse_scheduler(std::string_view text);

// What a packet must carry to belong to a service: a destination address, port and protocol, or a firewall mark.
struct ServiceKey {
  IpAddress address;       // unset for a firewall mark
  std::uint16_t port = 0;  // host order; 0: any port
  Protocol protocol = Protocol::tcp;
  std::uint32_t fwmark = 0;   // 0: not by mark
  int mark_family = AF_INET;  // family of a firewall-mark service

  int family() const { return fwmark != 0 ? mark_family : address.family(); }
  std::string str() const;  // "192.0.2.10:80/tcp", "FWM 7"
  auto operator<=>(const ServiceKey&) const = default;
};

// Scheduler flags, numbered as kernel IPVS has them (sched-1, sched-2, sched-3); sh and mh give the first two names.
enum SchedulerFlag : std::uint32_t {
  sched_1 = 1u << 0,
  sched_2 = 1u << 1,
  sched_3 = 1u << 2,
  sh_fallback = sched_1,
  sh_port = sched_2,
  mh_fallback = sched_1,
  mh_port = sched_2,
};

// How TUN wraps a packet. The numbers are the kernel's.
enum class TunnelType : std::uint8_t { ipip, gue, gre };
enum class TunnelChecksum : std::uint8_t { none, full, remote };  // nocsum, csum, remcsum

struct Tunnel {
  TunnelType type = TunnelType::ipip;
  TunnelChecksum checksum = TunnelChecksum::none;
  std::uint16_t port = 0;  // of gue, host order
  auto operator<=>(const Tunnel&) const = default;
};

std::string str(const Tunnel& tunnel);  // "type gue port 6080 csum" as in keepalived.conf; empty for plain ipip

struct Destination {
  Forward forward = Forward::nat;
  std::uint32_t weight = 1;           // 0: no new connections
  std::uint32_t upper_threshold = 0;  // connections; 0: none
  std::uint32_t lower_threshold = 0;
  Tunnel tunnel{};  // of TUN
  auto operator<=>(const Destination&) const = default;
};

struct Service {
  Scheduler scheduler = Scheduler::wlc;
  std::uint32_t scheduler_flags = 0;      // SchedulerFlag
  std::uint32_t persistence_seconds = 0;  // 0: not persistent
  std::uint32_t persistence_mask = 32;    // prefix length of the client address
  bool one_packet = false;
  std::string persistence_engine{};  // "sip"; empty: clients are told apart by address
  // By address and port of the real server. IPVS puts a newly added destination at the head of its list, so the order in
  // which destinations were added decides rr's turn: `order` holds it, first added first.
  std::map<Endpoint, Destination> destinations;
  std::vector<Endpoint> order;
  bool operator==(const Service&) const = default;
};

using Services = std::map<ServiceKey, Service>;

}  // namespace xd::lvs
