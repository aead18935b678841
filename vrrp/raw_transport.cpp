#include "vrrp/raw_transport.h"

#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/fd.h"

namespace xd::vrrp {

namespace {

// A minute of one instance's adverts at 10 ms, with room to spare.
constexpr int receive_queue_bytes = 4 * 1024 * 1024;
constexpr std::size_t batch = 32;
// 60 bytes of IP header, 8 of VRRP, 255 addresses, 8 of authentication; and what a strange sender adds.
constexpr std::size_t packet_bytes = 2048;

Duration realtime_now() {
  timespec ts{};
  ::clock_gettime(CLOCK_REALTIME, &ts);
  return std::chrono::seconds{ts.tv_sec} + std::chrono::nanoseconds{ts.tv_nsec};
}

}  // namespace

TimePoint monotonic_stamp(Duration realtime_stamp, Duration realtime_now, TimePoint now, TimePoint empty_at) {
  return std::clamp(now - (realtime_now - realtime_stamp), std::min(empty_at, now), now);
}

class RawTransport::Socket {
 public:
  static Result<std::shared_ptr<Socket>> open(Loop& loop, const Tuning& tuning);

  Status add(RawEar* ear);
  void remove(RawEar* ear);
  Status set_filter();
  void drain();

 private:
  Socket(Fd fd, std::string interface) : fd_(std::move(fd)), interface_(std::move(interface)) {}
  std::uint32_t drops() const;
  void take(std::span<const std::uint8_t> packet, TimePoint at);
  RawEar* ear_of(std::uint8_t vrid) const;

  struct Slot {
    std::array<std::uint8_t, packet_bytes> packet;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(timespec))> control;
    iovec bytes;
  };
  Fd fd_;
  std::string interface_;
  Loop::Source readable_;
  std::vector<RawEar*> ears_;
  std::vector<Slot> slots_ = std::vector<Slot>(batch);
  TimePoint empty_at_ = Clock::now();
  std::uint32_t drops_ = 0;
};

class RawTransport::RawEar final : public Ear {
 public:
  RawEar(std::shared_ptr<Socket> socket, const Tuning& tuning, Listener* listener)
      : socket_(std::move(socket)), tuning_(tuning), listener_(listener) {}
  ~RawEar() override { socket_->remove(this); }

  TransportKind kind() const override { return TransportKind::raw; }
  Status tune(const Tuning& tuning) override {
    const bool same_vrid = tuning.expected.vrid == tuning_.expected.vrid;
    tuning_ = tuning;
    return same_vrid ? Status() : socket_->set_filter();
  }
  Tally tally() const override { return tally_; }

  std::uint8_t vrid() const { return tuning_.expected.vrid; }
  bool hears() const { return listener_ != nullptr; }

  void take(std::span<const std::uint8_t> packet, TimePoint at) {
    auto parsed = parse_ipv4_packet(packet);
    if (const auto* rejection = std::get_if<Rejection>(&parsed)) {
      in_addr source;  // the filter let the packet through, so it has an IP header
      std::memcpy(&source, packet.data() + 12, sizeof source);
      reject(IpAddress::v4(source), *rejection);
      return;
    }
    const auto& [advert, carrier] = std::get<Received>(parsed);
    const auto verdict = acceptable(advert, carrier, tuning_.expected, tuning_.source);
    if (const auto* rejection = std::get_if<Rejection>(&verdict)) {
      reject(carrier.source, *rejection);
      return;
    }
    ++tally_.received;
    if (advert.priority == priority_released) ++tally_.priority_zero;
    listener_->on_advert(Heard{carrier.source, advert.priority, advert.interval, at}, std::get<Remarks>(verdict));
  }

 private:
  void reject(const IpAddress& source, const Rejection& rejection) {
    ++tally_.rejected[static_cast<std::size_t>(rejection.reason)];
    listener_->on_rejected(source, rejection);
  }

  std::shared_ptr<Socket> socket_;
  Tuning tuning_;
  Listener* listener_;
  Tally tally_;
};

Result<std::shared_ptr<RawTransport::Socket>> RawTransport::Socket::open(Loop& loop, const Tuning& tuning) {
  const std::string what = "listen for adverts on " + tuning.interface;
  Fd fd(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, ip_protocol));
  if (!fd) return Error::from_errno(what + ": raw socket");
  std::shared_ptr<Socket> socket(new Socket(std::move(fd), tuning.interface));
  const int s = socket->fd_.get();
  // Deaf until it has ears: between socket() and the binding below it would collect adverts of every interface.
  if (auto status = socket->set_filter(); !status) return std::move(status).error();
  if (::setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, tuning.interface.c_str(), static_cast<socklen_t>(tuning.interface.size())) != 0) {
    return Error::from_errno(what + ": SO_BINDTODEVICE");
  }
  const int on = 1;
  const int off = 0;
  // Only groups that this socket joined on this interface, not what others on the host joined elsewhere.
  ::setsockopt(s, IPPROTO_IP, IP_MULTICAST_ALL, &off, sizeof off);
  if (::setsockopt(s, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0) return Error::from_errno(what + ": SO_TIMESTAMPNS");
  if (::setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &receive_queue_bytes, sizeof receive_queue_bytes) != 0) {
    ::setsockopt(s, SOL_SOCKET, SO_RCVBUF, &receive_queue_bytes, sizeof receive_queue_bytes);
  }
  ip_mreqn group{};
  group.imr_multiaddr = tuning.group.to_in_addr();
  group.imr_ifindex = tuning.index;
  if (::setsockopt(s, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
    return Error::from_errno(what + ": join " + tuning.group.str());
  }
  socket->readable_ = loop.io(s, EPOLLIN, [raw = socket.get()](std::uint32_t) { raw->drain(); });
  return socket;
}

