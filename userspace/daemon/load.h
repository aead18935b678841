// Reading the configuration: the parent from the disk, its children from what the parent read.
#pragma once

#include "base/fd.h"
#include "base/result.h"
#include "conf/compile.h"
#include "daemon/options.h"

namespace xd::daemon {

// Makes a descriptor of --config-fd one that each reload can read from its beginning: what comes through a pipe is kept.
Result<void> keep_configuration(Options& options);

conf::Compiled compile_disk(const Options& options);

// All that was read, in a file without a name, for passing to a child; and compiling it there.
Result<Fd> bundle_of(const conf::Sources& sources, const std::string& folder = {});
Result<conf::Compiled> compile_bundle(const Fd& bundle, const Options& options);

// The network namespace that the configuration wants the daemon to move to; empty: none, or -s has decided.
std::string own_namespace(const Options& options, const conf::DaemonSettings& settings);
// The diagnostics, line by line.
void log_diagnostics(const conf::Compiled& compiled);

// reload_file: is there while the configuration is read.
class ReloadMark {
 public:
  explicit ReloadMark(const conf::DaemonSettings& settings);
  ~ReloadMark();
  ReloadMark(const ReloadMark&) = delete;
  ReloadMark& operator=(const ReloadMark&) = delete;

 private:
  std::string path_;
};
// reload_check_config: what was found wrong with a new text. No file: it is in the log.
void write_report(const std::string& file, const conf::Compiled& compiled);
// config_save_dir: what has been read, for those who look into repeated reloads.
void save_copy(const std::string& folder, const conf::Sources& sources, std::uint64_t number);

// -t: reports and returns the exit code.
int test_configuration(const Options& options);

}  // namespace xd::daemon
