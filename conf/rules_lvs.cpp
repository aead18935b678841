// virtual_server, real_server and the checkers.
#include <fmt/core.h>

#include <algorithm>

#include "conf/builder.h"
#include "conf/values.h"

namespace xd::conf {

namespace {

constexpr Block V = Block::virtual_server;
constexpr Block R = Block::real_server;
constexpr Block C = Block::check_connection;
constexpr Block W = Block::check_schedule;
constexpr Block H = Block::http_get;
constexpr Block U = Block::http_url;
constexpr Rule::Effect stored = Rule::Effect::stored;

constexpr std::uint32_t default_persistence = 360;

// "<address> [<port>]" from position `first`. False when it is neither; nothing is said.
bool read_endpoint(std::span<const Token> words, std::size_t first, Endpoint& out, bool& port_given) {
  port_given = false;
  if (words.size() <= first) return false;
  const auto address = IpAddress::parse(words[first].text);
  if (!address) return false;
  out = {*address, 0};
  if (words.size() == first + 1) return true;
  const Number port = parse_integer(words[first + 1].text);
  if (port.written != Written::good || port.value < 1 || port.value > 65535) return false;
  out.port = static_cast<std::uint16_t>(port.value);
  port_given = true;
  return true;
}

std::string joined(std::span<const Token> words) {
  std::string out;
  for (const Token& t : words) {
    if (!out.empty()) out += ' ';
    out += t.text;
  }
  return out;
}

std::optional<lvs::Forward> forward_method(Builder& b, const Value& v) {
  std::optional<lvs::Forward> method;
  if (v.word() == "NAT") method = lvs::Forward::nat;
  if (v.word() == "DR") method = lvs::Forward::dr;
  if (v.word() == "TUN") method = lvs::Forward::tun;
  if (!method) {
    const std::string_view close = nearest(v.word(), {"NAT", "DR", "TUN"});
    const bool lower_case = v.word() == "nat" || v.word() == "dr" || v.word() == "tun";
    b.warn(v.where(), fmt::format("{} '{}' is unknown; the line is ignored", v.keyword.name, v.word()), "NAT, DR or TUN",
           lower_case      ? "write it in capitals"
           : close.empty() ? ""
                           : fmt::format("did you mean '{}'?", close));
    return std::nullopt;
  }
  for (std::size_t i = 1; i < v.args.size(); ++i) {
    const std::string_view option = v.args[i].text;
    if (option == "type" && i + 1 < v.args.size()) {
      ++i;
      if (v.args[i].text != "ipip") b.not_in_effect(v.args[i], fmt::format("tunnel type {}", v.args[i].text));
    } else if (option == "nocsum") {
      continue;
    } else if (option == "csum" || option == "remcsum" || option == "port") {
      b.not_in_effect(v.args[i], fmt::format("{} of a tunnel", option));
      if (option == "port") ++i;
    } else {
      b.warn(v.args[i], fmt::format("unknown option '{}' of {}; it is ignored", option, v.word()));
    }
  }
  return method;
}

// ---- virtual_server

void begin_virtual_server(Builder& b, const Value& v) {
  b.virtual_server = {};
  VirtualServerDraft& d = b.virtual_server;
  d.at = v.where();
  if (v.word() == "group") {
    if (v.args.size() < 2) return b.fail(v.where(), "group needs the name of a virtual_server_group");
    d.out.group = v.args[1].text;
    return;
  }
  if (v.word() == "fwmark") {
    const Number mark = v.args.size() > 1 ? parse_integer(v.args[1].text) : Number{};
    if (mark.written != Written::good || mark.value < 0 || mark.value > UINT32_MAX) {
      b.warn(v.where(), "fwmark needs a number from 1 to 4294967295; the virtual server is ignored");
      return b.skip_block();
    }
    d.out.key.fwmark = static_cast<std::uint32_t>(mark.value);
    if (mark.value == 0) {
      b.warn(v.where(), "fwmark 0 is the mark of unmarked packets; the virtual server is ignored");
      b.skip_block();
    }
    return;
  }
  Endpoint endpoint;
  bool port_given = false;
  if (!read_endpoint(v.args, 0, endpoint, port_given)) {
    b.warn(v.where(), fmt::format("'{}' is no address with port; the virtual server is ignored", joined(v.args)),
           std::string(v.keyword.form));
    return b.skip_block();
  }
  d.out.key.address = endpoint.address;
  d.out.key.port = endpoint.port;
}

void protocol(Builder& b, const Value& v) {
  std::string upper(v.word());
  std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  auto& key = b.virtual_server.out.key;
  if (key.fwmark != 0) b.warn(v.at(), "a firewall mark covers every protocol; the line is ignored");
  if (upper == "TCP") {
    key.protocol = lvs::Protocol::tcp;
  } else if (upper == "UDP") {
    key.protocol = lvs::Protocol::udp;
  } else if (upper == "SCTP") {
    key.protocol = lvs::Protocol::sctp;
  } else {
    return b.warn(v.where(), fmt::format("protocol '{}' is unknown; the line is ignored", v.word()), "TCP, UDP or SCTP");
  }
  b.virtual_server.protocol_given = true;
}

void persistence_granularity(Builder& b, const Value& v) {
  VirtualServer& out = b.virtual_server.out;
  const Number n = parse_integer(v.word());
  const bool v6 = out.key.fwmark == 0 && out.key.address.is_v6();
  if (v6 && n.written == Written::good && n.value >= 1 && n.value <= 128) {
    out.persistence_mask = static_cast<std::uint32_t>(n.value);
  } else if (const auto length = v6 ? std::nullopt : mask_length(v.word())) {
    out.persistence_mask = static_cast<std::uint32_t>(*length);
  } else {
    // "24" is the mask 0.0.0.24 to keepalived, which nobody means.
    return b.warn(v.where(), fmt::format("persistence_granularity '{}' is no mask; the line is ignored", v.word()),
                  v6 ? "a prefix length, 1-128" : "a mask such as 255.255.255.0");
  }
  if (out.persistence_seconds == 0) out.persistence_seconds = default_persistence;
}

// sh and mh name the same bits as flag-1 and flag-2, and mean something else in each scheduler.
void scheduler_flag(Builder& b, const Value& v) {
  VirtualServer& out = b.virtual_server.out;
  const std::string_view name = v.keyword.name;
  const bool for_sh = name.starts_with("sh-");
  if (!b.virtual_server.scheduler_given || out.scheduler != (for_sh ? lvs::Scheduler::sh : lvs::Scheduler::mh)) {
    return b.warn(v.at(), fmt::format("{} has no effect: it must follow lb_algo {}", name, for_sh ? "sh" : "mh"));
  }
  out.scheduler_flags |= name.ends_with("fallback") ? lvs::sched_1 : lvs::sched_2;
}

void sorry_server(Builder& b, const Value& v) {
  Endpoint endpoint;
  bool port_given = false;
  if (!read_endpoint(v.args, 0, endpoint, port_given))
    return b.warn(v.where(), fmt::format("sorry_server '{}' is no address with port; the line is ignored", joined(v.args)));
  VirtualServerDraft& d = b.virtual_server;
  if (!port_given) endpoint.port = d.out.key.port;
  d.out.sorry_server = SorryServer{endpoint, lvs::Forward::nat, false};
  d.sorry_at = v.where();
}

// ---- real_server

void begin_real_server(Builder& b, const Value& v) {
  VirtualServerDraft& d = b.virtual_server;
  Endpoint endpoint;
  bool port_given = false;
  if (!read_endpoint(v.args, 0, endpoint, port_given)) {
    b.warn(v.where(), fmt::format("'{}' is no address with port; the real server is ignored", joined(v.args)), std::string(v.keyword.form));
    return b.skip_block();
  }
  if (!port_given) endpoint.port = d.out.key.port;
  for (const RealServerDraft& other : d.real_servers) {
    if (other.out.endpoint != endpoint) continue;
    Diagnostic twice;
    twice.message = fmt::format("real server {} is defined twice; the second is ignored", endpoint.str());
    twice.notes.push_back({b.place(other.at), "the first is here"});
    b.report(std::move(twice), v.where());
    return b.skip_block();
  }
  RealServerDraft& r = d.real_servers.emplace_back();
  r.at = v.where();
  r.out.endpoint = endpoint;
  r.weight = d.weight;
}

// ---- checkers

void begin_checker(Builder& b, const Value& v, std::variant<TcpCheck, HttpCheck> check) {
  CheckerDraft& c = b.real_server().checkers.emplace_back();
  c.at = v.at();
  c.out.check = std::move(check);
}

void end_http(Builder& b, const Value& v) {
  if (!std::get<HttpCheck>(b.checker().out.check).urls.empty()) return;
  b.warn(v.at(), fmt::format("{} has no url with a path; the checker is ignored", v.keyword.name));
  b.real_server().checkers.pop_back();
}

void end_url(Builder& b, const Value& v) {
  if (!b.url().path.empty()) return;
  b.warn(v.at(), "url has no path; it is ignored");
  std::get<HttpCheck>(b.checker().out.check).urls.pop_back();
}

void digest(Builder& b, const Value& v) {
  std::array<std::uint8_t, 16> bytes{};
  const std::string_view word = v.word();
  bool good = word.size() == 2 * bytes.size();
  for (std::size_t i = 0; good && i < bytes.size(); ++i) {
    const auto digit = [&](char c) {
      return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    };
    const int high = digit(word[2 * i]), low = digit(word[2 * i + 1]);
    good = high >= 0 && low >= 0;
    bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  if (!good)
    return b.warn(v.where(), fmt::format("digest '{}' is no MD5 sum; the line is ignored", word),
                  "32 hexadecimal digits, as genhash prints them");
  b.url().digest = bytes;
}

void status_code(Builder& b, const Value& v) {
  for (const Token& t : v.args) {
    const auto dash = t.text.find('-');
    const Number first = parse_integer(t.text.substr(0, dash));
    const Number last = dash == std::string_view::npos ? first : parse_integer(t.text.substr(dash + 1));
    const auto legal = [](const Number& n) { return n.written == Written::good && n.value >= 100 && n.value <= 999; };
    if (!legal(first) || !legal(last) || first.value > last.value) {
      b.warn(t, fmt::format("status_code '{}' is neither a code nor a range; it is ignored", t.text), "100-999, or first-last");
      continue;
    }
    b.url().status_codes.push_back({static_cast<std::uint16_t>(first.value), static_cast<std::uint16_t>(last.value)});
  }
}

// The settings that virtual server, real server and checker have in common, for each of the three.
template <CheckDefaults& (*of)(Builder&)>
struct Common {
  static void delay_loop(Builder& b, const Value& v) { of(b).delay_loop = v.duration; }
  static void delay_before_retry(Builder& b, const Value& v) { of(b).delay_before_retry = v.duration; }
  static void warmup(Builder& b, const Value& v) { of(b).warmup = v.duration; }
  static void connect_timeout(Builder& b, const Value& v) { of(b).connect_timeout = v.duration; }
  static void retry(Builder& b, const Value& v) { of(b).retry = static_cast<unsigned>(v.number); }
  static void alpha(Builder& b, const Value& v) { of(b).alpha = v.on; }
  static void log_all_failures(Builder& b, const Value& v) { of(b).log_all_failures = v.on; }
};
CheckDefaults& of_virtual_server(Builder& b) { return b.virtual_server.own; }
CheckDefaults& of_real_server(Builder& b) { return b.real_server().own; }
CheckDefaults& of_checker(Builder& b) { return b.checker().own; }
using InVirtualServer = Common<of_virtual_server>;
using InRealServer = Common<of_real_server>;
using InChecker = Common<of_checker>;

CheckConnection& connection(Builder& b) { return b.checker().out.connection; }
HttpCheck& http(Builder& b) { return std::get<HttpCheck>(b.checker().out.check); }

void scheduler(Builder& b, const Value& v) {
  b.virtual_server.out.scheduler = *lvs::parse_scheduler(v.word());
  b.virtual_server.scheduler_given = true;
}

void method(Builder& b, const Value& v) {
  const auto forward = forward_method(b, v);
  if (!forward) return;
  b.virtual_server.out.forward = *forward;
  b.virtual_server.forward_given = true;
}

const Rule rules[] = {
    {Block::root, "virtual_server", begin_virtual_server, [](Builder& b, const Value&) { finish_virtual_server(b); }},
    {V, "ip_family", [](Builder& b, const Value& v) { b.virtual_server.mark_family = v.word() == "inet6" ? AF_INET6 : AF_INET; }},
    {V, "lb_algo", scheduler},
    {V, "lvs_sched", scheduler},
    {V, "lb_kind", method},
    {V, "lvs_method", method},
    {V, "protocol", protocol},
    {V, "ops", [](Builder& b, const Value&) { b.virtual_server.out.one_packet = true; }},
    {V, "flag-1", [](Builder& b, const Value&) { b.virtual_server.out.scheduler_flags |= lvs::sched_1; }},
    {V, "flag-2", [](Builder& b, const Value&) { b.virtual_server.out.scheduler_flags |= lvs::sched_2; }},
    {V, "flag-3", [](Builder& b, const Value&) { b.virtual_server.out.scheduler_flags |= lvs::sched_3; }},
    {V, "sh-port", scheduler_flag},
    {V, "sh-fallback", scheduler_flag},
    {V, "mh-port", scheduler_flag},
    {V, "mh-fallback", scheduler_flag},
    {V, "persistence_timeout",
     [](Builder& b, const Value& v) {
       b.virtual_server.out.persistence_seconds = v.given ? static_cast<std::uint32_t>(v.number) : default_persistence;
     }},
    {V, "persistence_granularity", persistence_granularity},
    {V, "delay_loop", InVirtualServer::delay_loop},
    {V, "delay_before_retry", InVirtualServer::delay_before_retry},
    {V, "warmup", InVirtualServer::warmup},
    {V, "connect_timeout", InVirtualServer::connect_timeout},
    {V, "retry", InVirtualServer::retry},
    {V, "alpha",
     [](Builder& b, const Value&) {
       b.virtual_server.out.alpha = true;
       b.virtual_server.own.alpha = true;
     }},
    {V, "omega", [](Builder& b, const Value&) { b.virtual_server.out.omega = true; }},
    {V, "inhibit_on_failure", [](Builder& b, const Value&) { b.virtual_server.inhibit = true; }},
    {V, "weight", [](Builder& b, const Value& v) { b.virtual_server.weight = static_cast<std::uint32_t>(v.number); }},
    {V, "quorum",
     [](Builder& b, const Value& v) {
       b.virtual_server.out.quorum = static_cast<std::uint32_t>(v.number);
       b.virtual_server.quorum_at = v.where();
     }},
    {V, "hysteresis",
     [](Builder& b, const Value& v) {
       b.virtual_server.out.hysteresis = static_cast<std::uint32_t>(v.number);
       b.virtual_server.hysteresis_at = v.where();
     }},
    {V, "quorum_up", [](Builder& b, const Value& v) { b.virtual_server.out.quorum_up = b.command(v.args); }},
    {V, "quorum_down", [](Builder& b, const Value& v) { b.virtual_server.out.quorum_down = b.command(v.args); }},
    {V, "virtualhost", [](Builder& b, const Value& v) { b.virtual_server.out.virtualhost = v.word(); }},
    {V, "smtp_alert", [](Builder& b, const Value& v) { b.virtual_server.smtp_alert = v.on; }, nullptr, stored},
    {V, "sorry_server", sorry_server},
    {V, "sorry_server_inhibit", [](Builder& b, const Value&) { b.virtual_server.sorry_inhibit = true; }},
    {V, "sorry_server_lvs_method", [](Builder& b, const Value& v) { b.virtual_server.sorry_forward = forward_method(b, v); }},

    {V, "real_server", begin_real_server},
    {R, "weight", [](Builder& b, const Value& v) { b.real_server().weight = static_cast<std::uint32_t>(v.number); }},
    {R, "lvs_method",
     [](Builder& b, const Value& v) {
       if (const auto forward = forward_method(b, v)) b.real_server().forward = forward;
     }},
    {R, "uthreshold", [](Builder& b, const Value& v) { b.real_server().out.upper_threshold = static_cast<std::uint32_t>(v.number); }},
    {R, "lthreshold", [](Builder& b, const Value& v) { b.real_server().out.lower_threshold = static_cast<std::uint32_t>(v.number); }},
    {R, "inhibit_on_failure", [](Builder& b, const Value& v) { b.real_server().inhibit = v.on; }},
    {R, "notify_up", [](Builder& b, const Value& v) { b.real_server().out.notify_up = b.command(v.args); }},
    {R, "notify_down", [](Builder& b, const Value& v) { b.real_server().out.notify_down = b.command(v.args); }},
    {R, "delay_loop", InRealServer::delay_loop},
    {R, "delay_before_retry", InRealServer::delay_before_retry},
    {R, "warmup", InRealServer::warmup},
    {R, "connect_timeout", InRealServer::connect_timeout},
    {R, "retry", InRealServer::retry},
    {R, "alpha", InRealServer::alpha},
    {R, "smtp_alert", [](Builder& b, const Value& v) { b.real_server().smtp_alert = v.on; }, nullptr, stored},
    {R, "virtualhost", [](Builder& b, const Value& v) { b.real_server().virtualhost = v.word(); }},

    {R, "TCP_CHECK", [](Builder& b, const Value& v) { begin_checker(b, v, TcpCheck{}); }},
    {R, "HTTP_GET", [](Builder& b, const Value& v) { begin_checker(b, v, HttpCheck{}); }, end_http},
    {R, "SSL_GET",
     [](Builder& b, const Value& v) {
       HttpCheck check;
       check.tls = true;
       begin_checker(b, v, std::move(check));
     },
     end_http},
    {C, "connect_ip", [](Builder& b, const Value& v) { connection(b).connect_ip = v.address; }},
    {C, "connect_port", [](Builder& b, const Value& v) { connection(b).connect_port = static_cast<std::uint16_t>(v.number); }},
    {C, "bindto", [](Builder& b, const Value& v) { connection(b).bind_ip = v.address; }},
    {C, "bind_port", [](Builder& b, const Value& v) { connection(b).bind_port = static_cast<std::uint16_t>(v.number); }},
    {C, "bind_if", [](Builder& b, const Value& v) { connection(b).bind_interface = v.word(); }},
    {C, "fwmark", [](Builder& b, const Value& v) { connection(b).fwmark = static_cast<std::uint32_t>(v.number); }},
    {C, "connect_timeout", InChecker::connect_timeout},
    {W, "delay_loop", InChecker::delay_loop},
    {W, "delay_before_retry", InChecker::delay_before_retry},
    {W, "warmup", InChecker::warmup},
    {W, "retry", InChecker::retry},
    {W, "alpha", InChecker::alpha},
    {W, "log_all_failures", InChecker::log_all_failures},

    {H, "nb_get_retry",
     [](Builder& b, const Value& v) {
       b.warn(v.at(), "nb_get_retry is an old name", {}, "write retry");
       InChecker::retry(b, v);
     }},
    {H, "virtualhost", [](Builder& b, const Value& v) { http(b).virtualhost = v.word(); }},
    {H, "http_protocol",
     [](Builder& b, const Value& v) {
       http(b).protocol = v.word() == "1.1"    ? HttpProtocol::http_1_1
                          : v.word() == "1.0C" ? HttpProtocol::http_1_0_close
                                               : HttpProtocol::http_1_0;
     }},
    {H, "fast_recovery", [](Builder& b, const Value& v) { http(b).fast_recovery = v.on; }},
    {H, "url", [](Builder& b, const Value&) { http(b).urls.emplace_back().path.clear(); }, end_url},
    {Block::ssl_get, "url", [](Builder& b, const Value&) { http(b).urls.emplace_back().path.clear(); }, end_url},
    {U, "path", [](Builder& b, const Value& v) { b.url().path = v.word(); }},
    {U, "digest", digest},
    {U, "status_code", status_code},
    {U, "virtualhost", [](Builder& b, const Value& v) { b.url().virtualhost = v.word(); }},
};

}  // namespace

std::span<const Rule> lvs_rules() { return rules; }

// ---- inheritance and checks of one virtual server

namespace {

template <typename T>
T first_of(const std::optional<T>& a, const std::optional<T>& b, const std::optional<T>& c, const T& fallback) {
  return a ? *a : b ? *b : c ? *c : fallback;
}

Checker finished(Builder& b, const CheckerDraft& draft, const RealServerDraft& rs, const VirtualServerDraft& vs) {
  Checker out = draft.out;
  if (auto& from = out.connection.bind_ip; from && from->family() != out.connection.connect_ip.value_or(rs.out.endpoint.address).family()) {
    b.warn(draft.at, fmt::format("bindto {} is of another family than the address to connect to; it is ignored", from->str()));
    from.reset();
  }
  const bool is_http = std::holds_alternative<HttpCheck>(out.check);
  CheckSchedule& s = out.schedule;
  s.delay_loop = first_of<Duration>(draft.own.delay_loop, rs.own.delay_loop, vs.own.delay_loop, 60s);
  s.retry = first_of<unsigned>(draft.own.retry, rs.own.retry, vs.own.retry, 1);
  s.delay_before_retry =
      first_of<Duration>(draft.own.delay_before_retry, rs.own.delay_before_retry, vs.own.delay_before_retry, is_http ? 3s : 1s);
  s.warmup = first_of<Duration>(draft.own.warmup, rs.own.warmup, vs.own.warmup, s.delay_loop);
  s.alpha = first_of<bool>(draft.own.alpha, rs.own.alpha, vs.own.alpha, false);
  s.log_all_failures = draft.own.log_all_failures.value_or(false);
  out.connection.connect_timeout = first_of<Duration>(draft.own.connect_timeout, rs.own.connect_timeout, vs.own.connect_timeout, 5s);
  if (auto* check = std::get_if<HttpCheck>(&out.check); check && check->virtualhost.empty()) {
    check->virtualhost = rs.virtualhost.empty() ? vs.out.virtualhost : rs.virtualhost;
  }
  return out;
}

RealServer finished(Builder& b, RealServerDraft& draft, const VirtualServerDraft& vs) {
  RealServer out = draft.out;
  out.weight = draft.weight.value_or(1);
  out.forward = draft.forward.value_or(vs.out.forward);
  out.inhibit_on_failure = draft.inhibit.value_or(vs.inhibit);
  out.smtp_alert = draft.smtp_alert.value_or(vs.smtp_alert.value_or(true));
  // Only NAT can change the port on the way.
  if (vs.out.key.fwmark == 0 && out.forward != lvs::Forward::nat && out.endpoint.port != vs.out.key.port) {
    b.warn(draft.at,
           fmt::format("{} cannot change the port: {} gets port {} instead", lvs::name(out.forward), out.endpoint.str(), vs.out.key.port));
    out.endpoint.port = vs.out.key.port;
  }
  out.checkers.reserve(draft.checkers.size());
  for (const CheckerDraft& c : draft.checkers) out.checkers.push_back(finished(b, c, draft, vs));
  return out;
}

void check_families(Builder& b, VirtualServerDraft& d) {
  if (d.out.key.fwmark != 0) {
    if (d.mark_family == 0 && !d.real_servers.empty()) d.mark_family = d.real_servers.front().out.endpoint.address.family();
    d.out.key.mark_family = d.mark_family == 0 ? AF_INET : d.mark_family;
  }
  const int family = d.out.key.family();
  std::erase_if(d.real_servers, [&](const RealServerDraft& r) {
    if (r.out.endpoint.address.family() == family || r.forward.value_or(d.out.forward) == lvs::Forward::tun) return false;
    b.warn(r.at, fmt::format("real server {} and its virtual server are of different families; the real server is ignored",
                             r.out.endpoint.address.str()));
    return true;
  });
}

void check_quorum(Builder& b, VirtualServerDraft& d, const std::string& name) {
  VirtualServer& out = d.out;
  std::uint64_t total = 0;
  for (const RealServer& r : out.real_servers) total += r.weight;
  if (out.quorum > total) {
    b.warn(d.quorum_at.length ? d.quorum_at : d.at,
           fmt::format("quorum {} of {} is more than all real servers weigh together; {} is used", out.quorum, name, total));
    out.quorum = static_cast<std::uint32_t>(total);
  }
  if (out.hysteresis > 0 && out.hysteresis >= out.quorum) {
    const std::uint32_t below = out.quorum > 0 ? out.quorum - 1 : 0;
    b.warn(d.hysteresis_at,
           fmt::format("hysteresis {} of {} must be below the quorum {}; {} is used", out.hysteresis, name, out.quorum, below));
    out.hysteresis = below;
  }
}

}  // namespace

void finish_virtual_server(Builder& b) {
  VirtualServerDraft& d = b.virtual_server;
  VirtualServer& out = d.out;
  if (!out.group.empty() && !d.is_member) {
    b.of_groups.push_back(std::move(d));
    return;
  }
  if (!d.protocol_given && out.key.fwmark == 0) {
    b.warn(d.at, "virtual_server has no protocol; UDP is used", {}, "write protocol TCP or protocol UDP");
    out.key.protocol = lvs::Protocol::udp;
  }
  const std::string name = out.group.empty() ? out.key.str() : "group " + out.group;
  if (!d.scheduler_given) b.warn(d.at, fmt::format("virtual server {} has no lb_algo; wlc is used", name));
  if (!d.forward_given) b.warn(d.at, fmt::format("virtual server {} has no lb_kind; NAT is used", name));
  check_families(b, d);
  if (d.real_servers.empty()) {
    b.warn(d.at, fmt::format("virtual server {} has no real server; it is ignored", name));
    return;
  }
  if (out.key.fwmark == 0 && out.key.port == 0 && out.persistence_seconds == 0) {
    b.warn(d.at,
           fmt::format("virtual server {} without a port must be persistent; persistence_timeout {} is used", name, default_persistence));
    out.persistence_seconds = default_persistence;
  }
  if (out.key.family() == AF_INET6 && out.persistence_mask == 32) out.persistence_mask = 128;
  if (out.sorry_server && out.sorry_server->endpoint.address.family() != out.key.family() &&
      d.sorry_forward.value_or(out.forward) != lvs::Forward::tun) {
    b.warn(d.sorry_at, fmt::format("sorry server {} and its virtual server are of different families; it is ignored",
                                   out.sorry_server->endpoint.address.str()));
    out.sorry_server.reset();
  }
  if (out.sorry_server) {
    SorryServer& s = *out.sorry_server;
    s.forward = d.sorry_forward.value_or(out.forward);
    s.inhibit = d.sorry_inhibit;
    if (out.key.fwmark == 0 && s.forward != lvs::Forward::nat && s.endpoint.port != out.key.port) {
      b.warn(d.sorry_at, fmt::format("{} cannot change the port: sorry server {} gets port {} instead", lvs::name(s.forward),
                                     s.endpoint.str(), out.key.port));
      s.endpoint.port = out.key.port;
    }
  } else if (d.sorry_inhibit || d.sorry_forward) {
    b.warn(d.at, fmt::format("virtual server {} says how to use a sorry server but has none", name));
  }
  if (out.one_packet && out.key.protocol != lvs::Protocol::udp) {
    b.warn(d.at, fmt::format("ops of {} works with UDP only; it is ignored", name));
    out.one_packet = false;
  }

  const auto index = static_cast<std::uint32_t>(b.model.virtual_servers.size());
  out.smtp_alert = d.smtp_alert.value_or(true);
  if (!d.smtp_alert) b.undecided.push_back({index, -1, -1});
  out.real_servers.reserve(d.real_servers.size());
  for (RealServerDraft& r : d.real_servers) {
    const auto place = static_cast<std::int32_t>(out.real_servers.size());
    if (!r.smtp_alert && !d.smtp_alert) b.undecided.push_back({index, place, -1});
    for (std::size_t c = 0; c < r.checkers.size(); ++c) {
      if (!r.checkers[c].own.log_all_failures) b.undecided.push_back({index, place, static_cast<std::int32_t>(c)});
    }
    out.real_servers.push_back(finished(b, r, d));
    const RealServer& done = out.real_servers.back();
    if (out.key.fwmark == 0 && done.forward == lvs::Forward::dr && done.endpoint.address == out.key.address)
      b.advise(r.at, fmt::format("real server {} is the virtual server itself: DR would send its packets to this host for ever; "
                                 "write the real server's own address",
                                 done.endpoint.str()));
  }
  check_quorum(b, d, name);
  b.service_places.emplace_back(out.key, d.at);
  b.model.virtual_servers.push_back(std::move(out));
}

void finish_lvs(Builder& b) {
  expand_server_groups(b);
  auto& servers = b.model.virtual_servers;
  const bool alert = b.smtp_alert_checker.value_or(b.smtp_alert.value_or(true));
  const bool log_all = b.checker_log_all_failures.value_or(false);
  for (const Builder::Undecided& u : b.undecided) {
    VirtualServer& vs = servers[u.virtual_server];
    if (u.real_server < 0) {
      vs.smtp_alert = alert;
    } else if (u.checker < 0) {
      vs.real_servers[static_cast<std::size_t>(u.real_server)].smtp_alert = alert;
    } else {
      vs.real_servers[static_cast<std::size_t>(u.real_server)].checkers[static_cast<std::size_t>(u.checker)].schedule.log_all_failures =
          log_all;
    }
  }

  std::map<lvs::ServiceKey, std::size_t> seen;
  std::vector<bool> twice(servers.size(), false);
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const auto [first, inserted] = seen.emplace(servers[i].key, i);
    if (inserted) continue;
    Diagnostic d;
    d.message = fmt::format("virtual server {} is defined twice; the second is ignored", servers[i].key.str());
    d.verdict = TestVerdict::fine;
    d.notes.push_back({b.place(b.service_places[first->second].second), "the first is here"});
    b.report(std::move(d), b.service_places[i].second);
    twice[i] = true;
  }

  for (VirtualServer& vs : servers) vs.engine = b.model.xdirector.engine;
  for (const Builder::EngineChoice& choice : b.engines) {
    bool any = false;
    for (VirtualServer& vs : servers) {
      const bool same = choice.key.fwmark != 0
                            ? vs.key.fwmark == choice.key.fwmark
                            : vs.key.fwmark == 0 && vs.key.address == choice.key.address && vs.key.port == choice.key.port;
      if (!same) continue;
      vs.engine = choice.engine;
      any = true;
    }
    if (!any) b.warn(choice.at, "xdirector names a virtual server that is not defined");
  }
  std::size_t i = 0;
  std::erase_if(servers, [&](const VirtualServer&) { return twice[i++]; });
}

}  // namespace xd::conf
