#include "checkers/tcp_check.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "checkers/socket.h"
#include "checkers/socket_probe.h"

namespace xd::checkers {

namespace {

class TcpProbe final : public SocketProbe {
 public:
  TcpProbe(Loop& loop, const conf::CheckConnection& connection, const Endpoint& target, ProbeDone done)
      : SocketProbe(loop, std::move(done)) {
    if (!begin(connection, target, SOCK_STREAM)) return;
    limit_.arm_in(connection.connect_timeout);
    event_ = loop_.io(socket_.get(), EPOLLOUT, [this](std::uint32_t) {
      const int code = socket_error(socket_.get());
      // Reset after it was accepted: it was accepted. Who looks a moment sooner sees no error.
      finish(code == ECONNRESET ? Outcome{} : outcome_of_connect(code));
    });
  }

 private:
  Outcome silence() const override { return {OutcomeKind::connect_timeout, 0, "", {}}; }
};

}  // namespace

std::unique_ptr<Probe> start_tcp_check(Loop& loop, const conf::CheckConnection& connection, const Endpoint& target, ProbeDone done) {
  return std::make_unique<TcpProbe>(loop, connection, target, std::move(done));
}

}  // namespace xd::checkers
