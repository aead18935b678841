#include "netlink/socket.h"

#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/receive_queue.h"

namespace xd::netlink {

namespace {

constexpr int event_queue_bytes = 4 * 1024 * 1024;

Result<Fd> open_socket(int flags) {
  Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_ROUTE));
  if (!fd) return Error::from_errno("open a routing netlink socket");
  const int on = 1;
  // The kernel's own words with an error, where it has some.
  ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  sockaddr_nl any{};
  any.nl_family = AF_NETLINK;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0) return Error::from_errno("bind a netlink socket");
  return fd;
}

// A message that does not fit (twice what the kernel puts into one) is lost as if its queue had been full, and the next one fits.
ssize_t receive(int fd, std::vector<char>& buffer, int flags) {
  ssize_t length = 0;
  do length = ::recv(fd, buffer.data(), buffer.size(), flags | MSG_TRUNC);
  while (length < 0 && errno == EINTR);
  if (length <= static_cast<ssize_t>(buffer.size())) return length;
  buffer.resize(static_cast<std::size_t>(length));
  errno = ENOBUFS;
  return -1;
}

// The error of an NLMSG_ERROR (or of a dump's end), with the kernel's explanation when it gave one. `capped`: the request is
// not repeated in full behind the error (NETLINK_CAP_ACK).
Status as_status(const nlmsghdr* header, const std::string& what) {
  const auto* report = static_cast<const nlmsgerr*>(nlmsg_data(header));
  if (report->error == 0) return {};
  auto error = Error::from_errno(what, -report->error);
  if ((header->nlmsg_flags & NLM_F_ACK_TLVS) != 0) {
    const int fixed = static_cast<int>(sizeof(nlmsgerr));
    if (const nlattr* words = nlmsg_find_attr(const_cast<nlmsghdr*>(header), fixed, NLMSGERR_ATTR_MSG)) {
      error.message += std::string(" (") + nla_get_string(words) + ")";
    }
  }
  return error;
}

}  // namespace

Result<RequestSocket> RequestSocket::open() {
  auto fd = open_socket(0);
  if (!fd) return std::move(fd).error();
  // A dump is filtered as it is asked for, and not read whole for the few entries that are ours. Older kernels do not know it.
  const int on = 1;
  ::setsockopt(fd->get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
  const timeval limit{.tv_sec = 3, .tv_usec = 0};
  ::setsockopt(fd->get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return RequestSocket(std::move(*fd));
}

Status RequestSocket::transact(const Message& request, const std::string& what, const Handler& handler) {
  nlmsghdr* out = nlmsg_hdr(request.get());
  out->nlmsg_seq = ++sequence_;
  const bool dump = (out->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  const bool acknowledged = (out->nlmsg_flags & NLM_F_ACK) != 0;
  if (::send(fd_.get(), out, out->nlmsg_len, 0) < 0) return Error::from_errno(what);

  bool interrupted = false;
  for (;;) {
    const ssize_t received = receive(fd_.get(), buffer_, 0);
    if (received < 0) return Error::from_errno(what, errno == EAGAIN ? ETIMEDOUT : errno);
    int left = static_cast<int>(received);
    for (auto* in = reinterpret_cast<nlmsghdr*>(buffer_.data()); nlmsg_ok(in, left); in = nlmsg_next(in, &left)) {
      if (in->nlmsg_seq != sequence_) continue;  // the late answer to a request that timed out
      interrupted |= (in->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
      if (in->nlmsg_type == NLMSG_ERROR) return as_status(in, what);
      if (in->nlmsg_type == NLMSG_DONE) {
        if (interrupted) return Error::from_errno(what + ": changed while it was read", EAGAIN);
        return {};
      }
      if (handler) handler(in);
      if (!dump && !acknowledged) return {};
    }
  }
}

Status RequestSocket::set_queue(std::uint32_t bytes, bool force) { return set_receive_queue(fd_.get(), bytes, force, "netlink answers"); }

Result<EventSocket> EventSocket::open(const std::vector<int>& groups) {
  auto fd = open_socket(SOCK_NONBLOCK);
  if (!fd) return std::move(fd).error();
  // SO_RCVBUFFORCE passes the system's limit; without the right to it the smaller queue overflows earlier, which is survived.
  if (::setsockopt(fd->get(), SOL_SOCKET, SO_RCVBUFFORCE, &event_queue_bytes, sizeof event_queue_bytes) != 0) {
    ::setsockopt(fd->get(), SOL_SOCKET, SO_RCVBUF, &event_queue_bytes, sizeof event_queue_bytes);
  }
  for (const int group : groups) {
    if (::setsockopt(fd->get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
      return Error::from_errno("join netlink group " + std::to_string(group));
    }
  }
  return EventSocket(std::move(*fd));
}

Status EventSocket::set_queue(std::uint32_t bytes, bool force) { return set_receive_queue(fd_.get(), bytes, force, "netlink events"); }

bool EventSocket::drain(const Handler& handler) {
  bool complete = true;
  for (;;) {
    const ssize_t received = receive(fd_.get(), buffer_, MSG_DONTWAIT);
    if (received < 0 && errno == ENOBUFS) {
      complete = false;  // the error is reported once and cleared; what is queued behind it can still be read
      continue;
    }
    if (received <= 0) return complete;
    int left = static_cast<int>(received);
    for (auto* in = reinterpret_cast<nlmsghdr*>(buffer_.data()); nlmsg_ok(in, left); in = nlmsg_next(in, &left)) handler(in);
  }
}

}  // namespace xd::netlink
