#include "conf/model.h"

namespace xd::conf {

std::string_view keyword_of(const Checker& checker) {
  struct Name {
    std::string_view operator()(const TcpCheck&) const { return "TCP_CHECK"; }
    std::string_view operator()(const HttpCheck& http) const { return http.tls ? "SSL_GET" : "HTTP_GET"; }
    std::string_view operator()(const SmtpCheck&) const { return "SMTP_CHECK"; }
    std::string_view operator()(const MiscCheck&) const { return "MISC_CHECK"; }
    std::string_view operator()(const DnsCheck&) const { return "DNS_CHECK"; }
    std::string_view operator()(const PingCheck&) const { return "PING_CHECK"; }
    std::string_view operator()(const UdpCheck&) const { return "UDP_CHECK"; }
    std::string_view operator()(const FileCheck&) const { return "FILE_CHECK"; }
    std::string_view operator()(const BfdCheck&) const { return "BFD_CHECK"; }
  };
  return std::visit(Name{}, checker.check);
}

}  // namespace xd::conf
