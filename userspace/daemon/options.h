// The command line, keepalived's: the same long and short options with the same meaning.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/role.h"

namespace xd::daemon {

inline constexpr mode_t default_umask = 0177;
inline constexpr const char* pid_folder = "/run/keepalived/";  // of daemons that share a host

struct Options {
  std::string config_file = "/etc/keepalived/keepalived.conf";   // -f, may be a glob
  std::string xdirector_file = "/etc/xdirector/xdirector.conf";  // read beside it when it exists
  int config_fd = -1;                                            // --config-fd: config_file's text comes from here
  bool run_vrrp = true;                                          // off with -C
  bool run_checkers = true;                                      // off with -P
  bool run_bfd = true;                                           // off with -B
  bool all_processes = false;                                    // --all: also those without configuration

  bool log_console = false;             // -l
  int log_detail = 0;                   // how often -D
  std::optional<int> log_facility;      // -S, LOG_*
  bool syslog = true;                   // off with -G
  std::optional<std::string> log_file;  // -g
  bool flush_log_file = false;

  std::optional<mode_t> umask;                   // -u; else the configuration's
  bool keep_addresses = false;                   // -V
  bool keep_services = false;                    // -I
  bool respawn = true;                           // off with -R
  bool foreground = false;                       // -n
  bool dump_configuration = false;               // -d
  bool watch_addresses = false;                  // -a
  bool all_config = false;                       // -e
  bool core_dump = false;                        // -m
  std::optional<std::string> core_pattern;       // -M
  std::optional<std::string> network_namespace;  // -s
  std::string config_id;                         // -i
  // Empty: where the configuration says (places.h).
  std::string pid_file;           // -p
  std::string vrrp_pid_file;      // -r
  std::string checkers_pid_file;  // -c
  std::string bfd_pid_file;       // -b

  bool test = false;     // -t
  std::string test_log;  // empty: standard error

  std::vector<std::string> complaints;  // what was overlooked in the command line

  // Not for people: the parent starts its children with these.
  std::optional<RoleName> role;
  int channel = -1;            // inherited socket to the parent
  std::string pins;            // where the packet path's maps are pinned; empty: there is none
  std::string log_suffix;      // behind the names in the log: instance and network namespace
  std::string ipvs_namespace;  // path of the network namespace whose IPVS is ours; empty: our own

  bool wants(RoleName which) const { return which == RoleName::vrrp ? run_vrrp : which == RoleName::checkers ? run_checkers : run_bfd; }
  const std::string& pid_file_of(RoleName which) const {
    return which == RoleName::vrrp ? vrrp_pid_file : which == RoleName::checkers ? checkers_pid_file : bfd_pid_file;
  }
};

// Nothing to run: print and leave.
struct Leave {
  int code = 0;
  std::string out;  // to standard output
  std::string err;  // to standard error
};

std::variant<Options, Leave> parse_options(const std::vector<std::string>& words);

// The words that start a child with the parent's own options.
std::vector<std::string> child_words(const std::vector<std::string>& own, RoleName role, int channel, const std::string& pins);

// The log file of one process: "/tmp/keepalived.log" and "vrrp" give "/tmp/keepalived_vrrp.log".
std::string log_file_of(const std::string& file, std::string_view process);

}  // namespace xd::daemon
