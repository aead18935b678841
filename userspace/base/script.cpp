#include "base/script.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace xd {

namespace {

constexpr const char* usual_user = "keepalived_script";
using Buffer = std::array<char, 16384>;

struct Identity {
  uid_t uid;
  gid_t gid;
};

std::optional<Identity> find_user(const std::string& name) {
  Buffer buffer;
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return std::nullopt;
  return Identity{entry.pw_uid, entry.pw_gid};
}

std::optional<gid_t> find_group(const std::string& name) {
  Buffer buffer;
  group entry{};
  group* found = nullptr;
  if (::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return std::nullopt;
  return entry.gr_gid;
}

}  // namespace

Result<Command> script_command(std::vector<std::string> words, const std::string& user, const std::string& group,
                               const std::string& default_user, const std::string& default_group) {
  Command command{std::move(words), std::nullopt, std::nullopt};
  const auto& wanted_user = user.empty() ? default_user : user;
  const auto& wanted_group = user.empty() ? default_group : group;
  auto identity = find_user(wanted_user.empty() ? usual_user : wanted_user);
  if (!identity) {
    if (wanted_user.empty()) return command;
    return Error{"run " + command.str() + ": there is no user " + wanted_user};
  }
  if (!wanted_group.empty()) {
    const auto gid = find_group(wanted_group);
    if (!gid) return Error{"run " + command.str() + ": there is no group " + wanted_group};
    identity->gid = *gid;
  }
  // Already the right one: nothing to change, also without the right to change it.
  if (identity->uid == ::geteuid() && identity->gid == ::getegid()) return command;
  command.uid = identity->uid;
  command.gid = identity->gid;
  return command;
}

}  // namespace xd
