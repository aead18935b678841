// Settings of the daemon's processes and files (conf/model_daemon.h): stored.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "conf/builder.h"
#include "conf/values.h"

namespace xd::conf {

namespace {

constexpr Block G = Block::global_defs;
constexpr Rule::Effect stored = Rule::Effect::stored;

using D = DaemonSettings;
using P = ProcessSettings;
using B = SocketBuffer;

// The member that a chain of members leads to.
template <typename T>
T& follow(T& object) {
  return object;
}
template <typename T, typename Member, typename... Rest>
auto& follow(T& object, Member member, Rest... rest) {
  return follow(object.*member, rest...);
}

template <typename T>
void assign(T& out, std::int64_t number) {
  out = static_cast<T>(number);
}
template <typename T>
void assign(std::optional<T>& out, std::int64_t number) {
  out = static_cast<T>(number);
}

template <auto... members>
void on(Builder& b, const Value& v) {
  follow(b.model.global.daemon, members...) = v.on;
}

template <auto... members>
void number(Builder& b, const Value& v) {
  assign(follow(b.model.global.daemon, members...), v.number);
}

template <auto... members>
void word(Builder& b, const Value& v) {
  follow(b.model.global.daemon, members...) = v.word();
}

template <auto... members>
void time(Builder& b, const Value& v) {
  follow(b.model.global.daemon, members...) = v.duration;
}

void ignored(Builder& b, const Value& v, const Token& at, std::string_view why) {
  b.warn(at, fmt::format("{} '{}': {}; the line is ignored", v.keyword.name, at.text, why), std::string(v.keyword.form));
}

template <auto process>
void cpu_affinity(Builder& b, const Value& v) {
  const std::int64_t last = std::max(::sysconf(_SC_NPROCESSORS_CONF), 1L) - 1;
  std::vector<unsigned> cpus;
  for (const Token& t : v.args) {
    const Number n = parse_integer(t.text);
    if (n.written != Written::good || n.value < 0 || n.value > last)
      return ignored(b, v, t, fmt::format("is no number from 0 to {}", last));
    cpus.push_back(static_cast<unsigned>(n.value));
  }
  follow(b.model.global.daemon, process, &P::cpus) = std::move(cpus);
}

template <auto process>
void rt_priority(Builder& b, const Value& v) {
  constexpr std::int64_t lowest = 1, highest = 99;  // of SCHED_RR
  const std::int64_t used = std::clamp(v.number, lowest, highest);
  if (used != v.number)
    b.warn(v.where(), fmt::format("{} {} is {} {}; that is used", v.keyword.name, v.number, v.number < lowest ? "below" : "above", used));
  follow(b.model.global.daemon, process, &P::rt_priority) = static_cast<unsigned>(used);
}

void advert_buffers(Builder& b, const Value& v) {
  AdvertBuffers& out = b.model.global.daemon.advert_buffers;
  if (v.word() == "MTU" || v.word() == "ADVERT") {
    out.policy = v.word() == "MTU" ? AdvertBuffers::Policy::mtu : AdvertBuffers::Policy::advert;
    return;
  }
  const Number n = parse_integer(v.word());
  if (n.written != Written::good || n.value < 0 || n.value > UINT32_MAX)
    return ignored(b, v, v.where(), fmt::format("is no number from 0 to {}", UINT32_MAX));
  out.policy = AdvertBuffers::Policy::bytes;
  out.bytes = static_cast<std::uint32_t>(n.value);
}

void include_check(Builder& b, const Value& v) {
  IncludeCheck& out = b.model.global.daemon.include_check;
  if (v.args.empty()) out = {true, true, true, true};
  for (const Token& t : v.args) {
    constexpr std::pair<std::string_view, bool IncludeCheck::*> kinds[] = {{"read", &IncludeCheck::read},
                                                                           {"readable", &IncludeCheck::read},
                                                                           {"match", &IncludeCheck::match},
                                                                           {"wildcard_match", &IncludeCheck::wildcard_match},
                                                                           {"brace_match", &IncludeCheck::brace_match}};
    std::string_view name = t.text;
    const bool off = name.starts_with('-');
    if (off || name.starts_with('+')) name.remove_prefix(1);
    const auto* found = std::find_if(std::begin(kinds), std::end(kinds), [&](const auto& k) { return k.first == name; });
    if (found == std::end(kinds)) {
      ignored(b, v, t, "is no kind of failure");
    } else {
      out.*found->second = !off;
    }
  }
}

// For the names of the lines that follow.
template <auto member, auto folder>
void iproute_folder(Builder& b, const Value& v) {
  b.model.global.daemon.*member = b.iproute_names.*folder = v.word();
}

void both_rfcs(Builder& b, const Value&) {
  Snmp& snmp = b.model.global.daemon.snmp;
  snmp.rfc_2787 = snmp.rfc_6527 = true;
}

const Rule rules[] = {
    {Block::root, "instance", word<&D::instance>},
    {Block::root, "net_namespace", word<&D::net_namespace>},
    {Block::root, "net_namespace_ipvs", word<&D::net_namespace_ipvs>},
    {Block::root, "namespace_with_ipsets", on<&D::namespace_with_ipsets>},
    {Block::root, "use_pid_dir", on<&D::use_pid_dir>},

    {G, "process_names", on<&D::process_names>},
    {G, "process_name", word<&D::process_name>},
    {G, "vrrp_process_name", word<&D::vrrp, &P::name>},
    {G, "checker_process_name", word<&D::checker, &P::name>},
    {G, "lvs_process_name", word<&D::checker, &P::name>},
    {G, "bfd_process_name", word<&D::bfd, &P::name>},
    {G, "vrrp_priority", number<&D::vrrp, &P::nice>},
    {G, "checker_priority", number<&D::checker, &P::nice>},
    {G, "bfd_priority", number<&D::bfd, &P::nice>},
    {G, "vrrp_no_swap", on<&D::vrrp, &P::no_swap>},
    {G, "checker_no_swap", on<&D::checker, &P::no_swap>},
    {G, "bfd_no_swap", on<&D::bfd, &P::no_swap>},
    {G, "vrrp_rt_priority", rt_priority<&D::vrrp>},
    {G, "checker_rt_priority", rt_priority<&D::checker>},
    {G, "bfd_rt_priority", rt_priority<&D::bfd>},
    {G, "vrrp_cpu_affinity", cpu_affinity<&D::vrrp>},
    {G, "checker_cpu_affinity", cpu_affinity<&D::checker>},
    {G, "bfd_cpu_affinity", cpu_affinity<&D::bfd>},
    {G, "vrrp_rlimit_rttime", number<&D::vrrp, &P::rlimit_rttime>},
    {G, "vrrp_rlimit_rtime", number<&D::vrrp, &P::rlimit_rttime>},
    {G, "checker_rlimit_rttime", number<&D::checker, &P::rlimit_rttime>},
    {G, "checker_rlimit_rtime", number<&D::checker, &P::rlimit_rttime>},
    {G, "bfd_rlimit_rttime", number<&D::bfd, &P::rlimit_rttime>},
    {G, "bfd_rlimit_rtime", number<&D::bfd, &P::rlimit_rttime>},
    {G, "max_auto_priority",
     [](Builder& b, const Value& v) { b.model.global.daemon.max_auto_priority = v.given ? static_cast<int>(v.number) : 99; }},
    {G, "min_auto_priority_delay", number<&D::min_auto_priority_delay>},

    {G, "vrrp_netlink_cmd_rcv_bufs", number<&D::vrrp_netlink_cmd, &B::bytes>},
    {G, "vrrp_netlink_cmd_rcv_bufs_force", on<&D::vrrp_netlink_cmd, &B::force>},
    {G, "vrrp_netlink_monitor_rcv_bufs", number<&D::vrrp_netlink_monitor, &B::bytes>},
    {G, "vrrp_netlink_monitor_rcv_bufs_force", on<&D::vrrp_netlink_monitor, &B::force>},
    {G, "lvs_netlink_cmd_rcv_bufs", number<&D::lvs_netlink_cmd, &B::bytes>},
    {G, "lvs_netlink_cmd_rcv_bufs_force", on<&D::lvs_netlink_cmd, &B::force>},
    {G, "lvs_netlink_monitor_rcv_bufs", number<&D::lvs_netlink_monitor, &B::bytes>},
    {G, "lvs_netlink_monitor_rcv_bufs_force", on<&D::lvs_netlink_monitor, &B::force>},
    {G, "process_monitor_rcv_bufs", number<&D::process_monitor, &B::bytes>},
    {G, "process_monitor_rcv_bufs_force", on<&D::process_monitor, &B::force>},
    {G, "vrrp_rx_bufs_policy", advert_buffers},
    {G, "vrrp_rx_bufs_multiplier", number<&D::advert_buffers, &AdvertBuffers::multiplier>},

    {G, "snmp_socket", word<&D::snmp, &Snmp::socket>, nullptr, stored},
    {G, "enable_traps", on<&D::snmp, &Snmp::traps>, nullptr, stored},
    {G, "enable_snmp_vrrp", on<&D::snmp, &Snmp::vrrp>, nullptr, stored},
    {G, "enable_snmp_keepalived", on<&D::snmp, &Snmp::vrrp>, nullptr, stored},
    {G, "enable_snmp_checker", on<&D::snmp, &Snmp::checker>, nullptr, stored},
    {G, "enable_snmp_rfc", both_rfcs, nullptr, stored},
    {G, "enable_snmp_rfcv2", on<&D::snmp, &Snmp::rfc_2787>, nullptr, stored},
    {G, "enable_snmp_rfcv3", on<&D::snmp, &Snmp::rfc_6527>, nullptr, stored},
    {G, "snmp_vs_stats_update_interval", time<&D::snmp, &Snmp::vs_stats_interval>, nullptr, stored},
    {G, "snmp_rs_stats_update_interval", time<&D::snmp, &Snmp::rs_stats_interval>, nullptr, stored},
    {G, "enable_dbus", on<&D::dbus, &Dbus::enabled>, nullptr, stored},
    {G, "dbus_service_name", word<&D::dbus, &Dbus::service_name>, nullptr, stored},
    {G, "dbus_no_interface_name", word<&D::dbus, &Dbus::no_interface_name>, nullptr, stored},

    {G, "reload_check_config",
     [](Builder& b, const Value& v) {
       b.model.global.daemon.reload.check_config = true;
       b.model.global.daemon.reload.check_log = v.word();
     }},
    {G, "reload_time_file", word<&D::reload, &ReloadSettings::time_file>},
    {G, "reload_repeat", on<&D::reload, &ReloadSettings::repeat>},
    {G, "reload_file", word<&D::reload, &ReloadSettings::file>},
    {G, "include_check", include_check},  // the lexer obeys it
    {G, "config_save_dir", word<&D::config_save_dir>},
    {G, "tmp_config_directory", word<&D::tmp_config_directory>},
    {G, "data_use_instance", on<&D::data_use_instance>},
    {G, "state_dump_file", word<&D::state_dump_file>},
    {G, "stats_dump_file", word<&D::stats_dump_file>},
    {G, "json_dump_file", word<&D::json_dump_file>},
    {G, "iproute_usr_dir", iproute_folder<&D::iproute_usr_dir, &IprouteNames::usr_folder>},
    {G, "iproute_etc_dir", iproute_folder<&D::iproute_etc_dir, &IprouteNames::etc_folder>},
    {G, "random_seed", number<&D::random_seed>},
};

}  // namespace

std::span<const Rule> daemon_rules() { return rules; }

}  // namespace xd::conf
