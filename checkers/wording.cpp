#include "checkers/wording.h"

#include <fmt/format.h>

#include <algorithm>

namespace xd::checkers {

namespace {

template <typename Check>
bool is(const conf::Checker& checker) {
  return std::holds_alternative<Check>(checker.check);
}

// What an attempt is called in front of "to <server> success".
std::string what(const conf::Checker& checker) {
  if (is<conf::TcpCheck>(checker)) return "TCP connection";
  if (is<conf::UdpCheck>(checker)) return "UDP connection";
  return is<conf::PingCheck>(checker) ? "ICMP connection" : kind_of(checker);
}

std::string misc_check(const conf::Checker& checker, const ServerNames& names) {
  return fmt::format("Misc check for [{} VS {}] by [{}]", names.server, names.service,
                     fmt::join(std::get<conf::MiscCheck>(checker.check).script.words, " "));
}

// What keepalived calls the trouble of a web check.
std::string web_trouble(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::connect_timeout: return "Timeout connecting";
    case OutcomeKind::refused:
    case OutcomeKind::connect_failed: return "Error connecting";
    case OutcomeKind::unreachable: return "HTTP_CHECK - network unreachable";
    case OutcomeKind::tls_failed: return "SSL handshake/communication error connecting to";
    case OutcomeKind::read_timeout: return "Timeout HTTP read";
    case OutcomeKind::no_answer: return "Read, no data received from";
    case OutcomeKind::bad_status: return "HTTP status code error to";
    case OutcomeKind::digest_mismatch:
    case OutcomeKind::body_too_large: return "MD5 digest error to";
    case OutcomeKind::wrong_answer: return "Regex match error to";
    default: return "Read error with";
  }
}

}  // namespace

std::string name_of(const lvs::ServiceKey& key) {
  return key.fwmark != 0 ? fmt::format("FWM {}", key.fwmark) : name_of(Endpoint{key.address, key.port}, key.protocol);
}

std::string name_of(const Endpoint& endpoint, lvs::Protocol protocol) {
  return fmt::format("[{}]:{}:{}", endpoint.address.str(), lvs::name(protocol), endpoint.port);
}

std::string kind_of(const conf::Checker& checker) { return std::string(conf::keyword_of(checker)); }

std::string attempt_failed(const conf::Checker& checker, const ServerNames& names, const Outcome& outcome) {
  if (is<conf::HttpCheck>(checker)) return fmt::format("{} server {}: {}.", web_trouble(outcome.kind), names.server, outcome.str());
  if (is<conf::MiscCheck>(checker)) return fmt::format("{} failed: {}.", misc_check(checker, names), outcome.str());
  if (is<conf::TcpCheck>(checker) && outcome.kind == OutcomeKind::connect_timeout)
    return fmt::format("TCP connection to {} timeout.", names.server);
  return fmt::format("{} to {} failed: {}.", what(checker), names.server, outcome.str());
}

std::string attempt_postponed(const conf::Checker& checker, const Outcome& outcome) {
  return fmt::format("{} socket: {}. Rescheduling.",
                     is<conf::HttpCheck>(checker)  ? "WEB"
                     : is<conf::TcpCheck>(checker) ? "TCP"
                                                   : kind_of(checker),
                     outcome.detail);
}

std::string url_passed(const conf::HttpUrl& url, const std::string& server) {
  return fmt::format("{} success to {} url({})", url.digest ? "MD5 digest" : "HTTP status code", server, url.path);
}

std::string check_succeeded(const conf::Checker& checker, const ServerNames& names) {
  if (is<conf::HttpCheck>(checker)) return fmt::format("Remote Web server {} succeed on service.", names.server);
  if (is<conf::SmtpCheck>(checker)) return fmt::format("Remote SMTP server {} succeed on service.", names.server);
  if (is<conf::MiscCheck>(checker)) return misc_check(checker, names) + " succeeded.";
  return fmt::format("{} to {} success.", what(checker), names.server);
}

std::string check_failed(const conf::Checker& checker, const ServerNames& names, unsigned retries, const Outcome& outcome) {
  const auto after = retries == 0 ? "" : fmt::format(" after {} retries", retries);
  if (is<conf::MiscCheck>(checker)) return fmt::format("{} failed{}: {}.", misc_check(checker, names), after, outcome.str());
  const auto word = is<conf::HttpCheck>(checker) ? "HTTP_CHECK" : is<conf::PingCheck>(checker) ? "ICMP CHECK" : kind_of(checker);
  return fmt::format("{} on service {} failed{}: {}.", word, names.server, after, outcome.str());
}

