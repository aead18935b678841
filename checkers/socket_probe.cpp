#include "checkers/socket_probe.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "checkers/socket.h"

namespace xd::checkers {

bool SocketProbe::begin(const conf::CheckConnection& connection, const Endpoint& target, int type, int protocol) {
  auto opened = open_socket(connection, target.address.family(), type, protocol);
  if (!opened) {
    finish_later({OutcomeKind::not_tried, 0, opened.error().message, {}});
    return false;
  }
  socket_ = std::move(*opened);
  sockaddr_storage address{};
  const socklen_t length = target.to_sockaddr(address);
  if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0 || errno == EINPROGRESS) return true;
  finish_later(outcome_of_connect(errno));
  return false;
}

void SocketProbe::finish_later(Outcome outcome) {
  event_ = loop_.defer([this, outcome = std::move(outcome)] { finish(outcome); });
}

void SocketProbe::finish(Outcome outcome) {
  limit_.disarm();
  const auto done = std::move(done_);
  event_.reset();
  socket_.reset();
  done(std::move(outcome));
}

}  // namespace xd::checkers
