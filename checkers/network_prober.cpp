#include "checkers/network_prober.h"

#include <utility>
#include <variant>

#include "checkers/http_check.h"
#include "checkers/tcp_check.h"

namespace xd::checkers {

std::unique_ptr<Probe> NetworkProber::start(const ProbeRequest& request, ProbeDone done) {
  const auto& connection = request.checker->connection;
  if (const auto* http = std::get_if<conf::HttpCheck>(&request.checker->check)) {
    return start_http_check(curl_, *http, http->urls.at(request.url), connection, request.target, std::move(done));
  }
  return start_tcp_check(loop_, connection, request.target, std::move(done));
}

}  // namespace xd::checkers
