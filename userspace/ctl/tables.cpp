#include "ctl/tables.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <map>
#include <thread>

#include "base/fd.h"
#include "base/time.h"
#include "datapath/bpf_map.h"
#include "datapath/flows.h"

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

// What both engines count: in IPVS's words the sum and the rate, and in the packet path's.
struct Counted {
  std::uint64_t ipvs::Traffic::*sum;
  std::uint64_t ipvs::Traffic::*per_second;
  std::uint64_t datapath::DestinationStats::*in_path;
};
constexpr std::array<Counted, 5> counters{{
    {&ipvs::Traffic::connections, &ipvs::Traffic::connections_per_second, &datapath::DestinationStats::connections},
    {&ipvs::Traffic::packets_in, &ipvs::Traffic::packets_in_per_second, &datapath::DestinationStats::packets_in},
    {&ipvs::Traffic::packets_out, &ipvs::Traffic::packets_out_per_second, &datapath::DestinationStats::packets_out},
    {&ipvs::Traffic::bytes_in, &ipvs::Traffic::bytes_in_per_second, &datapath::DestinationStats::bytes_in},
    {&ipvs::Traffic::bytes_out, &ipvs::Traffic::bytes_out_per_second, &datapath::DestinationStats::bytes_out},
}};

// Adds what the packet path counted, and the rate since `before`, `seconds` ago.
void add(ipvs::Traffic& to, const datapath::DestinationStats& stats, const datapath::DestinationStats* before, double seconds) {
  for (const auto& [sum, per_second, in_path] : counters) {
    to.*sum += stats.*in_path;
    if (before != nullptr && stats.*in_path > before->*in_path)
      to.*per_second += static_cast<std::uint64_t>(static_cast<double>(stats.*in_path - before->*in_path) / seconds + 0.5);
  }
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

Result<std::vector<ipvs::ServiceEntry>> Tables::services(bool rates, bool persistent) {
  std::vector<ipvs::ServiceEntry> entries;
  if (ipvs) {
    auto list = ipvs->list();
    if (!list) return std::move(list).error();
    entries = std::move(*list);
  }
  if (!path) return entries;

  // Of a service that IPVS serves now, the path may have connections that are coming to their end.
  auto services = path->services();
  const auto closed = path->closed_services();
  services.insert(closed.begin(), closed.end());
  Stats before;
  const auto began = Clock::now();
  if (rates) {
    before = all_stats(*path, services);
    std::this_thread::sleep_until(began + 1s);
  }
  const auto stats = all_stats(*path, services);
  const double seconds = to_seconds(Clock::now() - began);

  const auto templates = persistent ? datapath::persistent_clients(*path) : std::map<std::uint32_t, std::uint32_t>();

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
      if (!closed.contains(key)) at->destination = destination;  // nor has IPVS weights where only earlier connections end in it
      const auto found = counted.find(server);
      if (found == counted.end()) continue;
      at->counters.active_connections += found->second.active;
      at->counters.inactive_connections += found->second.inactive;
      if (const auto clients = templates.find(found->second.slot); clients != templates.end())
        at->counters.persistent_connections += clients->second;
      const auto* earlier = rates ? &before[key][server] : nullptr;
      add(at->counters, found->second, earlier, seconds);
      add(entry.traffic, found->second, earlier, seconds);
    }
  }
  return entries;
}

}  // namespace xd::ctl
