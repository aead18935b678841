// vrrp_instance, vrrp_script, vrrp_sync_group.
#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "conf/addresses.h"
#include "conf/builder.h"
#include "conf/drafts.h"
#include "conf/track_lines.h"
#include "conf/values.h"

namespace xd::conf {

namespace {

constexpr Block I = Block::vrrp_instance;
constexpr Block S = Block::vrrp_script;
constexpr Block Y = Block::vrrp_sync_group;

std::chrono::seconds seconds(const Value& v) { return std::chrono::seconds(v.number); }

// ---- shared by several blocks

void track_interfaces(Builder& b, const Value& v, std::string_view owner, std::vector<Track>& tracks, std::vector<Token>& places) {
  for (const Statement* s = v.tree.first(v.statement); s; s = v.tree.after(*s)) {
    const Token& name = v.tree.keyword(*s);
    if (already(tracks, name.text)) {
      b.warn(name, fmt::format("interface {} is tracked twice; the second is ignored", name.text));
      continue;
    }
    WrittenWeight weight;
    if (!read_weight(b, v.tree.arguments(*s), name.text, 253, weight)) continue;
    if (!b.interface_exists(name, owner)) continue;
    Track t{std::string(name.text), 0, false};
    weight.apply(t, 0, false);
    tracks.push_back(std::move(t));
    places.push_back(name);
  }
}

void track_scripts(Builder& b, const Value& v, std::vector<Track>& tracks, std::vector<WrittenWeight>& weights,
                   std::vector<Token>& places) {
  for (const Statement* s = v.tree.first(v.statement); s; s = v.tree.after(*s)) {
    const Token& name = v.tree.keyword(*s);
    if (already(tracks, name.text)) {
      b.warn(name, fmt::format("script {} is tracked twice; the second is ignored", name.text));
      continue;
    }
    WrittenWeight weight;
    if (!read_weight(b, v.tree.arguments(*s), name.text, 253, weight)) continue;
    tracks.push_back({std::string(name.text), 0, false});
    weights.push_back(weight);
    places.push_back(name);
  }
}

// "min_ttl <0-255>" and "max_ttl <0-255>" behind a peer. False: the peer is not usable, and that has been said.
bool ttl_limits(Builder& b, std::span<const Token> options, UnicastPeer& peer) {
  for (std::size_t i = 0; i < options.size(); ++i) {
    const Token& option = options[i];
    const bool is_least = option.text == "min_ttl";
    if (!is_least && option.text != "max_ttl") {
      b.warn(option, fmt::format("unknown option '{}' of unicast peer {}; it is ignored", option.text, peer.address.str()),
             "min_ttl <0-255> or max_ttl <0-255>");
      continue;
    }
    const Number n = i + 1 < options.size() ? parse_integer(options[++i].text) : Number{};
    if (n.written != Written::good || n.value < 0 || n.value > 255) {
      b.warn(options[i], fmt::format("{} of unicast peer {} is not a number of 0-255; it is ignored", option.text, peer.address.str()));
      continue;
    }
    (is_least ? peer.min_ttl : peer.max_ttl) = static_cast<std::uint8_t>(n.value);
  }
  if (peer.min_ttl <= peer.max_ttl) return true;
  b.warn(options.front(), fmt::format("unicast peer {}: min_ttl {} is more than max_ttl {}; the peer is ignored", peer.address.str(),
                                      peer.min_ttl, peer.max_ttl));
  return false;
}

void unicast_peers(Builder& b, const Value& v) {
  InstanceDraft& i = b.instance();
  i.unicast_given = true;
  for (const Statement* s = v.tree.first(v.statement); s; s = v.tree.after(*s)) {
    const Token& word = v.tree.keyword(*s);
    const auto peer = IpAddress::parse(word.text);
    if (!peer) {
      b.warn(word, fmt::format("unicast peer '{}' is not an IP address; it is ignored", word.text));
      continue;
    }
    if (!belongs_to_family(b, word, *peer)) continue;
    UnicastPeer entry{*peer};
    if (!ttl_limits(b, v.tree.arguments(*s), entry)) continue;
    const auto same = [&](const UnicastPeer& p) { return p.address == *peer; };
    if (std::none_of(i.out.unicast_peers.begin(), i.out.unicast_peers.end(), same)) i.out.unicast_peers.push_back(entry);
  }
  if (i.out.unicast_peers.empty()) b.warn(v.at(), "unicast_peer names no peer: multicast is used");
}

// ---- vrrp_instance

void auth_pass(Builder& b, const Value& v) {
  InstanceDraft& i = b.instance();
  std::string_view pass = v.word();
  auto& data = i.out.authentication.data;
  if (pass.size() > data.size()) {
    b.warn(v.where(), fmt::format("auth_pass is longer than 8 characters; only the first 8 count ('{}')", pass.substr(0, data.size())));
    pass = pass.substr(0, data.size());
  }
  data.fill(0);
  std::copy(pass.begin(), pass.end(), data.begin());
  i.has_auth_pass = true;
}

void source_address(Builder& b, const Value& v, std::optional<IpAddress>& out) {
  if (belongs_to_family(b, v.where(), v.address)) out = v.address;
}

unsigned at_least_one(Builder& b, const Value& v) {
  if (v.number > 0) return static_cast<unsigned>(v.number);
  b.warn(v.where(), fmt::format("{} 0 would send nothing; 1 is used", v.keyword.name));
  return 1;
}

// ---- vrrp_sync_group

void members(Builder& b, const Value& v) {
  GroupDraft& g = b.group();
  for (const Statement* s = v.tree.first(v.statement); s; s = v.tree.after(*s)) {
    const auto add = [&](const Token& name) {
      if (std::find(g.out.members.begin(), g.out.members.end(), name.text) != g.out.members.end()) {
        b.advise(name, fmt::format("{} is listed twice; once is enough", name.text));
        return;
      }
      g.out.members.emplace_back(name.text);
      g.members_at.push_back(name);
    };
    add(v.tree.keyword(*s));
    for (const Token& t : v.tree.arguments(*s)) add(t);
  }
}

const Rule rules[] = {
    {Block::root, "vrrp_instance", [](Builder& b, const Value& v) { begin_named(b, v, b.instances); }},
    {I, "state",
     [](Builder& b, const Value& v) {
       b.instance().out.initial_state = v.word() == "MASTER" ? WantedState::master : WantedState::backup;
       b.instance().state_given = true;
     }},
    {I, "interface",
     [](Builder& b, const Value& v) {
       b.instance().interface_at = v.where();
       b.instance().out.interface = v.word();
       if (v.word() == "lo") {
         b.fail(v.where(), fmt::format("vrrp_instance {}: nobody can be heard on the loopback interface", b.instance().out.name));
       } else {
         b.interface_exists(v.where(), b.instance().out.name);
       }
     }},
    {I, "virtual_router_id",
     [](Builder& b, const Value& v) {
       b.instance().out.vrid = static_cast<std::uint8_t>(v.number);
       b.instance().vrid_at = v.where();
     }},
    {I, "version", [](Builder& b, const Value& v) { b.instance().version = static_cast<int>(v.number); }},
    {I, "native_ipv6",
     [](Builder& b, const Value& v) {
       if (b.instance().family == AF_INET)
         return b.warn(v.at(), fmt::format("native_ipv6 after an IPv4 address of {}; it is ignored", b.instance().out.name));
       b.instance().family = AF_INET6;
       b.instance().family_at = v.at();
     }},
    {I, "priority",
     [](Builder& b, const Value& v) {
       b.instance().priority = static_cast<std::uint8_t>(v.number);
       b.instance().priority_at = v.where();
     }},
    {I, "advert_int",
     [](Builder& b, const Value& v) {
       b.instance().advert_interval = v.duration;
       b.instance().advert_int_at = v.where();
     }},
    {I, "nopreempt",
     [](Builder& b, const Value& v) {
       b.instance().out.nopreempt = true;
       b.instance().nopreempt_at = v.at();
     }},
    {I, "preempt", [](Builder& b, const Value&) { b.instance().out.nopreempt = false; }},
    {I, "preempt_delay",
     [](Builder& b, const Value& v) {
       b.instance().out.preempt_delay = v.duration;
       b.instance().preempt_delay_at = v.where();
     }},
    {I, "down_timer_adverts",
     [](Builder& b, const Value& v) {
       b.instance().down_timer_adverts = static_cast<unsigned>(v.number);
       b.instance().down_timer_at = v.where();
     }},
    {I, "strict_mode", [](Builder& b, const Value& v) { b.instance().strict = v.on; }},
    {I, "accept",
     [](Builder& b, const Value& v) {
       b.instance().accept = true;
       b.instance().accept_at = v.at();
     }},
    {I, "no_accept", [](Builder& b, const Value&) { b.instance().accept = false; }},
    // keepalived turns this on whatever the word behind it says; the manual's meaning is obeyed here.
    {I, "skip_check_adv_addr", [](Builder& b, const Value& v) { b.instance().skip_check_adv_addr = v.on; }},
    {I, "v3_checksum_as_v2", [](Builder& b, const Value& v) { b.instance().checksum_as_v2 = v.on; }},
    {I, "lower_prio_no_advert",
     [](Builder& b, const Value& v) {
       b.instance().lower_prio_no_advert = v.on;
       b.instance().lower_prio_no_advert_at = v.where();
     }},
    {I, "higher_prio_send_advert",
     [](Builder& b, const Value& v) {
       b.instance().higher_prio_send_advert = v.on;
       b.instance().higher_prio_send_advert_at = v.where();
     }},
    {I, "promote_secondaries", [](Builder& b, const Value&) { b.instance().out.promote_secondaries = true; }},
    {I, "dont_track_primary", [](Builder& b, const Value&) { b.instance().out.dont_track_primary = true; }},
    {I, "mcast_src_ip", [](Builder& b, const Value& v) { source_address(b, v, b.instance().out.mcast_src_ip); }},
    {I, "unicast_src_ip", [](Builder& b, const Value& v) { source_address(b, v, b.instance().out.unicast_src_ip); }},
    {I, "unicast_peer", unicast_peers},
    {I, "unicast_ttl", [](Builder& b, const Value& v) { b.instance().out.unicast_ttl = static_cast<std::uint8_t>(v.number); }},
    {I, "check_unicast_src", [](Builder& b, const Value&) { b.instance().out.check_unicast_src = true; }},
    {I, "track_interface",
     [](Builder& b, const Value& v) {
       track_interfaces(b, v, b.instance().out.name, b.instance().out.track_interfaces, b.instance().interface_tracks_at);
     }},
    {I, "track_script",
     [](Builder& b, const Value& v) {
       track_scripts(b, v, b.instance().out.track_scripts, b.instance().script_weights, b.instance().script_at);
     }},
    {I, "garp_master_delay", [](Builder& b, const Value& v) { b.instance().garp_delay = seconds(v); }},
    {I, "garp_master_repeat", [](Builder& b, const Value& v) { b.instance().garp_repeat = at_least_one(b, v); }},
    {I, "garp_master_refresh", [](Builder& b, const Value& v) { b.instance().garp_refresh = seconds(v); }},
    {I, "garp_master_refresh_repeat", [](Builder& b, const Value& v) { b.instance().garp_refresh_repeat = at_least_one(b, v); }},
    {I, "garp_lower_prio_delay",
     [](Builder& b, const Value& v) {
       b.instance().garp_lower_delay = seconds(v);
       b.instance().garp_lower_at = v.where();
     }},
    {I, "garp_lower_prio_repeat",
     [](Builder& b, const Value& v) {
       b.instance().garp_lower_repeat = static_cast<unsigned>(v.number);
       b.instance().garp_lower_at = v.where();
     }},
    {I, "notify_master", [](Builder& b, const Value& v) { b.instance().out.notify.master = b.command(v.args); }},
    {I, "notify_backup", [](Builder& b, const Value& v) { b.instance().out.notify.backup = b.command(v.args); }},
    {I, "notify_fault", [](Builder& b, const Value& v) { b.instance().out.notify.fault = b.command(v.args); }},
    {I, "notify_stop", [](Builder& b, const Value& v) { b.instance().out.notify.stop = b.command(v.args); }},
    {I, "no_virtual_ipaddress", [](Builder& b, const Value&) { b.instance().out.no_addresses = true; }},
    {I, "notify_deleted",
     [](Builder& b, const Value& v) {
       b.instance().out.notify.deleted = b.command(v.args);
       b.instance().out.notify.tells_deleted = true;
     }},
    {I, "notify", [](Builder& b, const Value& v) { b.instance().out.notify.any = b.command(v.args); }},
    {I, "notify_master_rx_lower_pri", [](Builder& b, const Value& v) { b.instance().out.notify.master_rx_lower_pri = b.command(v.args); }},
    {I, "notify_priority_changes", [](Builder& b, const Value& v) { b.instance().notify_priority_changes = v.on; }},
    {I, "smtp_alert", [](Builder& b, const Value& v) { b.instance().smtp_alert = v.on; }},
    {I, "debug", [](Builder& b, const Value& v) { b.instance().out.debug = v.number > 0; }},
    {I, "authentication",
     [](Builder& b, const Value& v) {
       b.instance().auth_given = true;
       b.instance().auth_at = v.at();
     }},
    {Block::authentication, "auth_type",
     [](Builder& b, const Value& v) { b.instance().out.authentication.type = v.word() == "AH" ? AuthType::ah : AuthType::pass; }},
    {Block::authentication, "auth_pass", auth_pass},

    {Block::root, "vrrp_script", [](Builder& b, const Value& v) { begin_named(b, v, b.scripts); }},
    {S, "script",
     [](Builder& b, const Value& v) {
       b.script().out.script.words = split_command(text_of_command(v.args[0]));
       b.script().script_at = v.where();
     }},
    {S, "interval", [](Builder& b, const Value& v) { b.script().out.interval = v.duration; }},
    {S, "timeout", [](Builder& b, const Value& v) { b.script().out.timeout = v.duration; }},
    {S, "weight",
     [](Builder& b, const Value& v) {
       const int weight = static_cast<int>(std::clamp<std::int64_t>(v.number, -253, 253));
       if (weight != v.number) b.warn(v.where(), fmt::format("weight {} is cut to {}", v.number, weight));
       b.script().out.weight = weight;
       b.script().out.weight_reverse = v.reverse;
     }},
    {S, "rise", [](Builder& b, const Value& v) { b.script().out.rise = static_cast<unsigned>(v.number); }},
    {S, "fall", [](Builder& b, const Value& v) { b.script().out.fall = static_cast<unsigned>(v.number); }},
    {S, "init_fail", [](Builder& b, const Value&) { b.script().out.init_fail = true; }},
    {S, "user",
     [](Builder& b, const Value& v) {
       b.check_account(v.args, "user");
       b.script().out.script.user = v.word();
       if (v.args.size() > 1) b.script().out.script.group = v.args[1].text;
     }},

    {Block::root, "vrrp_sync_group", [](Builder& b, const Value& v) { begin_named(b, v, b.groups); }},
    {Y, "group", members},
    {Y, "track_interface",
     [](Builder& b, const Value& v) {
       track_interfaces(b, v, b.group().out.name, b.group().out.track_interfaces, b.group().interface_tracks_at);
     }},
    {Y, "track_script",
     [](Builder& b, const Value& v) { track_scripts(b, v, b.group().out.track_scripts, b.group().script_weights, b.group().script_at); }},
    {Y, "notify_master", [](Builder& b, const Value& v) { b.group().out.notify.master = b.command(v.args); }},
    {Y, "notify_backup", [](Builder& b, const Value& v) { b.group().out.notify.backup = b.command(v.args); }},
    {Y, "notify_fault", [](Builder& b, const Value& v) { b.group().out.notify.fault = b.command(v.args); }},
    {Y, "notify_stop", [](Builder& b, const Value& v) { b.group().out.notify.stop = b.command(v.args); }},
    {Y, "notify", [](Builder& b, const Value& v) { b.group().out.notify.any = b.command(v.args); }},
    {Y, "notify_priority_changes", [](Builder& b, const Value& v) { b.group().notify_priority_changes = v.on; }},
    {Y, "smtp_alert", [](Builder& b, const Value& v) { b.group().smtp_alert = v.on; }},
    {Y, "sync_group_tracking_weight", [](Builder& b, const Value&) { b.group().out.sync_group_tracking_weight = true; }},
    {Y, "global_tracking",
     [](Builder& b, const Value& v) {
       b.warn(v.at(), "global_tracking is an old name", {}, "write sync_group_tracking_weight");
       b.group().out.sync_group_tracking_weight = true;
     }},
};

}  // namespace

std::span<const Rule> vrrp_rules() { return rules; }

}  // namespace xd::conf
