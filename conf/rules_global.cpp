// global_defs.
#include <fmt/core.h>

#include "conf/builder.h"
#include "conf/values.h"

namespace xd::conf {

namespace {

constexpr Block G = Block::global_defs;
constexpr Rule::Effect stored = Rule::Effect::stored;

std::chrono::seconds seconds(const Value& v) { return std::chrono::seconds(v.number); }

// A GARP count of 0 would announce nothing; keepalived sends one.
unsigned at_least_one(Builder& b, const Value& v) {
  if (v.number > 0) return static_cast<unsigned>(v.number);
  b.warn(v.where(), fmt::format("{} 0 would send nothing; 1 is used", v.keyword.name));
  return 1;
}

void recipients(Builder& b, const Value& v) {
  bool any = false;
  for (const Statement* s = v.tree.first(v.statement); s; s = v.tree.after(*s)) {
    b.model.global.mail.to.emplace_back(v.tree.keyword(*s).text);
    for (const Token& t : v.tree.arguments(*s)) b.model.global.mail.to.emplace_back(t.text);
    any = true;
  }
  if (!any) b.warn(v.at(), "notification_email is empty: no mail will be sent");
}

void smtp_server(Builder& b, const Value& v) {
  b.model.global.mail.server = v.word();
  if (v.args.size() < 2) return;
  const Number port = parse_integer(v.args[1].text);
  if (port.written != Written::good || port.value < 1 || port.value > 65535) {
    b.warn(v.args[1], fmt::format("smtp_server port {} is outside 1-65535; 25 is used", v.args[1].text));
    return;
  }
  b.model.global.mail.port = static_cast<std::uint16_t>(port.value);
}

void smtp_connect_timeout(Builder& b, const Value& v) {
  if (v.number == 0) b.warn(v.where(), "smtp_connect_timeout 0 would never connect; 1 is used");
  b.model.global.mail.connect_timeout = v.number == 0 ? 1s : seconds(v);
}

// "user group", "user:group" and "user : group" are the same.
void script_user(Builder& b, const Value& v) {
  std::string_view user = v.word();
  std::string_view group = v.args.size() > 1 ? v.args[1].text : std::string_view{};
  if (const auto colon = user.find(':'); colon != std::string_view::npos) {
    if (colon + 1 < user.size()) group = user.substr(colon + 1);
    user = user.substr(0, colon);
  }
  if (group == ":" && v.args.size() > 2) group = v.args[2].text;
  if (group.starts_with(':')) group.remove_prefix(1);
  if (b.options.account_problem) {
    const std::string problem = b.options.account_problem(std::string(user), std::string(group));
    if (!problem.empty()) b.warn(v.where(), fmt::format("script_user: {}", problem));
  }
  b.model.global.script_user = user;
  b.model.global.script_group = group;
}

// "<path> [<user> [<group>]]"; its reader may stand before it.
void fifo(Builder& b, const Value& v, Fifo& out) {
  if (v.args.empty()) return;
  if (!v.word().starts_with('/'))
    return b.warn(v.where(), fmt::format("{} {} is not an absolute path; there will be no FIFO", v.keyword.name, v.word()));
  out.path = v.word();
  out.user = v.args.size() > 1 ? v.args[1].text : std::string_view{};
  out.group = v.args.size() > 2 ? v.args[2].text : std::string_view{};
}

const Rule rules[] = {
    {Block::root, "global_defs", [](Builder&, const Value&) {}},
    {G, "router_id", [](Builder& b, const Value& v) { b.model.global.router_id = v.word(); }},

    {G, "notification_email", recipients},
    {G, "notification_email_from", [](Builder& b, const Value& v) { b.model.global.mail.from = v.word(); }},
    {G, "smtp_server", smtp_server},
    {G, "smtp_helo_name", [](Builder& b, const Value& v) { b.model.global.mail.helo_name = v.word(); }},
    {G, "smtp_connect_timeout", smtp_connect_timeout},
    {G, "smtp_alert", [](Builder& b, const Value& v) { b.smtp_alert = v.on; }},
    {G, "smtp_alert_vrrp", [](Builder& b, const Value& v) { b.smtp_alert_vrrp = v.on; }},
    {G, "smtp_alert_checker", [](Builder& b, const Value& v) { b.smtp_alert_checker = v.on; }},

    {G, "notify_fifo", [](Builder& b, const Value& v) { fifo(b, v, b.model.global.notify_fifo); }},
    {G, "notify_fifo_script", [](Builder& b, const Value& v) { b.model.global.notify_fifo.reader = b.command(v.args); }},
    {G, "vrrp_notify_fifo", [](Builder& b, const Value& v) { fifo(b, v, b.model.global.vrrp_notify_fifo); }},
    {G, "vrrp_notify_fifo_script", [](Builder& b, const Value& v) { b.model.global.vrrp_notify_fifo.reader = b.command(v.args); }},
    {G, "lvs_notify_fifo", [](Builder& b, const Value& v) { fifo(b, v, b.model.global.lvs_notify_fifo); }},
    {G, "lvs_notify_fifo_script", [](Builder& b, const Value& v) { b.model.global.lvs_notify_fifo.reader = b.command(v.args); }},
    {G, "vrrp_notify_priority_changes", [](Builder& b, const Value& v) { b.notify_priority_changes = v.on; }},
    {G, "fifo_write_vrrp_states_on_reload", [](Builder& b, const Value&) { b.model.global.fifo_write_vrrp_states_on_reload = true; }},

    {Block::root, "child_wait_time", [](Builder& b, const Value& v) { b.model.global.child_wait_time = seconds(v); }},
    {G, "json_version", [](Builder& b, const Value& v) { b.model.global.json_version = static_cast<int>(v.number); }},

    {G, "script_user", script_user},
    {G, "enable_script_security", [](Builder& b, const Value&) { b.model.global.enable_script_security = true; }},

    {G, "vrrp_version", [](Builder& b, const Value& v) { b.model.global.vrrp_version = static_cast<int>(v.number); }},
    {G, "vrrp_strict", [](Builder& b, const Value& v) { b.model.global.vrrp_strict = v.on; }},
    {G, "vrrp_skip_check_adv_addr", [](Builder& b, const Value& v) { b.model.global.vrrp_skip_check_adv_addr = v.on; }},
    {G, "vrrp_down_timer_adverts", [](Builder& b, const Value& v) { b.down_timer_adverts = static_cast<unsigned>(v.number); }},
    {G, "vrrp_lower_prio_no_advert", [](Builder& b, const Value& v) { b.lower_prio_no_advert = v.on; }},
    {G, "vrrp_higher_prio_send_advert", [](Builder& b, const Value& v) { b.higher_prio_send_advert = v.on; }},
    {G, "vrrp_check_unicast_src", [](Builder& b, const Value&) { b.check_unicast_src = true; }},
    {G, "v3_checksum_as_v2", [](Builder& b, const Value&) { b.checksum_as_v2 = true; }},
    {G, "vrrp_startup_delay", [](Builder& b, const Value& v) { b.model.global.vrrp_startup_delay = v.duration; }},
    {G, "vrrp_mcast_group4",
     [](Builder& b, const Value& v) {
       if (!v.address.is_multicast())
         return b.warn(v.where(), fmt::format("vrrp_mcast_group4 {} is not a multicast address; the line is ignored", v.word()));
       b.model.global.vrrp_mcast_group4 = v.address;
     }},
    {G, "vrrp_mcast_group6",
     [](Builder& b, const Value& v) {
       if (!v.address.is_multicast())
         return b.warn(v.where(), fmt::format("vrrp_mcast_group6 {} is not a multicast address; the line is ignored", v.word()));
       b.model.global.vrrp_mcast_group6 = v.address;
     }},

    {G, "vrrp_garp_master_delay",
     [](Builder& b, const Value& v) {
       b.model.global.garp.delay = seconds(v);
       b.garp_delay_given = true;
     }},
    {G, "vrrp_garp_master_repeat",
     [](Builder& b, const Value& v) {
       b.model.global.garp.repeat = at_least_one(b, v);
       b.garp_repeat_given = true;
     }},
    {G, "vrrp_garp_master_refresh", [](Builder& b, const Value& v) { b.model.global.garp.refresh = seconds(v); }},
    {G, "vrrp_garp_master_refresh_repeat", [](Builder& b, const Value& v) { b.model.global.garp.refresh_repeat = at_least_one(b, v); }},
    {G, "vrrp_garp_lower_prio_delay", [](Builder& b, const Value& v) { b.garp_lower_delay = seconds(v); }},
    {G, "vrrp_garp_lower_prio_repeat", [](Builder& b, const Value& v) { b.garp_lower_repeat = static_cast<unsigned>(v.number); }},
    {G, "vrrp_min_garp", [](Builder& b, const Value& v) { b.min_garp = v.on; }},
    {G, "vrrp_garp_interval", [](Builder& b, const Value& v) { b.model.global.garp_interval = v.duration; }},
    {G, "vrrp_gna_interval", [](Builder& b, const Value& v) { b.model.global.gna_interval = v.duration; }},

    {G, "checker_log_all_failures", [](Builder& b, const Value& v) { b.checker_log_all_failures = v.on; }},
    {G, "log_unknown_vrids", [](Builder& b, const Value&) { b.model.global.log_unknown_vrids = true; }},
    {G, "use_symlink_paths", [](Builder& b, const Value& v) { b.model.global.use_symlink_paths = v.on; }},
    {G, "set_supplementary_groups", [](Builder& b, const Value& v) { b.model.global.daemon.set_supplementary_groups = v.on; }},
    {G, "no_checker_emails", [](Builder& b, const Value& v) { b.model.global.no_checker_emails = v.on; }},
    {G, "rs_init_notifies", [](Builder& b, const Value& v) { b.model.global.rs_init_notifies = v.on; }},
    {G, "nftables_ipvs",
     [](Builder& b, const Value& v) { b.model.global.nftables_ipvs.table = v.args.empty() ? "keepalived_ipvs" : v.word(); }, nullptr,
     stored},
    {G, "nftables_ipvs_priority", [](Builder& b, const Value& v) { b.model.global.nftables_ipvs.priority = static_cast<int>(v.number); },
     nullptr, stored},
    {G, "nftables_ipvs_start_fwmark",
     [](Builder& b, const Value& v) { b.model.global.nftables_ipvs.start_fwmark = static_cast<std::uint32_t>(v.number); }, nullptr, stored},
};

}  // namespace

std::span<const Rule> global_rules() { return rules; }

}  // namespace xd::conf
