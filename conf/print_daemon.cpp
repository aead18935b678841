#include "conf/print_daemon.h"

#include <fmt/ranges.h>

namespace xd::conf {

namespace {

void text(Writer& w, std::string_view keyword, const std::string& value) {
  if (!value.empty()) w.line("{} {}", keyword, word(value));
}

void print_process(Writer& w, std::string_view prefix, const ProcessSettings& p) {
  text(w, fmt::format("{}_process_name", prefix), p.name);
  if (p.nice != 0) w.line("{}_priority {}", prefix, p.nice);
  if (p.no_swap) w.line("{}_no_swap", prefix);
  if (p.rt_priority != 0) w.line("{}_rt_priority {}", prefix, p.rt_priority);
  if (!p.cpus.empty()) w.line("{}_cpu_affinity {}", prefix, fmt::join(p.cpus, " "));
  if (p.rlimit_rttime != ProcessSettings{}.rlimit_rttime) w.line("{}_rlimit_rttime {}", prefix, p.rlimit_rttime);
}

void print_buffer(Writer& w, std::string_view keyword, const SocketBuffer& b) {
  if (b.bytes != 0) w.line("{} {}", keyword, b.bytes);
  if (b.force) w.line("{}_force true", keyword);
}

void print_advert_buffers(Writer& w, const AdvertBuffers& a) {
  switch (a.policy) {
    case AdvertBuffers::Policy::kernel: break;
    case AdvertBuffers::Policy::mtu: w.line("vrrp_rx_bufs_policy MTU"); break;
    case AdvertBuffers::Policy::advert: w.line("vrrp_rx_bufs_policy ADVERT"); break;
    case AdvertBuffers::Policy::bytes: w.line("vrrp_rx_bufs_policy {}", a.bytes); break;
  }
  if (a.multiplier != AdvertBuffers{}.multiplier) w.line("vrrp_rx_bufs_multiplier {}", a.multiplier);
}

void print_snmp(Writer& w, const Snmp& s) {
  text(w, "snmp_socket", s.socket);
  w.flag("enable_traps", s.traps);
  w.flag("enable_snmp_vrrp", s.vrrp);
  w.flag("enable_snmp_checker", s.checker);
  w.flag("enable_snmp_rfcv2", s.rfc_2787);
  w.flag("enable_snmp_rfcv3", s.rfc_6527);
  if (s.vs_stats_interval != Snmp{}.vs_stats_interval) w.line("snmp_vs_stats_update_interval {}", time_of(s.vs_stats_interval));
  if (s.rs_stats_interval) w.line("snmp_rs_stats_update_interval {}", time_of(*s.rs_stats_interval));
}

void print_reload(Writer& w, const ReloadSettings& r) {
  if (r.check_config) w.line("reload_check_config{}", r.check_log.empty() ? "" : " " + word(r.check_log));
  text(w, "reload_time_file", r.time_file);
  w.flag("reload_repeat", r.repeat);
  if (r.file) w.line("reload_file{}", r.file->empty() ? "" : " " + word(*r.file));
}

void print_include_check(Writer& w, const IncludeCheck& c) {
  std::string kinds;
  if (c.read) kinds += " read";
  if (c.match) kinds += " match";
  if (c.wildcard_match) kinds += " wildcard_match";
  if (c.brace_match) kinds += " brace_match";
  if (!kinds.empty()) w.line("include_check{}", kinds);
}

}  // namespace

void print_daemon_at_top(Writer& w, const DaemonSettings& d) {
  text(w, "instance", d.instance);
  text(w, "net_namespace", d.net_namespace);
  if (d.net_namespace_ipvs) w.line("net_namespace_ipvs{}", d.net_namespace_ipvs->empty() ? "" : " " + word(*d.net_namespace_ipvs));
  w.flag("namespace_with_ipsets", d.namespace_with_ipsets);
  w.flag("use_pid_dir", d.use_pid_dir);
}

void print_daemon(Writer& w, const DaemonSettings& d) {
  w.flag("process_names", d.process_names);
  text(w, "process_name", d.process_name);
  print_process(w, "vrrp", d.vrrp);
  print_process(w, "checker", d.checker);
  print_process(w, "bfd", d.bfd);
  if (d.max_auto_priority) w.line("max_auto_priority {}", *d.max_auto_priority);
  if (d.min_auto_priority_delay != DaemonSettings{}.min_auto_priority_delay)
    w.line("min_auto_priority_delay {}", d.min_auto_priority_delay);
  print_buffer(w, "vrrp_netlink_cmd_rcv_bufs", d.vrrp_netlink_cmd);
  print_buffer(w, "vrrp_netlink_monitor_rcv_bufs", d.vrrp_netlink_monitor);
  print_buffer(w, "lvs_netlink_cmd_rcv_bufs", d.lvs_netlink_cmd);
  print_buffer(w, "lvs_netlink_monitor_rcv_bufs", d.lvs_netlink_monitor);
  print_buffer(w, "process_monitor_rcv_bufs", d.process_monitor);
  print_advert_buffers(w, d.advert_buffers);
  print_snmp(w, d.snmp);
  w.flag("enable_dbus", d.dbus.enabled);
  text(w, "dbus_service_name", d.dbus.service_name);
  text(w, "dbus_no_interface_name", d.dbus.no_interface_name);
  print_reload(w, d.reload);
  print_include_check(w, d.include_check);
  text(w, "config_save_dir", d.config_save_dir);
  text(w, "tmp_config_directory", d.tmp_config_directory);
  w.flag("data_use_instance", d.data_use_instance);
  text(w, "state_dump_file", d.state_dump_file);
  text(w, "stats_dump_file", d.stats_dump_file);
  text(w, "json_dump_file", d.json_dump_file);
  text(w, "iproute_usr_dir", d.iproute_usr_dir);
  text(w, "iproute_etc_dir", d.iproute_etc_dir);
  if (d.random_seed) w.line("random_seed {}", *d.random_seed);
}

}  // namespace xd::conf
