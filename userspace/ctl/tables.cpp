#include "ctl/tables.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <thread>

#include "base/fd.h"
#include "base/time.h"
#include "datapath/bpf_map.h"

namespace xd::ctl {

namespace {

using Stats = std::map<lvs::ServiceKey, std::map<Endpoint, datapath::DestinationStats>>;

// The packet path's pins of this network namespace: see datapath::Datapath::create.
Result<datapath::Datapath> open_path() {
  struct stat here {};
  if (::stat("/proc/self/ns/net", &here) != 0) return Error::from_errno("look at this network namespace");
  const std::string common(datapath::default_pin_dir);
  if (auto own = datapath::Datapath::open(fmt::format("{}-{}", common, here.st_ino))) return own;
  auto path = datapath::Datapath::open(common);
  if (!path) return path;
  const auto info = datapath::SharedArray<xd_info>::map(Fd(fcntl(path->map_fd("xd_info"), F_DUPFD_CLOEXEC, 0)), 1);
  if (!info) return info.error();
  if ((*info)[0].netns != here.st_ino) return Error{"the packet path of this host belongs to another network namespace"};
  return path;
}

void add(ipvs::DestinationCounters& to, const datapath::DestinationStats& stats) {
  to.active_connections += stats.active;
  to.inactive_connections += stats.inactive;
  to.connections += stats.connections;
  to.packets_in += stats.packets_in;
  to.bytes_in += stats.bytes_in;
  to.packets_out += stats.packets_out;
  to.bytes_out += stats.bytes_out;
}

void add_rate(ipvs::Traffic& to, const datapath::DestinationStats& before, const datapath::DestinationStats& after, double seconds) {
  const auto rate = [seconds](std::uint64_t from, std::uint64_t until) {
    return until <= from ? 0 : static_cast<std::uint64_t>(static_cast<double>(until - from) / seconds + 0.5);
  };
  to.connections_per_second += rate(before.connections, after.connections);
  to.packets_in_per_second += rate(before.packets_in, after.packets_in);
  to.packets_out_per_second += rate(before.packets_out, after.packets_out);
  to.bytes_in_per_second += rate(before.bytes_in, after.bytes_in);
  to.bytes_out_per_second += rate(before.bytes_out, after.bytes_out);
}

void add(ipvs::Traffic& to, const ipvs::Traffic& part) {
  to.connections += part.connections;
  to.packets_in += part.packets_in;
  to.packets_out += part.packets_out;
  to.bytes_in += part.bytes_in;
  to.bytes_out += part.bytes_out;
  to.connections_per_second += part.connections_per_second;
  to.packets_in_per_second += part.packets_in_per_second;
  to.packets_out_per_second += part.packets_out_per_second;
  to.bytes_in_per_second += part.bytes_in_per_second;
  to.bytes_out_per_second += part.bytes_out_per_second;
}

Stats all_stats(const datapath::Datapath& path, const lvs::Services& services) {
  Stats stats;
  for (const auto& [key, service] : services) stats[key] = path.stats(key);
  return stats;
}

}  // namespace

Result<Tables> Tables::open() {
  Tables tables;
  auto ipvs = ipvs::Table::open();
  auto path = open_path();
  if (!ipvs && !path) return Error{fmt::format("nothing is served here: {}; {}", ipvs.error().message, path.error().message)};
  if (ipvs) tables.ipvs.emplace(std::move(*ipvs));
  if (path) tables.path.emplace(std::move(*path));
  return tables;
}

Result<std::vector<ipvs::ServiceEntry>> Tables::services(bool rates) {
  std::vector<ipvs::ServiceEntry> entries;
  if (ipvs) {
    auto list = ipvs->list();
    if (!list) return std::move(list).error();
    entries = std::move(*list);
  }
  if (!path) return entries;

  const auto services = path->services();
  Stats before;
  const auto began = Clock::now();
  if (rates) {
    before = all_stats(*path, services);
    std::this_thread::sleep_until(began + 1s);
  }
  const auto stats = all_stats(*path, services);
  const double seconds = to_seconds(Clock::now() - began);

  std::map<lvs::ServiceKey, std::size_t> places;
  for (std::size_t i = 0; i < entries.size(); ++i) places.emplace(entries[i].key, i);
  for (const auto& [key, service] : services) {
    const auto [place, is_new] = places.emplace(key, entries.size());
    if (is_new) entries.push_back({key, service, {}, {}});
    auto& entry = entries[place->second];
    const auto& counted = stats.at(key);
    for (const auto& [server, destination] : service.destinations) {
      auto at = std::find_if(entry.destinations.begin(), entry.destinations.end(),
                             [&wanted = server](const auto& d) { return d.server == wanted; });
      if (at == entry.destinations.end()) at = entry.destinations.insert(at, {server, destination, {}});
      const auto found = counted.find(server);
      if (found == counted.end()) continue;
      ipvs::DestinationCounters ours;
      add(ours, found->second);
      if (rates) add_rate(ours, before[key][server], found->second, seconds);
      at->counters.active_connections += ours.active_connections;
      at->counters.inactive_connections += ours.inactive_connections;
      add(at->counters, ours);
      add(entry.traffic, ours);
    }
  }
  return entries;
}

}  // namespace xd::ctl
