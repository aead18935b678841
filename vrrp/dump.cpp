// Router's dumps: what SIGUSR1, SIGUSR2 and the JSON signal write. Keys and layout are keepalived's, because exporters parse them;
// what keepalived prints about features that this program has not got is left out.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>

#include "conf/values.h"
#include "vrrp/router.h"
#include "vrrp/timing.h"

namespace xd::vrrp {

namespace {

using Json = nlohmann::ordered_json;

std::uint64_t since(std::uint64_t now, std::uint64_t then) { return now >= then ? now - then : now; }

double wall_clock(TimePoint at, TimePoint now) {
  const auto wall = std::chrono::system_clock::now().time_since_epoch() - (now - at);
  return static_cast<double>(std::chrono::duration_cast<std::chrono::microseconds>(wall).count()) / 1e6;
}

// "1795303997.528424 (Sat Nov 21 23:33:17.528424 2026)"
std::string time_line(TimePoint at, TimePoint now) {
  const double seconds = wall_clock(at, now);
  const auto whole = static_cast<std::time_t>(seconds);
  std::tm local{};
  ::localtime_r(&whole, &local);
  char day[40], year[8];
  std::strftime(day, sizeof day, "%a %b %e %H:%M:%S", &local);
  std::strftime(year, sizeof year, "%Y", &local);
  return fmt::format("{:.6f} ({}.{:06} {})", seconds, day, static_cast<long>((seconds - static_cast<double>(whole)) * 1e6), year);
}

std::string_view scope_name(int scope) {
  switch (scope) {
    case 0: return "global";
    case 200: return "site";
    case 253: return "link";
    case 254: return "host";
    case 255: return "nowhere";
  }
  return "unknown";
}

// "192.0.2.10/24 dev eth0 scope global set"
std::string address_line(const VirtualAddresses::Entry& entry) {
  std::string out = fmt::format("{} dev {} scope {}", entry.conf.prefix.str(), entry.interface, scope_name(entry.conf.scope));
  if (!entry.conf.label.empty()) out += " label " + entry.conf.label;
  return out + (entry.held ? " set" : "");
}

std::string quoted(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "'" : " '") + word + "'";
  return out;
}

int state_number(Role role) {
  switch (role) {
    case Role::init: return 0;
    case Role::backup: return 1;
    case Role::master: return 2;
    case Role::fault: return 3;
  }
  return 0;
}

std::string_view on_off(bool on) { return on ? "enabled" : "disabled"; }
std::string_view yes_no(bool on) { return on ? "yes" : "no"; }
std::string_view true_false(bool on) { return on ? "true" : "false"; }

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

Json instance_json(const Instance& i, const std::vector<std::pair<std::string, Command>>& scripts, TimePoint now) {
  const auto& conf = i.conf;
  Json out = {{"iname", conf.name},
              {"dont_track_primary", static_cast<int>(conf.dont_track_primary)},
              {"skip_check_adv_addr", static_cast<int>(conf.skip_check_adv_addr)},
              {"strict_mode", static_cast<int>(conf.strict)},
              {"vmac_ifname", ""},
              {"ifp_ifname", conf.way()},
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
  const auto addresses = [&](const char* key, bool excluded) {
    Json list = Json::array();
    for (const auto& entry : i.addresses.entries()) {
      if (entry.excluded == excluded) list.push_back(address_line(entry));
    }
    if (!list.empty()) out[key] = std::move(list);
  };
  addresses("vips", false);
  addresses("evips", true);
  if (!i.track_interfaces.empty()) {
    Json& list = out["track_ifp"] = Json::array();
    for (const auto& track : i.track_interfaces) list.push_back(track.name);
  }
  if (!i.track_scripts.empty()) {
    Json& list = out["track_script"] = Json::array();
    for (const auto& track : i.track_scripts) {
      const auto script = std::find_if(scripts.begin(), scripts.end(), [&](const auto& s) { return s.first == track.name; });
      if (script != scripts.end()) list.push_back(quoted(script->second.words));
    }
  }
  out["auth_type"] = conf.authentication.type == conf::AuthType::pass ? 1 : conf.authentication.type == conf::AuthType::ah ? 2 : 0;
  // Secrets stay out of files: keepalived since 2.4 masks them as well.
  if (conf.authentication.type != conf::AuthType::none) out["auth_data"] = "********";
  return out;
}

void write_instance(std::string& out, const Instance& i, TimePoint now) {
  const auto& conf = i.conf;
  const auto line = [&out]<typename... Args>(fmt::format_string<Args...> format, Args&&... args) {
    out += "   " + fmt::format(format, std::forward<Args>(args)...) + "\n";
  };
  out += fmt::format(" VRRP Instance = {}\n", conf.name);
  line("VRRP Version = {}", conf.version);
  if (i.group != nullptr) line("Sync group = {}", i.group->conf.name);
  line("State = {}", name(i.state.role));
  line("Flags: {}", conf.strict ? "strict" : "none");
  line("Wantstate = {}", name(i.state.role));
  line("Last transition = {}", time_line(i.state.since, now));
  if (i.state.due) line("Read timeout = {}", time_line(*i.state.due, now));
  const Duration down = master_down_interval(conf.version, i.state.priority, i.state.master_interval, conf.down_timer_adverts);
  line("Master down timer = {} usecs", std::chrono::duration_cast<std::chrono::microseconds>(down).count());
  if (!conf.way().empty()) line("Interface = {}", conf.way());
  line("Using src_ip = {}", i.election.source.str());
  if (conf.unicast_peers.empty()) line("Multicast address {}", i.multicast_group.str());
  line("Gratuitous ARP delay = {}", to_seconds(conf.garp.delay));
  line("Gratuitous ARP repeat = {}", conf.garp.repeat);
  line("Gratuitous ARP refresh = {}", to_seconds(conf.garp.refresh));
  line("Gratuitous ARP refresh repeat = {}", conf.garp.refresh_repeat);
  line("Gratuitous ARP lower priority delay = {}", to_seconds(conf.garp.lower_prio_delay));
  line("Gratuitous ARP lower priority repeat = {}", conf.garp.lower_prio_repeat);
  line("Down timer adverts = {}", conf.down_timer_adverts);
  line("Send advert after receive lower priority advert = {}", true_false(!conf.lower_prio_no_advert));
  line("Send advert after receive higher priority advert = {}", true_false(conf.higher_prio_send_advert));
  line("Virtual Router ID = {}", conf.vrid);
  line("Priority = {}", conf.priority);
  line("Effective priority = {}", i.state.priority);
  line("Total priority = {}", i.state.priority);
  if (conf.version == 2) {
    line("Advert interval = {} sec", to_seconds(conf.advert_interval));
  } else {
    line("Advert interval = {} milli-sec", std::chrono::duration_cast<std::chrono::milliseconds>(conf.advert_interval).count());
  }
  line("Accept = {}", on_off(conf.accept));
  line("Preempt = {}", on_off(!conf.nopreempt));
  if (conf.preempt_delay > 0s) line("Preempt delay = {} secs", to_seconds(conf.preempt_delay));
  line("Promote_secondaries = {}", on_off(conf.promote_secondaries));
  if (conf.authentication.type != conf::AuthType::none) {
    line("Authentication type = {}", conf.authentication.type == conf::AuthType::ah ? "IPSEC_AH" : "SIMPLE_PASSWORD");
    line("Password = ********");
  }
  for (const bool excluded : {false, true}) {
    const auto& entries = i.addresses.entries();
    const auto count = std::count_if(entries.begin(), entries.end(), [&](const auto& e) { return e.excluded == excluded; });
    if (count == 0) continue;
    line("Virtual IP{} ({}):", excluded ? " Excluded" : "", count);
    for (const auto& entry : entries) {
      if (entry.excluded == excluded) line("  {}", address_line(entry));
    }
  }
  if (!conf.unicast_peers.empty()) {
    line("Unicast Peer :");
    for (const auto& peer : conf.unicast_peers) line("  {}", peer.address.str());
  }
  if (!i.track_interfaces.empty()) {
    line("Tracked interfaces :");
    for (const auto& track : i.track_interfaces) line("  {} weight {}{}", track.name, track.weight, track.reverse ? " reverse" : "");
  }
  if (!i.track_scripts.empty()) {
    line("Tracked scripts :");
    for (const auto& track : i.track_scripts) line("  {} weight {}{}", track.name, track.weight, track.reverse ? " reverse" : "");
  }
  line("Using smtp notification = {}", yes_no(conf.smtp_alert));
  line("Notify deleted = {}", conf.notify.tells_deleted ? "Deleted" : "Fault");
  line("Notify priority changes = {}", true_false(conf.notify_priority_changes));
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
  std::string out;
  if (what == Dump::statistics) {
    for (const auto& i : instances_) write_statistics(out, i->conf.name, counters(*i));
    return out;
  }
  if (what == Dump::json) {
    Json list = Json::array();
    const auto scripts = scripts_.commands();
    for (const auto& i : instances_) list.push_back({{"data", instance_json(*i, scripts, now)}, {"stats", statistics_json(counters(*i))}});
    if (global_.json_version == 2) list = {{"vrrp", std::move(list)}, {"track_process", Json::array()}};
    // Slashes are escaped as json-c does: the same text for those who compare texts.
    for (const char c : list.dump(-1, ' ', false, Json::error_handler_t::replace)) {
      if (c == '/') out += '\\';
      out += c;
    }
    return out;
  }
  out += "------< Global definitions >------\n";
  out += fmt::format(" Router ID = {}\n VRRP IPv4 mcast group = {}\n VRRP IPv6 mcast group = {}\n", global_.router_id,
                     global_.vrrp_mcast_group4.str(), global_.vrrp_mcast_group6.str());
  out += fmt::format(" VRRP default protocol version = {}\n Script security {}\n", global_.vrrp_version,
                     on_off(global_.enable_script_security));
  if (!instances_.empty()) out += "------< VRRP Topology >------\n";
  for (const auto& i : instances_) write_instance(out, *i, now);
  if (!groups_.empty()) out += "------< VRRP Sync groups >------\n";
  for (const auto& group : groups_) {
    out += fmt::format(" VRRP Sync Group = {}, {}\n   VRRP member instances :\n", group->conf.name, name(group->told));
    for (const Instance* member : group->members) out += "     " + member->conf.name + "\n";
    if (group->conf.sync_group_tracking_weight) out += "   sync group tracking weight set\n";
    out += fmt::format("   Using smtp notification = {}\n", yes_no(group->conf.smtp_alert));
  }
  out += scripts_.dump();
  return out;
}

}  // namespace xd::vrrp
