// Settings of the daemon's processes and files, apart from what it does for VRRP and LVS.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"

namespace xd::conf {

// How one of the processes runs.
struct ProcessSettings {
  std::string name;  // its title; empty: the usual one
  int nice = 0;
  bool no_swap = false;                 // its memory is locked
  unsigned rt_priority = 0;             // SCHED_RR; 0: not real-time
  std::vector<unsigned> cpus;           // empty: all
  std::uint32_t rlimit_rttime = 10000;  // microseconds of real-time work without a pause
  bool operator==(const ProcessSettings&) const = default;
};

// The receive queue of a socket.
struct SocketBuffer {
  std::uint32_t bytes = 0;  // 0: ours to choose
  bool force = false;       // beyond the sysctl's limit
  bool operator==(const SocketBuffer&) const = default;
};

// Receive buffers of the sockets that hear adverts.
struct AdvertBuffers {
  enum class Policy : std::uint8_t { kernel, mtu, advert, bytes };
  Policy policy = Policy::kernel;
  std::uint32_t bytes = 0;
  unsigned multiplier = 3;
  bool operator==(const AdvertBuffers&) const = default;
};

struct Snmp {
  std::string socket;  // of the AgentX master; empty: the usual one
  bool traps = false;
  bool vrrp = false, checker = false;       // parts of KEEPALIVED-MIB
  bool rfc_2787 = false, rfc_6527 = false;  // the MIBs of VRRPv2 and VRRPv3
  Duration vs_stats_interval = 5s;
  std::optional<Duration> rs_stats_interval;  // empty: that of the virtual servers
  bool operator==(const Snmp&) const = default;
};

struct Dbus {
  bool enabled = false;
  std::string service_name;       // empty: org.keepalived.Vrrp1
  std::string no_interface_name;  // in the path of an instance without interface
  bool operator==(const Dbus&) const = default;
};

struct ReloadSettings {
  bool check_config = false;  // the new text is tried in another process first
  std::string check_log;
  std::string time_file;  // holds the time of a reload
  bool repeat = false;
  std::optional<std::string> file;  // is there while a reload runs; empty: beside the pid files
  bool operator==(const ReloadSettings&) const = default;
};

// Which failures of include are errors.
struct IncludeCheck {
  bool read = false, match = false, wildcard_match = false, brace_match = false;
  bool operator==(const IncludeCheck&) const = default;
};

struct DaemonSettings {
  std::string instance;
  std::string net_namespace;
  std::optional<std::string> net_namespace_ipvs;  // empty: the default namespace
  bool namespace_with_ipsets = false;
  bool use_pid_dir = false;

  bool process_names = false;
  std::string process_name;  // of the parent
  ProcessSettings vrrp, checker, bfd;
  std::optional<int> max_auto_priority;               // -1: not, and nothing is said about it
  std::uint32_t min_auto_priority_delay = 1'000'000;  // microseconds

  SocketBuffer vrrp_netlink_cmd, vrrp_netlink_monitor, lvs_netlink_cmd, lvs_netlink_monitor, process_monitor;
  AdvertBuffers advert_buffers;
  Snmp snmp;
  Dbus dbus;
  ReloadSettings reload;
  IncludeCheck include_check;
  std::string config_save_dir;
  std::string tmp_config_directory;
  bool data_use_instance = false;  // in the names of dump files
  std::string state_dump_file, stats_dump_file, json_dump_file;
  std::string iproute_usr_dir, iproute_etc_dir;
  std::optional<std::uint32_t> random_seed;
  bool set_supplementary_groups = false;  // scripts are in all groups of their user
  bool operator==(const DaemonSettings&) const = default;
};

}  // namespace xd::conf
