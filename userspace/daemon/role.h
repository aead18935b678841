// The processes of the daemon beside the parent: the same binary, started with a role.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace xd::daemon {

enum class RoleName { vrrp, checkers, bfd };

inline constexpr std::array<RoleName, 3> all_roles{RoleName::vrrp, RoleName::checkers, RoleName::bfd};

constexpr std::string_view name(RoleName role) {
  switch (role) {
    case RoleName::vrrp: return "vrrp";
    case RoleName::checkers: return "checkers";
    case RoleName::bfd: return "bfd";
  }
  return "";
}

constexpr std::optional<RoleName> parse_role(std::string_view text) {
  for (const RoleName role : all_roles) {
    if (text == name(role)) return role;
  }
  return std::nullopt;
}

}  // namespace xd::daemon
