// Router's dump of data (SIGUSR1), in keepalived's sections, with its labels and in its order, because exporters parse them. What
// keepalived prints about its inside (descriptors, buffers, timers of debouncing) is left out.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <map>

#include "vrrp/dump_parts.h"
#include "vrrp/router.h"
#include "vrrp/timing.h"

namespace xd::vrrp {

namespace {

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

std::string_view on_off(bool on) { return on ? "enabled" : "disabled"; }
std::string_view yes_no(bool on) { return on ? "yes" : "no"; }
std::string_view true_false(bool on) { return on ? "true" : "false"; }

// Lines of one object, indented.
class Lines {
 public:
  explicit Lines(std::string& out) : out_(out) {}
  template <typename... Args>
  void operator()(fmt::format_string<Args...> format, Args&&... args) {
    out_ += "   " + fmt::format(format, std::forward<Args>(args)...) + "\n";
  }
  void heading(std::string_view title) { out_ += fmt::format("------< {} >------\n", title); }
  void object(std::string_view kind, std::string_view name) { out_ += fmt::format(" {} = {}\n", kind, name); }

 private:
  std::string& out_;
};

void write_tracks(Lines& line, const conf::VrrpInstance& conf) {
  const auto list = [&](std::string_view title, const std::vector<conf::Track>& tracks, std::string_view between) {
    if (tracks.empty()) return;
    line("Tracked {} :", title);
    for (const auto& track : tracks) line("  {}{} weight {}{}", track.name, between, track.weight, track.reverse ? " reverse" : "");
  };
  list("interfaces", conf.track_interfaces, "");
  list("scripts", conf.track_scripts, "");
  list("files", conf.track_files, ",");
  list("processes", conf.track_processes, ",");
  list("BFDs", conf.track_bfds, ":");
}

void write_scripts(Lines& line, const Notify& notify) {
  const auto script = [&](std::string_view what, const Command* command) {
    if (command != nullptr)
      line("{} script = {}, uid:gid {}:{}", what, quoted(command->words), command->uid.value_or(0), command->gid.value_or(0));
  };
  for (const auto& state : state_scripts) {
    script(state.words, notify.of_state(state.what));
    if (state.what == Notification::deleted) script("Generic state transition", notify.general());
  }
}

void write_addresses(Lines& line, const Instance& i, bool excluded) {
  const auto& entries = i.addresses.entries();
  const auto count = std::count_if(entries.begin(), entries.end(), [&](const auto& e) { return e.excluded == excluded; });
  if (count == 0) return;
  if (excluded) {
    line("Virtual IP Excluded :");
  } else {
    line("Virtual IP ({}):", count);
  }
  for (const auto& entry : entries) {
    if (entry.excluded == excluded) line("  {}", dumped_address(entry, i.conf.way()));
  }
}

void write_instance(std::string& out, const Instance& i, TimePoint now) {
  const auto& conf = i.conf;
  const bool is_unicast = !conf.unicast_peers.empty();
  const bool has_link = conf.link.kind != conf::VirtualLink::Kind::none;
  Lines line(out);
  line.object("VRRP Instance", conf.name);
  line("VRRP Version = {}", conf.version);
  if (i.group != nullptr) line("Sync group = {}", i.group->conf.name);
  line("State = {}", name(i.state.role));
  const bool has_flags = conf.strict || is_unicast || conf.nopreempt || has_link;
  line("Flags:{}", has_flags ? "" : " none");
  if (conf.strict) line("  Strict mode");
  if (is_unicast) line("  Using unicast");
  line("Wantstate = {}", name(i.state.role));
  line("Last transition = {}", time_line(i.state.since, now));
  if (i.state.due) line("Read timeout = {}", time_line(*i.state.due, now));
  const Duration down = master_down_interval(conf.version, i.state.priority, i.state.master_interval, conf.down_timer_adverts);
  line("Master down timer = {} usecs", std::chrono::duration_cast<std::chrono::microseconds>(down).count());
  if (has_link) {
    line("Use {}, i/f name {}, is_up = {}, xmit_base = {}", conf.link.kind == conf::VirtualLink::Kind::macvlan ? "VMAC" : "IPVLAN",
         conf.link.name, true_false(i.link_index != 0), true_false(conf.vmac_xmit_base));
    line("Interface = {}, {} on {}", conf.link.name, conf.link.kind == conf::VirtualLink::Kind::macvlan ? "vmac" : "ipvlan",
         conf.interface);
  } else if (!conf.way().empty()) {
    line("Interface = {}", conf.way());
  }
  const bool is_configured = is_unicast ? conf.unicast_src_ip.has_value() : conf.mcast_src_ip.has_value();
  line("Using src_ip = {}{}", i.election.source.str(), is_configured ? " (from configuration)" : "");
  if (!is_unicast) line("Multicast address {}", i.multicast_group.str());
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
  if (conf.version == 2) {
    const auto type = conf.authentication.type;
    line("Authentication type = {}", type == conf::AuthType::ah ? "IPSEC_AH" : type == conf::AuthType::pass ? "SIMPLE_PASSWORD" : "none");
    if (type != conf::AuthType::none) line("Password = ********");
  }
  write_addresses(line, i, false);
  write_addresses(line, i, true);
  if (is_unicast) {
    line("Unicast TTL = {}", conf.unicast_ttl);
    line("Check unicast src : {}", yes_no(conf.check_unicast_src));
    line("Unicast Peer :");
    for (const auto& peer : conf.unicast_peers) line("  {} min_ttl {} max_ttl {}", peer.address.str(), peer.min_ttl, peer.max_ttl);
    line("Unicast checksum compatibility = {}", yes_no(!i.old_checksum_peers.empty()));
  }
  if (!conf.routes.empty()) line("Virtual Routes :");
  for (const auto& route : conf.routes) line("  {}", dumped_route(route));
  if (!conf.rules.empty()) line("Virtual Rules :");
  for (const auto& rule : conf.rules) line("  {}", dumped_rule(rule));
  write_tracks(line, conf);
  line("Using smtp notification = {}", yes_no(conf.smtp_alert));
  line("Notify deleted = {}", conf.notify.tells_deleted ? "Deleted" : "Fault");
  write_scripts(line, i.notify);
  line("Notify priority changes = {}", true_false(conf.notify_priority_changes));
}

void write_group(std::string& out, const Group& group) {
  Lines line(out);
  const auto& conf = group.conf;
  const auto in = [&](Role role) {
    return std::count_if(group.members.begin(), group.members.end(), [&](const Instance* m) { return m->state.role == role; });
  };
  line.object("VRRP Sync Group", fmt::format("{}, {}", conf.name, name(group.told)));
  line("Num member fault {}, num member init {}", in(Role::fault), in(Role::init));
  line("VRRP member instances :");
  for (const Instance* member : group.members) line("  {}", member->conf.name);
  if (conf.sync_group_tracking_weight) line("sync group tracking weight set");
  line("Using smtp notification = {}", yes_no(conf.smtp_alert));
  conf::VrrpInstance tracks;
  tracks.track_interfaces = conf.track_interfaces;
  tracks.track_scripts = conf.track_scripts;
  tracks.track_files = conf.track_files;
  tracks.track_processes = conf.track_processes;
  tracks.track_bfds = conf.track_bfds;
  write_tracks(line, tracks);
  write_scripts(line, group.notify);
}

using Instances = std::vector<std::unique_ptr<Instance>>;

// Who follows the thing of this name.
void write_trackers(Lines& line, const Instances& instances, std::vector<conf::Track> Instance::*list, const std::string& name) {
  line("Tracking instances :");
  for (const auto& instance : instances) {
    for (const auto& track : (*instance).*list) {
      if (track.name == name) line("  {}, weight {}{}", instance->conf.name, track.weight, track.reverse ? " reverse" : "");
    }
  }
}

std::string seconds(Duration duration) { return fmt::format("{:.6f}s", to_seconds(duration)); }

// By interface: the instances that go with it, each with its weight.
std::map<std::string, std::vector<std::string>> followers(const Instances& instances) {
  std::map<std::string, std::vector<std::string>> out;
  for (const auto& instance : instances) {
    const auto& conf = instance->conf;
    for (const auto* own : {&conf.way(), &conf.link.name}) {
      if (!own->empty()) out[*own].push_back(conf.name + ", weight 0");
    }
    for (const auto& track : instance->track_interfaces) {
      if (track.name != conf.way()) out[track.name].push_back(fmt::format("{}, weight {}", conf.name, track.weight));
    }
  }
  return out;
}

void write_link(Lines& line, const netlink::Link& link, const netlink::Table& table) {
  const auto first = [&](int family, bool link_local) {
    for (const auto& address : table.addresses) {
      const auto& ip = address.prefix.address;
      if (address.index == link.index && ip.family() == family && (!link_local || ip.is_link_local())) return ip.str();
    }
    return std::string("(none)");
  };
  line.object("Name", link.name);
  line("index = {}", link.index);
  line("IPv4 address = {}", first(AF_INET, false));
  line("IPv6 address = {}", first(AF_INET6, true));
  if (!link.mac.is_zero()) line("MAC = {}", link.mac.str());
  line("State = {}UP, {}RUNNING", link.up ? "" : "not ", link.running ? "" : "not ");
  line("MTU = {}", link.mtu);
  line("HW Type = {}", link.kind == netlink::LinkKind::loopback ? "LOOPBACK" : "ETHERNET");
}

}  // namespace

double wall_clock(TimePoint at, TimePoint now) {
  const auto wall = std::chrono::system_clock::now().time_since_epoch() - (now - at);
  return static_cast<double>(std::chrono::duration_cast<std::chrono::microseconds>(wall).count()) / 1e6;
}

std::string dumped_address(const VirtualAddresses::Entry& entry, const std::string& interface) {
  const auto& [address, length] = entry.conf.prefix;
  const bool is_host = static_cast<int>(length) == address.bits();
  const std::string& configured = entry.conf.interface.empty() ? interface : entry.conf.interface;
  std::string out = is_host ? address.str() : entry.conf.prefix.str();
  out += " dev " + entry.interface;
  if (entry.interface != configured) out += "@" + configured;
  out += fmt::format(" scope {}", scope_name(entry.conf.scope));
  if (!entry.conf.label.empty()) out += " label " + entry.conf.label;
  if (address.is_v6())
    out += entry.conf.preferred_lft ? fmt::format(" preferred_lft {}", *entry.conf.preferred_lft) : " preferred_lft forever";
  return out + (entry.held ? " set" : "");
}

std::string quoted(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "'" : " '") + word + "'";
  return out;
}

