#include "checkers/tcp_check.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "checkers/socket.h"

namespace xd::checkers {

namespace {

class TcpProbe final : public Probe {
 public:
  TcpProbe(Loop& loop, const conf::CheckConnection& connection, const Endpoint& target, ProbeDone done)
      : loop_(loop), done_(std::move(done)), limit_(loop, [this] {
          finish({OutcomeKind::connect_timeout, 0, ""});
        }) {
    connect(connection, target);
  }

 private:
  void connect(const conf::CheckConnection& connection, const Endpoint& target) {
    auto opened = open_socket(connection, target.address.family());
    if (!opened) return finish_later({OutcomeKind::not_tried, 0, opened.error().message});
    socket_ = std::move(*opened);
    sockaddr_storage address{};
    const socklen_t length = target.to_sockaddr(address);
    if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0) return finish_later({});
    if (errno != EINPROGRESS) return finish_later(outcome_of_connect(errno));
    limit_.arm_in(connection.connect_timeout);
    event_ = loop_.io(socket_.get(), EPOLLOUT, [this](std::uint32_t) {
      int code = 0;
      socklen_t size = sizeof code;
      ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &code, &size);
      finish(outcome_of_connect(code));
    });
  }

  void finish_later(Outcome outcome) {
    event_ = loop_.defer([this, outcome = std::move(outcome)] { finish(outcome); });
  }

  void finish(Outcome outcome) {
    limit_.disarm();
    const auto done = std::move(done_);  // may destroy this object
    event_.reset();
    socket_.reset();
    done(std::move(outcome));
  }

  Loop& loop_;
  ProbeDone done_;
  Fd socket_;
  Timer limit_;
  Loop::Source event_;  // after socket_: gone before it is closed
};

}  // namespace

std::unique_ptr<Probe> start_tcp_check(Loop& loop, const conf::CheckConnection& connection, const Endpoint& target, ProbeDone done) {
  return std::make_unique<TcpProbe>(loop, connection, target, std::move(done));
}

}  // namespace xd::checkers
