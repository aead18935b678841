// Defaults, inheritance and cross-checks of the VRRP part, once everything has been read.
#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "conf/builder.h"

namespace xd::conf {

namespace {

constexpr std::uint8_t address_owner = 255;
constexpr Duration longest_v3_interval = 40950ms;  // 12 bits of centiseconds (RFC 9568, 5.2.7)

// What fits in one advert: a count of one byte, and a packet that an Ethernet MTU holds (VRRPv2 over IPv4 ends with 8
// bytes of authentication).
std::size_t most_addresses(int version, int family) {
  constexpr std::size_t mtu = 1500, header = 8;
  const std::size_t room = family == AF_INET ? (mtu - 20 - header - (version == 2 ? 8 : 0)) / 4 : (mtu - 40 - header) / 16;
  return std::min<std::size_t>(room, 255);
}

Duration rounded(Duration d, Duration unit) { return (d + unit / 2) / unit * unit; }

// ---- vrrp_script

bool is_tracked(const Builder& b, std::string_view script) {
  const auto names_it = [&](const auto& draft) {
    return std::any_of(draft.out.track_scripts.begin(), draft.out.track_scripts.end(), [&](const Track& t) { return t.name == script; });
  };
  return std::any_of(b.instances.begin(), b.instances.end(), names_it) || std::any_of(b.groups.begin(), b.groups.end(), names_it);
}

void finish_scripts(Builder& b) {
  for (ScriptDraft& d : b.scripts) {
    VrrpScript& s = d.out;
    if (!s.script) {
      b.warn(d.at, fmt::format("vrrp_script {} has no script; it is ignored", s.name));
      continue;
    }
    if (s.interval == 0s) s.interval = 1s;
    if (!is_tracked(b, s.name)) {
      b.advise(d.at, fmt::format("vrrp_script {} is tracked by nobody: it will not run", s.name));
      b.model.vrrp_scripts.push_back(std::move(s));
      continue;
    }
    const std::string problem = b.options.script_problem ? b.options.script_problem(s.script) : std::string{};
    if (!problem.empty()) {
      b.warn(d.script_at, fmt::format("vrrp_script {} is not tracked: {}", s.name, problem));
      continue;
    }
    b.runs(s.script, d.script_at);
    b.model.vrrp_scripts.push_back(std::move(s));
  }
}

const VrrpScript* script_named(const Builder& b, std::string_view name) {
  for (const VrrpScript& s : b.model.vrrp_scripts) {
    if (s.name == name) return &s;
  }
  return nullptr;
}

// Names become references to scripts that exist, with the script's own weight where the reference gives none.
void resolve_scripts(Builder& b, std::vector<Track>& tracks, const std::vector<WrittenWeight>& weights, const std::vector<Token>& places,
                     std::string_view owner) {
  std::vector<Track> resolved;
  for (std::size_t i = 0; i < tracks.size(); ++i) {
    Track& t = tracks[i];
    const VrrpScript* script = script_named(b, t.name);
    if (!script) {
      const bool defined = std::any_of(b.scripts.begin(), b.scripts.end(),
                                       [&](const ScriptDraft& d) { return d.out.name == t.name || d.at.text == t.name; });
      if (defined) continue;  // dropped, and that has been said
      std::vector<std::string_view> names;
      for (const VrrpScript& s : b.model.vrrp_scripts) names.push_back(s.name);
      const std::string_view close = nearest(t.name, names);
      b.warn(places[i], fmt::format("{} tracks script {}, which is not defined; it is ignored", owner, t.name), {},
             close.empty() ? "" : fmt::format("did you mean '{}'?", close));
      continue;
    }
    weights[i].apply(t, script->weight, script->weight_reverse);
    resolved.push_back(std::move(t));
  }
  tracks = std::move(resolved);
}

// ---- vrrp_instance

void apply_authentication(Builder& b, InstanceDraft& d) {
  Authentication& auth = d.out.authentication;
  if (!d.auth_given) return;
  const auto drop = [&](std::string_view why) {
    b.warn(d.auth_at, fmt::format("{} has no authentication: {}", d.out.name, why));
    auth = {};
  };
  if (auth.type == AuthType::none) {
    if (d.has_auth_pass) b.advise(d.auth_at, fmt::format("{} has an auth_pass but no auth_type; no authentication is used", d.out.name));
    auth = {};
  } else if (!d.has_auth_pass) {
    drop("auth_pass is missing");
  } else if (d.out.strict) {
    drop("strict mode (RFC 5798) knows none");
  } else if (d.out.version == 3) {
    drop("VRRP version 3 knows none");
  } else if (d.out.family == AF_INET6) {
    drop("VRRP over IPv6 knows none");
  } else if (auth.type == AuthType::ah) {
    if (d.out.initial_state == WantedState::master && d.out.priority != address_owner) {
      b.warn(d.auth_at, fmt::format("{}: AH does not go with initial state MASTER; BACKUP is used", d.out.name));
      d.out.initial_state = WantedState::backup;
    }
  }
}

void apply_priority(Builder& b, InstanceDraft& d) {
  VrrpInstance& i = d.out;
  const bool wants_master = d.state_given && i.initial_state == WantedState::master;
  i.priority = d.priority.value_or(wants_master ? address_owner : 100);
  // An owner that says nothing of its state begins as master; one that says BACKUP means it.
  if (i.priority == address_owner && !d.state_given) i.initial_state = WantedState::master;
  if (i.strict && (i.priority == address_owner) != (i.initial_state == WantedState::master)) {
    i.initial_state = i.priority == address_owner ? WantedState::master : WantedState::backup;
    b.warn(d.at, fmt::format("{}: strict mode decides the initial state by the priority; {} is used", i.name,
                             i.priority == address_owner ? "MASTER" : "BACKUP"));
  }

  if (i.nopreempt && i.priority == address_owner) {
    b.warn(d.nopreempt_at, fmt::format("{}: nopreempt has no effect for an address owner (priority 255); it is cleared", i.name));
    i.nopreempt = false;
  } else if (i.nopreempt && i.initial_state == WantedState::master) {
    b.warn(d.nopreempt_at, fmt::format("{}: nopreempt will not work with initial state MASTER; it is cleared", i.name), {},
           "write state BACKUP on both nodes");
    i.nopreempt = false;
  }
  if (i.preempt_delay > 0s) {
    const char* why = i.strict                                 ? "strict mode"
                      : i.initial_state == WantedState::master ? "initial state MASTER"
                      : i.nopreempt                            ? "nopreempt"
                                                               : nullptr;
    if (why) {
      b.warn(d.preempt_delay_at, fmt::format("{}: preempt_delay will not work with {}; it is cleared", i.name, why));
      i.preempt_delay = 0s;
    }
  }
}

void apply_advert_interval(Builder& b, InstanceDraft& d) {
  VrrpInstance& i = d.out;
  const Duration wanted = d.advert_interval.value_or(1s);
  const Duration unit = i.version == 2 ? Duration{1s} : Duration{10ms};
  // keepalived rounds 0.3 to 1 and 1.5 to 2: to the nearest, and never to nothing.
  i.advert_interval = std::max(rounded(wanted, unit), unit);
  if (i.version == 3 && i.advert_interval > longest_v3_interval) {
    i.advert_interval = longest_v3_interval;
    b.warn(d.advert_int_at, fmt::format("{}: advert_int {:g} is more than version 3 can say; 40.95 is used", i.name, to_seconds(wanted)));
  } else if (i.advert_interval != wanted) {
    b.warn(d.advert_int_at,
           fmt::format("{}: advert_int {:g} is rounded to {:g}: version {} counts in {}", i.name, to_seconds(wanted),
                       to_seconds(i.advert_interval), i.version, i.version == 2 ? "whole seconds" : "hundredths of a second"));
  }
}

void apply_garp(const Builder& b, InstanceDraft& d) {
  const GarpSettings& global = b.model.global.garp;
  GarpSettings& g = d.out.garp;
  g.delay = d.garp_delay.value_or(global.delay);
  g.repeat = d.garp_repeat.value_or(global.repeat);
  g.refresh = d.garp_refresh.value_or(global.refresh);
  g.refresh_repeat = d.garp_refresh_repeat.value_or(global.refresh_repeat);
  g.lower_prio_delay = d.garp_lower_delay ? *d.garp_lower_delay : d.garp_delay ? *d.garp_delay : global.lower_prio_delay;
  g.lower_prio_repeat = d.garp_lower_repeat ? *d.garp_lower_repeat : d.garp_repeat ? *d.garp_repeat : global.lower_prio_repeat;
  const ExtraGarp extra = d.garp_extra.value_or(b.garp_extra);
  d.out.garp_extra_if = extra.interval;
  d.out.garp_extra_if_all = extra.all && extra.interval > 0s;
  if (d.out.strict) {
    g.lower_prio_repeat = 0;
    g.lower_prio_delay = 0s;
  }
}

void check_addresses(Builder& b, InstanceDraft& d) {
  VrrpInstance& i = d.out;
  if (i.addresses.empty()) {
    if (i.strict || (i.version == 3 && !i.no_addresses)) {
      b.fail(d.at, fmt::format("{} has no virtual_ipaddress; version 3 and strict mode need at least one", i.name));
    } else if (!i.no_addresses) {
      b.warn(d.at, fmt::format("{} has no virtual_ipaddress", i.name));
    }
    return;
  }
  // RFC 9568, 5.2.9. keepalived says so in strict mode only, and goes on.
  if (i.strict && i.family == AF_INET6 && !i.addresses.front().prefix.address.is_link_local())
    b.warn(d.addresses_at.length ? d.addresses_at : d.at, fmt::format("{}: the first IPv6 address must be link-local", i.name), {},
           "RFC 9568, 5.2.9; strict mode insists on it");
  const std::size_t most = most_addresses(i.version, i.family);
  if (i.addresses.size() <= most) return;
  b.warn(d.addresses_at, fmt::format("{} has {} addresses, {} fit in an advert; the others are used as virtual_ipaddress_excluded", i.name,
                                     i.addresses.size(), most));
  i.excluded_addresses.insert(i.excluded_addresses.begin(), i.addresses.begin() + static_cast<std::ptrdiff_t>(most), i.addresses.end());
  i.addresses.resize(most);
}

// What RFC 3768 and RFC 5798 leave no choice about is said to be cleared; the values themselves are set where they belong.
void clear_what_strict_mode_forbids(Builder& b, InstanceDraft& d) {
  const auto cleared = [&](const Token& at, std::string_view what) {
    b.warn(at.length ? at : d.at, fmt::format("{}: {}", d.out.name, what));
  };
  if (d.out.version == 2 && d.accept.value_or(false)) {
    cleared(d.accept_at, "strict mode of version 2 does not accept packets to the addresses (RFC 3768); accept is cleared");
    d.accept = false;
  }
  if (d.down_timer_adverts.value_or(b.down_timer_adverts.value_or(3)) != 3)
    cleared(d.down_timer_at, "strict mode takes over after 3 adverts; down_timer_adverts is cleared");
  if (d.lower_prio_no_advert && !*d.lower_prio_no_advert)
    cleared(d.lower_prio_no_advert_at, "strict mode sends no advert at a lower priority; lower_prio_no_advert is set");
  if (d.higher_prio_send_advert.value_or(false))
    cleared(d.higher_prio_send_advert_at, "strict mode sends no advert at a higher priority; higher_prio_send_advert is cleared");
  if (d.garp_lower_repeat.value_or(0) > 0 || d.garp_lower_delay.value_or(0s) > 0s)
    cleared(d.garp_lower_at, "strict mode announces nothing at a lower priority; garp_lower_prio_* are cleared");
}

// vrrp_rx_bufs_policy, where the instance has no size of its own.
void apply_receive_buffer(const Builder& b, InstanceDraft& d) {
  const AdvertBuffers& buffers = b.model.global.daemon.advert_buffers;
  if (d.out.receive_buffer > 0 || buffers.policy == AdvertBuffers::Policy::kernel) return;
  constexpr std::uint64_t ethernet = 1500;
  constexpr std::uint64_t headers = 60 + 24 + 8 + 8;  // IP, authentication, VRRP with its password
  const std::uint64_t address = d.out.family == AF_INET6 ? 16 : 4;
  const std::uint64_t one = buffers.policy == AdvertBuffers::Policy::mtu      ? ethernet
                            : buffers.policy == AdvertBuffers::Policy::advert ? headers + address * d.out.addresses.size()
                                                                              : buffers.bytes;
  d.out.receive_buffer = static_cast<std::uint32_t>(std::min<std::uint64_t>(one * buffers.multiplier, INT32_MAX));
}

// Unicast without an interface: the routes of the kernel lead to the peers. True: it can be so.
bool finish_without_interface(Builder& b, InstanceDraft& d) {
  VrrpInstance& i = d.out;
  if (i.unicast_peers.empty()) {
    if (!d.interface_refused) b.fail(d.at, fmt::format("vrrp_instance {} needs an interface", i.name));
    return false;
  }
  if (!i.unicast_src_ip || i.unicast_src_ip->is_link_local()) {
    b.fail(d.at, fmt::format("vrrp_instance {} needs an interface, or a unicast_src_ip that is not link-local", i.name));
    return false;
  }
  const std::string& interface = b.model.global.default_interface;
  const bool is_there = b.model.global.dynamic_interfaces || !b.options.interface_exists || b.options.interface_exists(interface);
  for (auto* addresses : {&i.addresses, &i.excluded_addresses}) {
    std::erase_if(*addresses, [&](VirtualAddress& a) {
      if (!a.interface.empty()) return false;
      if (!is_there)
        b.warn(d.at, fmt::format("{}: {} names no interface, and default_interface {} does not exist", i.name, a.prefix.str(), interface));
      a.interface = interface;
      return !is_there;
    });
  }
  return true;
}

// False: the instance cannot exist.
bool finish_instance(Builder& b, InstanceDraft& d) {
  const Global& global = b.model.global;
  VrrpInstance& i = d.out;
  if (i.vrid == 0) {
    if (!d.vrid_refused)
      b.fail(d.at, fmt::format("vrrp_instance {} needs a virtual_router_id", i.name),
             "virtual_router_id <1-255>, the same on all its routers");
    return false;
  }
  i.family = d.family == 0 ? AF_INET : d.family;
  i.version = d.version.value_or(global.vrrp_version);
  i.strict = d.strict.value_or(global.vrrp_strict);
  if (i.strict && i.family == AF_INET6 && i.version == 2) {
    b.warn(d.at, fmt::format("{}: strict mode needs version 3 for IPv6; it is used", i.name));
    i.version = 3;
  }
  if (i.interface.empty() && !finish_without_interface(b, d)) return false;
  if (i.strict) clear_what_strict_mode_forbids(b, d);
  i.accept = d.accept.value_or(!i.strict);
  i.skip_check_adv_addr = d.skip_check_adv_addr.value_or(global.vrrp_skip_check_adv_addr);
  i.check_unicast_src |= b.check_unicast_src;
  i.checksum_as_v2 = d.checksum_as_v2.value_or(b.checksum_as_v2);
  i.lower_prio_no_advert = i.strict || d.lower_prio_no_advert.value_or(b.lower_prio_no_advert);
  i.higher_prio_send_advert = !i.strict && d.higher_prio_send_advert.value_or(b.higher_prio_send_advert);
  i.down_timer_adverts = i.strict ? 3 : d.down_timer_adverts.value_or(b.down_timer_adverts.value_or(3));
  i.smtp_alert = d.smtp_alert.value_or(b.smtp_alert_vrrp.value_or(b.smtp_alert.value_or(false)));
  i.notify_priority_changes = d.notify_priority_changes.value_or(b.notify_priority_changes);
  apply_priority(b, d);
  apply_advert_interval(b, d);
  apply_authentication(b, d);
  finish_protocol(b, d);
  apply_garp(b, d);
  apply_receive_buffer(b, d);
  check_addresses(b, d);
  resolve_scripts(b, i.track_scripts, d.script_weights, d.script_at, i.name);
  if (i.priority == address_owner) {
    std::erase_if(i.track_scripts, [&](const Track& t) {
      if (t.weight == 0) return false;
      b.warn(
          d.priority_at.length ? d.priority_at : d.at,
          fmt::format("{}: the weight of script {} has no effect on an address owner (priority 255); it is not tracked", i.name, t.name));
      return true;
    });
    for (Track& t : i.track_interfaces) t.weight = 0;
  }
  finish_tracks(b, d);
  return true;
}

// Two instances with one VRID on one link and family would answer each other's adverts.
void check_duplicates(Builder& b) {
  std::map<std::tuple<std::string, std::uint8_t, int>, const InstanceDraft*> seen;
  for (const InstanceDraft& d : b.instances) {
    const std::string place = d.out.place();
    if (d.out.vrid == 0 || place.empty()) continue;
    const auto [first, inserted] = seen.emplace(std::tuple{place, d.out.vrid, d.out.family}, &d);
    if (inserted) continue;
    Diagnostic twice;
    twice.severity = Severity::error;
    twice.message =
        fmt::format("virtual_router_id {} is used twice on {}: by {} and {}", d.out.vrid, place, first->second->out.name, d.out.name);
    twice.notes.push_back({b.place(first->second->vrid_at), fmt::format("{} has it here", first->second->out.name)});
    b.report(std::move(twice), d.vrid_at);
  }
}

// ---- vrrp_sync_group

InstanceDraft* instance_named(Builder& b, std::string_view name) {
  for (InstanceDraft& d : b.instances) {
    if (d.out.name == name) return &d;
  }
  return nullptr;
}

// Weights would let the members of a group drift apart in priority: without sync_group_tracking_weight they do not
// count.
void drop_weights(Builder& b, InstanceDraft& d, std::string_view group) {
  for (std::size_t k = 0; k < d.out.track_interfaces.size(); ++k) {
    Track& t = d.out.track_interfaces[k];
    if (t.weight == 0) continue;
    b.warn(d.interface_tracks_at[k],
           fmt::format("{}: the weight of interface {} does not count in sync group {}; losing it is a fault instead", d.out.name, t.name,
                       group),
           {}, "sync_group_tracking_weight in the group allows weights");
    t.weight = 0;
  }
  std::erase_if(d.out.track_scripts, [&](const Track& t) {
    if (t.weight == 0) return false;
    Token at = d.at;
    for (const Token& s : d.script_at) {
      if (s.text == t.name) at = s;
    }
    b.warn(at,
           fmt::format("{}: script {} has a weight, which does not count in sync group {}; it is not tracked", d.out.name, t.name, group),
           {}, "sync_group_tracking_weight in the group allows weights");
    return true;
  });
}

void finish_groups(Builder& b) {
  struct Owner {
    std::string group;
    Token at;
  };
  std::map<std::string, Owner, std::less<>> owner;
  for (GroupDraft& d : b.groups) {
    VrrpSyncGroup& g = d.out;
    std::vector<std::string> members;
    for (std::size_t k = 0; k < g.members.size(); ++k) {
      const std::string& name = g.members[k];
      if (!instance_named(b, name)) {
        std::vector<std::string_view> names;
        for (const InstanceDraft& i : b.instances) names.push_back(i.out.name);
        const std::string_view close = nearest(name, names);
        b.warn(d.members_at[k], fmt::format("sync group {} names {}, which is no vrrp_instance; it is ignored", g.name, name), {},
               close.empty() ? "" : fmt::format("did you mean '{}'?", close));
      } else if (const auto [first, inserted] = owner.emplace(name, Owner{g.name, d.at}); !inserted) {
        Diagnostic twice;
        twice.message = fmt::format("{} cannot be in two sync groups; it stays in {}", name, first->second.group);
        twice.notes.push_back({b.place(first->second.at), "that group is here"});
        b.report(std::move(twice), d.members_at[k]);
      } else {
        members.push_back(name);
      }
    }
    g.members = std::move(members);
    if (g.members.empty()) {
      b.warn(d.at, fmt::format("sync group {} has no member; it is ignored", g.name));
      continue;
    }
    if (g.members.size() == 1) b.warn(d.at, fmt::format("sync group {} has a single member, so there is nothing to keep in step", g.name));
    if (d.notify_priority_changes) {
      for (const std::string& name : g.members) instance_named(b, name)->out.notify_priority_changes = true;
    }
    g.smtp_alert = d.smtp_alert.value_or(b.smtp_alert_vrrp.value_or(b.smtp_alert.value_or(false)));
    resolve_scripts(b, g.track_scripts, d.script_weights, d.script_at, g.name);
    finish_tracks(b, d);
    if (!g.sync_group_tracking_weight) {
      for (const std::string& name : g.members) {
        drop_weights(b, *instance_named(b, name), g.name);
        drop_track_weights(b, *instance_named(b, name), g.name);
      }
      for (Track& t : g.track_interfaces) t.weight = 0;
      std::erase_if(g.track_scripts, [&](const Track& t) {
        if (t.weight == 0) return false;
        b.warn(d.at, fmt::format("sync group {}: script {} has a weight, which does not count here; it is not tracked", g.name, t.name), {},
               "sync_group_tracking_weight in the group allows weights");
        return true;
      });
    }
    // An owner begins as master at once; the group does so only when all its members are owners.
    const bool all_owners = std::all_of(g.members.begin(), g.members.end(),
                                        [&](const std::string& n) { return instance_named(b, n)->out.priority == address_owner; });
    if (!all_owners) {
      for (const std::string& name : g.members) {
        InstanceDraft& i = *instance_named(b, name);
        if (i.out.priority == address_owner && i.out.initial_state == WantedState::master) i.out.initial_state = WantedState::backup;
      }
    }
    b.model.vrrp_sync_groups.push_back(std::move(g));
  }
}

void finish_global(Builder& b) {
  Global& g = b.model.global;
  if (g.router_id.empty()) g.router_id = b.options.host_name;
  if (b.min_garp) {
    if (!b.garp_repeat_given) g.garp.repeat = 1;
    if (!b.garp_delay_given) g.garp.delay = 0s;
  }
  g.garp.lower_prio_delay = b.garp_lower_delay.value_or(g.garp.delay);
  g.garp.lower_prio_repeat = b.garp_lower_repeat.value_or(g.garp.repeat);
}

}  // namespace

void finish_vrrp(Builder& b) {
  finish_global(b);
  finish_scripts(b);
  finish_track_definitions(b);
  std::vector<InstanceDraft> usable;
  usable.reserve(b.instances.size());
  for (InstanceDraft& d : b.instances) {
    if (finish_instance(b, d)) usable.push_back(std::move(d));
  }
  b.instances = std::move(usable);
  check_duplicates(b);
  finish_links(b);
  finish_groups(b);
  for (InstanceDraft& d : b.instances) b.model.vrrp_instances.push_back(std::move(d.out));
}

}  // namespace xd::conf
