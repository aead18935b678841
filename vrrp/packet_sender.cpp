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

}  // namespace

Result<PacketSender> PacketSender::open() {
  // IPPROTO_RAW: sends only, and the IP header is ours (IP_HDRINCL).
  Fd raw(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW));
  if (!raw) return Error::from_errno("open a raw socket to send adverts");
  const int off = 0;
  const int control = TC_PRIO_CONTROL;
  if (::setsockopt(raw.get(), IPPROTO_IP, IP_MULTICAST_LOOP, &off, sizeof off) != 0) return Error::from_errno("set IP_MULTICAST_LOOP");
  ::setsockopt(raw.get(), SOL_SOCKET, SO_PRIORITY, &control, sizeof control);
  // Protocol 0: it sends only.
  Fd packet(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!packet) return Error::from_errno("open a packet socket to send gratuitous ARP");
  ::setsockopt(packet.get(), SOL_SOCKET, SO_PRIORITY, &control, sizeof control);
  return PacketSender(std::move(raw), std::move(packet));
}

PacketSender::Item PacketSender::keep(std::uint32_t owner, int index, std::span<const std::uint8_t> bytes) {
  const Item item{owner, index, {}, bytes_.size(), bytes.size()};
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  return item;
}

void PacketSender::queue_packet(std::uint32_t owner, int index, const IpAddress& to, std::span<const std::uint8_t> packet) {
  auto item = keep(owner, index, packet);
  item.to = to.to_in_addr();
  packets_.push_back(item);
}

void PacketSender::queue_frame(std::uint32_t owner, int index, std::span<const std::uint8_t> frame) {
  frames_.push_back(keep(owner, index, frame));
}

void PacketSender::flush(const Failure& failure) {
  if (!packets_.empty()) send_packets(failure);
  if (!frames_.empty()) send_frames(failure);
  packets_.clear();
  frames_.clear();
  bytes_.clear();
}

void PacketSender::send_packets(const Failure& failure) {
  // The interface travels with each message (IP_PKTINFO), so one socket and one system call serve them all.
  struct alignas(cmsghdr) Control {
    std::array<char, CMSG_SPACE(sizeof(in_pktinfo))> bytes{};
  };
  std::array<Control, batch> control;
  std::array<sockaddr_in, batch> to;
  std::array<iovec, batch> bytes;
  std::array<mmsghdr, batch> messages;
  for (std::size_t first = 0; first < packets_.size(); first += batch) {
    const std::size_t count = std::min(batch, packets_.size() - first);
    for (std::size_t i = 0; i < count; ++i) {
      const Item& item = packets_[first + i];
      to[i] = sockaddr_in{.sin_family = AF_INET, .sin_port = 0, .sin_addr = item.to, .sin_zero = {}};
      bytes[i] = iovec{bytes_.data() + item.offset, item.length};
      messages[i] = mmsghdr{};
      msghdr& header = messages[i].msg_hdr;
      header.msg_name = &to[i];
      header.msg_namelen = sizeof to[i];
      header.msg_iov = &bytes[i];
      header.msg_iovlen = 1;
      header.msg_control = control[i].bytes.data();
      header.msg_controllen = control[i].bytes.size();
      cmsghdr* info = CMSG_FIRSTHDR(&header);
      info->cmsg_level = IPPROTO_IP;
      info->cmsg_type = IP_PKTINFO;
      info->cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
      const in_pktinfo where{.ipi_ifindex = item.index, .ipi_spec_dst = {}, .ipi_addr = {}};
      std::memcpy(CMSG_DATA(info), &where, sizeof where);
    }
    send_all(raw_.get(), messages.data(), count, [&](std::size_t i, int error) { failure(packets_[first + i].owner, error); });
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
