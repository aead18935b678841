// What an instance's trackers make of its configured priority, and why it may not take part at all.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace xd::vrrp {

// Reasons for FAULT are bits: an instance leaves FAULT when the last one clears.
enum class Fault : std::uint32_t {
  interface_down = 1u << 0,
  base_interface_down = 1u << 1,  // under a virtual MAC
  tracked_interface = 1u << 2,
  tracked_script = 1u << 3,
  tracked_file = 1u << 4,
  tracked_process = 1u << 5,
  tracked_bfd = 1u << 6,
  no_source_address = 1u << 7,  // no address of the family to send from
  tracked_source_address = 1u << 8,
  duplicate_vrid = 1u << 9,
  no_unicast_peer = 1u << 10,
  sync_group = 1u << 11,  // another member of the group is in fault
  configuration = 1u << 12,
};

std::string_view name(Fault fault);      // "interface_down"
std::string_view sentence(Fault fault);  // "its interface is down"

class FaultSet {
 public:
  constexpr FaultSet() = default;
  constexpr FaultSet(Fault fault) : bits_(static_cast<std::uint32_t>(fault)) {}  // NOLINT(google-explicit-constructor)
  static constexpr FaultSet from_bits(std::uint32_t bits) {
    FaultSet set;
    set.bits_ = bits;
    return set;
  }

  constexpr bool any() const { return bits_ != 0; }
  constexpr bool has(Fault fault) const { return (bits_ & static_cast<std::uint32_t>(fault)) != 0; }
  constexpr FaultSet with(Fault fault, bool present = true) const {
    return from_bits(present ? bits_ | static_cast<std::uint32_t>(fault) : bits_ & ~static_cast<std::uint32_t>(fault));
  }
  constexpr std::uint32_t bits() const { return bits_; }
  constexpr FaultSet operator|(FaultSet other) const { return from_bits(bits_ | other.bits_); }
  constexpr bool operator==(const FaultSet&) const = default;

  std::string str() const;  // "interface_down, tracked_script"; empty when none

 private:
  std::uint32_t bits_ = 0;
};

// One tracked thing as this instance counts it.
struct Tracked {
  Fault fault = Fault::tracked_script;                // the bit a failure with weight 0 sets
  int weight = 0;                                     // 0: failure is a fault; > 0: added while up; < 0: added while down
  bool reverse = false;                               // the weight counts with its sign turned; weight 0: up is the failure
  std::optional<bool> up;                             // empty: has not answered yet
  std::optional<std::int64_t> number = std::nullopt;  // of a file: counts in the place of `up`
};

struct Evaluation {
  std::uint8_t priority = 100;
  FaultSet faults;
  bool waiting = false;  // something with weight 0 has not answered yet: the instance stays in INIT until it has
  bool operator==(const Evaluation&) const = default;
};

// A file adds its number times the weight, with `reverse` taken away; a product of -254 or less is a fault, as is any number but
// 0 with weight 0 (with `reverse`: a 0).
//
// Weights are summed, then the result is clamped to 1..254. An owner (255) keeps its priority and every weight counts as 0,
// as in keepalived: what fails is a fault.
Evaluation evaluate(std::uint8_t base_priority, std::span<const Tracked> tracked);

}  // namespace xd::vrrp
