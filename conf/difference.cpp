#include "conf/difference.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>

#include "conf/print.h"

namespace xd::conf {

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    line.erase(0, line.find_first_not_of(' '));
    lines.push_back(std::move(line));
    at = end + 1;
  }
  return lines;
}

// What `one` has beyond `other`, in its order; a statement that stands twice counts twice.
std::vector<std::string> beyond(const std::vector<std::string>& one, const std::vector<std::string>& other) {
  std::multiset<std::string_view> theirs(other.begin(), other.end());
  std::vector<std::string> out;
  for (const std::string& line : one) {
    if (const auto found = theirs.find(line); found != theirs.end()) {
      theirs.erase(found);
    } else if (line != "}") {
      out.push_back(line);
    }
  }
  return out;
}

void add_change(std::vector<Change>& out, std::string object, const std::string& before, const std::string& after, std::string effect) {
  const auto old_lines = lines_of(before);
  const auto new_lines = lines_of(after);
  Change c{ChangeKind::change, std::move(object), beyond(old_lines, new_lines), beyond(new_lines, old_lines), {}};
  if (c.before.empty() && c.after.empty()) {
    c.before = old_lines;  // only the order differs
    c.after = new_lines;
  }
  c.effect = std::move(effect);
  out.push_back(std::move(c));
}

// ---- effects

std::string effect_of(const VrrpInstance& a, const VrrpInstance& b) {
  // An instance is known by what is on the wire (vrrp/engine.h).
  if (a.vrid != b.vrid || a.place() != b.place() || a.family != b.family)
    return "another virtual router: the old one says priority 0 and gives its addresses up, the new one begins an election";
  std::string out;
  const auto also = [&](std::string_view what) { out += out.empty() ? std::string(what) : fmt::format("; {}", what); };
  if (a.version != b.version || a.authentication != b.authentication || a.unicast_peers != b.unicast_peers ||
      a.advert_interval != b.advert_interval)
    also("its routers do not understand one another until all have the change: two masters meanwhile");
  if (a.priority != b.priority) also("the election may choose another master");
  if (a.addresses != b.addresses) also("the advert lists other addresses: other routers complain until they have the change too");
  if (a.addresses != b.addresses || a.excluded_addresses != b.excluded_addresses) also("connections to addresses that go are cut");
  if (a.routes != b.routes || a.rules != b.rules) also("of its routes and rules only those that differ are changed");
  return out;
}

std::string effect_of(const VirtualServer& a, const VirtualServer& b) {
  std::string out;
  if (a.scheduler != b.scheduler || a.scheduler_flags != b.scheduler_flags) out = "connections stay, new ones are shared out anew";
  if (a.persistence_seconds != b.persistence_seconds || a.persistence_mask != b.persistence_mask ||
      a.persistence_engine != b.persistence_engine)
    out += out.empty() ? "clients may come to another real server" : "; clients may come to another real server";
  return out;
}

std::string effect_of(const RealServer& a, const RealServer& b) {
  if (a.forward != b.forward || a.tunnel != b.tunnel) return "its connections are cut: they cannot be forwarded another way";
  if (a.checkers != b.checkers) return "its checkers begin anew";
  return {};
}

// ---- one kind of object after the other

// Objects with a name, in both models.
template <typename T, typename Name, typename Print>
void compare_named(std::vector<Change>& out, std::string_view keyword, const std::vector<T>& running, const std::vector<T>& wanted,
                   Name&& name_of, Print&& print_one, auto&& effect, std::string_view on_add, std::string_view on_remove) {
  std::map<std::string, const T*, std::less<>> old;
  for (const T& t : running) old.emplace(name_of(t), &t);
  for (const T& t : wanted) {
    const std::string name = name_of(t);
    const auto found = old.find(name);
    if (found == old.end()) {
      out.push_back({ChangeKind::add, fmt::format("{} {}", keyword, name), {}, {}, std::string(on_add)});
      continue;
    }
    if (!(*found->second == t))
      add_change(out, fmt::format("{} {}", keyword, name), print_one(*found->second), print_one(t), effect(*found->second, t));
    old.erase(found);
  }
  for (const T& t : running) {
    if (old.contains(name_of(t)))
      out.push_back({ChangeKind::remove, fmt::format("{} {}", keyword, name_of(t)), {}, {}, std::string(on_remove)});
  }
}

constexpr auto by_name = [](const auto& t) { return t.name; };
constexpr auto bfd_effect = [](const BfdInstance& a, const BfdInstance& b) {
  const bool begins_anew = a.neighbor != b.neighbor || a.source != b.source || a.multihop != b.multihop;
  return std::string(begins_anew ? "the session begins anew" : "");
};
constexpr auto no_effect = [](const auto&, const auto&) { return std::string(); };

// A virtual server without its real servers, and as a service of its own when it belongs to a group.
VirtualServer alone(const VirtualServer& v) {
  VirtualServer out = v;
  out.real_servers.clear();
  out.group.clear();
  return out;
}

