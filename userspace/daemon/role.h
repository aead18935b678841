// The processes of the daemon beside the parent: the same binary, started with a role.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace xd::daemon {

enum class RoleName { vrrp, checkers };

inline constexpr std::array<RoleName, 2> all_roles{RoleName::vrrp, RoleName::checkers};

constexpr std::string_view name(RoleName role) { return role == RoleName::vrrp ? "vrrp" : "checkers"; }

constexpr std::optional<RoleName> parse_role(std::string_view text) {
  for (const RoleName role : all_roles) {
    if (text == name(role)) return role;
  }
  return std::nullopt;
}

}  // namespace xd::daemon