std::string check_mail(const conf::Checker& checker, bool up, const Outcome& outcome) {
  // "TCP CHECK succeed on service"; each in its own way.
  auto word = is<conf::HttpCheck>(checker) || is<conf::SmtpCheck>(checker) ? "CHECK"
              : is<conf::PingCheck>(checker)                               ? "ICMP CHECK"
                                                                           : kind_of(checker);
  if (is<conf::DnsCheck>(checker)) {
    word += ":";
  } else {
    std::replace(word.begin(), word.end(), '_', ' ');
  }
  return up ? fmt::format("{} succeed{} on service", word, is<conf::MiscCheck>(checker) ? "ed" : "")
            : fmt::format("{} failed on service : {}", word, outcome.str());
}

std::string server_subject(const ServerNames& names, bool up) {
  return fmt::format("Realserver {} of virtual server {} - {}", names.server, names.service, up ? "UP" : "DOWN");
}

std::string service_subject(const std::string& service, bool up) {
  return fmt::format("Virtualserver {} - {}", service, up ? "UP" : "DOWN");
}

std::string checker_suspended(const ServerNames& names, bool suspended) {
  return fmt::format("{} healthchecker for service {} for VS {}", suspended ? "Suspending" : "Activating", names.server, names.service);
}

std::string server_changed(const ServerNames& names, bool up, bool inhibit) {
  if (inhibit) return fmt::format("{} service {} of VS {}", up ? "Enabling" : "Disabling", names.server, names.service);
  return fmt::format(fmt::runtime(up ? "Adding service {} to VS {}" : "Removing service {} from VS {}"), names.server, names.service);
}

std::string server_removed(const ServerNames& names, bool inhibited) {
  return fmt::format("Removing {}service {} from VS {}", inhibited ? "(inhibited) " : "", names.server, names.service);
}

std::string server_shut_down(const ServerNames& names, bool inhibited) {
  return fmt::format("Shutting down {}service {} from VS {}", inhibited ? "(inhibited) " : "", names.server, names.service);
}

std::string weight_changed(const ServerNames& names, std::uint32_t before, std::uint32_t after, bool up) {
  return fmt::format("Changing weight from {} to {} for {}active service {} of VS {}", before, after, up ? "" : "in", names.server,
                     names.service);
}

bool has_quorum(QuorumEvent event) { return event == QuorumEvent::gained || event == QuorumEvent::present_at_start; }

std::string quorum_line(QuorumEvent event, const Pool& pool, std::int64_t threshold, const std::string& service) {
  const auto weight = live_weight(pool);
  if (has_quorum(event)) {
    return fmt::format("Gained quorum {}+{}={} <= {} for VS {}", pool.quorum, pool.hysteresis, threshold, weight, service);
  }
  const bool lost = event == QuorumEvent::lost;
  return fmt::format("{} {}{}{}={} > {} for VS {}", lost ? "Lost quorum" : "Starting with quorum down", pool.quorum, lost ? '-' : '+',
                     pool.hysteresis, threshold, weight, service);
}

// The signs are the same whatever happened, other than in the log.
std::string quorum_mail(QuorumEvent event, const Pool& pool, std::int64_t threshold) {
  const auto* what = event == QuorumEvent::gained             ? "Gained quorum"
                     : event == QuorumEvent::lost             ? "Lost quorum"
                     : event == QuorumEvent::present_at_start ? "Starting with quorum up"
                                                              : "Starting with quorum down";
  return fmt::format("{} {}+{}={} <= {}", what, pool.quorum, pool.hysteresis, threshold, live_weight(pool));
}

std::string sorry_changed(const ServerNames& names, bool in_use, bool inhibit) {
  const auto* verb = inhibit ? (in_use ? "Enabling" : "Disabling") : (in_use ? "Adding" : "Removing");
  return fmt::format("{} sorry server {} {} VS {}", verb, names.server, in_use ? "to" : "from", names.service);
}

std::string pool_changed(const std::string& service, bool added) {
  return fmt::format("{} the pool for VS {}", added ? "Adding alive servers to" : "Removing alive servers from", service);
}

std::string fifo_line_of_server(const ServerNames& names, bool up) {
  return fmt::format("RS {} {} {}\n", names.server, names.service, up ? "UP" : "DOWN");
}

std::string fifo_line_of_service(const std::string& service, bool up) { return fmt::format("VS {} {}\n", service, up ? "UP" : "DOWN"); }

}  // namespace xd::checkers
