// What `instance`, `net_namespace`, `use_pid_dir` and their like make of names: of pid files, dump files, processes and in the log.
// They are fixed when the daemon starts, apart from process names.
#pragma once

#include <string>
#include <vector>

#include "conf/model_daemon.h"
#include "daemon/options.h"

namespace xd::daemon {

// The options with what the configuration decides where they leave it open.
Options settle(const Options& options, const conf::DaemonSettings& settings);
// The words that make a child's options the same. `home`: a path of the network namespace in which the daemon was started.
std::vector<std::string> settled_words(const std::vector<std::string>& own, const Options& settled, const conf::DaemonSettings& settings,
                                       const std::string& home);

// The title of a process, for ps and top; a parent has no role.
std::string title_of(std::optional<RoleName> role, const conf::DaemonSettings& settings);
void set_title(const std::string& title);

// Words that a reload cannot change, one that it would; empty: none.
std::string unchangeable(const conf::DaemonSettings& running, const conf::DaemonSettings& wanted);

}  // namespace xd::daemon
