// Router's dumps: what SIGUSR2 and the JSON signal write. Keys and layout are keepalived's, because exporters parse them;
// what keepalived prints about features that this program has not got is left out.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "vrrp/dump_parts.h"
#include "vrrp/router.h"

namespace xd::vrrp {

namespace {

using Json = nlohmann::ordered_json;

std::uint64_t since(std::uint64_t now, std::uint64_t then) { return now >= then ? now - then : now; }

int state_number(Role role) {
  switch (role) {
    case Role::init: return 0;
    case Role::backup: return 1;
    case Role::master: return 2;
    case Role::fault: return 3;
  }
  return 0;
}

// json-c writes 1 where others write 1.0.
Json number(double value) { return value == std::floor(value) ? Json(static_cast<std::int64_t>(value)) : Json(value); }

// keepalived's counters, from ours.
struct Counters {
  std::uint64_t received = 0, sent = 0, became_master = 0, released_master = 0;
  std::uint64_t length = 0, interval = 0, ttl = 0, type = 0, address_list = 0;
  std::uint64_t auth_type = 0, auth_mismatch = 0, auth_failure = 0;
  std::uint64_t zero_received = 0, zero_sent = 0;
};

Counters counters_of(const Instance& instance, const Tally& tally, const Tally& cleared) {
  const auto rejected = [&](std::initializer_list<Reject> reasons) {
    std::uint64_t sum = 0;
    for (const Reject reason : reasons) {
      const auto i = static_cast<std::size_t>(reason);
      sum += since(tally.rejected[i], cleared.rejected[i]);
    }
    return sum;
  };
  Counters c;
  c.received = since(tally.received, cleared.received);
  c.sent = instance.adverts_sent;
  c.became_master = instance.became_master;
  c.released_master = instance.released_master;
  c.length = rejected({Reject::too_short, Reject::length});
  c.interval = rejected({Reject::other_interval, Reject::interval_zero});
  c.ttl = rejected({Reject::ttl});
  c.type = rejected({Reject::type});
  c.auth_mismatch = rejected({Reject::auth_type});
  c.auth_failure = rejected({Reject::auth_data});
  c.zero_received = since(tally.priority_zero, cleared.priority_zero);
  c.zero_sent = instance.priority_zero_sent;
  return c;
}

void write_statistics(std::string& out, const std::string& name, const Counters& c) {
  const auto line = [&out](int depth, std::string_view key, std::uint64_t value) {
    out += fmt::format("{:{}}{}: {}\n", "", depth, key, value);
  };
  out += fmt::format("VRRP Instance: {}\n  Advertisements:\n", name);
  line(4, "Received", c.received);
  line(4, "Sent", c.sent);
  line(2, "Became master", c.became_master);
  line(2, "Released master", c.released_master);
  out += "  Packet Errors:\n";
  line(4, "Length", c.length);
  line(4, "TTL", c.ttl);
  line(4, "Invalid Type", c.type);
  line(4, "Advertisement Interval", c.interval);
  line(4, "Address List", c.address_list);
  out += "  Authentication Errors:\n";
  line(4, "Invalid Type", c.auth_type);
  line(4, "Type Mismatch", c.auth_mismatch);
  line(4, "Failure", c.auth_failure);
  out += "  Priority Zero:\n";
  line(4, "Received", c.zero_received);
  line(4, "Sent", c.zero_sent);
}

Json statistics_json(const Counters& c) {
  return {{"advert_rcvd", c.received},
          {"advert_sent", c.sent},
          {"become_master", c.became_master},
          {"release_master", c.released_master},
          {"packet_len_err", c.length},
          {"advert_interval_err", c.interval},
          {"ip_ttl_err", c.ttl},
          {"invalid_type_rcvd", c.type},
          {"addr_list_err", c.address_list},
          {"invalid_authtype", c.auth_type},
          {"authtype_mismatch", c.auth_mismatch},
          {"auth_failure", c.auth_failure},
          {"pri_zero_rcvd", c.zero_received},
          {"pri_zero_sent", c.zero_sent}};
}

std::string_view name(conf::TrackProcess::ParamMatch match) {
  using Match = conf::TrackProcess::ParamMatch;
  return match == Match::exact ? "exact" : match == Match::partial ? "partial" : "initial";
}

// Since keepalived 2.2.8, in version 2.
Json process_json(const conf::TrackProcess& process, bool up, const ProcessCounts::Count& count) {
  Json out = {{"process", process.words.empty() ? "" : process.words.front()}};
  if (process.has_params) out["parameters"] = fmt::format("{}", fmt::join(process.words.begin() + 1, process.words.end(), " "));
  out["param_match"] = process.has_params ? name(process.param_match) : "none";
  out["min_processes"] = process.quorum;
  if (process.quorum_max) out["max_processes"] = *process.quorum_max;
  out["current_processes"] = count.processes;
  out["have_quorum"] = up;
  out["weight"] = process.weight_reverse ? -process.weight : process.weight;
  out["terminate_delay"] = number(to_seconds(process.terminate_delay));
  out["fork_delay"] = number(to_seconds(process.fork_delay));
  out["fork_delay_timer_running"] = count.gain_waits;
  out["terminate_delay_timer_running"] = count.loss_waits;
  out["full_command"] = process.full_command;
  return out;
}

Json instance_json(const Instance& i, const std::vector<ScriptTracker::Shown>& scripts, const std::vector<conf::TrackProcess>& processes,
                   TimePoint now) {
  const auto& conf = i.conf;
  const bool has_vmac = conf.link.kind == conf::VirtualLink::Kind::macvlan;
  Json out = {{"iname", conf.name},
              {"dont_track_primary", static_cast<int>(conf.dont_track_primary)},
              {"skip_check_adv_addr", static_cast<int>(conf.skip_check_adv_addr)},
              {"strict_mode", static_cast<int>(conf.strict)},
              {"vmac_ifname", has_vmac ? conf.link.name : ""},
              {"ifp_ifname", has_vmac ? conf.link.name : conf.way()},
              {"master_priority", i.state.role == Role::master ? 0 : i.state.master_priority},
              {"last_transition", wall_clock(i.state.since, now)},
              {"garp_delay", number(to_seconds(conf.garp.delay))},
              {"garp_refresh", number(to_seconds(conf.garp.refresh))},
              {"garp_rep", conf.garp.repeat},
              {"garp_refresh_rep", conf.garp.refresh_repeat},
              {"garp_lower_prio_delay", number(to_seconds(conf.garp.lower_prio_delay))},
              {"garp_lower_prio_rep", conf.garp.lower_prio_repeat},
              {"lower_prio_no_advert", static_cast<int>(conf.lower_prio_no_advert)},
              {"higher_prio_send_advert", static_cast<int>(conf.higher_prio_send_advert)},
              {"vrid", conf.vrid},
              {"base_priority", conf.priority},
              {"effective_priority", i.state.priority},
              {"vipset", i.addresses.held()},
              {"promote_secondaries", conf.promote_secondaries},
              {"adver_int", number(to_seconds(conf.advert_interval))},
              {"master_adver_int", number(to_seconds(i.state.master_interval))},
              {"accept", static_cast<int>(conf.accept)},
              {"nopreempt", conf.nopreempt},
              {"preempt_delay", number(to_seconds(conf.preempt_delay))},
              {"state", state_number(i.state.role)},
              {"wantstate", state_number(i.state.role)},
              {"version", conf.version},
              {"smtp_alert", conf.smtp_alert},
              {"notify_deleted", conf.notify.tells_deleted}};
  for (const auto& script : state_scripts) {
    if (const Command* command = i.notify.of_state(script.what)) out[script.key] = quoted(command->words);
    if (script.what == Notification::deleted && i.notify.general() != nullptr) out["script"] = quoted(i.notify.general()->words);
  }
  const auto addresses = [&](const char* key, bool excluded) {
    Json list = Json::array();
    for (const auto& entry : i.addresses.entries()) {
      if (entry.excluded == excluded) list.push_back(dumped_address(entry, conf.way()));
    }
    if (!list.empty()) out[key] = std::move(list);
  };
  addresses("vips", false);
  addresses("evips", true);
  for (const auto& route : conf.routes) out["vroutes"].push_back(dumped_route(route));
  for (const auto& rule : conf.rules) out["vrules"].push_back(dumped_rule(rule));
  for (const auto& track : conf.track_interfaces) out["track_ifp"].push_back(track.name);
  for (const auto& track : conf.track_scripts) {
    for (const auto& script : scripts) {
      if (script.definition.script.name == track.name) out["track_script"].push_back(quoted(script.definition.command.words));
    }
  }
  for (const auto& track : conf.track_processes) {
    for (const auto& process : processes) {
      if (process.name == track.name) out["track_process"].push_back(process.words.empty() ? "" : process.words.front());
    }
  }
  out["auth_type"] = conf.authentication.type == conf::AuthType::pass ? 1 : conf.authentication.type == conf::AuthType::ah ? 2 : 0;
  // Secrets stay out of files: keepalived since 2.4 masks them as well.
  if (conf.authentication.type != conf::AuthType::none) out["auth_data"] = "********";
  return out;
}

}  // namespace

void Router::clear_statistics() {
  for (auto& i : instances_) {
    i->adverts_sent = i->priority_zero_sent = i->became_master = i->released_master = 0;
    cleared_[i->id] = i->ear ? i->ear->tally() : Tally{};
  }
}

std::string Router::dump(Dump what) const {
  const TimePoint now = ports_.now();
  const auto counters = [&](const Instance& i) {
    const auto cleared = cleared_.find(i.id);
    return counters_of(i, i.ear ? i.ear->tally() : Tally{}, cleared == cleared_.end() ? Tally{} : cleared->second);
  };
  if (what == Dump::data) return dump_data();
  std::string out;
  if (what == Dump::statistics) {
    for (const auto& i : instances_) write_statistics(out, i->conf.name, counters(*i));
    return out;
  }
  if (what == Dump::json) {
    Json list = Json::array();
    const auto scripts = scripts_.shown();
    const bool has_processes = others_.global.json_version == 2;
    const auto processes = has_processes ? others_.track_processes : std::vector<conf::TrackProcess>{};
    for (const auto& i : instances_)
      list.push_back({{"data", instance_json(*i, scripts, processes, now)}, {"stats", statistics_json(counters(*i))}});
    if (has_processes) list = {{"vrrp", std::move(list)}};
    const auto counts = ports_.process_counts ? ports_.process_counts() : std::map<std::string, ProcessCounts::Count>{};
    for (const auto& process : processes) {
      const auto up = observed_.processes.find(process.name);
      const auto count = counts.find(process.name);
      list["track_process"].push_back(process_json(process, up != observed_.processes.end() && up->second,
                                                   count == counts.end() ? ProcessCounts::Count{} : count->second));
    }
    // Slashes are escaped as json-c does: the same text for those who compare texts.
    for (const char c : list.dump(-1, ' ', false, Json::error_handler_t::replace)) {
      if (c == '/') out += '\\';
      out += c;
    }
    out += '\n';
  }
  return out;
}

}  // namespace xd::vrrp
