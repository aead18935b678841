#include "daemon/load.h"

#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/log.h"

namespace xd::daemon {

namespace {

// Exit code of a configuration test that could not even begin (-e and no such file, a report that cannot be written).
constexpr int cannot_test = 4;

bool is_program(const std::string& path) {
  struct stat st {};
  return ::stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

std::string script_problem(const conf::Script& script) {
  const std::string& program = script.words.front();
  if (program.find('/') != std::string::npos) return is_program(program) ? "" : program + " is not an executable file";
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "/usr/sbin:/usr/bin:/sbin:/bin" : path;
  while (!rest.empty()) {
    const auto end = std::min(rest.find(':'), rest.size());
    if (end > 0 && is_program(std::string(rest.substr(0, end)) + "/" + program)) return "";
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return program + " is not found in PATH";
}

std::string account_problem(const std::string& user, const std::string& group) {
  if (::getpwnam(user.c_str()) == nullptr) return "there is no user " + user;
  return group.empty() || ::getgrnam(group.c_str()) != nullptr ? "" : "there is no group " + group;
}

conf::Options compile_options(const Options& options) {
  conf::Options out;
  out.config_id = options.config_id;
  out.xdirector_file = options.xdirector_file;
  out.interface_exists = [](const std::string& interface) { return ::if_nametoindex(interface.c_str()) != 0; };
  out.script_problem = script_problem;
  out.account_problem = account_problem;
  return out;
}

}  // namespace

conf::Compiled compile_disk(const Options& options) {
  conf::DiskReader disk;
  return conf::compile(options.config_file, disk, compile_options(options));
}

Result<Fd> bundle_of(const conf::Sources& sources) {
  Fd memory(::memfd_create("keepalived.conf", MFD_CLOEXEC));
  if (!memory) return Error::from_errno("keep the configuration in memory");
  const std::string text = conf::serialize(sources);
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::pwrite(memory.get(), text.data() + done, text.size() - done, static_cast<off_t>(done));
    if (n < 0 && errno != EINTR) return Error::from_errno("keep the configuration in memory");
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  return memory;
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
