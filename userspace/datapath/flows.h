// The packet path's connections, read while it runs.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/ip.h"
#include "base/lvs.h"
#include "base/result.h"
#include "datapath/datapath.h"

namespace xd::datapath {

struct Connection {
  std::string_view protocol;  // "TCP"
  std::string state;          // IPVS's name of it: "ESTABLISHED"
  std::uint32_t seconds = 0;  // of silence until it is forgotten
  Endpoint client, service, server;
  std::string_view engine;  // "xdp", "ipvs"
  std::string persistence;  // IPVS's persistence engine and what it remembers, as it prints them
};

// The key of the flow that a packet belongs to.
xd_flow_key flow_key(std::uint8_t protocol, const Endpoint& from, const Endpoint& to);

// One connection by its key, as the client's packets or (NAT) the real server's have it; nothing when there is none. The maps are found
// by name through `fd_of`: the pinned ones, or a rehearsal's.
using MapFd = std::function<int(std::string_view name)>;
std::optional<Connection> find_connection(const MapFd& fd_of, const xd_flow_key& key);

// The two buckets of xd_flows that a key may stand in, and its flow as the table has it.
std::array<std::uint32_t, 2> buckets_of(const xd_flow_key& key, const xd_info& info);
std::optional<xd_flow> find_flow(int map, const xd_info& info, const xd_flow_key& key);

// How many persistent clients each slot of xd_dests has.
std::map<std::uint32_t, std::uint32_t> persistent_clients(const Datapath& path);

// Calls `each` for every connection; false from it ends the reading. What comes and goes meanwhile may be seen or not.
Status each_connection(const Datapath& path, const std::function<bool(const Connection&)>& each);

}  // namespace xd::datapath
