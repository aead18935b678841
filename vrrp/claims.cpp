#include "vrrp/claims.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace xd::vrrp {

namespace {

// ARP for IPv4 over Ethernet (RFC 826).
constexpr std::size_t arp_size = 28, arp_sender_mac = 8, arp_sender = 14, arp_target = 24;
// IPv6 header, neighbour advertisement, its target link-layer address option.
constexpr std::size_t ip_next_header = 6, ip_destination = 24, icmp = 40, icmp_target = 48, icmp_option = 64;
constexpr std::uint8_t next_header_icmp = 58, neighbour_advertisement = 136, target_link_layer_address = 2;
constexpr std::size_t claim_size = 86 - 14;

// A packet socket with SOCK_DGRAM begins at the network header.
constexpr std::array arp_filter{
    sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, arp_sender),
    sock_filter BPF_STMT(BPF_MISC | BPF_TAX, 0),
    sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, arp_target),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 1),
    sock_filter BPF_STMT(BPF_RET | BPF_K, 0xffff),
    sock_filter BPF_STMT(BPF_RET | BPF_K, 0),
};
constexpr std::array neighbour_filter{
    sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ip_next_header),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, next_header_icmp, 0, 5),
    sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, icmp),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, neighbour_advertisement, 0, 3),
    sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ip_destination),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xff, 0, 1),  // any group: the parser knows which
    sock_filter BPF_STMT(BPF_RET | BPF_K, 0xffff),
    sock_filter BPF_STMT(BPF_RET | BPF_K, 0),
};

template <std::size_t Size>
Result<Fd> open_socket(std::uint16_t protocol, const std::array<sock_filter, Size>& filter) {
  // Bound to no protocol first: between socket() and the filter everything would be queued.
  Fd fd(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return Error::from_errno("listen for announcements of addresses: packet socket");
  auto code = filter;
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) {
    return Error::from_errno("listen for announcements of addresses: SO_ATTACH_FILTER");
  }
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_protocol = htons(protocol);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    return Error::from_errno("listen for announcements of addresses: bind");
  }
  return fd;
}

MacAddress mac_at(const std::uint8_t* at) {
  MacAddress mac;
  std::copy_n(at, mac.bytes.size(), mac.bytes.begin());
  return mac;
}

}  // namespace

std::optional<Claim> parse_arp_claim(std::span<const std::uint8_t> arp) {
  constexpr std::array<std::uint8_t, 6> ethernet_ipv4{0, 1, 8, 0, 6, 4};
  if (arp.size() < arp_size || !std::equal(ethernet_ipv4.begin(), ethernet_ipv4.end(), arp.begin())) return std::nullopt;
  if (std::memcmp(&arp[arp_sender], &arp[arp_target], sizeof(in_addr)) != 0) return std::nullopt;
  in_addr address;
  std::memcpy(&address, &arp[arp_sender], sizeof address);
  return Claim{IpAddress::v4(address), mac_at(&arp[arp_sender_mac])};
}

std::optional<Claim> parse_neighbour_claim(std::span<const std::uint8_t> ipv6) {
  static const IpAddress all_nodes = *IpAddress::parse("ff02::1");
  if (ipv6.size() < claim_size || ipv6[ip_next_header] != next_header_icmp || ipv6[icmp] != neighbour_advertisement) return std::nullopt;
  if (std::memcmp(&ipv6[ip_destination], all_nodes.data(), sizeof(in6_addr)) != 0) return std::nullopt;
  if (ipv6[icmp_option] != target_link_layer_address || ipv6[icmp_option + 1] != 1) return std::nullopt;
  in6_addr address;
  std::memcpy(&address, &ipv6[icmp_target], sizeof address);
  return Claim{IpAddress::v6(address), mac_at(&ipv6[icmp_option + 2])};
}

Result<std::unique_ptr<ClaimListener>> ClaimListener::open(Loop& loop, Handler handler) {
  auto arp = open_socket(ETH_P_ARP, arp_filter);
  if (!arp) return std::move(arp).error();
  auto neighbour = open_socket(ETH_P_IPV6, neighbour_filter);
  if (!neighbour) return std::move(neighbour).error();
  std::unique_ptr<ClaimListener> out(new ClaimListener(std::move(*arp), std::move(*neighbour), std::move(handler)));
  out->arp_readable_ = loop.io(out->arp_.get(), EPOLLIN, [l = out.get()](std::uint32_t) { l->drain(l->arp_.get(), parse_arp_claim); });
  out->neighbour_readable_ =
      loop.io(out->neighbour_.get(), EPOLLIN, [l = out.get()](std::uint32_t) { l->drain(l->neighbour_.get(), parse_neighbour_claim); });
  return out;
}

template <typename Parse>
void ClaimListener::drain(int fd, Parse parse) {
  std::array<std::uint8_t, 128> bytes;
  // A flood must not keep the loop from its timers: what is left wakes us again.
  for (int i = 0; i < 64; ++i) {
    const auto size = ::recv(fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (size <= 0) return;
    if (const auto claim = parse(std::span(bytes).first(static_cast<std::size_t>(size)))) handler_(*claim);
  }
}

}  // namespace xd::vrrp
