#include "checkers/smtp_check.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "checkers/socket.h"
#include "checkers/socket_probe.h"

namespace xd::checkers {

namespace {

constexpr std::size_t longest_answer = 8192;

class SmtpProbe final : public SocketProbe {
 public:
  SmtpProbe(Loop& loop, const conf::SmtpCheck& check, const conf::CheckConnection& connection, const Endpoint& target, ProbeDone done)
      : SocketProbe(loop, std::move(done)), helo_("HELO " + check.helo_name + "\r\n"), patience_(connection.connect_timeout) {
    if (!begin(connection, target, SOCK_STREAM)) return;
    limit_.arm_in(patience_);
    event_ = loop_.io(socket_.get(), EPOLLOUT, [this](std::uint32_t) { ready(); });
  }

 private:
  enum class Step { connect, greeting, helo, quit };

  Outcome silence() const override {
    return {step_ == Step::connect ? OutcomeKind::connect_timeout : OutcomeKind::read_timeout, 0, "", {}};
  }

  void ready() {
    if (step_ != Step::connect) return receive();
    if (const int code = socket_error(socket_.get()); code != 0) return finish(outcome_of_connect(code));
    step_ = Step::greeting;
    limit_.arm_in(patience_);
    loop_.set_io_events(event_, EPOLLIN);
  }

  void receive() {
    std::array<char, 2048> piece;
    const ssize_t length = ::recv(socket_.get(), piece.data(), piece.size(), 0);
    if (length < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (length <= 0)
      return finish({heard_.empty() && step_ == Step::greeting ? OutcomeKind::no_answer : OutcomeKind::closed_early, 0, "", {}});
    heard_.append(piece.data(), static_cast<std::size_t>(length));
    if (heard_.size() > longest_answer) return finish({OutcomeKind::wrong_answer, 0, "an answer without end", {}});
    if (const auto line = last_line()) answered(*line);
  }

  // "250-first", "250 last": the line that ends an answer, when it is complete.
  std::optional<std::string> last_line() {
    for (std::size_t at = 0;;) {
      const auto end = heard_.find('\n', at);
      if (end == std::string::npos) return std::nullopt;
      std::string line = heard_.substr(at, end - at);
      at = end + 1;
      if (line.size() > 3 && line[3] == '-') continue;
      heard_.erase(0, at);
      while (!line.empty() && line.back() == '\r') line.pop_back();
      return line;
    }
  }

  void answered(const std::string& line) {
    limit_.arm_in(patience_);
    if (step_ == Step::quit) return finish({});
    const bool greeting = step_ == Step::greeting;
    const bool has_code = line.starts_with(greeting ? "220" : "250") && (line.size() == 3 || line[3] == ' ');
    if (!has_code) return finish({OutcomeKind::wrong_answer, 0, line.substr(0, 80), {}});
    step_ = greeting ? Step::helo : Step::quit;
    const std::string_view say = greeting ? std::string_view(helo_) : "QUIT\r\n";
    if (::send(socket_.get(), say.data(), say.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(say.size()))
      finish({OutcomeKind::closed_early, 0, "", {}});
  }

  std::string helo_;
  Duration patience_;
  Step step_ = Step::connect;
  std::string heard_;
};

}  // namespace

std::unique_ptr<Probe> start_smtp_check(Loop& loop, const conf::SmtpCheck& check, const conf::CheckConnection& connection,
                                        const Endpoint& target, ProbeDone done) {
  return std::make_unique<SmtpProbe>(loop, check, connection, target, std::move(done));
}

}  // namespace xd::checkers
