// The loaded BPF object: opened from the bytes inside this binary, its maps new or taken over from pins.
#pragma once

#include <bpf/libbpf.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "datapath/datapath.h"

namespace xd::datapath {

struct CloseObject {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
using Object = std::unique_ptr<bpf_object, CloseObject>;

// Every map that is pinned, by name.
const std::vector<std::string>& pinned_maps();

// Buckets of the flow table, and how many places of one half-open flows may take.
std::uint32_t buckets_for(const Sizes& sizes);
std::uint32_t half_ways_for(const Sizes& sizes);

// The program that looks at packets. Verifying it is most of what a start takes.
constexpr const char* entry_name = "xd_entry";

// How long a frame may be for the program: one buffer of the driver, or several, which takes Linux 5.18 and a driver that carries it.
enum class Frames { in_one_buffer, in_pieces };

// The object, not loaded yet, with the maps sized.
Result<Object> open_object(const Sizes& sizes, Frames frames = Frames::in_one_buffer);
// load_object() will load this program and no other; all but this one.
void load_only(bpf_object* object, std::string_view program);
void load_all_but(bpf_object* object, std::string_view program);
// A map by the name of its pin, and the other way round.
bpf_map* map_named(bpf_object* object, const std::string& name);
std::string_view name_of(const bpf_map* map);
// Makes every pinned map of `object` the one behind its descriptor in `fd_of`.
Status reuse_maps(bpf_object* object, const std::function<int(std::string_view name)>& fd_of);
// Loads it. The error carries what the verifier said last.
Status load_object(bpf_object* object);

// Jiffies a second of the running kernel, found by counting: no file tells it on every system. Takes about 50 ms.
Result<std::uint32_t> measure_hz(bpf_object* loaded);

}  // namespace xd::datapath
