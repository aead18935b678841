#include "vrrp/packet_sender.h"

#include <linux/if_packet.h>
#include <linux/pkt_sched.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace xd::vrrp {

namespace {

constexpr std::size_t batch = 64;

// Hands `count` messages to the kernel. One that it refuses is reported and skipped, the others still leave.
template <typename Report>
void send_all(int fd, mmsghdr* messages, std::size_t count, const Report& report) {
  std::size_t done = 0;
  while (done < count) {
    const int sent = ::sendmmsg(fd, messages + done, static_cast<unsigned>(count - done), MSG_DONTWAIT);
    if (sent > 0) {
      done += static_cast<std::size_t>(sent);
    } else if (errno != EINTR) {
      report(done++, errno);
    }
  }
}

template <typename Value>
void put_control(msghdr& header, int level, int type, const Value& value) {
  cmsghdr* control = CMSG_FIRSTHDR(&header);
  control->cmsg_level = level;
  control->cmsg_type = type;
  control->cmsg_len = CMSG_LEN(sizeof value);
  std::memcpy(CMSG_DATA(control), &value, sizeof value);
}

}  // namespace

Result<PacketSender> PacketSender::open() {
  // IPPROTO_RAW: sends only, and the IP header is ours (IP_HDRINCL).
  Fd raw4(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW));
  if (!raw4) return Error::from_errno("open a raw socket to send adverts");
  const int off = 0;
  const int control = TC_PRIO_CONTROL;
  if (::setsockopt(raw4.get(), IPPROTO_IP, IP_MULTICAST_LOOP, &off, sizeof off) != 0) return Error::from_errno("set IP_MULTICAST_LOOP");
  ::setsockopt(raw4.get(), SOL_SOCKET, SO_PRIORITY, &control, sizeof control);
  // IPPROTO_RAW means the same for IPv6 (IPV6_HDRINCL). Where the host has no IPv6 nothing is ever sent by it.
  Fd raw6(::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW));
  if (raw6) {
    if (::setsockopt(raw6.get(), IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &off, sizeof off) != 0)
      return Error::from_errno("set IPV6_MULTICAST_LOOP");
    ::setsockopt(raw6.get(), SOL_SOCKET, SO_PRIORITY, &control, sizeof control);
  }
  // Protocol 0: it sends only.
  Fd packet(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!packet) return Error::from_errno("open a packet socket to send gratuitous ARP");
  ::setsockopt(packet.get(), SOL_SOCKET, SO_PRIORITY, &control, sizeof control);
  return PacketSender(std::move(raw4), std::move(raw6), std::move(packet));
}

PacketSender::Item PacketSender::keep(std::uint32_t owner, int index, std::span<const std::uint8_t> bytes) {
  const Item item{owner, index, {}, bytes_.size(), bytes.size()};
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  return item;
}

void PacketSender::queue_packet(std::uint32_t owner, int index, const IpAddress& to, std::span<const std::uint8_t> packet) {
  auto item = keep(owner, index, packet);
  item.to = to;
  packets_.push_back(item);
}

void PacketSender::queue_frame(std::uint32_t owner, int index, std::span<const std::uint8_t> frame) {
  frames_.push_back(keep(owner, index, frame));
}

void PacketSender::flush(const Failure& failure) {
  // Those of one family leave in one go, and where both wait, the families take turns in the order of queueing.
  for (auto first = packets_.begin(); first != packets_.end();) {
    const auto last = std::find_if(first, packets_.end(), [&](const Item& item) { return item.to.family() != first->to.family(); });
    send_packets({first, last}, failure);
    first = last;
  }
  if (!frames_.empty()) send_frames(failure);
  packets_.clear();
  frames_.clear();
  bytes_.clear();
}

void PacketSender::send_packets(std::span<const Item> packets, const Failure& failure) {
  const bool is_v4 = packets.front().to.is_v4();
  // The interface travels with each message (IP_PKTINFO, IPV6_PKTINFO), so one socket and one system call serve them all.
  struct alignas(cmsghdr) Control {
    std::array<char, CMSG_SPACE(sizeof(in6_pktinfo))> bytes{};
  };
  std::array<Control, batch> control;
  std::array<sockaddr_storage, batch> to;
  std::array<iovec, batch> bytes;
  std::array<mmsghdr, batch> messages;
  for (; !packets.empty(); packets = packets.subspan(std::min(batch, packets.size()))) {
    const std::size_t count = std::min(batch, packets.size());
    for (std::size_t i = 0; i < count; ++i) {
      const Item& item = packets[i];
      bytes[i] = iovec{bytes_.data() + item.offset, item.length};
      messages[i] = mmsghdr{};
      msghdr& header = messages[i].msg_hdr;
      header.msg_name = &to[i];
      header.msg_namelen = Endpoint{item.to, 0}.to_sockaddr(to[i]);
      header.msg_iov = &bytes[i];
      header.msg_iovlen = 1;
      header.msg_control = control[i].bytes.data();
      header.msg_controllen = is_v4 ? CMSG_SPACE(sizeof(in_pktinfo)) : CMSG_SPACE(sizeof(in6_pktinfo));
      if (is_v4) {
        put_control(header, IPPROTO_IP, IP_PKTINFO, in_pktinfo{.ipi_ifindex = item.index, .ipi_spec_dst = {}, .ipi_addr = {}});
      } else {
        put_control(header, IPPROTO_IPV6, IPV6_PKTINFO, in6_pktinfo{.ipi6_addr = {}, .ipi6_ifindex = static_cast<unsigned>(item.index)});
      }
    }
    send_all(is_v4 ? raw4_.get() : raw6_.get(), messages.data(), count,
             [&](std::size_t i, int error) { failure(packets[i].owner, error); });
  }
}

void PacketSender::send_frames(const Failure& failure) {
  std::array<sockaddr_ll, batch> to;
  std::array<iovec, batch> bytes;
  std::array<mmsghdr, batch> messages;
  for (std::size_t first = 0; first < frames_.size(); first += batch) {
    const std::size_t count = std::min(batch, frames_.size() - first);
    for (std::size_t i = 0; i < count; ++i) {
      const Item& item = frames_[first + i];
      to[i] = sockaddr_ll{};
      to[i].sll_family = AF_PACKET;
      to[i].sll_ifindex = item.index;
      bytes[i] = iovec{bytes_.data() + item.offset, item.length};
      messages[i] = mmsghdr{};
      messages[i].msg_hdr.msg_name = &to[i];
      messages[i].msg_hdr.msg_namelen = sizeof to[i];
      messages[i].msg_hdr.msg_iov = &bytes[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    send_all(packet_.get(), messages.data(), count, [&](std::size_t i, int error) { failure(frames_[first + i].owner, error); });
  }
}

}  // namespace xd::vrrp