void compare_real_servers(std::vector<Change>& out, const VirtualServer& a, const VirtualServer& b) {
  if (a.real_servers == b.real_servers) return;
  const std::string of = fmt::format(" of {}", b.key.str());
  const std::size_t first = out.size();
  compare_named(
      out, "real_server", a.real_servers, b.real_servers, [](const RealServer& r) { return r.endpoint.str(); },
      [](const RealServer& r) { return print(r); }, [](const auto& x, const auto& y) { return effect_of(x, y); },
      "new connections only, once its checkers are up", "its connections are cut");
  for (std::size_t i = first; i < out.size(); ++i) out[i].object += of;
}

void compare_virtual_servers(std::vector<Change>& out, const Model& running, const Model& wanted) {
  std::map<lvs::ServiceKey, const VirtualServer*> old;
  for (const VirtualServer& v : running.virtual_servers) old.emplace(v.key, &v);
  for (const VirtualServer& v : wanted.virtual_servers) {
    const std::string object = "virtual_server " + v.key.str();
    const auto found = old.find(v.key);
    if (found == old.end()) {
      out.push_back({ChangeKind::add, fmt::format("{} with {} real servers", object, v.real_servers.size()), {}, {}, {}});
      continue;
    }
    const VirtualServer& before = *found->second;
    old.erase(found);
    if (before == v) continue;
    if (const auto x = alone(before), y = alone(v); !(x == y)) add_change(out, object, print(x), print(y), effect_of(x, y));
    compare_real_servers(out, before, v);
  }
  for (const VirtualServer& v : running.virtual_servers) {
    if (old.contains(v.key)) out.push_back({ChangeKind::remove, "virtual_server " + v.key.str(), {}, {}, "its connections are cut"});
  }
}

}  // namespace

std::string_view name(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::add: return "add";
    case ChangeKind::change: return "change";
    case ChangeKind::remove: return "remove";
  }
  return "change";
}

std::vector<Change> difference(const Model& running, const Model& wanted) {
  std::vector<Change> out;
  if (!(running.global == wanted.global)) {
    add_change(out, "global_defs", print(running.global), print(wanted.global), {});
  }
  Model statics_before, statics_after;
  for (const auto& [from, to] : {std::pair(&running, &statics_before), std::pair(&wanted, &statics_after)}) {
    to->static_addresses = from->static_addresses;
    to->static_routes = from->static_routes;
    to->static_rules = from->static_rules;
  }
  if (!(statics_before == statics_after))
    add_change(out, "static addresses, routes and rules", print(statics_before), print(statics_after), {});
  Model interfaces_before, interfaces_after;
  for (const auto& [from, to] : {std::pair(&running, &interfaces_before), std::pair(&wanted, &interfaces_after)}) {
    to->garp_groups = from->garp_groups;
    to->linkbeat_use_polling = from->linkbeat_use_polling;
    to->linkbeats = from->linkbeats;
    to->link_delays = from->link_delays;
  }
  if (!(interfaces_before == interfaces_after)) add_change(out, "interfaces", print(interfaces_before), print(interfaces_after), {});
  const auto print_one = [](const auto& t) { return print(t); };
  compare_named(out, "vrrp_script", running.vrrp_scripts, wanted.vrrp_scripts, by_name, print_one, no_effect, "", "");
  compare_named(out, "track_file", running.track_files, wanted.track_files, by_name, print_one, no_effect, "", "");
  compare_named(out, "vrrp_track_process", running.track_processes, wanted.track_processes, by_name, print_one, no_effect, "", "");
  compare_named(out, "bfd_instance", running.bfd_instances, wanted.bfd_instances, by_name, print_one, bfd_effect, "",
                "its neighbour hears that the session is administratively down");
  compare_named(out, "track_group", running.track_groups, wanted.track_groups, by_name, print_one, no_effect, "", "");
  compare_named(
      out, "vrrp_instance", running.vrrp_instances, wanted.vrrp_instances, by_name, print_one,
      [](const auto& a, const auto& b) { return effect_of(a, b); }, "an election begins", "it says priority 0 and gives its addresses up");
  compare_named(out, "vrrp_sync_group", running.vrrp_sync_groups, wanted.vrrp_sync_groups, by_name, print_one, no_effect,
                "its members change state together", "its members change state each for itself");
  if (!(running.ssl == wanted.ssl)) add_change(out, "SSL", print(running.ssl), print(wanted.ssl), {});
  compare_virtual_servers(out, running, wanted);
  if (!(running.xdirector == wanted.xdirector)) {
    Model a, b;
    a.xdirector = running.xdirector;
    b.xdirector = wanted.xdirector;
    add_change(out, "xdirector", print(a), print(b), {});
  }
  return out;
}

std::string render(const std::vector<Change>& changes) {
  if (changes.empty()) return "nothing to do\n";
  std::string out;
  for (const Change& c : changes) {
    out += fmt::format("{} {}{}{}\n", name(c.kind), c.object, c.effect.empty() ? "" : ": ", c.effect);
    for (const std::string& line : c.before) out += fmt::format("    - {}\n", line);
    for (const std::string& line : c.after) out += fmt::format("    + {}\n", line);
  }
  return out;
}

}  // namespace xd::conf