std::string Router::dump_data() const {
  const TimePoint now = ports_.now();
  const auto& global = others_.global;
  std::string out;
  Lines line(out);
  line.heading("Global definitions");
  out += fmt::format(" Router ID = {}\n VRRP IPv4 mcast group = {}\n VRRP IPv6 mcast group = {}\n", global.router_id,
                     global.vrrp_mcast_group4.str(), global.vrrp_mcast_group6.str());
  out +=
      fmt::format(" VRRP default protocol version = {}\n Script security {}\n", global.vrrp_version, on_off(global.enable_script_security));

  if (!others_.static_addresses.empty()) line.heading("Static Addresses");
  for (const auto& entry : statics_.addresses()) line("  {}", dumped_address(entry, global.default_interface));
  if (!others_.static_routes.empty()) line.heading("Static Routes");
  for (const auto& route : others_.static_routes) line("  {}", dumped_route(route));
  if (!others_.static_rules.empty()) line.heading("Static Rules");
  for (const auto& rule : others_.static_rules) line("  {}", dumped_rule(rule));
  if (!others_.track_groups.empty()) line.heading("Static Track groups");
  for (const auto& group : others_.track_groups) {
    line.object("Static Track Group", group.name);
    line("VRRP member instances :");
    for (const auto& member : group.members) line("  {}", member);
  }

  if (!instances_.empty()) line.heading("VRRP Topology");
  for (const auto& i : instances_) write_instance(out, *i, now);
  if (!groups_.empty()) line.heading("VRRP Sync groups");
  for (const auto& group : groups_) write_group(out, *group);

  const auto scripts = scripts_.shown();
  if (!scripts.empty()) line.heading("VRRP Scripts");
  for (const auto& script : scripts) {
    const auto& [conf, command] = script.definition;
    line.object("VRRP Script", conf.name);
    line("Command = {}", quoted(command.words));
    line("Interval = {} sec", to_seconds(conf.interval));
    line("Timeout = {} sec", to_seconds(conf.timeout));
    line("Weight = {}{}", conf.weight, conf.weight_reverse ? " reverse" : "");
    line("Rise = {}", conf.rise);
    line("Fall = {}", conf.fall);
    line("Result = {}", script.result);
    line("Insecure = no");
    line("Status = {}", !script.up ? "INIT" : *script.up ? "GOOD" : "BAD");
    line("Script uid:gid = {}:{}", command.uid.value_or(0), command.gid.value_or(0));
    write_trackers(line, instances_, &Instance::track_scripts, conf.name);
    line("State = {}", script.running ? "running" : "idle");
  }
  if (!others_.track_files.empty()) line.heading("VRRP Track files");
  for (const auto& file : others_.track_files) {
    line.object("Track file", file.name);
    line("File = {}", file.path);
    const auto number = observed_.files.find(file.name);
    line("Status = {}", number == observed_.files.end() ? 0 : number->second);
    line("Weight = {}{}", file.weight, file.weight_reverse ? " reverse" : "");
    write_trackers(line, instances_, &Instance::track_files, file.name);
  }
  if (!others_.track_processes.empty()) line.heading("VRRP Track processes");
  for (const auto& process : others_.track_processes) {
    line.object("VRRP Track process", process.name);
    line("Process = {}", process.words.empty() ? "" : process.words.front());
    if (process.has_params) line("Parameters = {}", quoted({process.words.begin() + 1, process.words.end()}));
    line("Min processes = {}", process.quorum);
    if (process.quorum_max) line("Max processes = {}", *process.quorum_max);
    const auto up = observed_.processes.find(process.name);
    line("Have quorum = {}", true_false(up != observed_.processes.end() && up->second));
    line("Weight = {}{}", process.weight, process.weight_reverse ? " reverse" : "");
    line("Terminate delay = {}", seconds(process.terminate_delay));
    line("Fork delay = {}", seconds(process.fork_delay));
    line("Full command = {}", true_false(process.full_command));
    write_trackers(line, instances_, &Instance::track_processes, process.name);
  }
  const auto is_for_vrrp = [](const conf::BfdInstance& bfd) { return bfd.for_vrrp; };
  if (std::any_of(others_.bfd_instances.begin(), others_.bfd_instances.end(), is_for_vrrp)) line.heading("VRRP Track BFDs");
  for (const auto& bfd : others_.bfd_instances) {
    if (!is_for_vrrp(bfd)) continue;
    line.object("VRRP Track BFD", bfd.name);
    line("Weight = {}{}", bfd.weight, bfd.weight_reverse ? " reverse" : "");
    const auto up = observed_.bfds.find(bfd.name);
    line("Bfd is {}", up != observed_.bfds.end() && up->second.value_or(false) ? "up" : "down");
    line("Tracking VRRP instances :");  // keepalived has both
    write_trackers(line, instances_, &Instance::track_bfds, bfd.name);
  }

  line.heading("Interfaces");
  const auto followed = followers(instances_);
  for (const auto& [index, link] : ports_.netlink.table().links) {
    write_link(line, link, ports_.netlink.table());
    const auto known = followed.find(link.name);
    if (known == followed.end()) continue;
    line("Tracking VRRP instances :");
    for (const auto& follower : known->second) line("  {}", follower);
  }
  return out;
}

}  // namespace xd::vrrp
