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
#include <utility>

#include "base/fd.h"
#include "base/log.h"

namespace xd::vrrp {

namespace {

// A minute of one instance's adverts at 10 ms, with room to spare.
constexpr int receive_queue_bytes = 4 * 1024 * 1024;
constexpr std::size_t batch = 32;
// 60 bytes of IP header, 24 of authentication header, 8 of VRRP, 255 IPv4 or 90 IPv6 addresses, 8 of authentication; and what a
// strange sender adds.
constexpr std::size_t packet_bytes = 2048;
constexpr std::size_t vrid_at = 1;

// What a raw socket delivers. IPv4: the packet from its IP header on. IPv6: the message alone; what its header had is in `carrier`.
struct Datagram {
  std::span<const std::uint8_t> bytes;
  Carrier carrier;
  TimePoint at;
};

IpAddress source_of_ipv4(std::span<const std::uint8_t> packet) {
  in_addr source;
  std::memcpy(&source, packet.data() + 12, sizeof source);
  return IpAddress::v4(source);
}

}  // namespace

TimePoint monotonic_stamp(Duration realtime_stamp, Duration realtime_now, TimePoint now, TimePoint empty_at) {
  return std::clamp(now - (realtime_now - realtime_stamp), std::min(empty_at, now), now);
}

class RawTransport::Socket {
 public:
  static Result<std::shared_ptr<Socket>> open(RawTransport& transport, const Tuning& tuning);

  Status add(RawEar* ear);
  void remove(RawEar* ear);
  Status set_filter();
  void drain();
  bool is_for(const std::string& interface, int family, std::uint8_t vrid) const;
  const std::string& interface() const { return interface_; }
  int family() const { return family_; }

 private:
  Socket(RawTransport& transport, Fd fd, const Tuning& tuning)
      : transport_(transport),
        fd_(std::move(fd)),
        interface_(tuning.raw_interface()),
        family_(tuning.expected.family),
        has_ah_(tuning.has_ah()) {}
  Status listen_at(const IpAddress& local, const std::string& what);
  Status join(const Tuning& tuning, const std::string& what);
  void set_queue(int bytes) const;
  std::uint32_t drops() const;
  std::optional<std::uint8_t> vrid_in(std::span<const std::uint8_t> bytes) const;
  RawEar* ear_of(std::uint8_t vrid) const;

  struct Slot {
    std::array<std::uint8_t, packet_bytes> packet;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(timespec)) + CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(int))> control;
    sockaddr_in6 from;
    iovec bytes;
  };
  RawTransport& transport_;
  Fd fd_;
  std::string interface_;
  int family_;
  bool has_ah_;
  Loop::Source readable_;
  std::vector<RawEar*> ears_;
  std::vector<Slot> slots_ = std::vector<Slot>(batch);
  TimePoint empty_at_ = Clock::now();
  std::uint32_t drops_ = 0;
};

class RawTransport::RawEar final : public Ear {
 public:
  RawEar(RawTransport& transport, std::shared_ptr<Socket> socket, const Tuning& tuning, Listener* listener)
      : transport_(transport), socket_(std::move(socket)), tuning_(tuning), listener_(listener) {}
  ~RawEar() override { socket_->remove(this); }

  TransportKind kind() const override { return TransportKind::raw; }
  Status tune(const Tuning& tuning) override {
    if (key_of(tuning) == key_of(tuning_)) {
      const bool same_vrid = tuning.expected.vrid == tuning_.expected.vrid;
      tuning_ = tuning;
      return same_vrid ? Status() : socket_->set_filter();
    }
    // From multicast to unicast, or to another form of authentication.
    auto other = transport_.socket_for(tuning);
    if (!other) return std::move(other).error();
    socket_->remove(this);
    socket_ = std::move(*other);
    tuning_ = tuning;
    return socket_->add(this);
  }
  Tally tally() const override { return tally_; }

  std::uint8_t vrid() const { return tuning_.expected.vrid; }
  const std::string& interface() const { return tuning_.interface; }
  std::uint32_t receive_buffer() const { return tuning_.receive_buffer; }
  bool hears() const { return listener_ != nullptr; }

  void take(const Datagram& datagram) {
    Received received{{}, datagram.carrier};
    std::uint32_t sequence = 0;
    const auto rejection = read(datagram, received, sequence);
    if (rejection) return reject(received.carrier.source, *rejection);
    const auto& [advert, carrier] = received;
    const auto verdict = acceptable(advert, carrier, tuning_.expected, tuning_.source);
    if (const auto* unacceptable = std::get_if<Rejection>(&verdict)) return reject(carrier.source, *unacceptable);
    if (tuning_.has_ah()) {
      if (!ah_is_newer(sequence, *tuning_.ah_sequence)) return reject(carrier.source, {Reject::ah_replay, sequence});
      *tuning_.ah_sequence = sequence;
    }
    ++tally_.received;
    ++tally_.forms[static_cast<std::size_t>(advert.checksum)];
    if (advert.priority == priority_released) ++tally_.priority_zero;
    listener_->on_advert(Heard{carrier.source, advert.priority, advert.interval, datagram.at}, std::get<Remarks>(verdict));
  }

