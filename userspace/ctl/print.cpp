#include "ctl/print.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "base/words.h"
#include "ctl/explain.h"

namespace xd::ctl {

namespace {

using nlohmann::json;

// Left-aligned columns, two spaces apart; numbers may ask to stand right.
class Table {
 public:
  struct Column {
    std::string heading;
    bool right = false;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void row(std::vector<std::string> cells) { lines_.push_back({std::move(cells), ""}); }
  void remark(std::string text) { lines_.push_back({{}, std::move(text)}); }  // a line of its own under the last row

  std::string str() const {
    std::vector<std::size_t> widths;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      std::size_t width = columns_[i].heading.size();
      for (const auto& line : lines_) {
        if (i < line.cells.size()) width = std::max(width, line.cells[i].size());
      }
      widths.push_back(width);
    }
    std::vector<std::string> headings;
    for (const auto& column : columns_) headings.push_back(column.heading);
    std::string out = one_line(headings, widths);
    for (const auto& line : lines_) out += line.cells.empty() ? "    " + line.remark + "\n" : one_line(line.cells, widths);
    return out;
  }

 private:
  struct Line {
    std::vector<std::string> cells;
    std::string remark;
  };

  std::string one_line(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) const {
    std::string out;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) out += "  ";
      out += columns_[i].right ? fmt::format("{:>{}}", cells[i], widths[i]) : fmt::format("{:<{}}", cells[i], widths[i]);
    }
    out.erase(out.find_last_not_of(' ') + 1);
    return out + "\n";
  }

  std::vector<Column> columns_;
  std::vector<Line> lines_;
};

std::string text(const json& object, const char* key) { return object.value(key, ""); }
std::uint64_t number(const json& object, const char* key) { return object.value(key, std::uint64_t{0}); }
bool flag(const json& object, const char* key) { return object.value(key, false); }
std::string since(const json& object, const char* key) { return in_words(from_seconds(object.value(key, 0.0))); }

std::string joined(const json& list) {
  std::string out;
  for (const auto& item : list) out += (out.empty() ? "" : " ") + item.get<std::string>();
  return out;
}

std::string endpoint(const json& object) {
  const std::string address = text(object, "address");
  return address.find(':') == std::string::npos ? fmt::format("{}:{}", address, number(object, "port"))
                                                : fmt::format("[{}]:{}", address, number(object, "port"));
}

std::string instances_text(const json& instances) {
  Table table({{"Instance"},
               {"State"},
               {"For"},
               {"Priority", true},
               {"Interface"},
               {"VRID", true},
               {"Version", true},
               {"Adverts by"},
               {"Master"},
               {"Addresses"}});
  for (const auto& instance : instances) {
    const std::string priority = number(instance, "priority") == number(instance, "base_priority")
                                     ? fmt::format("{}", number(instance, "priority"))
                                     : fmt::format("{} (base {})", number(instance, "priority"), number(instance, "base_priority"));
    table.row({text(instance, "name"), text(instance, "state"), since(instance, "seconds_in_state"), priority, text(instance, "interface"),
               fmt::format("{}", number(instance, "vrid")), fmt::format("{}", number(instance, "version")), text(instance, "transport"),
               text(instance, "master"), joined(instance.value("addresses", json::array()))});
    for (const auto& fault : instance.value("faults", json::array())) table.remark(fault.get<std::string>());
    for (const auto& finding : instance.value("findings", json::array()))
      table.remark(fmt::format("{} for {}: {}", text(finding, "trouble"), since(finding, "seconds"), text(finding, "text")));
  }
  return table.str();
}

// ipvsadm's words.
std::string_view forward_word(std::string_view forward) {
  if (forward == "DR") return "Route";
  if (forward == "TUN") return "Tunnel";
  return "Masq";
}

std::string health(const json& server) {
  std::string out = flag(server, "up") ? "up " : "down ";
  out += since(server, "seconds_in_state");
  if (flag(server, "up") && !flag(server, "in_table")) out += ", not in the table";
  return out + why_down(server);
}

