#include "vrrp/priority.h"

#include <algorithm>
#include <array>

namespace xd::vrrp {
namespace {

struct FaultText {
  Fault fault;
  std::string_view name;
  std::string_view sentence;
};

constexpr std::array fault_texts{
    FaultText{Fault::interface_down, "interface_down", "its interface is down"},
    FaultText{Fault::base_interface_down, "base_interface_down", "the interface under its virtual MAC is down"},
    FaultText{Fault::tracked_interface, "tracked_interface", "a tracked interface is down"},
    FaultText{Fault::tracked_script, "tracked_script", "a tracked script failed"},
    FaultText{Fault::tracked_file, "tracked_file", "a tracked file says so"},
    FaultText{Fault::tracked_process, "tracked_process", "a tracked process is missing"},
    FaultText{Fault::tracked_bfd, "tracked_bfd", "a tracked BFD session is down"},
    FaultText{Fault::no_source_address, "no_source_address", "its interface has no address to send from"},
    FaultText{Fault::tracked_source_address, "tracked_source_address", "its source address is gone"},
    FaultText{Fault::duplicate_vrid, "duplicate_vrid", "its VRID is in use twice on its interface"},
    FaultText{Fault::no_unicast_peer, "no_unicast_peer", "it has no unicast peer"},
    FaultText{Fault::sync_group, "sync_group", "another member of its sync group is in fault"},
    FaultText{Fault::configuration, "configuration", "its configuration cannot work on this host"},
};

const FaultText& text_of(Fault fault) {
  return *std::find_if(fault_texts.begin(), fault_texts.end(), [&](const FaultText& t) { return t.fault == fault; });
}

// Both factors are at most 32 bits.
int file_amount(const Tracked& file) {
  const std::int64_t product = *file.number * file.weight * (file.reverse ? -1 : 1);
  return static_cast<int>(std::clamp<std::int64_t>(product, -254, 253));
}

}  // namespace

std::string_view name(Fault fault) { return text_of(fault).name; }
std::string_view sentence(Fault fault) { return text_of(fault).sentence; }

std::string FaultSet::str() const {
  std::string out;
  for (const FaultText& text : fault_texts) {
    if (!has(text.fault)) continue;
    if (!out.empty()) out += ", ";
    out += text.name;
  }
  return out;
}

Evaluation evaluate(std::uint8_t base_priority, std::span<const Tracked> tracked) {
  const bool owner = base_priority == 255;
  Evaluation result;
  int sum = base_priority;
  for (const Tracked& t : tracked) {
    const int weight = owner ? 0 : t.weight;
    if (t.number) {
      const bool failed = weight == 0 ? (*t.number != 0) != t.reverse : file_amount(t) == -254;
      if (failed) {
        result.faults = result.faults.with(t.fault);
      } else if (weight != 0) {
        sum += file_amount(t);
      }
      continue;
    }
    if (!t.up) {
      result.waiting |= weight == 0;
      continue;
    }
    if (weight == 0) {
      if (*t.up == t.reverse) result.faults = result.faults.with(t.fault);
    } else if (*t.up == (weight > 0)) {
      sum += t.reverse ? -weight : weight;
    }
  }
  result.priority = owner ? base_priority : static_cast<std::uint8_t>(std::clamp(sum, 1, 254));
  return result;
}

}  // namespace xd::vrrp
