#include "conf/print_checkers.h"

#include <fmt/ranges.h>

#include <span>
#include <variant>

namespace xd::conf {

namespace {

std::string hex(std::span<const std::uint8_t> bytes) {
  std::string out;
  for (const std::uint8_t byte : bytes) out += fmt::format("{:02x}", byte);
  return out;
}

// Digits that do not count are X.
std::string hex(std::span<const std::uint8_t> bytes, std::span<const std::uint8_t> mask) {
  std::string out = hex(bytes);
  for (std::size_t i = 0; i < out.size(); ++i) {
    if ((mask[i / 2] >> (i % 2 == 0 ? 4 : 0) & 0xf) == 0) out[i] = 'X';
  }
  return out;
}

void print_connection(Writer& w, const CheckConnection& n) {
  if (n.connect_ip) w.line("connect_ip {}", n.connect_ip->str());
  if (n.connect_port) w.line("connect_port {}", n.connect_port);
  if (n.bind_ip) w.line("bindto {}", n.bind_ip->str());
  if (n.bind_port) w.line("bind_port {}", n.bind_port);
  if (!n.bind_interface.empty()) w.line("bind_if {}", word(n.bind_interface));
  if (n.fwmark) w.line("fwmark {}", n.fwmark);
  w.line("connect_timeout {}", time_of(n.connect_timeout));
}

void print_schedule(Writer& w, const CheckSchedule& s) {
  w.line("delay_loop {}", time_of(s.delay_loop));
  w.line("retry {}", s.retry);
  w.line("delay_before_retry {}", time_of(s.delay_before_retry));
  w.line("warmup {}", time_of(s.warmup));
  w.line("alpha {}", yes_no(s.alpha));
  w.line("log_all_failures {}", yes_no(s.log_all_failures));
}

void print_regex(Writer& w, const HttpRegex& r) {
  w.line("regex {}", word(r.pattern));
  w.flag("regex_no_match", r.must_not_match);
  if (!r.options.empty()) w.line("regex_options {}", fmt::join(r.options, " "));
  if (r.minimum_offset > 0) w.line("regex_min_offset {}", r.minimum_offset);
  if (r.maximum_offset) w.line("regex_max_offset {}", *r.maximum_offset);
  if (r.stack_maximum > 0) w.line("regex_stack {} {}", r.stack_start, r.stack_maximum);
}

std::string_view dns_type_name(DnsType type) {
  switch (type) {
    case DnsType::a: return "A";
    case DnsType::ns: return "NS";
    case DnsType::cname: return "CNAME";
    case DnsType::soa: return "SOA";
    case DnsType::mx: return "MX";
    case DnsType::txt: return "TXT";
    case DnsType::aaaa: return "AAAA";
    case DnsType::rrsig: return "RRSIG";
    case DnsType::dnskey: return "DNSKEY";
  }
  return "SOA";
}

// What each kind says beside connection and schedule.
struct CheckPrinter {
  Writer& w;

  void operator()(const TcpCheck&) const {}
  void operator()(const PingCheck&) const {}
  void operator()(const HttpCheck& http) const {
    w.line("http_protocol {}", http.protocol == HttpProtocol::http_1_1         ? "1.1"
                               : http.protocol == HttpProtocol::http_1_0_close ? "1.0C"
                                                                               : "1.0");
    if (!http.virtualhost.empty()) w.line("virtualhost {}", word(http.virtualhost));
    w.line("fast_recovery {}", yes_no(http.fast_recovery));
    if (!http.sni_name.empty()) {
      w.line("sni_name {}", word(http.sni_name));
    } else {
      w.flag("enable_sni", http.enable_sni);
    }
    for (const HttpUrl& url : http.urls) {
      w.open("url");
      w.line("path {}", word(url.path));
      if (!url.virtualhost.empty()) w.line("virtualhost {}", word(url.virtualhost));
      if (url.digest) w.line("digest {}", hex(*url.digest));
      std::string codes;
      for (const StatusRange& r : url.status_codes)
        codes += r.first == r.last ? fmt::format(" {}", r.first) : fmt::format(" {}-{}", r.first, r.last);
      if (!codes.empty()) w.line("status_code{}", codes);
      if (url.regex) print_regex(w, *url.regex);
      w.flag("tls_compliant", url.tls_compliant);
      w.close();
    }
  }
  void operator()(const SmtpCheck& smtp) const { w.line("helo_name {}", word(smtp.helo_name)); }
  void operator()(const MiscCheck& misc) const {
    w.script("misc_path", {misc.script.words, {}, {}});
    if (!misc.script.user.empty())
      w.line("user {}{}", word(misc.script.user), misc.script.group.empty() ? "" : " " + word(misc.script.group));
    w.line("misc_timeout {}", time_of(misc.timeout));
    w.flag("misc_dynamic", misc.dynamic);
  }
  void operator()(const DnsCheck& dns) const {
    w.line("type {}", dns_type_name(dns.type));
    w.line("name {}", word(dns.name));
  }
  void operator()(const UdpCheck& udp) const {
    if (!udp.payload.empty()) w.line("payload {}", hex(udp.payload));
    if (udp.require_reply) w.line("require_reply{}{}", udp.reply.empty() ? "" : " ", hex(udp.reply, udp.reply_mask));
    if (udp.minimum_length != 0) w.line("min_reply_length {}", udp.minimum_length);
    if (udp.maximum_length != 255) w.line("max_reply_length {}", udp.maximum_length);
  }
  void operator()(const FileCheck& file) const {
    w.line("track_file {}", word(file.track_file));
    if (file.weight) w.line("weight {}{}", *file.weight, file.reverse ? " reverse" : "");
  }
  void operator()(const BfdCheck& bfd) const { w.line("name {}", word(bfd.name)); }
};

}  // namespace

void print_checker(Writer& w, const Checker& c) {
  w.open("{}", keyword_of(c));
  const bool is_file = std::holds_alternative<FileCheck>(c.check), is_bfd = std::holds_alternative<BfdCheck>(c.check);
  if (is_bfd) w.line("alpha {}", yes_no(c.schedule.alpha));
  if (!is_file && !is_bfd) {
    if (!std::holds_alternative<MiscCheck>(c.check)) print_connection(w, c.connection);
    print_schedule(w, c.schedule);
  }
  std::visit(CheckPrinter{w}, c.check);
  w.close();
}

}  // namespace xd::conf