Status RawTransport::Socket::add(RawEar* ear) {
  ears_.push_back(ear);
  return set_filter();
}

void RawTransport::Socket::remove(RawEar* ear) {
  std::erase(ears_, ear);
  // A filter that cannot be narrowed wakes us for adverts that nobody takes: harmless.
  (void)set_filter();
}

Status RawTransport::Socket::set_filter() {
  // A raw socket's filter sees the packet from its IP header on. x = header length; a = VRID.
  std::vector<sock_filter> code{
      BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
      BPF_STMT(BPF_LD | BPF_B | BPF_IND, 1),
  };
  for (const RawEar* ear : ears_) {
    if (!ear->hears()) continue;
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ear->vrid(), 0, 1));
    code.push_back(BPF_STMT(BPF_RET | BPF_K, 0xffffffff));
  }
  code.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  if (::setsockopt(fd_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) {
    return Error::from_errno("listen for adverts on " + interface_ + ": SO_ATTACH_FILTER");
  }
  return {};
}

std::uint32_t RawTransport::Socket::drops() const {
  std::array<std::uint32_t, SK_MEMINFO_VARS> info{};
  socklen_t length = sizeof info;
  return ::getsockopt(fd_.get(), SOL_SOCKET, SO_MEMINFO, info.data(), &length) == 0 ? info[SK_MEMINFO_DROPS] : 0;
}

void RawTransport::Socket::drain() {
  const std::uint32_t drops_now = drops();
  const bool lost_newer = drops_now != drops_;
  drops_ = drops_now;

  std::array<mmsghdr, batch> messages;
  for (;;) {
    for (std::size_t i = 0; i < batch; ++i) {
      Slot& slot = slots_[i];
      slot.bytes = iovec{slot.packet.data(), slot.packet.size()};
      messages[i] = mmsghdr{};
      messages[i].msg_hdr.msg_iov = &slot.bytes;
      messages[i].msg_hdr.msg_iovlen = 1;
      messages[i].msg_hdr.msg_control = slot.control.data();
      messages[i].msg_hdr.msg_controllen = slot.control.size();
    }
    const TimePoint before = Clock::now();
    const int count = ::recvmmsg(fd_.get(), messages.data(), batch, MSG_DONTWAIT, nullptr);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      empty_at_ = before;
      return;
    }
    const TimePoint now = Clock::now();
    const Duration wall = realtime_now();
    for (int i = 0; i < count; ++i) {
      msghdr& header = messages[static_cast<std::size_t>(i)].msg_hdr;
      TimePoint at = now;
      for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr && !lost_newer; c = CMSG_NXTHDR(&header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS) continue;
        timespec stamp;
        std::memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
        at = monotonic_stamp(std::chrono::seconds{stamp.tv_sec} + std::chrono::nanoseconds{stamp.tv_nsec}, wall, now, empty_at_);
      }
      take(std::span(slots_[static_cast<std::size_t>(i)].packet).first(messages[static_cast<std::size_t>(i)].msg_len), at);
    }
  }
}

void RawTransport::Socket::take(std::span<const std::uint8_t> packet, TimePoint at) {
  // The kernel has checked the IP header and the filter has read the VRID behind it; the lengths are looked at once more.
  if (packet.size() < 20) return;
  const std::size_t vrid_at = static_cast<std::size_t>(packet[0] & 0x0f) * 4 + 1;
  if (vrid_at >= packet.size()) return;
  if (RawEar* ear = ear_of(packet[vrid_at])) ear->take(packet, at);
}

RawTransport::RawEar* RawTransport::Socket::ear_of(std::uint8_t vrid) const {
  const auto it = std::find_if(ears_.begin(), ears_.end(), [vrid](const RawEar* e) { return e->hears() && e->vrid() == vrid; });
  return it == ears_.end() ? nullptr : *it;
}

RawTransport::RawTransport(Loop& loop) : loop_(loop) {}
RawTransport::~RawTransport() = default;

Result<std::unique_ptr<Ear>> RawTransport::listen(const Tuning& tuning, Listener& listener) { return add(tuning, &listener); }

Result<std::unique_ptr<Ear>> RawTransport::join(const Tuning& tuning) { return add(tuning, nullptr); }

Result<std::unique_ptr<Ear>> RawTransport::add(const Tuning& tuning, Listener* listener) {
  std::erase_if(sockets_, [](const auto& entry) { return entry.second.expired(); });
  auto& known = sockets_[{tuning.index, tuning.group}];
  auto socket = known.lock();
  if (!socket) {
    auto opened = Socket::open(loop_, tuning);
    if (!opened) return std::move(opened).error();
    socket = std::move(*opened);
    known = socket;
  }
  auto ear = std::make_unique<RawEar>(socket, tuning, listener);
  if (auto status = socket->add(ear.get()); !status) return std::move(status).error();
  return std::unique_ptr<Ear>(std::move(ear));
}

void RawTransport::drain() {
  for (const auto& entry : sockets_) {
    if (const auto socket = entry.second.lock()) socket->drain();
  }
}

}  // namespace xd::vrrp