std::string service_key(const json& service) {
  if (number(service, "fwmark") != 0) return fmt::format("FWM  {}", number(service, "fwmark"));
  std::string protocol = text(service, "protocol");
  std::transform(protocol.begin(), protocol.end(), protocol.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return fmt::format("{:<4} {}", protocol, endpoint(service));
}

// The shape of `ipvsadm -Ln`, with what IPVS does not know at the end of the line.
std::string services_text(const json& services) {
  std::string out =
      "Prot LocalAddress:Port Scheduler Flags\n"
      "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn Health\n";
  for (const auto& service : services) {
    out += fmt::format("{} {}", service_key(service), text(service, "scheduler"));
    if (number(service, "persistence_seconds") != 0) out += fmt::format(" persistent {}", number(service, "persistence_seconds"));
    out += fmt::format("  ({}{})\n", text(service, "serving"),
                       flag(service, "quorum_up") ? "" : fmt::format("; below its quorum of {}", number(service, "quorum")));
    if (flag(service, "suspended")) out += "     no checks: its address is not on this host (ha_suspend)\n";
    for (const auto& server : service.value("servers", json::array())) {
      out += fmt::format("  -> {:<28} {:<7} {:<6} {:<10} {:<9} {}\n", endpoint(server), forward_word(text(server, "forward")),
                         number(server, "effective_weight"), number(server, "active"), number(server, "inactive"), health(server));
    }
    const json sorry = service.value("sorry_server", json());
    if (sorry.is_object()) {
      out +=
          fmt::format("  -> {:<28} {:<7} {:<6} {:<10} {:<9} {}\n", endpoint(sorry), forward_word(text(sorry, "forward")),
                      flag(sorry, "in_use") ? "1" : "0", "", "", flag(sorry, "in_use") ? "sorry server, in use" : "sorry server, waiting");
    }
  }
  return out;
}

std::string processes_text(const json& processes) {
  Table table({{"Process"}, {"PID", true}, {"State"}, {"Uptime"}, {"Restarts", true}, {"Last death"}});
  for (const auto& process : processes) {
    table.row({text(process, "name"), process.contains("pid") ? fmt::format("{}", number(process, "pid")) : "-", text(process, "state"),
               process.contains("uptime_seconds") ? since(process, "uptime_seconds") : "-", fmt::format("{}", number(process, "restarts")),
               text(process, "last_death")});
  }
  return table.str();
}

std::string interfaces_text(const json& interfaces) {
  Table table({{"Interface"}, {"XDP"}, {"Remark"}});
  for (const auto& interface : interfaces) {
    table.row({text(interface, "name"), text(interface, "xdp").empty() ? "no" : text(interface, "xdp"), text(interface, "why")});
  }
  return table.str();
}

}  // namespace

std::string status_text(const json& answer) {
  const json daemon = answer.value("daemon", json::object());
  std::string out = fmt::format("xdirectord {}, {}, {}", text(daemon, "version"), text(daemon, "state"), text(daemon, "configuration"));
  if (daemon.contains("reloaded_seconds_ago")) out += fmt::format(", reloaded {} ago", since(daemon, "reloaded_seconds_ago"));
  out += "\n";
  if (!text(daemon, "reload_error").empty()) out += fmt::format("The last reload changed nothing: {}\n", text(daemon, "reload_error"));
  const auto section = [&](const char* key, std::string (*print)(const json&)) {
    const json list = answer.value(key, json::array());
    if (!list.empty()) out += "\n" + print(list);
  };
  section("instances", instances_text);
  section("services", services_text);
  const json ipvs = answer.value("ipvs", json::object());
  if (!text(ipvs, "why").empty()) out += fmt::format("Without kernel IPVS: {}\n", text(ipvs, "why"));
  section("interfaces", interfaces_text);
  section("processes", processes_text);
  return out;
}

std::string reasons_text(const json& answer) {
  Table table({{"Reason"}, {"Verdict"}, {"Packets", true}, {"Bytes", true}, {"Meaning"}});
  std::size_t shown = 0;
  for (const auto& reason : answer.value("reasons", json::array())) {
    if (number(reason, "packets") == 0) continue;
    ++shown;
    table.row({text(reason, "name"), text(reason, "verdict"), fmt::format("{}", number(reason, "packets")),
               fmt::format("{}", number(reason, "bytes")), text(reason, "sentence")});
  }
  return shown == 0 ? "No packet has been looked at yet.\n" : table.str();
}

}  // namespace xd::ctl
