// What lies between two configurations, object by object: what a reload from one to the other adds, changes and removes.
// Pure: it compares two models and touches nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "conf/model.h"

namespace xd::conf {

enum class ChangeKind : std::uint8_t { add, change, remove };
std::string_view name(ChangeKind kind);  // "add"

struct Change {
  ChangeKind kind = ChangeKind::change;
  std::string object;               // "vrrp_instance VI_1", "real_server 10.0.0.2:80 of 10.0.0.1:80/tcp"
  std::vector<std::string> before;  // statements that go, as `conf print` writes them; of changes only
  std::vector<std::string> after;   // statements that come
  std::string effect;               // which elections or connections it touches; empty: none
  bool operator==(const Change&) const = default;
};

// In the order of the new configuration, what is removed behind it.
std::vector<Change> difference(const Model& running, const Model& wanted);

// For people: "change vrrp_instance VI_1: a new election" and the statements below it, with - and +.
std::string render(const std::vector<Change>& changes);

}  // namespace xd::conf
