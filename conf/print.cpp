#include "conf/print.h"

#include "conf/print_routes.h"

#include <arpa/inet.h>
#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <string_view>

#include "conf/mark_match.h"
#include "conf/print_checkers.h"
#include "conf/print_daemon.h"
#include "conf/writer.h"

namespace xd::conf {

namespace {

std::string_view engine_name(Engine engine) {
  switch (engine) {
    case Engine::automatic: return "auto";
    case Engine::ipvs: return "ipvs";
    case Engine::xdp: return "xdp";
  }
  return "auto";
}

void print_garp(Writer& w, std::string_view prefix, const GarpSettings& g) {
  w.line("{}garp_master_delay {}", prefix, time_of(g.delay));
  w.line("{}garp_master_repeat {}", prefix, g.repeat);
  w.line("{}garp_master_refresh {}", prefix, time_of(g.refresh));
  w.line("{}garp_master_refresh_repeat {}", prefix, g.refresh_repeat);
  w.line("{}garp_lower_prio_delay {}", prefix, time_of(g.lower_prio_delay));
  w.line("{}garp_lower_prio_repeat {}", prefix, g.lower_prio_repeat);
}

void print_fifo(Writer& w, std::string_view keyword, const Fifo& f) {
  std::string owner = f.user.empty() ? "" : " " + word(f.user);
  if (!f.group.empty()) owner += " " + word(f.group);
  if (f) w.line("{} {}{}", keyword, word(f.path), owner);
  w.script(std::string(keyword) + "_script", f.reader);
}

void print_nftables_ipvs(Writer& w, const NftablesIpvs& n) {
  if (!n.table.empty()) w.line("nftables_ipvs {}", word(n.table));
  if (n.priority != NftablesIpvs{}.priority) w.line("nftables_ipvs_priority {}", n.priority);
  if (n.start_fwmark != NftablesIpvs{}.start_fwmark) w.line("nftables_ipvs_start_fwmark {}", n.start_fwmark);
}

void print_timed_script(Writer& w, std::string_view keyword, const TimedScript& s) {
  w.script(std::string(keyword), s.script);
  if (s.timeout != TimedScript{}.timeout) w.line("{}_timeout {}", keyword, time_of(s.timeout));
}

void print_lvs_sync_daemon(Writer& w, const LvsSyncDaemon& d) {
  std::string line = word(d.interface);
  const auto add = [&](std::string_view option, const auto& value) {
    if (value) line += fmt::format(" {} {}", option, *value);
  };
  if (!d.instance.empty()) line += " inst " + word(d.instance);
  add("id", d.id);
  add("maxlen", d.maxlen);
  add("port", d.port);
  add("ttl", d.ttl);
  if (d.group) line += " group " + d.group->str();
  w.line("lvs_sync_daemon {}", line);
}

void print_words(Writer& w, std::string line, const std::optional<std::vector<std::string>>& words) {
  if (!words) return;
  for (const std::string& one : *words) line += " " + word(one);
  w.line("{}", line);
}

void print_nftables(Writer& w, const Nftables& n) {
  if (n.table != Nftables{}.table) w.line("nftables {}", word(n.table));
  if (n.priority != Nftables{}.priority) w.line("nftables_priority {}", n.priority);
  w.flag("nftables_counters", n.counters);
  w.flag("nftables_ifindex", n.ifindex);
  print_words(w, "vrrp_iptables", n.iptables_chains);
  print_words(w, "vrrp_ipsets", n.ipsets);
}

void print_link_globals(Writer& w, const Global& g) {
  if (g.dynamic_interfaces) w.line("dynamic_interfaces{}", g.allow_if_changes ? " allow_if_changes" : "");
  if (g.vmac_prefix != Global{}.vmac_prefix) w.line("vmac_prefix {}", word(g.vmac_prefix));
  if (g.vmac_addr_prefix != g.vmac_prefix) w.line("vmac_addr_prefix {}", word(g.vmac_addr_prefix));
  w.flag("disable_local_igmp", g.disable_local_igmp);
  if (g.default_interface != Global{}.default_interface) w.line("default_interface {}", word(g.default_interface));
}

void print_timeouts(Writer& w, const LvsTimeouts& t) {
  std::string words;
  if (t.tcp) words += fmt::format(" tcp {}", t.tcp);
  if (t.tcp_fin) words += fmt::format(" tcpfin {}", t.tcp_fin);
  if (t.udp) words += fmt::format(" udp {}", t.udp);
  if (!words.empty()) w.line("lvs_timeouts{}", words);
}

void print_global(Writer& w, const Global& g) {
  w.open("global_defs");
  if (!g.router_id.empty()) w.line("router_id {}", word(g.router_id));
  if (!g.mail.to.empty()) {
    w.open("notification_email");
    for (const std::string& to : g.mail.to) w.line("{}", word(to));
    w.close();
  }
  if (!g.mail.from.empty()) w.line("notification_email_from {}", word(g.mail.from));
  if (!g.mail.server.empty()) w.line("smtp_server {} {}", word(g.mail.server), g.mail.port);
  w.line("smtp_connect_timeout {}", time_of(g.mail.connect_timeout));
  if (!g.mail.helo_name.empty()) w.line("smtp_helo_name {}", word(g.mail.helo_name));
  w.flag("no_email_faults", g.no_email_faults);
  w.flag("no_checker_emails", g.no_checker_emails);
  print_timed_script(w, "startup_script", g.startup_script);
  print_timed_script(w, "shutdown_script", g.shutdown_script);
  if (g.umask) w.line("umask 0{:o}", *g.umask);
  if (!g.script_user.empty()) w.line("script_user {}{}", word(g.script_user), g.script_group.empty() ? "" : " " + word(g.script_group));
  w.flag("enable_script_security", g.enable_script_security);
  w.flag("use_symlink_paths", g.use_symlink_paths);
  w.flag("set_supplementary_groups", g.daemon.set_supplementary_groups);
  print_fifo(w, "notify_fifo", g.notify_fifo);
  print_fifo(w, "vrrp_notify_fifo", g.vrrp_notify_fifo);
  print_fifo(w, "lvs_notify_fifo", g.lvs_notify_fifo);
  w.flag("fifo_write_vrrp_states_on_reload", g.fifo_write_vrrp_states_on_reload);
  if (g.json_version != 1) w.line("json_version {}", g.json_version);
  w.line("vrrp_version {}", g.vrrp_version);
  w.line("vrrp_strict {}", yes_no(g.vrrp_strict));
  w.line("vrrp_skip_check_adv_addr {}", yes_no(g.vrrp_skip_check_adv_addr));
  w.line("vrrp_mcast_group4 {}", g.vrrp_mcast_group4.str());
  w.line("vrrp_mcast_group6 {}", g.vrrp_mcast_group6.str());
  print_garp(w, "vrrp_", g.garp);
  if (g.garp_interval > 0s) w.line("vrrp_garp_interval {}", time_of(g.garp_interval));
  if (g.gna_interval > 0s) w.line("vrrp_gna_interval {}", time_of(g.gna_interval));
  if (g.vrrp_startup_delay > 0s) w.line("vrrp_startup_delay {}", time_of(g.vrrp_startup_delay));
  w.flag("log_unknown_vrids", g.log_unknown_vrids);
  if (g.vrrp_delay_after_boot > 0s) w.line("vrrp_delay_after_boot {}", time_of(g.vrrp_delay_after_boot));
  print_nftables(w, g.nftables);
  if (g.lvs_sync_daemon) print_lvs_sync_daemon(w, *g.lvs_sync_daemon);
  w.flag("lvs_flush", g.lvs_flush);
  w.flag("rs_init_notifies", g.rs_init_notifies);
  print_nftables_ipvs(w, g.nftables_ipvs);
  print_daemon(w, g.daemon);
  print_link_globals(w, g);
  if (g.lvs_flush_on_stop != LvsFlushOnStop::no)
    w.line("lvs_flush_on_stop{}", g.lvs_flush_on_stop == LvsFlushOnStop::services ? " VS" : "");
  print_timeouts(w, g.lvs_timeouts);
  w.close();
}

void print_addresses(Writer& w, std::string_view keyword, const std::vector<VirtualAddress>& addresses) {
  if (addresses.empty()) return;
  w.open("{}", keyword);
  for (const VirtualAddress& a : addresses) {
    std::string line = a.peer ? fmt::format("{} peer {}/{}", a.prefix.address.str(), a.peer->str(), a.prefix.length)
                              : fmt::format("{}/{}", a.prefix.address.str(), a.prefix.length);
    if (!a.interface.empty()) line += " dev " + word(a.interface);
    if (a.scope != 0) line += fmt::format(" scope {}", a.scope);
    if (a.broadcast) line += " brd " + a.broadcast->str();
    if (!a.label.empty()) line += " label " + word(a.label);
    if (a.home) line += " home";
    if (a.duplicate_detection) line += " -nodad";
    if (a.mngtmpaddr) line += " mngtmpaddr";
    if (a.noprefixroute) line += " noprefixroute";
    if (a.autojoin) line += " autojoin";
    const bool is_host = a.prefix.address.is_v6() && a.prefix.length == 128;
    if (a.preferred_lft && !(is_host && *a.preferred_lft == 0)) line += fmt::format(" preferred_lft {}", *a.preferred_lft);
    if (!a.preferred_lft && is_host) line += " preferred_lft forever";
    if (a.use_vmac) line += " use_vmac";
    if (!a.track_group.empty()) line += " track_group " + word(a.track_group);
    if (a.no_track) line += " no_track";
    w.line("{}", line);
  }
  w.close();
}

template <typename Entry>
void print_lines(Writer& w, std::string_view keyword, const std::vector<Entry>& entries) {
  if (entries.empty()) return;
  w.open("{}", keyword);
  for (const Entry& entry : entries) w.line("{}", line_of(entry));
  w.close();
}

// `things`: what the names stand for. One with `reverse` gives it to a line that does not say noreverse.
template <typename T>
void print_tracks(Writer& w, std::string_view keyword, const std::vector<Track>& tracks, const std::vector<T>& things) {
  if (tracks.empty()) return;
  const auto inherits = [&](const Track& t) {
    return std::any_of(things.begin(), things.end(), [&](const T& one) { return one.name == t.name && one.weight_reverse; });
  };
  w.open("{}", keyword);
  for (const Track& t : tracks) w.line("{} weight {}{}", word(t.name), t.weight, t.reverse ? " reverse" : inherits(t) ? " noreverse" : "");
  w.close();
}

// Of an instance or a group. An interface has no weight of its own.
template <typename Tracker>
void print_all_tracks(Writer& w, const Tracker& t, const Model& model) {
  print_tracks(w, "track_interface", t.track_interfaces, std::vector<VrrpScript>{});
  print_tracks(w, "track_script", t.track_scripts, model.vrrp_scripts);
  print_tracks(w, "track_file", t.track_files, model.track_files);
  print_tracks(w, "track_process", t.track_processes, model.track_processes);
  print_tracks(w, "track_bfd", t.track_bfds, model.bfd_instances);
}

void print_notify(Writer& w, const NotifyScripts& n) {
  w.script("notify_master", n.master);
  w.script("notify_backup", n.backup);
  w.script("notify_fault", n.fault);
  w.script("notify_stop", n.stop);
  w.flag("notify_deleted", n.tells_deleted && !n.deleted);
  w.script("notify_deleted", n.deleted);
  w.script("notify", n.any);
  w.script("notify_master_rx_lower_pri", n.master_rx_lower_pri);
}

void print_script(Writer& w, const VrrpScript& s) {
  w.open("vrrp_script {}", word(s.name));
  w.line("script \"{}\"", join_command(s.script.words));
  if (!s.script.user.empty()) w.line("user {}{}", word(s.script.user), s.script.group.empty() ? "" : " " + word(s.script.group));
  w.line("interval {}", time_of(s.interval));
  if (s.timeout > 0s) w.line("timeout {}", time_of(s.timeout));
  w.line("weight {}{}", s.weight, s.weight_reverse ? " reverse" : "");
  w.line("rise {}", s.rise);
  w.line("fall {}", s.fall);
  w.flag("init_fail", s.init_fail);
  w.close();
}

void print_track_file(Writer& w, const TrackFile& f) {
  w.open("track_file {}", word(f.name));
  w.line("file {}", word(f.path));
  w.line("weight {}{}", f.weight, f.weight_reverse ? " reverse" : "");
  if (f.initial) w.line("init_file {}{}", *f.initial, f.overwrite ? " overwrite" : "");
  w.close();
}

void print_track_process(Writer& w, const TrackProcess& p) {
  w.open("vrrp_track_process {}", word(p.name));
  std::string words;
  for (const std::string& one : p.words) words += " " + word(escaped(one));
  w.line("process{}", words);
  if (p.has_params) {
    w.line("param_match{}", p.param_match == TrackProcess::ParamMatch::initial   ? " initial"
                            : p.param_match == TrackProcess::ParamMatch::partial ? " partial"
                                                                                 : "");
  }
  w.flag("full_command", p.full_command);
  w.line("weight {}{}", p.weight, p.weight_reverse ? " reverse" : "");
  if (p.quorum > 0) w.line("quorum {}", p.quorum);
  if (p.quorum_max) w.line("quorum_max {}", *p.quorum_max);
  if (p.terminate_delay > 0s) w.line("terminate_delay {}", time_of(p.terminate_delay));
  if (p.fork_delay > 0s) w.line("fork_delay {}", time_of(p.fork_delay));
  w.close();
}

void print_bfd(Writer& w, const BfdInstance& i) {
  const auto milliseconds = [](Duration d) { return fmt::format("{:g}", to_seconds(d) * 1000); };
  w.open("bfd_instance {}", word(i.name));
  w.line("neighbor_ip {}", i.neighbor.str());
  if (i.source) w.line("source_ip {}", i.source->str());
  w.line("min_rx {}", milliseconds(i.min_rx));
  w.line("min_tx {}", milliseconds(i.min_tx));
  w.line("idle_tx {}", milliseconds(i.idle_tx));
  w.line("multiplier {}", i.multiplier);
  w.flag("passive", i.passive);
  if (i.ttl) w.line("ttl {}", *i.ttl);
  w.line("max_hops {}", i.max_hops);
  w.line("multihop {}", yes_no(i.multihop));
  w.line("weight {}{}", i.weight, i.weight_reverse ? " reverse" : "");
  w.flag("vrrp", !i.for_checkers);
  w.flag("checker", !i.for_vrrp);
  w.close();
}

void print_track_group(Writer& w, const TrackGroup& g) {
  w.open("track_group {}", word(g.name));
  w.open("group");
  for (const std::string& m : g.members) w.line("{}", word(m));
  w.close();
  w.close();
}

void print_authentication(Writer& w, const Authentication& a) {
  if (a.type == AuthType::none) return;
  w.open("authentication");
  w.line("auth_type {}", a.type == AuthType::ah ? "AH" : "PASS");
  const auto end = std::find(a.data.begin(), a.data.end(), std::uint8_t{0});
  w.line("auth_pass {}", word(std::string(a.data.begin(), end)));
  w.close();
}

void print_hmac(Writer& w, const AuthHmac& h) {
  if (!h) return;
  w.open("auth_hmac");
  for (const AuthHmac::Key& k : h.keys) {
    std::string secret = "file:" + k.file;
    if (k.file.empty()) {
      secret = "hex:";
      for (const char c : k.secret) secret += fmt::format("{:02x}", static_cast<unsigned char>(c));
    }
    w.line("key {} {}", k.id, word(secret));
  }
  w.line("active_key {}", h.active_key);
  w.line("time_window {}", time_of(h.time_window));
  w.line("anti_replay {}", h.monotonic ? "monotonic" : "time");
  w.line("mode {}", h.mode == AuthHmac::Mode::enforce ? "enforce" : h.mode == AuthHmac::Mode::permissive ? "permissive" : "receive-only");
  w.close();
}

void print_link(Writer& w, const VrrpInstance& i) {
  const VirtualLink& link = i.link;
  const std::string group = link.group != 0 ? fmt::format(" group {}", link.group) : "";
  if (link.kind == VirtualLink::Kind::macvlan) {
    w.line("use_vmac {}{}{}", word(link.name), link.mac == VrrpInstance::rfc_mac(i.family, i.vrid) ? "" : " " + link.mac.str(), group);
  }
  if (link.kind == VirtualLink::Kind::ipvlan) {
    constexpr std::string_view modes[] = {"", " private", " vepa"};
    const std::string address = link.address ? " " + link.address->str() : "";
    w.line("use_ipvlan {}{}{}{}", word(link.name), address, modes[static_cast<int>(link.mode)], group);
  }
  w.flag("vmac_xmit_base", i.vmac_xmit_base);
  w.flag("use_vmac_addr", i.use_vmac_addr);
  if (!i.vrf.empty()) w.line("vrf {}", word(i.vrf));
  w.flag("linkbeat_use_polling", i.linkbeat_use_polling);
  if (i.garp_extra_if > 0s) w.line("garp_extra_if {}{}", i.garp_extra_if_all ? "all " : "", time_of(i.garp_extra_if));
  if (i.receive_buffer > 0) w.line("kernel_rx_buf_size {}", i.receive_buffer);
}

// Interfaces by themselves.
void print_interfaces(Writer& w, const Model& model) {
  w.flag("linkbeat_use_polling", model.linkbeat_use_polling);
  if (!model.linkbeats.empty()) {
    constexpr std::string_view ways[] = {"", " MII", " ETHTOOL", " IOCTL"};
    w.open("linkbeat_interfaces");
    for (const Linkbeat& l : model.linkbeats) w.line("{}{}", word(l.interface), ways[static_cast<int>(l.way)]);
    w.close();
  }
  if (!model.link_delays.empty()) {
    w.open("interface_up_down_delays");
    for (const LinkDelay& d : model.link_delays) w.line("{} {} {}", word(d.interface), time_of(d.down), time_of(d.up));
    w.close();
  }
  for (const GarpGroup& g : model.garp_groups) {
    w.open("garp_group");
    if (g.garp_interval > 0s) w.line("garp_interval {}", time_of(g.garp_interval));
    if (g.gna_interval > 0s) w.line("gna_interval {}", time_of(g.gna_interval));
    w.open("interfaces");
    for (const std::string& name : g.interfaces) w.line("{}", word(name));
    w.close();
    w.close();
  }
}

void print_instance(Writer& w, const VrrpInstance& i, const Model& model) {
  w.open("vrrp_instance {}", word(i.name));
  w.line("state {}", i.initial_state == WantedState::master ? "MASTER" : "BACKUP");
  if (!i.interface.empty()) w.line("interface {}", word(i.interface));
  w.line("virtual_router_id {}", i.vrid);
  w.line("version {}", i.version);
  w.flag("native_ipv6", i.family == AF_INET6);
  w.line("priority {}", i.priority);
  w.line("advert_int {}", time_of(i.advert_interval));
  w.line("strict_mode {}", yes_no(i.strict));
  w.flag("nopreempt", i.nopreempt);
  if (i.preempt_delay > 0s) w.line("preempt_delay {}", time_of(i.preempt_delay));
  w.line("down_timer_adverts {}", i.down_timer_adverts);
  w.line("{}", i.accept ? "accept" : "no_accept");
  w.line("skip_check_adv_addr {}", yes_no(i.skip_check_adv_addr));
  w.line("v3_checksum_as_v2 {}", yes_no(i.checksum_as_v2));
  w.line("lower_prio_no_advert {}", yes_no(i.lower_prio_no_advert));
  w.line("higher_prio_send_advert {}", yes_no(i.higher_prio_send_advert));
  w.flag("promote_secondaries", i.promote_secondaries);
  w.flag("dont_track_primary", i.dont_track_primary);
  print_garp(w, "", i.garp);
  print_authentication(w, i.authentication);
  print_hmac(w, i.auth_hmac);
  w.flag("owner_ignore_adverts", i.owner_ignores_adverts);
  if (i.timer_expired_backup != 0) w.line("timer_expired_backup {}", i.timer_expired_backup);
  if (i.mcast_dst_ip) w.line("mcast_dst_ip {}", i.mcast_dst_ip->str());
  if (i.mcast_src_ip) w.line("mcast_src_ip {}", i.mcast_src_ip->str());
  if (i.unicast_src_ip) w.line("unicast_src_ip {}", i.unicast_src_ip->str());
  if (!i.unicast_peers.empty()) {
    w.open("unicast_peer");
    for (const UnicastPeer& peer : i.unicast_peers) {
      w.line("{}{}{}", peer.address.str(), peer.min_ttl > 0 ? fmt::format(" min_ttl {}", peer.min_ttl) : "",
             peer.max_ttl < 255 ? fmt::format(" max_ttl {}", peer.max_ttl) : "");
    }
    w.close();
  }
  if (i.unicast_ttl != 255) w.line("unicast_ttl {}", i.unicast_ttl);
  w.flag("check_unicast_src", i.check_unicast_src);
  if (i.old_unicast_checksum != OldChecksum::automatic)
    w.line("old_unicast_checksum{}", i.old_unicast_checksum == OldChecksum::never ? " never" : "");
  w.flag("unicast_fault_no_peer", i.unicast_fault_no_peer);
  print_link(w, i);
  print_addresses(w, "virtual_ipaddress", i.addresses);
  w.flag("no_virtual_ipaddress", i.no_addresses);
  print_addresses(w, "virtual_ipaddress_excluded", i.excluded_addresses);
  print_lines(w, "virtual_routes", i.routes);
  print_lines(w, "virtual_rules", i.rules);
  print_all_tracks(w, i, model);
  w.flag("track_src_ip", i.track_src_ip);
  print_notify(w, i.notify);
  w.flag("notify_priority_changes", i.notify_priority_changes);
  w.line("smtp_alert {}", yes_no(i.smtp_alert));
  if (i.debug) w.line("debug 1");
  w.close();
}

void print_group(Writer& w, const VrrpSyncGroup& g, const Model& model) {
  w.open("vrrp_sync_group {}", word(g.name));
  w.open("group");
  for (const std::string& m : g.members) w.line("{}", word(m));
  w.close();
  w.flag("sync_group_tracking_weight", g.sync_group_tracking_weight);
  print_all_tracks(w, g, model);
  print_notify(w, g.notify);
  w.line("smtp_alert {}", yes_no(g.smtp_alert));
  w.close();
}

void print_statics(Writer& w, const Model& model) {
  print_addresses(w, "static_ipaddress", model.static_addresses);
  print_lines(w, "static_routes", model.static_routes);
  print_lines(w, "static_rules", model.static_rules);
}

std::string method_words(lvs::Forward forward, const lvs::Tunnel& tunnel) {
  const auto options = lvs::str(tunnel);
  return fmt::format("{}{}{}", lvs::name(forward), options.empty() ? "" : " ", options);
}

void print_real_server(Writer& w, const RealServer& r, std::uint16_t port) {
  w.open("real_server {}{}", r.endpoint.address.str(), port == 0 ? "" : fmt::format(" {}", port));
  w.line("weight {}", r.weight);
  w.line("lvs_method {}", method_words(r.forward, r.tunnel));
  if (r.upper_threshold) w.line("uthreshold {}", r.upper_threshold);
  if (r.lower_threshold) w.line("lthreshold {}", r.lower_threshold);
  w.line("inhibit_on_failure {}", yes_no(r.inhibit_on_failure));
  w.script("notify_up", r.notify_up);
  w.script("notify_down", r.notify_down);
  w.line("smtp_alert {}", yes_no(r.smtp_alert));
  if (!r.snmp_name.empty()) w.line("snmp_name {}", word(r.snmp_name));
  for (const Checker& c : r.checkers) print_checker(w, c);
  w.close();
}

std::string service_words(const lvs::ServiceKey& key) {
  if (key.fwmark != 0) return fmt::format("fwmark {}", key.fwmark);
  return key.port == 0 ? key.address.str() : fmt::format("{} {}", key.address.str(), key.port);
}

std::string_view protocol_word(lvs::Protocol protocol) {
  switch (protocol) {
    case lvs::Protocol::tcp: return "TCP";
    case lvs::Protocol::udp: return "UDP";
    case lvs::Protocol::sctp: return "SCTP";
  }
  return "TCP";
}

std::string dotted_mask(std::uint32_t length) {
  const std::uint32_t bits = length == 0 ? 0 : 0xffffffffu << (32 - length);
  return IpAddress::v4(htonl(bits)).str();
}

// A real server's port, or 0 when it is that of each member of the group.
std::uint16_t own_port(std::span<const VirtualServer> members, std::size_t real_server) {
  const bool follows = std::all_of(members.begin(), members.end(),
                                   [&](const VirtualServer& v) { return v.real_servers[real_server].endpoint.port == v.key.port; });
  return follows ? std::uint16_t{0} : members.front().real_servers[real_server].endpoint.port;
}

// `members`: one, or all of a group.
void print_virtual_server(Writer& w, std::span<const VirtualServer> members) {
  const VirtualServer& v = members.front();
  const bool grouped = !v.group.empty();
  w.open("virtual_server {}", grouped ? "group " + word(v.group) : service_words(v.key));
  if (!grouped && v.key.fwmark != 0) w.line("ip_family {}", v.key.mark_family == AF_INET6 ? "inet6" : "inet");
  w.line("lb_algo {}", lvs::name(v.scheduler));
  w.flag("flag-1", v.scheduler_flags & lvs::sched_1);
  w.flag("flag-2", v.scheduler_flags & lvs::sched_2);
  w.flag("flag-3", v.scheduler_flags & lvs::sched_3);
  w.line("lb_kind {}", method_words(v.forward, v.tunnel));
  const auto by_address = std::find_if(members.begin(), members.end(), [](const VirtualServer& m) { return m.key.fwmark == 0; });
  if (by_address != members.end()) w.line("protocol {}", protocol_word(by_address->key.protocol));
  if (v.persistence_seconds) w.line("persistence_timeout {}", v.persistence_seconds);
  const bool v6 = v.key.family() == AF_INET6;
  if (v.persistence_mask != (v6 ? 128u : 32u))
    w.line("persistence_granularity {}", v6 ? std::to_string(v.persistence_mask) : dotted_mask(v.persistence_mask));
  if (!v.persistence_engine.empty()) w.line("persistence_engine {}", word(v.persistence_engine));
  w.flag("ops", v.one_packet);
  w.flag("ha_suspend", v.ha_suspend);
  w.flag("alpha", v.alpha);
  w.flag("omega", v.omega);
  if (v.quorum > 0) w.line("quorum {}", v.quorum);
  w.line("hysteresis {}", v.hysteresis);
  w.script("quorum_up", v.quorum_up);
  w.script("quorum_down", v.quorum_down);
  if (!v.virtualhost.empty()) w.line("virtualhost {}", word(v.virtualhost));
  if (!v.snmp_name.empty()) w.line("snmp_name {}", word(v.snmp_name));
  w.line("smtp_alert {}", yes_no(v.smtp_alert));
  if (v.sorry_server) {
    const bool follows = grouped && std::all_of(members.begin(), members.end(), [](const VirtualServer& m) {
                           return m.sorry_server && m.sorry_server->endpoint.port == m.key.port;
                         });
    const std::uint16_t port = follows ? std::uint16_t{0} : v.sorry_server->endpoint.port;
    w.line("sorry_server {}{}", v.sorry_server->endpoint.address.str(), port == 0 ? "" : fmt::format(" {}", port));
    w.line("sorry_server_lvs_method {}", method_words(v.sorry_server->forward, v.sorry_server->tunnel));
    w.flag("sorry_server_inhibit", v.sorry_server->inhibit);
  }
  for (std::size_t i = 0; i < v.real_servers.size(); ++i)
    print_real_server(w, v.real_servers[i], grouped ? own_port(members, i) : v.real_servers[i].endpoint.port);
  w.close();
}

// The members of a group stand next to one another; the same group may serve several protocols.
std::size_t size_of_group(std::span<const VirtualServer> servers) {
  if (servers.front().group.empty()) return 1;
  std::optional<lvs::Protocol> protocol;
  std::size_t n = 0;
  for (; n < servers.size() && servers[n].group == servers.front().group; ++n) {
    if (servers[n].key.fwmark != 0) continue;
    if (protocol && *protocol != servers[n].key.protocol) break;
    protocol = servers[n].key.protocol;
  }
  return n;
}

void print_virtual_servers(Writer& w, std::span<const VirtualServer> servers) {
  std::set<std::string_view> groups;
  for (std::size_t i = 0, n = 0; i < servers.size(); i += n) {
    n = size_of_group(servers.subspan(i));
    const auto members = servers.subspan(i, n);
    if (const std::string& group = members.front().group; !group.empty() && groups.insert(group).second) {
      w.open("virtual_server_group {}", word(group));
      for (const VirtualServer& v : members) {
        if (v.key.fwmark != 0) {
          w.line("fwmark {} {}", v.key.fwmark, v.key.mark_family == AF_INET6 ? "inet6" : "inet");
        } else {
          w.line("{}", service_words(v.key));
        }
      }
      w.close();
    }
    print_virtual_server(w, members);
  }
}

void print_ssl(Writer& w, const SslSettings& s) {
  if (s == SslSettings{}) return;
  w.open("SSL");
  if (!s.password.empty()) w.line("password {}", word(s.password));
  if (!s.ca.empty()) w.line("ca {}", word(s.ca));
  if (!s.certificate.empty()) w.line("certificate {}", word(s.certificate));
  if (!s.key.empty()) w.line("key {}", word(s.key));
  w.close();
}

void print_xdirector(Writer& w, const Model& model) {
  const Xdirector& x = model.xdirector;
  w.open("xdirector");
  w.line("engine {}", engine_name(x.engine));
  for (const XdpInterface& i : x.interfaces) {
    w.open("interface {}", word(i.name));
    w.line("mode {}", i.mode == XdpMode::native ? "native" : i.mode == XdpMode::generic ? "generic" : "auto");
    if (i.run_priority) w.line("priority {}", *i.run_priority);
    w.close();
  }
  w.line("flows {}", x.flows);
  w.line("half_open {}", x.half_open);
  w.line("services {}", x.services);
  w.line("real_servers {}", x.real_servers);
  if (x.conn_reuse_mode) w.line("conn_reuse_mode {}", *x.conn_reuse_mode);
  if (x.expire_nodest_conn) w.line("expire_nodest_conn {}", *x.expire_nodest_conn);
  if (x.expire_quiescent_template) w.line("expire_quiescent_template {}", *x.expire_quiescent_template);
  if (x.sloppy_tcp) w.line("sloppy_tcp {}", *x.sloppy_tcp);
  if (x.sloppy_sctp) w.line("sloppy_sctp {}", *x.sloppy_sctp);
  if (x.drop_entry) w.line("drop_entry {}", *x.drop_entry);
  if (x.amemthresh) w.line("amemthresh {}", *x.amemthresh);
  if (!x.metrics.empty()) w.line("metrics {}", word(x.metrics));
  if (!x.control_socket.empty()) w.line("control {}", word(x.control_socket));
  for (const Heartbeat& h : x.heartbeats) {
    w.open("heartbeat {}", word(h.instance));
    for (const HeartbeatPath& p : h.paths) {
      std::string line = word(p.interface);
      if (!p.peers.empty()) line += " unicast";
      for (const IpAddress& peer : p.peers) line += " " + peer.str();
      w.line("interface {}", line);
    }
    w.close();
  }
  for (const Fence& f : x.fences)
    w.line("fence {} \"{}\" {}", word(f.instance), join_command(f.script.script.words), time_of(f.script.timeout));
  for (const VirtualServer& v : model.virtual_servers) {
    if (v.engine == x.engine && v.rate_limit == 0 && v.matches.empty()) continue;
    w.open("virtual_server {}", service_words(v.key));
    if (v.engine != x.engine) w.line("engine {}", engine_name(v.engine));
    if (v.rate_limit != 0) w.line("rate_limit {}", v.rate_limit);
    for (const MarkMatch& m : v.matches) w.line("match {}", match_words(m));
    w.close();
  }
  w.close();
}

}  // namespace

namespace {

template <typename Print>
std::string text_of(Print&& print_to) {
  Writer w;
  print_to(w);
  return w.take();
}

}  // namespace

std::string print(const Global& global) {
  return text_of([&](Writer& w) { print_global(w, global); });
}
std::string print(const VrrpScript& script) {
  return text_of([&](Writer& w) { print_script(w, script); });
}
std::string print(const TrackFile& file) {
  return text_of([&](Writer& w) { print_track_file(w, file); });
}
std::string print(const TrackProcess& process) {
  return text_of([&](Writer& w) { print_track_process(w, process); });
}
std::string print(const BfdInstance& bfd) {
  return text_of([&](Writer& w) { print_bfd(w, bfd); });
}
std::string print(const TrackGroup& group) {
  return text_of([&](Writer& w) { print_track_group(w, group); });
}
std::string print(const VrrpInstance& instance) {
  return text_of([&](Writer& w) { print_instance(w, instance, {}); });
}
std::string print(const VrrpSyncGroup& group) {
  return text_of([&](Writer& w) { print_group(w, group, {}); });
}
std::string print(const SslSettings& ssl) {
  return text_of([&](Writer& w) { print_ssl(w, ssl); });
}
std::string print(const VirtualServer& server) {
  return text_of([&](Writer& w) { print_virtual_server(w, {&server, 1}); });
}
std::string print(const RealServer& server) {
  return text_of([&](Writer& w) { print_real_server(w, server, server.endpoint.port); });
}

std::string print(const Model& model) {
  Writer w;
  if (model.global.child_wait_time != Global{}.child_wait_time) w.line("child_wait_time {}", time_of(model.global.child_wait_time));
  print_daemon_at_top(w, model.global.daemon);
  print_global(w, model.global);
  print_interfaces(w, model);
  print_statics(w, model);
  for (const VrrpScript& s : model.vrrp_scripts) print_script(w, s);
  for (const TrackFile& f : model.track_files) print_track_file(w, f);
  for (const TrackProcess& p : model.track_processes) print_track_process(w, p);
  for (const BfdInstance& i : model.bfd_instances) print_bfd(w, i);
  for (const VrrpInstance& i : model.vrrp_instances) print_instance(w, i, model);
  for (const VrrpSyncGroup& g : model.vrrp_sync_groups) print_group(w, g, model);
  for (const TrackGroup& g : model.track_groups) print_track_group(w, g);
  print_ssl(w, model.ssl);
  print_virtual_servers(w, model.virtual_servers);
  print_xdirector(w, model);
  return w.take();
}

}  // namespace xd::conf
