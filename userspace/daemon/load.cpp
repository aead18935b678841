#include "daemon/load.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <grp.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/log.h"
#include "vrrp/hmac.h"

namespace xd::daemon {

namespace {

// Exit code of a configuration test that could not even begin (-e and no such file, a report that cannot be written).
constexpr int cannot_test = 4;

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
  return is_program(path) ? "" : path + " is not an executable file";
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

conf::Options compile_options(const Options& options) {
  conf::Options out;
  out.config_id = options.config_id;
  out.xdirector_file = options.xdirector_file;
  out.interface_exists = [](const std::string& interface) { return ::if_nametoindex(interface.c_str()) != 0; };
  out.host_addresses = host_addresses;
  out.script_problem = script_problem;
  out.script_hazard = script_hazard;
  out.account_problem = account_problem;
  out.key_file_problem = vrrp::key_file_problem;
  return out;
}

Result<Fd> in_memory(const std::string& text) {
  Fd memory(::memfd_create("keepalived.conf", MFD_CLOEXEC));
  if (!memory) return Error::from_errno("keep the configuration in memory");
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::pwrite(memory.get(), text.data() + done, text.size() - done, static_cast<off_t>(done));
    if (n < 0 && errno != EINTR) return Error::from_errno("keep the configuration in memory");
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  return memory;
}

}  // namespace

conf::Compiled compile_disk(const Options& options) {
  if (options.config_fd >= 0) {
    conf::DescriptorReader inherited(options.config_file, options.config_fd);
    return conf::compile(options.config_file, inherited, compile_options(options));
  }
  conf::DiskReader disk;
  return conf::compile(options.config_file, disk, compile_options(options));
}

Result<Fd> bundle_of(const conf::Sources& sources) { return in_memory(conf::serialize(sources)); }

Result<void> keep_configuration(Options& options) {
  if (options.config_fd < 0) return {};
  const std::string name = fmt::format("--config-fd={}", options.config_fd);
  struct stat st {};
  if (::fstat(options.config_fd, &st) != 0 || ::fcntl(options.config_fd, F_SETFD, FD_CLOEXEC) != 0) return Error::from_errno(name);
  if (S_ISREG(st.st_mode)) return {};
  auto text = conf::read_rest(options.config_fd, name);
  if (!text) return std::move(text).error();
  auto kept = in_memory(*text);
  if (!kept) return std::move(kept).error();
  options.config_fd = kept->release();
  return {};
}

Result<conf::Compiled> compile_bundle(const Fd& bundle, const Options& options) {
  struct stat st {};
  if (!bundle || ::fstat(bundle.get(), &st) != 0) return Error{"the configuration did not come along"};
  std::string text(static_cast<std::size_t>(st.st_size), '\0');
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::pread(bundle.get(), text.data() + done, text.size() - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return Error::from_errno("read the configuration from memory");
    done += static_cast<std::size_t>(n);
  }
  auto sources = conf::parse_bundle(text);
  if (!sources) return std::move(sources).error();
  conf::BundleReader reader(std::move(*sources));
  conf::Compiled compiled = conf::compile(reader.root(), reader, compile_options(options));
  if (!compiled.usable()) return Error{"the configuration has become unusable since the parent read it:\n" + compiled.diagnostics.render()};
  return compiled;
}

void log_diagnostics(const conf::Compiled& compiled) {
  const std::string text = compiled.diagnostics.render();
  const auto level = compiled.diagnostics.errors() > 0 ? log::Level::error : log::Level::warning;
  for (std::string_view rest = text; !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    if (end > 0) log::write(level, rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

int test_configuration(const Options& options) {
  std::FILE* report = stderr;
  if (!options.test_log.empty()) {
    report = std::fopen(options.test_log.c_str(), "we");
    if (report == nullptr) {
      std::fprintf(stderr, "%s\n", Error::from_errno("write " + options.test_log).message.c_str());
      return cannot_test;
    }
  }
  const conf::Compiled compiled = compile_disk(options);
  const std::string text = compiled.diagnostics.render();
  std::fwrite(text.data(), 1, text.size(), report);
  if (!compiled.found) std::fprintf(report, "%s: there is no such configuration file\n", options.config_file.c_str());
  if (report != stderr) std::fclose(report);
  if (!compiled.found && options.all_config) return cannot_test;
  return conf::config_test_exit_code(compiled);
}

}  // namespace xd::daemon
