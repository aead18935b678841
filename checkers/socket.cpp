#include "checkers/socket.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace xd::checkers {

namespace {

template <typename T>
bool set(const Fd& fd, int option, const T& value) {
  return ::setsockopt(fd.get(), SOL_SOCKET, option, &value, sizeof value) == 0;
}

}  // namespace

Result<Fd> open_socket(const conf::CheckConnection& connection, int family, int type, int protocol) {
  Fd fd(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
  if (!fd) return Error::from_errno("open a socket");
  if (connection.fwmark != 0 && !set(fd, SO_MARK, connection.fwmark)) return Error::from_errno("set fwmark");
  const auto& interface = connection.bind_interface;
  if (!interface.empty() &&
      ::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, interface.c_str(), static_cast<socklen_t>(interface.size())) != 0) {
    return Error::from_errno("bind to interface " + interface);
  }
  if (connection.bind_ip || connection.bind_port != 0) {
    // The last attempt's connection from the same port may still be in TIME_WAIT.
    if (connection.bind_port != 0 && !set(fd, SO_REUSEADDR, 1)) return Error::from_errno("reuse the source port");
    const auto any = family == AF_INET ? IpAddress::v4(INADDR_ANY) : IpAddress();
    const Endpoint source{connection.bind_ip.value_or(any), connection.bind_port};
    sockaddr_storage address{};
    const socklen_t length = source.to_sockaddr(address);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) {
      return Error::from_errno("bind to " + source.str());
    }
  }
  return fd;
}

int socket_error(int socket) {
  int code = 0;
  socklen_t size = sizeof code;
  ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &size);
  return code;
}

Outcome outcome_of_connect(int code) {
  switch (code) {
    case 0: return {};
    case ECONNREFUSED: return {OutcomeKind::refused, 0, ""};
    case ETIMEDOUT: return {OutcomeKind::connect_timeout, 0, ""};
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETDOWN: return {OutcomeKind::unreachable, 0, std::strerror(code)};
    // Ports and routes of our own: the server was never asked.
    case EADDRNOTAVAIL:
    case EADDRINUSE:
    case ENOBUFS: return {OutcomeKind::not_tried, 0, std::strerror(code)};
    default: return {OutcomeKind::connect_failed, 0, std::strerror(code)};
  }
}

}  // namespace xd::checkers
