#include "bfd/sockets.h"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <random>
#include <utility>

namespace xd::bfd {

namespace {

// RFC 5881, 4
constexpr std::uint16_t first_source_port = 49152;
constexpr int source_ports = 65536 - first_source_port;
constexpr int tries = 64;
constexpr int class_of_service = 0xc0;  // CS6: network control

template <typename T>
bool set(const Fd& fd, int level, int option, const T& value) {
  return ::setsockopt(fd.get(), level, option, &value, sizeof value) == 0;
}

}  // namespace

Result<Fd> open_sender(const IpAddress& neighbor, const IpAddress& source, std::uint8_t ttl) {
  const int family = neighbor.family();
  const bool v4 = family == AF_INET;
  Fd fd(::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return Error::from_errno("open a BFD socket");
  const int hops = ttl;
  if (!(v4 ? set(fd, IPPROTO_IP, IP_TTL, hops) : set(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, hops)))
    return Error::from_errno("set the TTL of a BFD socket");
  // Without it, and without the priority below, packets are only less protected from congestion.
  (void)(v4 ? set(fd, IPPROTO_IP, IP_TOS, class_of_service) : set(fd, IPPROTO_IPV6, IPV6_TCLASS, class_of_service));
  (void)set(fd, SOL_SOCKET, SO_PRIORITY, 7);
  std::random_device random;
  const int start = static_cast<int>(random() % source_ports);
  for (int i = 0; i < tries; ++i) {
    const auto port = static_cast<std::uint16_t>(first_source_port + (start + i * 251) % source_ports);
    const IpAddress any = v4 ? IpAddress::v4(INADDR_ANY) : IpAddress();
    sockaddr_storage address{};
    const socklen_t length = Endpoint{source.is_unset() ? any : source, port}.to_sockaddr(address);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0) return fd;
    if (errno != EADDRINUSE) return Error::from_errno("bind to " + source.str());
  }
  return Error{"bind a BFD socket: no source port is free"};
}

struct Receiver::Inner {
  Fd socket;
  bool multihop = false;
  Handler handler;
  Loop::Source event;  // after the socket

  void drain();
};

Result<Receiver> Receiver::open(Loop& loop, int family, bool multihop, Handler handler) {
  const std::uint16_t port = multihop ? multi_hop_port : single_hop_port;
  const std::string what = "receive BFD on port " + std::to_string(port);
  auto inner = std::make_shared<Inner>();
  inner->multihop = multihop;
  inner->handler = std::move(handler);
  inner->socket.reset(::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!inner->socket) return Error::from_errno(what);
  const bool v4 = family == AF_INET;
  const bool told = v4 ? set(inner->socket, IPPROTO_IP, IP_RECVTTL, 1) && set(inner->socket, IPPROTO_IP, IP_PKTINFO, 1)
                       : set(inner->socket, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1) && set(inner->socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) &&
                             set(inner->socket, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (!told) return Error::from_errno(what);
  sockaddr_storage address{};
  const socklen_t length = Endpoint{v4 ? IpAddress::v4(INADDR_ANY) : IpAddress(), port}.to_sockaddr(address);
  if (::bind(inner->socket.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) return Error::from_errno(what);
  inner->event = loop.io(inner->socket.get(), EPOLLIN, [raw = inner.get()](std::uint32_t) { raw->drain(); });
  Receiver receiver;
  receiver.inner_ = std::move(inner);
  return receiver;
}

void Receiver::drain() { inner_->drain(); }

void Receiver::Inner::drain() {
  for (;;) {
    std::array<std::uint8_t, 256> bytes;
    alignas(cmsghdr) std::array<char, 256> control;
    sockaddr_storage from{};
    iovec piece{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t length = ::recvmsg(socket.get(), &message, 0);
    if (length < 0) return;
    Arrived arrived{.source = IpAddress::from_sockaddr(from).value_or(IpAddress()),
                    .destination = {},
                    .ttl = -1,
                    .multihop = multihop,
                    .bytes = std::span(bytes.data(), static_cast<std::size_t>(length))};
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
      const bool is_v4 = c->cmsg_level == IPPROTO_IP;
      if ((is_v4 && c->cmsg_type == IP_TTL) || (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT)) {
        std::memcpy(&arrived.ttl, CMSG_DATA(c), sizeof arrived.ttl);
      } else if (is_v4 && c->cmsg_type == IP_PKTINFO) {
        in_pktinfo info;
        std::memcpy(&info, CMSG_DATA(c), sizeof info);
        arrived.destination = IpAddress::v4(info.ipi_addr);
      } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
        in6_pktinfo info;
        std::memcpy(&info, CMSG_DATA(c), sizeof info);
        arrived.destination = IpAddress::v6(info.ipi6_addr);
      }
    }
    handler(arrived);
  }
}

}  // namespace xd::bfd
