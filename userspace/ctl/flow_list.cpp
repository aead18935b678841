#include "ctl/flow_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "ctl/packet_words.h"
#include "ctl/services.h"

namespace xd::ctl {

namespace {

// "192.0.2.10", "192.0.2.10:80", ":80", "2001:db8::1", "[2001:db8::1]:80".
std::optional<FlowFilter::Part> parse_part(const std::string& word) {
  if (word.empty()) return std::nullopt;
  FlowFilter::Part part;
  std::string address = word, port;
  if (const auto bracket = word.find(']'); word.starts_with('[') && bracket != std::string::npos) {
    address = word.substr(1, bracket - 1);
    if (bracket + 1 < word.size()) port = word.substr(bracket + 1);
  } else if (std::count(word.begin(), word.end(), ':') == 1) {
    address = word.substr(0, word.find(':'));
    port = word.substr(word.find(':'));
  }
  if (!address.empty()) {
    const auto parsed = IpAddress::parse(address);
    if (!parsed) return std::nullopt;
    part.address = *parsed;
  }
  if (!port.empty()) {
    char* end = nullptr;
    const auto number = std::strtoul(port.c_str() + 1, &end, 10);
    if (port[0] != ':' || *end != 0 || number < 1 || number > 65535) return std::nullopt;
    part.port = static_cast<std::uint16_t>(number);
  }
  return part;
}

// As IPVS names them; UDP's only one is called UDP.
constexpr std::array<std::string_view, 24> states{"NONE",
                                                  "ESTABLISHED",
                                                  "SYN_SENT",
                                                  "SYN_RECV",
                                                  "FIN_WAIT",
                                                  "TIME_WAIT",
                                                  "CLOSE",
                                                  "CLOSE_WAIT",
                                                  "LAST_ACK",
                                                  "LISTEN",
                                                  "SYNACK",
                                                  "UDP",
                                                  "INIT1",
                                                  "INIT",
                                                  "COOKIE_SENT",
                                                  "COOKIE_REPLIED",
                                                  "COOKIE_WAIT",
                                                  "COOKIE",
                                                  "COOKIE_ECHOED",
                                                  "SHUTDOWN_SENT",
                                                  "SHUTDOWN_RECEIVED",
                                                  "SHUTDOWN_ACK_SENT",
                                                  "REJECTED",
                                                  "CLOSED"};

// Whole lines collected, so that a million of them are few writes.
class Output {
 public:
  std::string text;
  void flush_when_long() {
    if (text.size() >= limit) flush();
  }
  void flush() {
    std::fwrite(text.data(), 1, text.size(), stdout);
    text.clear();
  }

 private:
  static constexpr std::size_t limit = 1 << 20;
};

Status each_in_ipvs(const std::function<void(const datapath::Connection&)>& each) {
  std::ifstream file("/proc/net/ip_vs_conn");
  for (std::string line; std::getline(file, line);) {
    if (const auto connection = parse_ip_vs_conn(line)) each(*connection);
  }
  return {};
}

}  // namespace

bool FlowFilter::Part::fits(const Endpoint& endpoint) const {
  return (address.is_unset() || address == endpoint.address) && (port == 0 || port == endpoint.port);
}

Result<FlowFilter> FlowFilter::parse(const std::string& words) {
  FlowFilter filter;
  std::istringstream in(words);
  for (std::string word; in >> word;) {
    if (word == "client" || word == "service" || word == "server") {
      std::string value;
      in >> value;
      const auto part = parse_part(value);
      if (!part) return Error{fmt::format("{} needs an address, an address with its port or a :port behind it, not '{}'", word, value)};
      (word == "client" ? filter.client : word == "service" ? filter.service : filter.server) = part;
    } else if (word == "xdp" || word == "ipvs") {
      filter.engine = word;
    } else if (const auto big = upper(word); big == "TCP" || (big == "UDP" && filter.protocol.empty()) || big == "SCTP") {
      filter.protocol = big;
    } else if (std::find(states.begin(), states.end(), big) != states.end()) {
      filter.state = big;
    } else {
      return Error{fmt::format("'{}' is no part of a filter: tcp, udp, sctp, a state, client, service, server, xdp, ipvs", word)};
    }
  }
  return filter;
}

bool FlowFilter::fits(const datapath::Connection& c) const {
  return (protocol.empty() || protocol == c.protocol) && (state.empty() || state == c.state) && (engine.empty() || engine == c.engine) &&
         (!client || client->fits(c.client)) && (!service || service->fits(c.service)) && (!server || server->fits(c.server));
}

Status print_flows(const Tables& tables, const FlowFilter& filter, bool json) {
  Output out;
  out.text = json ? "[" : "IPVS connection entries\npro expire state       source             virtual            destination\n";
  bool first = true;
  const auto print = [&](const datapath::Connection& connection) {
    if (!filter.fits(connection)) return;
    if (json) {
      out.text += first ? "\n" : ",\n";
      out.text += connection_json(connection).dump();
    } else {
      append_connection(out.text, connection);
    }
    first = false;
    out.flush_when_long();
  };
  if (tables.ipvs && filter.engine != "xdp") {
    if (auto status = each_in_ipvs(print); !status) return status;
  }
  if (tables.path && filter.engine != "ipvs") {
    const auto read = datapath::each_connection(*tables.path, [&](const auto& connection) {
      print(connection);
      return true;
    });
    if (!read) return read;
  }
  if (json) out.text += "\n]\n";
  out.flush();
  return {};
}

}  // namespace xd::ctl
