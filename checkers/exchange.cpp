#include "checkers/exchange.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "checkers/socket.h"

namespace xd::checkers {

namespace {

class ExchangeProbe final : public Probe {
 public:
  ExchangeProbe(Loop& loop, const conf::CheckConnection& connection, const Endpoint& target, Exchange exchange, ProbeDone done)
      : loop_(loop), exchange_(std::move(exchange)), done_(std::move(done)), limit_(loop, [this] { finish(exchange_.silence); }) {
    begin(connection, target);
  }

 private:
  void begin(const conf::CheckConnection& connection, const Endpoint& target) {
    auto opened = open_socket(connection, target.address.family(), exchange_.type, exchange_.protocol);
    if (!opened) return finish_later({OutcomeKind::not_tried, 0, opened.error().message, {}});
    socket_ = std::move(*opened);
    sockaddr_storage address{};
    // Connected: only this server's answers arrive, and ICMP errors about it.
    const socklen_t length = target.to_sockaddr(address);
    if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) return finish_later(outcome_of_connect(errno));
    const auto& request = exchange_.request;
    if (::send(socket_.get(), request.data(), request.size(), 0) < 0) return finish_later(outcome_of_connect(errno));
    limit_.arm_in(connection.connect_timeout);
    event_ = loop_.io(socket_.get(), EPOLLIN, [this](std::uint32_t) { receive(); });
  }

  void receive() {
    std::array<std::uint8_t, 65536> answer;
    const ssize_t length = ::recv(socket_.get(), answer.data(), answer.size(), 0);
    if (length < 0) {
      if (errno != EAGAIN && errno != EINTR) finish(outcome_of_connect(errno));
      return;
    }
    if (auto outcome = exchange_.judge(std::span(answer.data(), static_cast<std::size_t>(length)))) finish(std::move(*outcome));
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
  Exchange exchange_;
  ProbeDone done_;
  Fd socket_;
  Timer limit_;
  Loop::Source event_;  // after socket_: gone before it is closed
};

}  // namespace

std::unique_ptr<Probe> start_exchange(Loop& loop, const conf::CheckConnection& connection, const Endpoint& target, Exchange exchange,
                                      ProbeDone done) {
  return std::make_unique<ExchangeProbe>(loop, connection, target, std::move(exchange), std::move(done));
}

}  // namespace xd::checkers
