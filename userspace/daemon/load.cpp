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
#include "base/network_namespace.h"
#include "host/host.h"

namespace xd::daemon {

namespace {

// Exit code of a configuration test that could not even begin (-e and no such file, a report that cannot be written).
constexpr int cannot_test = 4;

conf::Options compile_options(const Options& options) {
  conf::Options out = host::options();
  out.config_id = options.config_id;
  out.xdirector_file = options.xdirector_file;
  return out;
}

// tmp_config_directory: a large text need not be kept in memory.
Result<Fd> in_memory(const std::string& text, const std::string& folder = {}) {
  Fd memory(folder.empty() ? ::memfd_create("keepalived.conf", MFD_CLOEXEC) : ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
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

Result<Fd> bundle_of(const conf::Sources& sources, const std::string& folder) { return in_memory(conf::serialize(sources), folder); }

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

std::string own_namespace(const Options& options, const conf::DaemonSettings& settings) {
  if (options.network_namespace || settings.net_namespace.empty()) return {};
  return "/run/netns/" + settings.net_namespace;
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

ReloadMark::ReloadMark(const conf::DaemonSettings& settings) {
  if (!settings.reload.file) return;
  path_ = settings.reload.file->empty() ? std::string(pid_folder) + "keepalived.reload" : *settings.reload.file;
  if (settings.reload.file->empty()) (void)::mkdir(pid_folder, 0755);
  const Fd file(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file) log::warning("{}", Error::from_errno("reload_file " + path_).message);
}

ReloadMark::~ReloadMark() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

namespace {

Status write_file(const std::string& path, const std::string& text) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return Error::from_errno("write " + path);
  return {};
}

}  // namespace

void write_report(const std::string& file, const conf::Compiled& compiled) {
  if (file.empty()) return;
  if (auto written = write_file(file, compiled.diagnostics.render()); !written) log::warning("{}", written.error().message);
}

void save_copy(const std::string& folder, const conf::Sources& sources, std::uint64_t number) {
  if (folder.empty()) return;
  (void)::mkdir(folder.c_str(), 0755);
  const auto written = write_file(fmt::format("{}/keepalived.conf.{}.{}", folder, ::getpid(), number), conf::serialize(sources));
  if (!written) log::warning("{}", written.error().message);
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
  conf::Compiled compiled = compile_disk(options);
  // Interfaces are looked for where the daemon would run; who cannot go there judges from here.
  if (const auto path = own_namespace(options, compiled.model.global.daemon); !path.empty() && enter_network_namespace(path))
    compiled = compile_disk(options);
  const std::string text = compiled.diagnostics.render();
  std::fwrite(text.data(), 1, text.size(), report);
  if (!compiled.found) std::fprintf(report, "%s: there is no such configuration file\n", options.config_file.c_str());
  if (report != stderr) std::fclose(report);
  if (!compiled.found && options.all_config) return cannot_test;
  return conf::config_test_exit_code(compiled);
}

}  // namespace xd::daemon