 private:
  // The carrier's source is filled in also for what is rejected.
  std::optional<Rejection> read(const Datagram& datagram, Received& out, std::uint32_t& sequence) const {
    if (tuning_.expected.hmac) return read_hmac(datagram, out);
    if (tuning_.expected.family == AF_INET6) {
      auto parsed = parse(datagram.bytes, datagram.carrier);
      if (const auto* rejection = std::get_if<Rejection>(&parsed)) return *rejection;
      out.advert = std::get<Advert>(std::move(parsed));
      return std::nullopt;
    }
    out.carrier.source = source_of_ipv4(datagram.bytes);  // the filter let the packet through, so it has an IP header
    if (tuning_.has_ah()) {
      auto parsed = parse_ah_packet(datagram.bytes, tuning_.ah_key);
      if (const auto* rejection = std::get_if<Rejection>(&parsed)) return *rejection;
      auto& sealed = std::get<Sealed>(parsed);
      out = std::move(sealed.received);
      sequence = sealed.sequence;
      return std::nullopt;
    }
    auto parsed = parse_ipv4_packet(datagram.bytes);
    if (const auto* rejection = std::get_if<Rejection>(&parsed)) return *rejection;
    out = std::get<Received>(std::move(parsed));
    return std::nullopt;
  }

  std::optional<Rejection> read_hmac(const Datagram& datagram, Received& out) const {
    auto payload = datagram.bytes;
    if (tuning_.expected.family == AF_INET) {
      const auto ip = ipv4_payload(datagram.bytes);
      if (const auto* rejection = std::get_if<Rejection>(&ip)) return *rejection;
      payload = std::get<Ipv4Payload>(ip).payload;
      out.carrier = std::get<Ipv4Payload>(ip).carrier;
    }
    const auto opened =
        open_hmac(payload, out.carrier.source, *tuning_.hmac_keys, tuning_.hmac_policy, *tuning_.hmac_replay, realtime_now());
    if (const auto* rejection = std::get_if<Rejection>(&opened)) return *rejection;
    const auto& [message, trailer] = std::get<Opened>(opened);
    auto parsed = parse(message, out.carrier, trailer);
    if (const auto* rejection = std::get_if<Rejection>(&parsed)) return *rejection;
    out.advert = std::get<Advert>(std::move(parsed));
    return std::nullopt;
  }

  void reject(const IpAddress& source, const Rejection& rejection) {
    ++tally_.rejected[static_cast<std::size_t>(rejection.reason)];
    listener_->on_rejected(source, rejection);
  }

  RawTransport& transport_;
  std::shared_ptr<Socket> socket_;
  Tuning tuning_;
  Listener* listener_;
  Tally tally_;
};

Result<std::shared_ptr<RawTransport::Socket>> RawTransport::Socket::open(RawTransport& transport, const Tuning& tuning) {
  const std::string& interface = tuning.raw_interface();
  const std::string what = "listen for adverts on " + (tuning.local.is_unset() ? interface : tuning.local.str());
  Fd fd(::socket(tuning.expected.family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, tuning.has_ah() ? ah_protocol : ip_protocol));
  if (!fd) return Error::from_errno(what + ": raw socket");
  std::shared_ptr<Socket> socket(new Socket(transport, std::move(fd), tuning));
  const int s = socket->fd_.get();
  // Deaf until it has ears: between socket() and the binding below it would collect adverts of every interface.
  if (auto status = socket->set_filter(); !status) return std::move(status).error();
  if (!interface.empty() &&
      ::setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, interface.c_str(), static_cast<socklen_t>(interface.size())) != 0) {
    return Error::from_errno(what + ": SO_BINDTODEVICE");
  }
  if (auto status = socket->listen_at(tuning.local, what); !status) return std::move(status).error();
  const int on = 1;
  if (::setsockopt(s, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0) return Error::from_errno(what + ": SO_TIMESTAMPNS");
  socket->set_queue(receive_queue_bytes);
  if (auto status = socket->join(tuning, what); !status) return std::move(status).error();
  socket->readable_ = transport.loop_.io(
      s, EPOLLIN, [raw = socket.get(), &together = transport.together_](std::uint32_t) { together([raw] { raw->drain(); }); });
  return socket;
}

