#include "datapath/program.h"

#include <bpf/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdarg>

#include "bpf/xdirector.h"  // the skeleton names its structs
#include "xdirector.skel.h"

namespace xd::datapath {

namespace {

thread_local std::string last_words;  // what libbpf complained of, for the error

int keep_last_words(libbpf_print_level level, const char* format, va_list args) {
  if (level != LIBBPF_WARN) return 0;
  std::array<char, 2048> line{};
  const int length = vsnprintf(line.data(), line.size(), format, args);
  if (length <= 0) return 0;
  last_words += line.data();
  if (last_words.size() > 4096) last_words.erase(0, last_words.size() - 4096);
  return 0;
}

class Listening {
 public:
  Listening() : before_(libbpf_set_print(keep_last_words)) { last_words.clear(); }
  ~Listening() { libbpf_set_print(before_); }

 private:
  libbpf_print_fn_t before_;
};

const std::string variable_prefix = ".data.";  // of the maps that are variables of the program: the section's name is the map's

}  // namespace

const std::vector<std::string>& pinned_maps() {
  static const std::vector<std::string> names{
      "xd_info",  "xd_services",  "xd_svc_index", "xd_svc_places", "xd_rings",   "xd_dests",   "xd_dest_stats", "xd_filter", "xd_gate",
      "xd_flows", "xd_fragments", "xd_timeouts",  "xd_ports",      "xd_devices", "xd_reasons", "xd_watches",    "xd_events", "xd_samples"};
  return names;
}

bpf_map* map_named(bpf_object* object, const std::string& name) {
  bpf_map* map = bpf_object__find_map_by_name(object, name.c_str());
  return map != nullptr ? map : bpf_object__find_map_by_name(object, (variable_prefix + name).c_str());
}

std::string_view name_of(const bpf_map* map) {
  std::string_view name = bpf_map__name(map);
  if (name.starts_with(variable_prefix)) name.remove_prefix(variable_prefix.size());
  return name;
}

// About half of the places are left free at the size asked for: then hardly any flow finds both of its buckets full.
std::uint32_t buckets_for(const Sizes& sizes) { return std::bit_ceil(std::max(sizes.flows / 8, 4u)); }

std::uint32_t half_ways_for(const Sizes& sizes) { return std::clamp(2 + 2 * (sizes.half_open / buckets_for(sizes)), 2u, 8u); }

// A change takes a fresh one while packets may still read the old one.
std::uint32_t known_services_for(const Sizes& sizes) { return 2 * sizes.services + 1; }

Result<Object> open_object(const Sizes& sizes, Frames frames) {
  const Listening listening;
  std::size_t size = 0;
  const void* bytes = xdirector_bpf__elf_bytes(&size);
  Object object(bpf_object__open_mem(bytes, size, nullptr));
  if (!object) return Error::from_errno("open the BPF object");
  const std::pair<const char*, std::uint32_t> entries[] = {
      {"xd_flows", buckets_for(sizes)}, {"xd_services", sizes.services}, {"xd_svc_places", known_services_for(sizes)},
      {"xd_dests", sizes.dests},        {"xd_dest_stats", sizes.dests},  {"xd_rings", sizes.ring_slots},
  };
  for (const auto& [name, count] : entries) {
    if (bpf_map__set_max_entries(bpf_object__find_map_by_name(object.get(), name), count) != 0) {
      return Error::from_errno(std::string("set the size of map ") + name + " to " + std::to_string(count));
    }
  }
  if (frames == Frames::in_pieces) {
    const std::uint32_t yes = 1;
    bpf_map* kind = bpf_object__find_map_by_name(object.get(), ".rodata.kind");
    bpf_program* entry = bpf_object__find_program_by_name(object.get(), entry_name);
    if (bpf_map__set_initial_value(kind, &yes, sizeof yes) != 0 ||
        bpf_program__set_flags(entry, bpf_program__flags(entry) | BPF_F_XDP_HAS_FRAGS) != 0) {
      return Error::from_errno("prepare the program for frames in several buffers");
    }
  }
  return object;
}

namespace {

void load_where(bpf_object* object, const auto& wanted) {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) bpf_program__set_autoload(program, wanted(std::string_view(bpf_program__name(program))));
}

}  // namespace

void load_only(bpf_object* object, std::string_view program) {
  load_where(object, [&](std::string_view name) { return name == program; });
}

void load_all_but(bpf_object* object, std::string_view program) {
  load_where(object, [&](std::string_view name) { return name != program; });
}

Status reuse_maps(bpf_object* object, const std::function<int(std::string_view)>& fd_of) {
  for (const std::string& name : pinned_maps()) {
    if (bpf_map__reuse_fd(map_named(object, name), fd_of(name)) != 0) {
      return Error::from_errno("take over map " + name);
    }
  }
  return {};
}

Status load_object(bpf_object* object) {
  const Listening listening;
  if (bpf_object__load(object) == 0) return {};
  const Error error = Error::from_errno("load the XDP program");
  return Error{last_words.empty() ? error.message : error.message + ": " + last_words, error.code};
}

Result<std::uint32_t> measure_hz(bpf_object* loaded) {
  const int program = bpf_program__fd(bpf_object__find_program_by_name(loaded, "xd_clock"));
  const auto tick = [&]() -> std::uint32_t {
    LIBBPF_OPTS(bpf_test_run_opts, options);
    return bpf_prog_test_run_opts(program, &options) == 0 ? options.retval : 0;
  };
  // From the edge of one tick to the edge of another.
  const auto edge = [&] {
    const std::uint32_t before = tick();
    std::uint32_t now = before;
    while (now == before && now != 0) now = tick();
    return std::pair{now, Clock::now()};
  };
  const auto [first, began] = edge();
  if (first == 0) return Error::from_errno("read the kernel's tick counter");
  usleep(40'000);
  const auto [last, ended] = edge();
  const double hz = (last - first) / to_seconds(ended - began);
  std::uint32_t best = 100;
  for (const std::uint32_t known : {250u, 300u, 1000u}) {
    if (std::abs(hz - known) < std::abs(hz - best)) best = known;
  }
  return best;
}

}  // namespace xd::datapath
