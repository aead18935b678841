// A large director: 10,000 services, 100,000 real servers, room for 4,000,000 connections.
//
//   size_bench [--json FILE]
//
// Measures what the maps take, how long a start with all of them takes, and a change of one service among them. Fails when one is over its
// budget.
#include <bpf/bpf.h>
#include <fmt/core.h>
#include <sched.h>
#include <sys/mount.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/time.h"
#include "datapath/datapath.h"
#include "datapath/program.h"

namespace {

using namespace xd;

constexpr int services = 10'000;
constexpr int servers_each = 10;
constexpr datapath::Sizes sizes{4'000'000, 1'048'576, 16'384, 131'072, 2'097'152};

[[noreturn]] void die(const std::string& why) {
  fmt::print(stderr, "size_bench: {}\n", why);
  std::exit(2);
}

lvs::ServiceKey key_of(int service) {
  return {*IpAddress::parse(fmt::format("10.{}.{}.{}", service / 60'000, service / 250 % 250, service % 250 + 1)), 80, lvs::Protocol::tcp};
}

lvs::Service service_of(int service, std::uint32_t first_weight) {
  lvs::Service wanted;
  wanted.scheduler = lvs::Scheduler::wrr;
  for (int i = 0; i < servers_each; ++i) {
    const int number = service * servers_each + i;
    const Endpoint e{*IpAddress::parse(fmt::format("172.{}.{}.{}", 16 + number / 62'500, number / 250 % 250, number % 250 + 1)), 80};
    wanted.destinations[e] = {lvs::Forward::dr, i == 0 ? first_weight : 2, 0, 0};
    wanted.order.push_back(e);
  }
  return wanted;
}

// What the kernel says that a map takes.
std::uint64_t bytes_of(int fd) {
  std::ifstream info(fmt::format("/proc/self/fdinfo/{}", fd));
  for (std::string word; info >> word;) {
    std::uint64_t bytes = 0;
    if (word == "memlock:" && info >> bytes) return bytes;
  }
  return 0;
}

double seconds_since(TimePoint began) { return to_seconds(Clock::now() - began); }

}  // namespace

int main(int argc, char** argv) {
  const std::string json_file = argc == 3 && std::string(argv[1]) == "--json" ? argv[2] : "";
  if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) die("needs root");
  std::vector<lvs::Service> wanted;
  for (int i = 0; i < services; ++i) wanted.push_back(service_of(i, 1));

  const TimePoint began = Clock::now();
  auto created = datapath::Datapath::create("/sys/fs/bpf/xd-size-bench", sizes);
  if (!created) die(created.error().message);
  datapath::Datapath& path = *created;
  const double load = seconds_since(began);
  for (int i = 0; i < services; ++i) {
    if (const Status status = path.put_service(key_of(i), wanted[static_cast<std::size_t>(i)]); !status) die(status.error().message);
  }
  const datapath::Hop hop{*MacAddress::parse("02:00:00:00:01:01"), *MacAddress::parse("02:00:00:00:00:01"), 1, 0, 0, false};
  for (const IpAddress& address : path.destination_addresses()) path.set_hop(address, hop);
  const double start = seconds_since(began);

  std::vector<double> changes;
  for (int i = 0; i < 101; ++i) {
    const int one = i * 97;
    const lvs::Service other = service_of(one, 3);
    const TimePoint change_began = Clock::now();
    if (const Status status = path.put_service(key_of(one), other); !status) die(status.error().message);
    changes.push_back(1'000 * seconds_since(change_began));
  }
  std::ranges::sort(changes);

  double mib = 0;
  for (const std::string& map : datapath::pinned_maps()) mib += static_cast<double>(bytes_of(path.map_fd(map))) / (1 << 20);
  (void)path.unpin();

  const struct {
    const char *name, *unit;
    double value, budget;
  } figures[] = {{"memory", "MiB", mib, 2048},
                 {"start", "s", start, 3},
                 {"change_of_one_service", "ms", changes[changes.size() / 2], 5},
                 {"slowest_change", "ms", changes.back(), 50}};
  nlohmann::json result{{"load_s", load}};
  bool within = true;
  fmt::print("{} services, {} real servers, {} connections\n", services, services * servers_each, sizes.flows);
  for (const auto& figure : figures) {
    const bool fits = figure.value > 0 && figure.value <= figure.budget;
    within = within && fits;
    result[figure.name] = {{"value", figure.value}, {"unit", figure.unit}, {"budget", figure.budget}};
    fmt::print("{:<24}{:>10.2f} {:<4}{:>8.0f}{}\n", figure.name, figure.value, figure.unit, figure.budget, fits ? "" : "  OVER BUDGET");
  }
  if (!json_file.empty()) std::ofstream(json_file) << result.dump(2) << '\n';
  return within ? 0 : 1;
}