// Of the adverts that arrive by any interface, those to one address. It need not be there yet.
Status RawTransport::Socket::listen_at(const IpAddress& local, const std::string& what) {
  if (local.is_unset()) return {};
  const int on = 1;
  const bool is_v4 = family_ == AF_INET;
  ::setsockopt(fd_.get(), is_v4 ? IPPROTO_IP : IPPROTO_IPV6, is_v4 ? IP_FREEBIND : IPV6_FREEBIND, &on, sizeof on);
  sockaddr_storage address{};
  const socklen_t length = Endpoint{local, 0}.to_sockaddr(address);
  if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) return Error::from_errno(what + ": bind");
  return {};
}

Status RawTransport::Socket::join(const Tuning& tuning, const std::string& what) {
  const int s = fd_.get();
  const int on = 1;
  const int off = 0;
  // Only groups that this socket joined on this interface, not what others on the host joined elsewhere.
  if (family_ == AF_INET) {
    ::setsockopt(s, IPPROTO_IP, IP_MULTICAST_ALL, &off, sizeof off);
    if (tuning.group.is_unset()) return {};
    ip_mreqn group{};
    group.imr_multiaddr = tuning.group.to_in_addr();
    group.imr_ifindex = tuning.raw_index();
    if (::setsockopt(s, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group) == 0) return {};
  } else {
    ::setsockopt(s, IPPROTO_IPV6, IPV6_MULTICAST_ALL, &off, sizeof off);
    if (::setsockopt(s, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) != 0 ||
        ::setsockopt(s, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof on) != 0) {
      return Error::from_errno(what + ": IPV6_RECVPKTINFO");
    }
    if (tuning.group.is_unset()) return {};
    ipv6_mreq group{};
    group.ipv6mr_multiaddr = tuning.group.to_in6_addr();
    group.ipv6mr_interface = static_cast<unsigned>(tuning.raw_index());
    if (::setsockopt(s, IPPROTO_IPV6, IPV6_JOIN_GROUP, &group, sizeof group) == 0) return {};
  }
  return Error::from_errno(what + ": join " + tuning.group.str());
}

void RawTransport::Socket::set_queue(int bytes) const {
  if (::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

Status RawTransport::Socket::add(RawEar* ear) {
  ears_.push_back(ear);
  std::int64_t wanted = 0;
  for (const RawEar* other : ears_) wanted += other->receive_buffer();
  if (wanted > receive_queue_bytes) set_queue(static_cast<int>(std::min<std::int64_t>(wanted, INT32_MAX / 2)));
  return ear->hears() || transport_.logs_unknown_ ? set_filter() : Status();  // who only joins changes nothing in it
}

void RawTransport::Socket::remove(RawEar* ear) {
  std::erase(ears_, ear);
  // A filter that cannot be narrowed wakes us for adverts that nobody takes: harmless.
  if (ear->hears() || transport_.logs_unknown_) (void)set_filter();
}

Status RawTransport::Socket::set_filter() {
  // A raw IPv4 socket's filter sees the packet from its IP header on, an IPv6 one's the message alone. a = VRID.
  std::vector<sock_filter> code;
  if (family_ == AF_INET) {
    code.push_back(BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0));  // x = header length
    code.push_back(BPF_STMT(BPF_LD | BPF_B | BPF_IND, static_cast<std::uint32_t>(vrid_at + (has_ah_ ? ah_header_size : 0))));
  } else {
    code.push_back(BPF_STMT(BPF_LD | BPF_B | BPF_ABS, vrid_at));
  }
  constexpr std::uint32_t all = 0xffffffff;
  const bool takes_unknown = transport_.logs_unknown_ && !ears_.empty();
  for (const RawEar* ear : ears_) {
    if (!ear->hears() && !takes_unknown) continue;
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ear->vrid(), 0, 1));
    code.push_back(BPF_STMT(BPF_RET | BPF_K, ear->hears() ? all : 0));
  }
  code.push_back(BPF_STMT(BPF_RET | BPF_K, takes_unknown ? all : 0));
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
      messages[i].msg_hdr.msg_name = &slot.from;
      messages[i].msg_hdr.msg_namelen = sizeof slot.from;
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
      const Slot& slot = slots_[static_cast<std::size_t>(i)];
      Datagram datagram{std::span(slot.packet).first(messages[static_cast<std::size_t>(i)].msg_len), {}, now};
      if (family_ == AF_INET6) datagram.carrier.source = IpAddress::v6(slot.from.sin6_addr);
      for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS && !lost_newer) {
          timespec stamp;
          std::memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
          datagram.at = monotonic_stamp(std::chrono::seconds{stamp.tv_sec} + std::chrono::nanoseconds{stamp.tv_nsec}, wall, now, empty_at_);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
          in6_pktinfo info;
          std::memcpy(&info, CMSG_DATA(c), sizeof info);
          datagram.carrier.destination = IpAddress::v6(info.ipi6_addr);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT) {
          int hop_limit = 0;
          std::memcpy(&hop_limit, CMSG_DATA(c), sizeof hop_limit);
          datagram.carrier.ttl = static_cast<std::uint8_t>(hop_limit);
        }
      }
      const auto vrid = vrid_in(datagram.bytes);
      if (!vrid) continue;
      if (RawEar* ear = ear_of(*vrid)) {
        ear->take(datagram);
      } else {
        transport_.tell_unknown(*this, *vrid, family_ == AF_INET ? source_of_ipv4(datagram.bytes) : datagram.carrier.source);
      }
    }
  }
}

