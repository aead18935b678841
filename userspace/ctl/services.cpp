#include "ctl/services.h"

#include <arpa/inet.h>
#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

namespace xd::ctl {

namespace {

using nlohmann::json;

// ipvsadm's comparison is the sign of a 32-bit difference, so addresses more than half the range apart come in reverse. Its order is
// what people and scripts know.
int difference(std::uint32_t a, std::uint32_t b) { return static_cast<int>(a - b); }

int compare(const IpAddress& a, const IpAddress& b) {
  const auto word = [](const std::uint8_t* at) { return std::uint32_t{at[0]} << 24 | at[1] << 16 | at[2] << 8 | at[3]; };
  for (std::size_t i = 0; i < a.size(); i += 4) {
    if (const int order = difference(word(a.data() + i), word(b.data() + i)); order != 0) return order;
  }
  return 0;
}

int compare(const lvs::ServiceKey& a, const lvs::ServiceKey& b) {
  if (const int order = difference(a.fwmark, b.fwmark); order != 0) return order;
  if (a.family() != b.family()) return a.family() - b.family();
  if (a.fwmark != 0) return 0;
  if (a.protocol != b.protocol) return static_cast<int>(a.protocol) - static_cast<int>(b.protocol);
  if (const int order = compare(a.address, b.address); order != 0) return order;
  return a.port - b.port;
}

int compare(const Endpoint& a, const Endpoint& b) {
  if (a.address.family() != b.address.family()) return a.address.family() - b.address.family();
  if (const int order = compare(a.address, b.address); order != 0) return order;
  return a.port - b.port;
}

// A merge sort: this comparison is no order in which others may be trusted to end well.
template <typename T, typename Key>
void sort_by(std::vector<T>& all, Key key) {
  std::stable_sort(all.begin(), all.end(), [key](const T& a, const T& b) { return compare(key(a), key(b)) < 0; });
}

std::string_view upper(lvs::Protocol protocol) {
  switch (protocol) {
    case lvs::Protocol::tcp: return "TCP";
    case lvs::Protocol::udp: return "UDP";
    case lvs::Protocol::sctp: return "SCTP";
  }
  return "?";
}

std::string name_of(const lvs::ServiceKey& key) {
  if (key.fwmark != 0) return fmt::format("FWM  {}{}", static_cast<std::int32_t>(key.fwmark), key.family() == AF_INET6 ? " IPv6" : "");
  return fmt::format("{:<4} {}", upper(key.protocol), Endpoint{key.address, key.port}.str());
}

std::string flags_of(const lvs::Service& service) {
  const bool sh = service.scheduler == lvs::Scheduler::sh, mh = service.scheduler == lvs::Scheduler::mh;
  std::string text;
  const auto add = [&](std::uint32_t flag, const char* of_sh, const char* of_mh, const char* of_others) {
    if (!(service.scheduler_flags & flag)) return;
    if (!text.empty()) text += ',';
    text += sh ? of_sh : mh ? of_mh : of_others;
  };
  add(lvs::sched_1, "sh-fallback", "mh-fallback", "flag-1");
  add(lvs::sched_2, "sh-port", "mh-port", "flag-2");
  add(lvs::sched_3, "flag-3", "flag-3", "flag-3");
  return text.empty() ? "" : " (" + text + ")";
}

std::string settings_of(const ipvs::ServiceEntry& entry) {
  const auto& service = entry.service;
  std::string text = " " + std::string(lvs::name(service.scheduler)) + flags_of(service);
  if (service.persistence_seconds != 0) {
    text += fmt::format(" persistent {}", service.persistence_seconds);
    const bool v6 = entry.key.family() == AF_INET6;
    if (service.persistence_mask != (v6 ? 128u : 32u)) {
      text += v6 ? fmt::format(" mask {}", service.persistence_mask)
                 : " mask " + IpAddress::v4(htonl(service.persistence_mask == 0 ? 0 : ~0u << (32 - service.persistence_mask))).str();
    }
    if (!service.persistence_engine.empty()) text += " pe " + service.persistence_engine;
  }
  if (service.one_packet) text += " ops";
  return text;
}

std::string_view forward_word(lvs::Forward forward) {
  switch (forward) {
    case lvs::Forward::nat: return "Masq";
    case lvs::Forward::dr: return "Route";
    case lvs::Forward::tun: return "Tunnel";
  }
  return "?";
}

std::string tunnel_words(const lvs::Destination& destination) {
  if (destination.forward != lvs::Forward::tun) return "n/a";
  constexpr std::array<std::string_view, 3> types{"ipip", "gue", "gre"}, checksums{"-c", "+c", "r+c"};
  const auto type = types.at(static_cast<std::size_t>(destination.tunnel.type));
  const auto checksum = checksums.at(static_cast<std::size_t>(destination.tunnel.checksum));
  switch (destination.tunnel.type) {
    case lvs::TunnelType::gue: return fmt::format("{}:{}:{}", type, destination.tunnel.port, checksum);
    case lvs::TunnelType::gre: return fmt::format("{}:{}", type, checksum);
    case lvs::TunnelType::ipip: break;
  }
  return std::string(type);
}

std::string counted(std::uint64_t number, bool exact) {
  constexpr std::uint64_t K = 1000, M = 1000 * K, G = 1000 * M, T = 1000 * G;
  if (exact || number < 100 * M) return fmt::format("{:>9}", number);
  if (number < G) return fmt::format("{:>8}K", number / K);
  if (number < 100 * G) return fmt::format("{:>8}M", number / M);
  if (number < 100 * T) return fmt::format("{:>8}G", number / G);
  return fmt::format("{:>8}T", number / T);
}

std::string traffic_words(const ipvs::Traffic& t, const ServicesView& view) {
  const bool rate = view.columns == Columns::rate;
  std::string text;
  for (const auto number : {rate ? t.connections_per_second : t.connections, rate ? t.packets_in_per_second : t.packets_in,
                            rate ? t.packets_out_per_second : t.packets_out, rate ? t.bytes_in_per_second : t.bytes_in,
                            rate ? t.bytes_out_per_second : t.bytes_out})
    text += counted(number, view.exact);
  return text;
}

bool is_traffic(Columns columns) { return columns == Columns::stats || columns == Columns::rate; }

std::string heading(Columns columns) {
  constexpr std::string_view first = "Prot LocalAddress:Port";
  const std::string second = "\n  -> RemoteAddress:Port";
  switch (columns) {
    case Columns::connections: return fmt::format("{} Scheduler Flags{}           Forward Weight ActiveConn InActConn", first, second);
    case Columns::tunnels:
      return fmt::format("{} Scheduler Flags{}           Forward TunnelInfo    Weight ActiveConn InActConn", first, second);
    case Columns::stats:
      return fmt::format("{:<33} {:>8} {:>8} {:>8} {:>8} {:>8}", first, "Conns", "InPkts", "OutPkts", "InBytes", "OutBytes") + second;
    case Columns::rate:
      return fmt::format("{:<33} {:>8} {:>8} {:>8} {:>8} {:>8}", first, "CPS", "InPPS", "OutPPS", "InBPS", "OutBPS") + second;
    case Columns::thresholds:
      return fmt::format("{:<33} {:<10} {:<10} {:<10} {:<10}", first, "Uthreshold", "Lthreshold", "ActiveConn", "InActConn") + second;
    case Columns::persistent:
      return fmt::format("{:<33} {:<9} {:<11} {:<10} {:<10}", first, "Weight", "PersistConn", "ActiveConn", "InActConn") + second;
  }
  return "";
}

std::string columns_of(const ipvs::DestinationEntry& entry, const ServicesView& view) {
  const auto& d = entry.destination;
  const auto& n = entry.counters;
  switch (view.columns) {
    case Columns::connections:
      return fmt::format(" {:<7} {:<6} {:<10} {:<10}", forward_word(d.forward), d.weight, n.active_connections, n.inactive_connections);
    case Columns::tunnels:
      return fmt::format(" {:<7} {:<13} {:<6} {:<10} {:<10}", forward_word(d.forward), tunnel_words(d), d.weight, n.active_connections,
                         n.inactive_connections);
    case Columns::thresholds:
      return fmt::format(" {:<10} {:<10} {:<10} {:<10}", d.upper_threshold, d.lower_threshold, n.active_connections,
                         n.inactive_connections);
    case Columns::persistent:
      return fmt::format(" {:<9} {:<11} {:<10} {:<10}", d.weight, n.persistent_connections, n.active_connections, n.inactive_connections);
    case Columns::stats:
    case Columns::rate: return traffic_words(n, view);
  }
  return "";
}

json traffic_json(const ipvs::Traffic& t) {
  return {{"connections", t.connections},
          {"packets_in", t.packets_in},
          {"packets_out", t.packets_out},
          {"bytes_in", t.bytes_in},
          {"bytes_out", t.bytes_out},
          {"connections_per_second", t.connections_per_second},
          {"packets_in_per_second", t.packets_in_per_second},
          {"packets_out_per_second", t.packets_out_per_second},
          {"bytes_in_per_second", t.bytes_in_per_second},
          {"bytes_out_per_second", t.bytes_out_per_second}};
}

// "address:port", IPv6 in brackets. As Endpoint::str() has it, without making a string.
void append_endpoint(std::string& to, const Endpoint& endpoint, std::size_t width) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const auto begin = to.size();
  if (endpoint.address.is_v4()) {
    const auto* b = endpoint.address.data();
    fmt::format_to(std::back_inserter(to), FMT_COMPILE("{}.{}.{}.{}:{}"), b[0], b[1], b[2], b[3], endpoint.port);
  } else {
    inet_ntop(AF_INET6, endpoint.address.data(), text.data(), text.size());
    fmt::format_to(std::back_inserter(to), "[{}]:{}", text.data(), endpoint.port);
  }
  if (const auto length = to.size() - begin; length < width) to.append(width - length, ' ');
}

void append_padded(std::string& to, std::string_view word, std::size_t width) {
  to += word;
  if (word.size() < width) to.append(width - word.size(), ' ');
}

// "0A000001", or eight groups with colons.
std::optional<IpAddress> parse_hex_address(const std::string& text) {
  if (text.find(':') != std::string::npos) return IpAddress::parse(text);
  char* end = nullptr;
  const auto bits = std::strtoul(text.c_str(), &end, 16);
  if (text.size() != 8 || *end != 0) return std::nullopt;
  return IpAddress::v4(htonl(static_cast<std::uint32_t>(bits)));
}

}  // namespace

