// Services and connections as ipvsadm prints them: scripts that read its text read ours.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "datapath/flows.h"
#include "ipvs/ipvs.h"

namespace xd::ctl {

// ipvsadm -Ln, and with --stats, --rate, --thresholds, --persistent-conn, --tun-info.
enum class Columns { connections, stats, rate, thresholds, persistent, tunnels };

struct ServicesView {
  Columns columns = Columns::connections;
  bool exact = false;  // no K, M, G
  bool sorted = true;  // else in the kernel's order
};

std::string services_text(std::vector<ipvs::ServiceEntry> services, const ipvs::Info& info, const ServicesView& view);
nlohmann::json services_json(const std::vector<ipvs::ServiceEntry>& services);

// One line of ipvsadm -Lnc, appended with its newline: the text is made millions of times.
void append_connection(std::string& to, const datapath::Connection& connection);
nlohmann::json connection_json(const datapath::Connection& connection);

// A line of /proc/net/ip_vs_conn; nothing when it is the heading.
std::optional<datapath::Connection> parse_ip_vs_conn(const std::string& line);

}  // namespace xd::ctl
