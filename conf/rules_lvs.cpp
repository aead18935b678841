// virtual_server and real_server, and what their checkers have in common.
#include <fmt/core.h>

#include <algorithm>

#include "conf/builder.h"
#include "conf/mark_match.h"
#include "conf/values.h"

namespace xd::conf {

namespace {

constexpr Block V = Block::virtual_server;
constexpr Block R = Block::real_server;
constexpr Block C = Block::check_connection;
constexpr Block W = Block::check_schedule;
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

// "NAT", "DR", "TUN [type ipip|gue|gre] [port <p>] [nocsum|csum|remcsum]". Nothing: what is wrong has been said.
std::optional<ForwardMethod> forward_method(Builder& b, const Value& v) {
  ForwardMethod method;
  const auto refuse = [&](const Token& at, const std::string& why) {
    b.warn(at, fmt::format("{} {}: {}; the line is ignored", v.keyword.name, v.word(), why), std::string(v.keyword.form));
    return std::nullopt;
  };
  if (v.word() == "DR") {
    method.forward = lvs::Forward::dr;
  } else if (v.word() == "TUN") {
    method.forward = lvs::Forward::tun;
  } else if (v.word() != "NAT") {
    const std::string_view close = nearest(v.word(), {"NAT", "DR", "TUN"});
    const bool lower_case = v.word() == "nat" || v.word() == "dr" || v.word() == "tun";
    b.warn(v.where(), fmt::format("{} '{}' is unknown; the line is ignored", v.keyword.name, v.word()), "NAT, DR or TUN",
           lower_case      ? "write it in capitals"
           : close.empty() ? ""
                           : fmt::format("did you mean '{}'?", close));
    return std::nullopt;
  }
  // Options behind NAT and DR mean nothing and are not looked at.
  if (method.forward != lvs::Forward::tun) return method;

  lvs::Tunnel& tunnel = method.tunnel;
  for (std::size_t i = 1; i < v.args.size(); ++i) {
    const Token& option = v.args[i];
    if (option.text == "nocsum") {
      tunnel.checksum = lvs::TunnelChecksum::none;
    } else if (option.text == "csum") {
      tunnel.checksum = lvs::TunnelChecksum::full;
    } else if (option.text == "remcsum") {
      tunnel.checksum = lvs::TunnelChecksum::remote;
    } else if (option.text != "type" && option.text != "port") {
      b.warn(option, fmt::format("unknown option '{}' of {}; it is ignored", option.text, v.word()));
    } else if (++i >= v.args.size()) {
      return refuse(option, fmt::format("{} needs a word behind it", option.text));
    } else if (option.text == "type") {
      const std::string_view type = v.args[i].text;
      if (type != "ipip" && type != "gue" && type != "gre") return refuse(v.args[i], fmt::format("unknown tunnel type '{}'", type));
      tunnel.type = type == "gue" ? lvs::TunnelType::gue : type == "gre" ? lvs::TunnelType::gre : lvs::TunnelType::ipip;
    } else {
      const Number port = parse_integer(v.args[i].text);
      if (port.written != Written::good || port.value < 1 || port.value > 65535)
        return refuse(v.args[i], fmt::format("port '{}' is outside 1-65535", v.args[i].text));
      tunnel.port = static_cast<std::uint16_t>(port.value);
    }
  }
  if ((tunnel.type == lvs::TunnelType::gue) != (tunnel.port != 0))
    return refuse(v.where(), "a gue tunnel needs a port, the others have none");
  if (tunnel.type == lvs::TunnelType::ipip && tunnel.checksum != lvs::TunnelChecksum::none)
    return refuse(v.where(), "an ipip tunnel has no checksum");
  if (tunnel.type == lvs::TunnelType::gre && tunnel.checksum == lvs::TunnelChecksum::remote)
    return refuse(v.where(), "a gre tunnel has no remote checksum");
  return method;
}

// ---- virtual_server

void begin_virtual_server(Builder& b, const Value& v) {
  b.virtual_server = {};
  VirtualServerDraft& d = b.virtual_server;
  d.at = v.where();
  if (v.word() == "group") {
    if (v.args.size() < 2) {
      b.fail(v.where(), "group needs the name of a virtual_server_group");
      return b.skip_block();
    }
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

void ip_family(Builder& b, const Value& v) {
  const int family = v.word() == "inet6" ? AF_INET6 : AF_INET;
  const lvs::ServiceKey& key = b.virtual_server.out.key;
  if (b.virtual_server.out.group.empty() && key.fwmark == 0 && key.address.family() != family)
    return b.warn(v.where(), fmt::format("ip_family {} is not that of {}; the line is ignored", v.word(), key.address.str()));
  b.virtual_server.mark_family = family;
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

// IPVS sets this flag of every service itself.
void hashed(Builder& b, const Value& v) {
  if (!b.virtual_server.scheduler_given || b.virtual_server.out.scheduler != lvs::Scheduler::sh)
    b.warn(v.at(), "hashed has no effect: it must follow lb_algo sh");
}

void persistence_engine(Builder& b, const Value& v) {
  constexpr std::size_t longest = 15;
  if (v.word().size() > longest)
    b.warn(v.where(), fmt::format("persistence_engine '{}' is too long: {} characters count", v.word(), longest));
  b.virtual_server.out.persistence_engine = v.word().substr(0, longest);
}

void sorry_server(Builder& b, const Value& v) {
  Endpoint endpoint;
  bool port_given = false;
  if (!read_endpoint(v.args, 0, endpoint, port_given))
    return b.warn(v.where(), fmt::format("sorry_server '{}' is no address with port; the line is ignored", joined(v.args)));
  VirtualServerDraft& d = b.virtual_server;
  if (!port_given) endpoint.port = d.out.key.port;
  d.out.sorry_server = SorryServer{.endpoint = endpoint};
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

void scheduler(Builder& b, const Value& v) {
  b.virtual_server.out.scheduler = *lvs::parse_scheduler(v.word());
  b.virtual_server.scheduler_given = true;
}

void method(Builder& b, const Value& v) {
  const auto forward = forward_method(b, v);
  if (!forward) return;
  b.virtual_server.out.forward = forward->forward;
  b.virtual_server.out.tunnel = forward->tunnel;
  b.virtual_server.forward_given = true;
}

template <std::string SslSettings::*member>
void ssl_word(Builder& b, const Value& v) {
  b.model.ssl.*member = v.word();
}

const Rule rules[] = {
    {Block::root, "SSL", [](Builder&, const Value&) {}},
    {Block::ssl, "password", ssl_word<&SslSettings::password>},
    {Block::ssl, "ca", ssl_word<&SslSettings::ca>},
    {Block::ssl, "certificate", ssl_word<&SslSettings::certificate>},
    {Block::ssl, "key", ssl_word<&SslSettings::key>},

    {Block::root, "virtual_server", begin_virtual_server, [](Builder& b, const Value&) { finish_virtual_server(b); }},
    {V, "ip_family", ip_family},
    {V, "lb_algo", scheduler},
    {V, "lvs_sched", scheduler},
    {V, "lb_kind", method},
    {V, "lvs_method", method},
    {V, "protocol", protocol},
    {V, "ops", [](Builder& b, const Value&) { b.virtual_server.out.one_packet = true; }},
    {V, "flag-1", [](Builder& b, const Value&) { b.virtual_server.out.scheduler_flags |= lvs::sched_1; }},
    {V, "flag-2", [](Builder& b, const Value&) { b.virtual_server.out.scheduler_flags |= lvs::sched_2; }},
    {V, "flag-3", [](Builder& b, const Value&) { b.virtual_server.out.scheduler_flags |= lvs::sched_3; }},
    {V, "hashed", hashed},
    {V, "sh-port", scheduler_flag},
    {V, "sh-fallback", scheduler_flag},
    {V, "mh-port", scheduler_flag},
    {V, "mh-fallback", scheduler_flag},
    {V, "ha_suspend", [](Builder& b, const Value&) { b.virtual_server.out.ha_suspend = true; }},
    {V, "snmp_name", [](Builder& b, const Value& v) { b.virtual_server.out.snmp_name = v.word(); }, nullptr, stored},
    {V, "persistence_timeout",
     [](Builder& b, const Value& v) {
       b.virtual_server.out.persistence_seconds = v.given ? static_cast<std::uint32_t>(v.number) : default_persistence;
     }},
    {V, "persistence_granularity", persistence_granularity},
    {V, "persistence_engine", persistence_engine},
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
    {V, "smtp_alert", [](Builder& b, const Value& v) { b.virtual_server.smtp_alert = v.on; }},
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
    {R, "smtp_alert", [](Builder& b, const Value& v) { b.real_server().smtp_alert = v.on; }},
    {R, "virtualhost", [](Builder& b, const Value& v) { b.real_server().virtualhost = v.word(); }},
    {R, "snmp_name", [](Builder& b, const Value& v) { b.real_server().out.snmp_name = v.word(); }, nullptr, stored},

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
};

}  // namespace

std::span<const Rule> lvs_rules() { return rules; }

// ---- inheritance and checks of one virtual server

namespace {

template <typename T>
T first_of(const std::optional<T>& a, const std::optional<T>& b, const std::optional<T>& c, const T& fallback) {
  return a ? *a : b ? *b : c ? *c : fallback;
}

// Retries differ from kind to kind where nothing is said.
struct KindDefaults {
  bool connects = true, has_schedule = true;
  unsigned retry = 1;
  Duration delay_before_retry = 1s;  // 0: the delay_loop
};

KindDefaults defaults_of(const Check& check) {
  struct Of {
    KindDefaults operator()(const TcpCheck&) const { return {}; }
    KindDefaults operator()(const HttpCheck&) const { return {.delay_before_retry = 3s}; }
    KindDefaults operator()(const SmtpCheck&) const { return {}; }
    KindDefaults operator()(const MiscCheck&) const { return {.connects = false, .retry = 0}; }
    KindDefaults operator()(const DnsCheck&) const { return {.retry = 3, .delay_before_retry = 0s}; }
    KindDefaults operator()(const PingCheck&) const { return {}; }
    KindDefaults operator()(const UdpCheck&) const { return {}; }
    KindDefaults operator()(const FileCheck&) const { return {.connects = false, .has_schedule = false}; }
    KindDefaults operator()(const BfdCheck&) const { return {.connects = false, .has_schedule = false}; }
  };
  return std::visit(Of{}, check);
}

Checker finished(Builder& b, const CheckerDraft& draft, const RealServerDraft& rs, const VirtualServerDraft& vs) {
  Checker out = draft.out;
  const KindDefaults kind = defaults_of(out.check);
  if (kind.connects) {
    if (auto& from = out.connection.bind_ip;
        from && from->family() != out.connection.connect_ip.value_or(rs.out.endpoint.address).family()) {
      b.warn(draft.at, fmt::format("bindto {} is of another family than the address to connect to; it is ignored", from->str()));
      from.reset();
    }
    out.connection.connect_timeout = first_of<Duration>(draft.own.connect_timeout, rs.own.connect_timeout, vs.own.connect_timeout, 5s);
  }
  CheckSchedule& s = out.schedule;
  if (kind.has_schedule) {
    s.delay_loop = first_of<Duration>(draft.own.delay_loop, rs.own.delay_loop, vs.own.delay_loop, 60s);
    s.retry = first_of<unsigned>(draft.own.retry, rs.own.retry, vs.own.retry, kind.retry);
    s.delay_before_retry = first_of<Duration>(draft.own.delay_before_retry, rs.own.delay_before_retry, vs.own.delay_before_retry,
                                              kind.delay_before_retry > 0s ? kind.delay_before_retry : s.delay_loop);
    s.warmup = first_of<Duration>(draft.own.warmup, rs.own.warmup, vs.own.warmup, s.delay_loop);
    s.log_all_failures = draft.own.log_all_failures.value_or(false);
  }
  if (kind.has_schedule || std::holds_alternative<BfdCheck>(out.check))
    s.alpha = first_of<bool>(draft.own.alpha, rs.own.alpha, vs.own.alpha, false);
  if (auto* http = std::get_if<HttpCheck>(&out.check); http && http->virtualhost.empty())
    http->virtualhost = rs.virtualhost.empty() ? vs.out.virtualhost : rs.virtualhost;
  if (auto* misc = std::get_if<MiscCheck>(&out.check)) misc->timeout = draft.misc_timeout.value_or(vs.own.delay_loop.value_or(60s));
  return out;
}

RealServer finished(Builder& b, RealServerDraft& draft, const VirtualServerDraft& vs) {
  RealServer out = draft.out;
  out.weight = draft.weight.value_or(1);
  const auto method = draft.forward.value_or(ForwardMethod{vs.out.forward, vs.out.tunnel});
  out.forward = method.forward;
  out.tunnel = method.tunnel;
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
    if (r.out.endpoint.address.family() == family || (r.forward ? r.forward->forward : d.out.forward) == lvs::Forward::tun) return false;
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

void CheckDefaults::take_missing_from(const CheckDefaults& other) {
  const auto take = [](auto& mine, const auto& theirs) {
    if (!mine) mine = theirs;
  };
  take(delay_loop, other.delay_loop);
  take(delay_before_retry, other.delay_before_retry);
  take(warmup, other.warmup);
  take(connect_timeout, other.connect_timeout);
  take(retry, other.retry);
  take(alpha, other.alpha);
  take(log_all_failures, other.log_all_failures);
}

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
      (d.sorry_forward ? d.sorry_forward->forward : out.forward) != lvs::Forward::tun) {
    b.warn(d.sorry_at, fmt::format("sorry server {} and its virtual server are of different families; it is ignored",
                                   out.sorry_server->endpoint.address.str()));
    out.sorry_server.reset();
  }
  if (out.sorry_server) {
    SorryServer& s = *out.sorry_server;
    const auto method = d.sorry_forward.value_or(ForwardMethod{out.forward, out.tunnel});
    s.forward = method.forward;
    s.tunnel = method.tunnel;
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
  out.smtp_alert = d.smtp_alert.value_or(false);
  if (!d.smtp_alert) b.undecided.push_back({index, -1, -1});
  out.real_servers.reserve(d.real_servers.size());
  for (RealServerDraft& r : d.real_servers) {
    const auto place = static_cast<std::int32_t>(out.real_servers.size());
    if (!r.smtp_alert && !d.smtp_alert) b.undecided.push_back({index, place, -1});
    for (std::size_t c = 0; c < r.checkers.size(); ++c) {
      if (!r.checkers[c].own.log_all_failures && defaults_of(r.checkers[c].out.check).has_schedule)
        b.undecided.push_back({index, place, static_cast<std::int32_t>(c)});
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

// A mark's packets are told to XDP as far as nothing else there takes them.
static void add_matches(Builder& b, const Builder::EngineChoice& choice, VirtualServer& mark) {
  for (const MarkMatch& match : choice.matches) {
    if (match.addresses.address.family() != mark.key.mark_family) {
      b.warn(choice.at, fmt::format("match {}: the real servers of {} are of the other address family; the line is ignored",
                                    match_words(match), mark.key.str()));
      continue;
    }
    const auto keys = keys_of(match);
    const auto other = std::ranges::find_if(b.model.virtual_servers, [&](const VirtualServer& vs) {
      if (vs.key.fwmark == 0) return overlaps(keys, vs.key);
      return std::ranges::any_of(vs.matches, [&](const MarkMatch& m) {
        return std::ranges::any_of(keys_of(m), [&](const lvs::ServiceKey& key) { return overlaps(keys, key); });
      });
    });
    if (other == b.model.virtual_servers.end()) {
      mark.matches.push_back(match);
    } else {
      b.warn(choice.at,
             fmt::format("match {}: virtual server {} takes such packets too; the line is ignored", match_words(match), other->key.str()));
    }
  }
}

void finish_lvs(Builder& b) {
  expand_server_groups(b);
  auto& servers = b.model.virtual_servers;
  // Nothing said at all: mails about real servers, none about quorums.
  const auto alert = b.smtp_alert_checker ? b.smtp_alert_checker : b.smtp_alert;
  const bool log_all = b.checker_log_all_failures.value_or(false);
  for (const Builder::Undecided& u : b.undecided) {
    VirtualServer& vs = servers[u.virtual_server];
    if (u.real_server < 0) {
      vs.smtp_alert = alert.value_or(false);
    } else if (u.checker < 0) {
      vs.real_servers[static_cast<std::size_t>(u.real_server)].smtp_alert = alert.value_or(true);
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
      vs.engine = choice.engine.value_or(vs.engine);
      if (choice.rate_limit != 0) vs.rate_limit = choice.rate_limit;
      add_matches(b, choice, vs);
      any = true;
    }
    if (!any) b.warn(choice.at, "xdirector names a virtual server that is not defined");
  }
  std::size_t i = 0;
  std::erase_if(servers, [&](const VirtualServer&) { return twice[i++]; });
}

}  // namespace xd::conf