std::string services_text(std::vector<ipvs::ServiceEntry> services, const ipvs::Info& info, const ServicesView& view) {
  if (view.sorted)
    sort_by(
        services, [](const auto& s) -> const auto& { return s.key; });
  auto text = fmt::format("IP Virtual Server version {}.{}.{} (size={})\n{}\n", info.version >> 16 & 0xff, info.version >> 8 & 0xff,
                          info.version & 0xff, info.table_size, heading(view.columns));
  for (auto& service : services) {
    if (view.sorted)
      sort_by(
          service.destinations, [](const auto& d) -> const auto& { return d.server; });
    text += is_traffic(view.columns) ? fmt::format("{:<33}{}\n", name_of(service.key), traffic_words(service.traffic, view))
                                     : name_of(service.key) + settings_of(service) + "\n";
    for (const auto& entry : service.destinations) text += fmt::format("  -> {:<28}{}\n", entry.server.str(), columns_of(entry, view));
  }
  return text;
}

json services_json(const std::vector<ipvs::ServiceEntry>& services) {
  json list = json::array();
  for (const auto& service : services) {
    json destinations = json::array();
    for (const auto& entry : service.destinations) {
      json d = traffic_json(entry.counters);
      d.update({{"address", entry.server.address.str()},
                {"port", entry.server.port},
                {"forward", lvs::name(entry.destination.forward)},
                {"tunnel", lvs::str(entry.destination.tunnel)},
                {"weight", entry.destination.weight},
                {"upper_threshold", entry.destination.upper_threshold},
                {"lower_threshold", entry.destination.lower_threshold},
                {"active", entry.counters.active_connections},
                {"inactive", entry.counters.inactive_connections},
                {"persistent", entry.counters.persistent_connections}});
      destinations.push_back(std::move(d));
    }
    json s = traffic_json(service.traffic);
    s.update({{"name", service.key.str()},
              {"address", service.key.fwmark != 0 ? "" : service.key.address.str()},
              {"port", service.key.port},
              {"protocol", lvs::name(service.key.protocol)},
              {"fwmark", service.key.fwmark},
              {"family", service.key.family() == AF_INET6 ? "ipv6" : "ipv4"},
              {"scheduler", lvs::name(service.service.scheduler)},
              {"scheduler_flags", service.service.scheduler_flags},
              {"persistence_seconds", service.service.persistence_seconds},
              {"persistence_mask", service.service.persistence_mask},
              {"persistence_engine", service.service.persistence_engine},
              {"one_packet", service.service.one_packet},
              {"destinations", destinations}});
    list.push_back(std::move(s));
  }
  return {{"ok", true}, {"services", list}};
}

