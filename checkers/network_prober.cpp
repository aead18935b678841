#include "checkers/network_prober.h"

#include <utility>
#include <variant>

#include "checkers/dns_check.h"
#include "checkers/http_check.h"
#include "checkers/misc_check.h"
#include "checkers/ping_check.h"
#include "checkers/smtp_check.h"
#include "checkers/tcp_check.h"
#include "checkers/udp_check.h"

namespace xd::checkers {

std::unique_ptr<Probe> NetworkProber::start(const ProbeRequest& request, ProbeDone done) {
  const auto& connection = request.checker->connection;
  if (const auto* http = std::get_if<conf::HttpCheck>(&request.checker->check)) {
    return start_http_check(curl_, *http, http->urls.at(request.url), connection, request.ssl, request.target, std::move(done));
  }
  const auto& check = request.checker->check;
  const auto id = static_cast<std::uint16_t>(random_());
  const auto exchange = [&](Exchange wanted) {
    return start_exchange(loop_, connection, request.target, std::move(wanted), std::move(done));
  };
  if (const auto* smtp = std::get_if<conf::SmtpCheck>(&check)) {
    return start_smtp_check(loop_, *smtp, connection, request.target, std::move(done));
  }
  if (const auto* misc = std::get_if<conf::MiscCheck>(&check)) return start_misc_check(loop_, *misc, *request.command, std::move(done));
  if (const auto* udp = std::get_if<conf::UdpCheck>(&check)) return exchange(udp_exchange(*udp));
  if (const auto* dns = std::get_if<conf::DnsCheck>(&check)) return exchange(dns_exchange(*dns, id));
  if (std::holds_alternative<conf::PingCheck>(check)) return exchange(ping_exchange(request.target.address.family(), id));
  return start_tcp_check(loop_, connection, request.target, std::move(done));
}

}  // namespace xd::checkers
