#include "checkers/exchange.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "checkers/socket.h"
#include "checkers/socket_probe.h"

namespace xd::checkers {

namespace {

class ExchangeProbe final : public SocketProbe {
 public:
  ExchangeProbe(Loop& loop, const conf::CheckConnection& connection, const Endpoint& target, Exchange exchange, ProbeDone done)
      : SocketProbe(loop, std::move(done)), exchange_(std::move(exchange)) {
    // Connected: only this server's answers arrive, and ICMP errors about it.
    if (!begin(connection, target, exchange_.type, exchange_.protocol)) return;
    const auto& request = exchange_.request;
    if (::send(socket_.get(), request.data(), request.size(), 0) < 0) {
      finish_later(outcome_of_connect(errno));
      return;
    }
    limit_.arm_in(connection.connect_timeout);
    event_ = loop_.io(socket_.get(), EPOLLIN, [this](std::uint32_t) { receive(); });
  }

 private:
  Outcome silence() const override { return exchange_.silence; }

  void receive() {
    std::array<std::uint8_t, 65536> answer;
    const ssize_t length = ::recv(socket_.get(), answer.data(), answer.size(), 0);
    if (length < 0) {
      if (errno != EAGAIN && errno != EINTR) finish(outcome_of_connect(errno));
      return;
    }
    if (auto outcome = exchange_.judge(std::span(answer.data(), static_cast<std::size_t>(length)))) finish(std::move(*outcome));
  }

  Exchange exchange_;
};

}  // namespace

std::unique_ptr<Probe> start_exchange(Loop& loop, const conf::CheckConnection& connection, const Endpoint& target, Exchange exchange,
                                      ProbeDone done) {
  return std::make_unique<ExchangeProbe>(loop, connection, target, std::move(exchange), std::move(done));
}

}  // namespace xd::checkers
