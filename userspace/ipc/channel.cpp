#include "ipc/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace xd::ipc {

namespace {

struct Header {
  std::uint32_t length;
  std::uint32_t flags;
};
constexpr std::uint32_t with_fd = 1;

// One descriptor per message, but several messages may arrive in one read.
constexpr std::size_t fds_per_read = 16;

struct Control {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * fds_per_read)> bytes{};
};

std::string frame(const std::string& text, bool has_fd) {
  const Header header{static_cast<std::uint32_t>(text.size()), has_fd ? with_fd : 0};
  std::string out(sizeof header + text.size(), '\0');
  std::memcpy(out.data(), &header, sizeof header);
  std::memcpy(out.data() + sizeof header, text.data(), text.size());
  return out;
}

}  // namespace

Channel::Channel(Loop& loop, Fd socket, MessageHandler on_message, ClosedHandler on_closed, Limits limits)
    : loop_(loop), socket_(std::move(socket)), on_message_(std::move(on_message)), on_closed_(std::move(on_closed)), limits_(limits) {
  ::fcntl(socket_.get(), F_SETFL, ::fcntl(socket_.get(), F_GETFL) | O_NONBLOCK);
  ::fcntl(socket_.get(), F_SETFD, FD_CLOEXEC);
  io_ = loop_.io(socket_.get(), EPOLLIN, [this](std::uint32_t events) { ready(events); });
}

Channel::~Channel() { *alive_ = false; }

void Channel::send(std::string text, Fd fd) {
  if (!open() || failed_) return;
  const bool has_fd = fd.valid();
  auto bytes = frame(text, has_fd);
  queued_ += bytes.size();
  outbox_.push_back({std::move(bytes), 0, std::move(fd)});
  Status sent = text.size() > limits_.message ? Status(Error{"a message was too long to send"}) : transmit();
  if (sent && queued_ > limits_.queued) sent = Error{"the peer does not read"};
  if (!sent) failed_ = loop_.defer([this, why = sent.error().message] { close(why); });
}

Status Channel::flush(Duration limit) {
  const TimePoint until = Clock::now() + limit;
  while (open() && !outbox_.empty()) {
    if (auto sent = transmit(); !sent) return sent;
    if (outbox_.empty()) break;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0) return Error{"the peer did not read in time"};
    pollfd wait{socket_.get(), POLLOUT, 0};
    if (::poll(&wait, 1, static_cast<int>(left)) < 0 && errno != EINTR) return Error::from_errno("poll");
  }
  return {};
}

Status Channel::transmit() {
  while (!outbox_.empty()) {
    Outgoing& out = outbox_.front();
    iovec part{out.bytes.data() + out.sent, out.bytes.size() - out.sent};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    Control control;
    if (out.fd) {
      header.msg_control = control.bytes.data();
      header.msg_controllen = CMSG_SPACE(sizeof(int));
      cmsghdr* item = CMSG_FIRSTHDR(&header);
      item->cmsg_level = SOL_SOCKET;
      item->cmsg_type = SCM_RIGHTS;
      item->cmsg_len = CMSG_LEN(sizeof(int));
      const int fd = out.fd.get();
      std::memcpy(CMSG_DATA(item), &fd, sizeof fd);
    }
    const ssize_t n = ::sendmsg(socket_.get(), &header, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) break;
      return Error::from_errno("send");
    }
    out.fd.reset();
    out.sent += static_cast<std::size_t>(n);
    queued_ -= static_cast<std::size_t>(n);
    if (out.sent == out.bytes.size()) outbox_.pop_front();
  }
  watch_writable(!outbox_.empty());
  return {};
}

void Channel::watch_writable(bool on) {
  if (on == writable_watched_) return;
  writable_watched_ = on;
  loop_.set_io_events(io_, on ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void Channel::ready(std::uint32_t events) {
  // Reading first: the peer's last words are worth having even when nothing can be sent any more.
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !receive()) return;
  if (open() && !failed_ && (events & EPOLLOUT) != 0) {
    if (auto sent = transmit(); !sent) close(sent.error().message);
  }
}

bool Channel::receive() {
  std::array<char, 65536> buffer;
  iovec part{buffer.data(), buffer.size()};
  Control control;
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.bytes.data();
  header.msg_controllen = control.bytes.size();
  const ssize_t n = ::recvmsg(socket_.get(), &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (n < 0) {
    if (errno == EAGAIN || errno == EINTR) return true;
    close(Error::from_errno("receive").message);
    return false;
  }
  for (cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr; item = CMSG_NXTHDR(&header, item)) {
    if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(item) + i * sizeof fd, sizeof fd);
      received_fds_.emplace_back(fd);
    }
  }
  if (n == 0) {
    close(inbox_.empty() ? "the connection was closed" : "the connection was closed in the middle of a message");
    return false;
  }
  inbox_.append(buffer.data(), static_cast<std::size_t>(n));
  return deliver();
}

bool Channel::deliver() {
  std::size_t at = 0;
  const auto alive = alive_;
  while (inbox_.size() - at >= sizeof(Header)) {
    Header header;
    std::memcpy(&header, inbox_.data() + at, sizeof header);
    if (header.length > limits_.message) {
      close("a message of " + std::to_string(header.length) + " bytes is longer than the limit of " + std::to_string(limits_.message));
      return false;
    }
    if (inbox_.size() - at - sizeof header < header.length) break;
    Message message{inbox_.substr(at + sizeof header, header.length), {}};
    at += sizeof header + header.length;
    if ((header.flags & with_fd) != 0) {
      if (received_fds_.empty()) {
        close("a message came without its file descriptor");
        return false;
      }
      message.fd = std::move(received_fds_.front());
      received_fds_.pop_front();
    }
    const auto handler = on_message_;  // the call may destroy this object
    handler(std::move(message));
    if (!*alive || !open()) return false;
  }
  inbox_.erase(0, at);
  if (inbox_.empty() && !received_fds_.empty()) {
    close("a file descriptor came without its message");
    return false;
  }
  return true;
}

void Channel::close(const std::string& reason) {
  if (!open()) return;
  io_.reset();
  failed_.reset();
  socket_.reset();
  outbox_.clear();
  queued_ = 0;
  const auto handler = on_closed_;  // the call may destroy this object
  handler(std::string(reason));
}

Result<std::pair<Fd, Fd>> socket_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return Error::from_errno("make a socket pair");
  return std::pair(Fd(ends[0]), Fd(ends[1]));
}

}  // namespace xd::ipc
