// Who on the links says that an address is his: gratuitous ARP and unsolicited neighbour advertisements of others.
//
// A master needs this when it yields. Whoever becomes master announces the addresses right after its first advert; one that was
// master all along, on the other side of a split that has healed, announces nothing, and clients go on sending to us. And while we are
// master, nobody else should say this of our addresses.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "base/fd.h"
#include "base/ip.h"
#include "base/loop.h"
#include "base/result.h"

namespace xd::vrrp {

struct Claim {
  IpAddress address;
  MacAddress mac;
  bool operator==(const Claim&) const = default;
};

// From the network header on: an ARP packet whose sender and target addresses are the same (RFC 5227 calls it an announcement), or
// an IPv6 neighbour advertisement to all nodes (RFC 4861, 7.2.6).
std::optional<Claim> parse_arp_claim(std::span<const std::uint8_t> arp);
std::optional<Claim> parse_neighbour_claim(std::span<const std::uint8_t> ipv6);

// Hears them on all interfaces. The kernel picks them out, so nothing else wakes us; what this host sends is not among them.
class ClaimListener {
 public:
  using Handler = std::function<void(const Claim&)>;
  static Result<std::unique_ptr<ClaimListener>> open(Loop& loop, Handler handler);

 private:
  ClaimListener(Fd arp, Fd neighbour, Handler handler)
      : arp_(std::move(arp)), neighbour_(std::move(neighbour)), handler_(std::move(handler)) {}
  template <typename Parse>
  void drain(int fd, Parse parse);

  Fd arp_;
  Fd neighbour_;
  Handler handler_;
  Loop::Source arp_readable_;
  Loop::Source neighbour_readable_;
};

}  // namespace xd::vrrp