void append_connection(std::string& to, const datapath::Connection& c) {
  append_padded(to, c.protocol, 3);
  fmt::format_to(std::back_inserter(to), FMT_COMPILE(" {:02}:{:02}  "), c.seconds / 60, c.seconds % 60);
  append_padded(to, c.state, 11);
  to += ' ';
  append_endpoint(to, c.client, 18);
  to += ' ';
  append_endpoint(to, c.service, 18);
  to += ' ';
  append_endpoint(to, c.server, 0);
  to += c.persistence;
  to += '\n';
}

json connection_json(const datapath::Connection& c) {
  return {{"protocol", c.protocol},     {"state", c.state},         {"seconds", c.seconds}, {"client", c.client.str()},
          {"service", c.service.str()}, {"server", c.server.str()}, {"engine", c.engine}};
}

std::optional<datapath::Connection> parse_ip_vs_conn(const std::string& line) {
  static constexpr std::array<std::string_view, 4> protocols{"TCP", "UDP", "SCTP", "IP"};
  char protocol[16], client[64], service[64], server[64], state[32];
  unsigned client_port = 0, service_port = 0, server_port = 0, seconds = 0;
  int end = 0;
  if (std::sscanf(line.c_str(), "%15s %63s %x %63s %x %63s %x %31s %u%n", protocol, client, &client_port, service, &service_port, server,
                  &server_port, state, &seconds, &end) != 9)
    return std::nullopt;
  const auto known = [](const auto& names, std::string_view name, std::string_view otherwise) {
    const auto found = std::find(names.begin(), names.end(), name);
    return found == names.end() ? otherwise : *found;
  };
  const auto c = parse_hex_address(client), v = parse_hex_address(service), d = parse_hex_address(server);
  if (!c || !v || !d) return std::nullopt;
  datapath::Connection connection;
  connection.protocol = known(protocols, protocol, "IP");
  connection.state = state;
  connection.seconds = seconds;
  connection.client = {*c, static_cast<std::uint16_t>(client_port)};
  connection.service = {*v, static_cast<std::uint16_t>(service_port)};
  connection.server = {*d, static_cast<std::uint16_t>(server_port)};
  connection.engine = "ipvs";
  connection.persistence = line.substr(static_cast<std::size_t>(end));
  return connection;
}

}  // namespace xd::ctl
