// Log lines of the health checks. Operators and their tools grep for keepalived's words, so the key words here are its;
// what a line says beyond them (why a check failed) stands at its end.
#pragma once

#include <string>

#include "base/lvs.h"
#include "checkers/outcome.h"
#include "checkers/quorum.h"
#include "conf/model.h"

namespace xd::checkers {

// "[192.0.2.10]:tcp:80", "FWM 7": names of services and servers in log lines.
std::string name_of(const lvs::ServiceKey& key);
std::string name_of(const Endpoint& endpoint, lvs::Protocol protocol);

// keepalived.conf's word for the type: "TCP_CHECK", "HTTP_GET", "SSL_GET".
std::string kind_of(const conf::Checker& checker);

struct ServerNames {
  std::string server, service;
};

std::string attempt_failed(const conf::Checker& checker, const ServerNames& names, const Outcome& outcome);  // log_all_failures
std::string attempt_postponed(const conf::Checker& checker, const Outcome& outcome);
std::string url_passed(const conf::HttpUrl& url, const std::string& server);
std::string check_succeeded(const conf::Checker& checker, const ServerNames& names);
std::string check_failed(const conf::Checker& checker, const ServerNames& names, unsigned retries, const Outcome& outcome);

// Subjects and sentences of mails.
std::string check_mail(const conf::Checker& checker, bool up, const Outcome& outcome);
std::string server_subject(const ServerNames& names, bool up);
std::string service_subject(const std::string& service, bool up);
std::string checker_suspended(const ServerNames& names, bool suspended);  // ha_suspend

std::string server_changed(const ServerNames& names, bool up, bool inhibit);
std::string server_removed(const ServerNames& names, bool inhibited);
std::string server_shut_down(const ServerNames& names, bool inhibited);
std::string weight_changed(const ServerNames& names, std::uint32_t before, std::uint32_t after, bool up);

enum class QuorumEvent { gained, lost, present_at_start, absent_at_start };
bool has_quorum(QuorumEvent event);  // after it
// `threshold`: what live weight was compared with.
std::string quorum_line(QuorumEvent event, const Pool& pool, std::int64_t threshold, const std::string& service);
std::string quorum_mail(QuorumEvent event, const Pool& pool, std::int64_t threshold);
std::string sorry_changed(const ServerNames& names, bool in_use, bool inhibit);
std::string pool_changed(const std::string& service, bool added);  // the servers that are up, all together

// Lines of the FIFOs: "RS [192.0.2.10]:tcp:80 [192.0.2.1]:tcp:80 UP" and "VS [192.0.2.1]:tcp:80 DOWN", with a newline.
std::string fifo_line_of_server(const ServerNames& names, bool up);
std::string fifo_line_of_service(const std::string& service, bool up);

}  // namespace xd::checkers
