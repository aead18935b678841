// xdirector { ... }: what keepalived does not have.
#include <fmt/core.h>

#include "conf/builder.h"
#include "conf/mark_match.h"
#include "conf/values.h"

namespace xd::conf {

namespace {

constexpr Block X = Block::xdirector;

Engine engine_named(std::string_view word) { return word == "ipvs" ? Engine::ipvs : word == "xdp" ? Engine::xdp : Engine::automatic; }

// "<address>:<port>", an IPv6 address in brackets.
bool is_address_and_port(std::string_view word) {
  const auto colon = word.rfind(':');
  if (colon == std::string_view::npos) return false;
  const Number port = parse_integer(word.substr(colon + 1));
  if (port.written != Written::good || port.value < 1 || port.value > 65535) return false;
  const std::string_view host = word.substr(0, colon);
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  const auto address = IpAddress::parse(brackets ? host.substr(1, host.size() - 2) : host);
  return address && address->is_v6() == brackets;
}

// <ip>[/<bits>] [tcp|udp|sctp [<port>[-<port>]]]
std::optional<MarkMatch> read_match(std::span<const Token> args) {
  MarkMatch match;
  const auto addresses = args.empty() ? std::nullopt : IpPrefix::parse(args[0].text);
  if (!addresses || args.size() > 3) return std::nullopt;
  match.addresses = *addresses;
  if (args.size() < 2) return match;
  for (const auto protocol : {lvs::Protocol::tcp, lvs::Protocol::udp, lvs::Protocol::sctp}) {
    if (args[1].text == lvs::name(protocol)) match.protocol = protocol;
  }
  if (!match.protocol) return std::nullopt;
  if (args.size() < 3) return match;
  const std::string_view ports = args[2].text;
  const auto dash = ports.find('-');
  const Number first = parse_integer(ports.substr(0, dash)), last = dash == ports.npos ? first : parse_integer(ports.substr(dash + 1));
  if (first.written != Written::good || last.written != Written::good || first.value < 1 || last.value < first.value || last.value > 65535)
    return std::nullopt;
  match.first_port = static_cast<std::uint16_t>(first.value);
  match.last_port = static_cast<std::uint16_t>(last.value);
  return match;
}

const Rule rules[] = {
    {Block::root, "xdirector", [](Builder&, const Value&) {}},
    {X, "engine", [](Builder& b, const Value& v) { b.model.xdirector.engine = engine_named(v.word()); }},
    {X, "flows", [](Builder& b, const Value& v) { b.model.xdirector.flows = static_cast<std::uint32_t>(v.number); }},
    {X, "half_open", [](Builder& b, const Value& v) { b.model.xdirector.half_open = static_cast<std::uint32_t>(v.number); }},
    {X, "services", [](Builder& b, const Value& v) { b.model.xdirector.services = static_cast<std::uint32_t>(v.number); }},
    {X, "real_servers", [](Builder& b, const Value& v) { b.model.xdirector.real_servers = static_cast<std::uint32_t>(v.number); }},
    {X, "conn_reuse_mode", [](Builder& b, const Value& v) { b.model.xdirector.conn_reuse_mode = static_cast<std::uint32_t>(v.number); }},
    {X, "expire_nodest_conn", [](Builder& b, const Value& v) { b.model.xdirector.expire_nodest_conn = v.on; }},
    {X, "expire_quiescent_template", [](Builder& b, const Value& v) { b.model.xdirector.expire_quiescent_template = v.on; }},
    {X, "sloppy_tcp", [](Builder& b, const Value& v) { b.model.xdirector.sloppy_tcp = v.on; }},
    {X, "sloppy_sctp", [](Builder& b, const Value& v) { b.model.xdirector.sloppy_sctp = v.on; }},
    {X, "drop_entry", [](Builder& b, const Value& v) { b.model.xdirector.drop_entry = static_cast<std::uint32_t>(v.number); }},
    {X, "amemthresh", [](Builder& b, const Value& v) { b.model.xdirector.amemthresh = static_cast<std::uint32_t>(v.number); }},
    {X, "control", [](Builder& b, const Value& v) { b.model.xdirector.control_socket = v.word(); }},
    {X, "metrics",
     [](Builder& b, const Value& v) {
       if (!is_address_and_port(v.word())) {
         return b.warn(v.where(), fmt::format("metrics '{}': is no address and port; the line is ignored", v.word()),
                       "127.0.0.1:9650 or [::1]:9650");
       }
       b.model.xdirector.metrics = v.word();
     },
     nullptr, Rule::Effect::stored},
    {X, "interface",
     [](Builder& b, const Value& v) {
       b.interface_exists(v.where(), "xdirector");
       for (const XdpInterface& i : b.model.xdirector.interfaces) {
         if (i.name != v.word()) continue;
         b.warn(v.where(), fmt::format("interface {} is named twice; the second is ignored", v.word()));
         return b.skip_block();
       }
       b.model.xdirector.interfaces.push_back({std::string(v.word()), XdpMode::automatic, {}});
     }},
    {Block::xdirector_interface, "mode",
     [](Builder& b, const Value& v) {
       b.model.xdirector.interfaces.back().mode = v.word() == "native"    ? XdpMode::native
                                                  : v.word() == "generic" ? XdpMode::generic
                                                                          : XdpMode::automatic;
     }},
    {Block::xdirector_interface, "priority",
     [](Builder& b, const Value& v) { b.model.xdirector.interfaces.back().run_priority = static_cast<unsigned>(v.number); }},
    {X, "virtual_server",
     [](Builder& b, const Value& v) {
       Builder::EngineChoice choice;
       choice.at = v.where();
       if (v.word() == "fwmark" && v.args.size() > 1) {
         const Number mark = parse_integer(v.args[1].text);
         if (mark.written == Written::good && mark.value > 0 && mark.value <= UINT32_MAX)
           choice.key.fwmark = static_cast<std::uint32_t>(mark.value);
       } else if (const auto address = IpAddress::parse(v.word())) {
         choice.key.address = *address;
         const Number port = v.args.size() > 1 ? parse_integer(v.args[1].text) : Number{Written::good, 0};
         if (port.written == Written::good && port.value >= 0 && port.value <= 65535)
           choice.key.port = static_cast<std::uint16_t>(port.value);
       }
       if (choice.key.fwmark == 0 && choice.key.address.is_unset()) {
         b.warn(v.where(), "virtual_server needs an address and port, or fwmark and a mark", std::string(v.keyword.form));
         return b.skip_block();
       }
       b.engines.push_back(choice);
     }},
    {Block::xdirector_virtual_server, "engine", [](Builder& b, const Value& v) { b.engines.back().engine = engine_named(v.word()); }},
    {Block::xdirector_virtual_server, "rate_limit",
     [](Builder& b, const Value& v) { b.engines.back().rate_limit = static_cast<std::uint32_t>(v.number); }},
    {Block::xdirector_virtual_server, "match",
     [](Builder& b, const Value& v) {
       const auto match = read_match(v.args);
       if (!match) return b.warn(v.where(), "match tells no packets; the line is ignored", std::string(v.keyword.form));
       if (b.engines.back().key.fwmark == 0) return b.warn(v.where(), "match is for a firewall mark; the line is ignored");
       if (keys_of(*match).empty()) {
         return b.warn(v.where(), fmt::format("match covers more than {} addresses and ports; the line is ignored", match_keys_maximum));
       }
       b.engines.back().matches.push_back(*match);
     }},
};

}  // namespace

std::span<const Rule> xdirector_rules() { return rules; }

}  // namespace xd::conf
