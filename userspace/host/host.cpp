#include "host/host.h"

#include <fmt/core.h>
#include <grp.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "vrrp/hmac.h"

namespace xd::host {

namespace {

constexpr std::string_view default_path = "/usr/sbin:/usr/bin:/sbin:/bin";

bool is_program(const std::string& path) {
  struct stat st {};
  return ::stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

// Where a script is that is named without a path.
std::string path_of(const std::string& program) {
  if (program.find('/') != std::string::npos) return program;
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? default_path : path;
  while (!rest.empty()) {
    const auto end = std::min(rest.find(':'), rest.size());
    std::string candidate = std::string(rest.substr(0, end)) + "/" + program;
    if (end > 0 && is_program(candidate)) return candidate;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {};
}

std::string script_problem(const conf::Script& script) {
  const std::string& program = script.words.front();
  const std::string path = path_of(program);
  if (path.empty()) return program + " is not found in PATH";
  if (is_program(path)) return {};
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return Error::from_errno(path).message;
  if (!S_ISREG(st.st_mode)) return path + " is no file";
  return fmt::format("{} is not executable (mode {:04o})", path, st.st_mode & 07777);
}

bool runs_as_root(const std::string& user) {
  const passwd* entry = ::getpwnam(user.empty() ? "keepalived_script" : user.c_str());
  return entry == nullptr ? user.empty() && ::getuid() == 0 : entry->pw_uid == 0;
}

// By the rules of enable_script_security: everything up to the root belongs to root, and nobody else may write. A folder with the
// sticky bit does not let others replace what is in it.
std::string script_hazard(const conf::Script& script) {
  if (!runs_as_root(script.user)) return {};
  std::error_code failed;
  const auto program = std::filesystem::canonical(path_of(script.words.front()), failed);
  if (failed) return {};
  for (auto part = program;; part = part.parent_path()) {
    struct stat st {};
    if (::stat(part.c_str(), &st) != 0) return {};
    const bool sticky = S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX) != 0;
    if (st.st_uid != 0) return fmt::format("{} belongs to user {}", part.string(), st.st_uid);
    if ((st.st_mode & S_IWOTH) != 0 && !sticky)
      return fmt::format("everybody may write {} (mode {:04o})", part.string(), st.st_mode & 07777);
    if ((st.st_mode & S_IWGRP) != 0 && st.st_gid != 0 && !sticky)
      return fmt::format("group {} may write {} (mode {:04o})", st.st_gid, part.string(), st.st_mode & 07777);
    if (part == part.root_path()) return {};
  }
}

std::string account_problem(const std::string& user, const std::string& group) {
  if (::getpwnam(user.c_str()) == nullptr) return "there is no user " + user;
  return group.empty() || ::getgrnam(group.c_str()) != nullptr ? "" : "there is no group " + group;
}

std::vector<conf::HostAddress> host_addresses() {
  std::vector<conf::HostAddress> out;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return out;
  for (const ifaddrs* i = first; i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr || i->ifa_netmask == nullptr) continue;
    if (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6) continue;
    const auto read = [](const sockaddr* from) {
      sockaddr_storage storage{};
      std::memcpy(&storage, from, from->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
      return IpAddress::from_sockaddr(storage);
    };
    const auto address = read(i->ifa_addr);
    const auto mask = read(i->ifa_netmask);
    if (!address || !mask) continue;
    unsigned length = 0;
    for (std::size_t k = 0; k < mask->size(); ++k) length += static_cast<unsigned>(std::popcount(mask->data()[k]));
    out.push_back({i->ifa_name, {*address, static_cast<std::uint8_t>(length)}});
  }
  ::freeifaddrs(first);
  return out;
}

}  // namespace

conf::Options options() {
  conf::Options out;
  out.interface_exists = [](const std::string& interface) { return ::if_nametoindex(interface.c_str()) != 0; };
  out.host_addresses = host_addresses;
  out.script_problem = script_problem;
  out.script_hazard = script_hazard;
  out.account_problem = account_problem;
  out.key_file_problem = vrrp::key_file_problem;
  return out;
}

}  // namespace xd::host