// The kernel has checked the IP header and the filter has read the VRID behind it; the lengths are looked at once more.
std::optional<std::uint8_t> RawTransport::Socket::vrid_in(std::span<const std::uint8_t> bytes) const {
  std::size_t at = vrid_at;
  if (family_ == AF_INET) {
    if (bytes.size() < 20) return std::nullopt;
    at += static_cast<std::size_t>(bytes[0] & 0x0f) * 4 + (has_ah_ ? ah_header_size : 0);
  }
  if (at >= bytes.size()) return std::nullopt;
  return bytes[at];
}

RawTransport::RawEar* RawTransport::Socket::ear_of(std::uint8_t vrid) const {
  const auto it = std::find_if(ears_.begin(), ears_.end(), [vrid](const RawEar* e) { return e->hears() && e->vrid() == vrid; });
  return it == ears_.end() ? nullptr : *it;
}

bool RawTransport::Socket::is_for(const std::string& interface, int family, std::uint8_t vrid) const {
  return family_ == family && std::any_of(ears_.begin(), ears_.end(), [&](const RawEar* ear) {
           return ear->vrid() == vrid && (interface_ == interface || ear->interface() == interface);
         });
}

RawTransport::RawTransport(Loop& loop, Together together) : loop_(loop), together_(std::move(together)) {}
RawTransport::~RawTransport() = default;

Result<std::unique_ptr<Ear>> RawTransport::listen(const Tuning& tuning, Listener& listener) { return add(tuning, &listener); }

Result<std::unique_ptr<Ear>> RawTransport::join(const Tuning& tuning) { return add(tuning, nullptr); }

RawTransport::Key RawTransport::key_of(const Tuning& tuning) {
  return {tuning.raw_index(), tuning.expected.family, tuning.has_ah(), tuning.group, tuning.local};
}

Result<std::shared_ptr<RawTransport::Socket>> RawTransport::socket_for(const Tuning& tuning) {
  std::erase_if(sockets_, [](const auto& entry) { return entry.second.expired(); });
  auto& known = sockets_[key_of(tuning)];
  auto socket = known.lock();
  if (socket) return socket;
  auto opened = Socket::open(*this, tuning);
  if (opened) known = *opened;
  return opened;
}

Result<std::unique_ptr<Ear>> RawTransport::add(const Tuning& tuning, Listener* listener) {
  auto socket = socket_for(tuning);
  if (!socket) return std::move(socket).error();
  auto ear = std::make_unique<RawEar>(*this, *socket, tuning, listener);
  if (auto status = (*socket)->add(ear.get()); !status) return std::move(status).error();
  return std::unique_ptr<Ear>(std::move(ear));
}

void RawTransport::drain() {
  for (const auto& entry : sockets_) {
    if (const auto socket = entry.second.lock()) socket->drain();
  }
}

void RawTransport::log_unknown(bool on) {
  if (std::exchange(logs_unknown_, on) == on) return;
  for (const auto& [_, weak] : sockets_) {
    const auto socket = weak.lock();
    if (!socket) continue;
    if (auto status = socket->set_filter(); !status) log::warning("{}", status.error().message);
  }
}

// A socket hears all adverts that reach its interface, also those of instances that have another one there.
void RawTransport::tell_unknown(const Socket& socket, std::uint8_t vrid, const IpAddress& source) {
  if (!logs_unknown_) return;
  for (const auto& [_, weak] : sockets_) {
    if (const auto other = weak.lock(); other && other->is_for(socket.interface(), socket.family(), vrid)) return;
  }
  constexpr Duration told_again = 60s;
  const TimePoint now = Clock::now();
  const auto [told, is_new] = unknown_told_.try_emplace({socket.interface(), socket.family(), vrid}, now);
  if (!is_new && now - told->second < told_again) return;
  told->second = now;
  log::info("Unknown VRID({}) received on interface({}) from {}. ignoring...", vrid, socket.interface(), source.str());
}

}  // namespace xd::vrrp
