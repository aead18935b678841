// What decides whom an instance hears and how its elections go, beyond the basics of rules_vrrp.cpp: auth_hmac, owners,
// unicast, and xdirector's heartbeat and fence. Also what the VRRP process sets up around them: nftables, the IPVS sync daemon.
#include <fmt/core.h>

#include <algorithm>

#include "conf/builder.h"
#include "conf/values.h"

namespace xd::conf {

namespace {

constexpr Block G = Block::global_defs;
constexpr Block I = Block::vrrp_instance;
constexpr Block H = Block::auth_hmac;
constexpr Block X = Block::xdirector;

constexpr std::size_t shortest_key = 32, longest_key = 64;

AuthHmac& hmac(Builder& b) { return b.instance().out.auth_hmac; }

std::optional<std::string> from_hex(std::string_view digits) {
  if (digits.size() % 2 != 0) return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    unsigned byte = 0;
    for (const char c : digits.substr(i, 2)) {
      const auto at = std::string_view("0123456789abcdef").find(static_cast<char>(c >= 'A' && c <= 'F' ? c + 32 : c));
      if (at == std::string_view::npos) return std::nullopt;
      byte = byte * 16 + static_cast<unsigned>(at);
    }
    out.push_back(static_cast<char>(byte));
  }
  return out;
}

// "<id> <text | hex:<hex> | file:<path>>"
void key(Builder& b, const Value& v) {
  const auto ignored = [&](const Token& at, const std::string& why) {
    b.warn(at, why + "; the key is ignored", std::string(v.keyword.form));
  };
  if (v.args.size() < 2) return ignored(v.at(), "key needs a number and a secret");
  const Number id = parse_integer(v.args[0].text);
  if (id.written != Written::good || id.value < 1 || id.value > 255)
    return ignored(v.args[0], fmt::format("key number {} is outside 1-255", v.args[0].text));
  AuthHmac::Key out;
  out.id = static_cast<std::uint8_t>(id.value);
  auto& keys = hmac(b).keys;
  if (std::any_of(keys.begin(), keys.end(), [&](const AuthHmac::Key& k) { return k.id == out.id; }))
    return ignored(v.args[0], fmt::format("key {} is given twice", out.id));
  std::string_view secret = v.args[1].text;
  if (secret.starts_with("file:")) {
    out.file = secret.substr(5);
    if (!out.file.starts_with('/')) return ignored(v.args[1], fmt::format("key file '{}' is not an absolute path", out.file));
    if (b.options.key_file_problem) {
      if (const std::string problem = b.options.key_file_problem(out.file); !problem.empty()) return ignored(v.args[1], problem);
    }
    keys.push_back(std::move(out));
    return;
  }
  if (secret.starts_with("hex:")) {
    const auto bytes = from_hex(secret.substr(4));
    if (!bytes) return ignored(v.args[1], "the key is not written in pairs of hexadecimal digits");
    out.secret = *bytes;
  } else {
    out.secret = secret;
  }
  if (out.secret.size() < shortest_key || out.secret.size() > longest_key)
    return ignored(v.args[1], fmt::format("a key has {} to {} bytes, this one {}", shortest_key, longest_key, out.secret.size()));
  keys.push_back(std::move(out));
}

// [[never]]: without a word, the old form is sent from the start.
void old_unicast_checksum(Builder& b, const Value& v) {
  if (!v.args.empty() && v.word() != "never")
    return b.warn(v.where(), fmt::format("old_unicast_checksum '{}': is neither never nor nothing; the line is ignored", v.word()),
                  std::string(v.keyword.form));
  b.instance().out.old_unicast_checksum = v.args.empty() ? OldChecksum::always : OldChecksum::never;
}

void timer_expired_backup(Builder& b, const Value& v) {
  if (v.keyword.name != "timer_expired_backup") b.warn(v.at(), "thread_timer_expired is an old name", {}, "write timer_expired_backup");
  b.instance().out.timer_expired_backup = v.given ? static_cast<std::uint8_t>(v.number) : std::uint8_t{254};
}

void nftables(Builder& b, const Value& v) {
  if (v.args.size() > 1)
    return b.warn(v.args[1], fmt::format("nftables '{}': takes one word; the line is ignored", v.args[1].text),
                  std::string(v.keyword.form));
  if (!v.args.empty()) b.model.global.nftables.table = v.word();
}

// False: said what is wrong, and that the line is ignored.
bool sync_number(Builder& b, const Value& v, const Token& at, std::int64_t minimum, std::int64_t maximum, std::int64_t& out) {
  const Number n = parse_integer(at.text);
  out = n.value;
  if (n.written == Written::good && n.value >= minimum && n.value <= maximum) return true;
  b.warn(at, fmt::format("{} '{}': is no number from {} to {}; the line is ignored", v.keyword.name, at.text, minimum, maximum),
         std::string(v.keyword.form));
  return false;
}

void lvs_sync_daemon(Builder& b, const Value& v) {
  LvsSyncDaemon out;
  out.interface = v.word();
  const auto ignored = [&](const Token& at, std::string_view why) {
    b.warn(at, fmt::format("{} '{}': {}; the line is ignored", v.keyword.name, at.text, why), std::string(v.keyword.form));
  };
  for (std::size_t i = 1; i < v.args.size(); ++i) {
    const std::string_view option = v.args[i].text;
    const bool known = option == "inst" || option == "id" || option == "maxlen" || option == "port" || option == "ttl" || option == "group";
    std::int64_t n = 0;
    if (!known) {
      if (i != 1 || v.args.size() > 3) return ignored(v.args[i], "is no option of it");
      // The old form: <interface> <instance> [<id>].
      if (v.args.size() == 3) {
        if (!sync_number(b, v, v.args[2], 0, 255, n)) return;
        out.id = static_cast<std::uint8_t>(n);
      }
      out.instance = option;
      break;
    }
    if (++i >= v.args.size()) return ignored(v.args[i - 1], "needs a value behind it");
    const Token& value = v.args[i];
    if (option == "inst") {
      out.instance = value.text;
    } else if (option == "id") {
      if (!sync_number(b, v, value, 0, 255, n)) return;
      out.id = static_cast<std::uint8_t>(n);
    } else if (option == "maxlen") {
      if (!sync_number(b, v, value, 1, 65'507, n)) return;
      out.maxlen = static_cast<std::uint16_t>(n);
    } else if (option == "port") {
      if (!sync_number(b, v, value, 1, 65'535, n)) return;
      out.port = static_cast<std::uint16_t>(n);
    } else if (option == "ttl") {
      if (!sync_number(b, v, value, 1, 255, n)) return;
      out.ttl = static_cast<std::uint8_t>(n);
    } else {
      const auto address = IpAddress::parse(value.text);
      if (!address || !address->is_multicast()) return ignored(value, "is no multicast address");
      out.group = *address;
    }
  }
  b.model.global.lvs_sync_daemon = std::move(out);
  b.sync_daemon_at = v.where();
}

void mcast_dst_ip(Builder& b, const Value& v) {
  const auto ignored = [&](std::string_view why) {
    b.warn(v.where(), fmt::format("{} '{}': {}; the line is ignored", v.keyword.name, v.word(), why));
  };
  if (!v.address.is_multicast()) return ignored("is no multicast address");
  if (b.instance().family != 0 && b.instance().family != v.address.family())
    return ignored("is of another family than the instance's addresses");
  b.instance().out.mcast_dst_ip = v.address;
}

void startup_or_shutdown(Builder& b, const Value& v, TimedScript& out) { out.script = b.command(v.args); }

constexpr std::pair<std::string_view, unsigned> permission_bits[] = {{"IRUSR", 0400}, {"IWUSR", 0200}, {"IXUSR", 0100}, {"IRGRP", 040},
                                                                     {"IWGRP", 020},  {"IXGRP", 010},  {"IROTH", 04},   {"IWOTH", 02},
                                                                     {"IXOTH", 01},   {"IRWXU", 0700}, {"IRWXG", 070},  {"IRWXO", 07}};

// "<octal>" or "<bit>[|<bit>]..." with or without blanks.
void umask_of(Builder& b, const Value& v) {
  const auto ignored = [&](const Token& at, std::string_view why) {
    b.warn(at, fmt::format("umask '{}': {}; the line is ignored", at.text, why), std::string(v.keyword.form));
  };
  const std::string_view first = v.word();
  std::uint32_t mask = 0;
  if (!first.empty() && first.front() >= '0' && first.front() <= '9') {
    if (first.find_first_not_of("01234567") != std::string_view::npos || first.size() > 4)
      return ignored(v.where(), "is no octal mask up to 0777");
    for (const char c : first) mask = mask * 8 + static_cast<std::uint32_t>(c - '0');
    b.model.global.umask = mask & 0777u;
    return;
  }
  for (const Token& t : v.args) {
    for (std::string_view rest = t.text; !rest.empty();) {
      const auto bar = std::min(rest.find('|'), rest.size());
      const auto* bit = std::find_if(std::begin(permission_bits), std::end(permission_bits),
                                     [&](const auto& p) { return p.first == rest.substr(0, bar); });
      if (bar > 0 && bit == std::end(permission_bits)) return ignored(t, "names a permission that does not exist");
      if (bar > 0) mask |= bit->second;
      rest.remove_prefix(std::min(bar + 1, rest.size()));
    }
  }
  b.model.global.umask = mask;
}

// ---- xdirector

// "interface <if> [unicast <ip>...]"
void heartbeat_path(Builder& b, const Value& v) {
  HeartbeatPath path;
  path.interface = v.word();
  b.interface_exists(v.where(), "heartbeat " + b.heartbeats.back().out.instance);
  for (std::size_t i = 1; i < v.args.size(); ++i) {
    if (i == 1 && v.args[i].text == "unicast") {
      if (v.args.size() == 2)
        return b.warn(v.args[i], "unicast needs addresses of peers; the path is ignored", std::string(v.keyword.form));
      continue;
    }
    const auto peer = IpAddress::parse(v.args[i].text);
    if (i == 1 || !peer)
      return b.warn(v.args[i], fmt::format("'{}' has no place here; the path is ignored", v.args[i].text), std::string(v.keyword.form));
    path.peers.push_back(*peer);
  }
  b.heartbeats.back().out.paths.push_back(std::move(path));
}

// "<instance> "<cmd>" [<timeout s>]"
void fence(Builder& b, const Value& v) {
  if (v.args.size() < 2) return b.warn(v.at(), "fence needs an instance and a program; the line is ignored", std::string(v.keyword.form));
  Builder::FenceDraft draft;
  draft.at = v.where();
  draft.out.instance = v.word();
  draft.out.script.script = b.command(v.args.subspan(1, 1));
  if (v.args.size() > 2) {
    const Number n = parse_integer(v.args[2].text);
    if (n.written != Written::good || n.value < 1 || n.value > 1000)
      b.warn(v.args[2], fmt::format("fence timeout {} is outside 1-1000; 10 is used", v.args[2].text), std::string(v.keyword.form));
    else
      draft.out.script.timeout = std::chrono::seconds(n.value);
  }
  b.fences.push_back(std::move(draft));
}

const Rule rules[] = {
    {I, "auth_hmac", [](Builder& b, const Value& v) { b.instance().auth_hmac_at = v.at(); }},
    {H, "key", key},
    {H, "active_key", [](Builder& b, const Value& v) { hmac(b).active_key = static_cast<std::uint8_t>(v.number); }},
    {H, "time_window", [](Builder& b, const Value& v) { b.instance().hmac_window = std::chrono::seconds(v.number); }},
    {H, "anti_replay", [](Builder& b, const Value& v) { hmac(b).monotonic = v.word() == "monotonic"; }},
    {H, "mode",
     [](Builder& b, const Value& v) {
       hmac(b).mode = v.word() == "permissive"     ? AuthHmac::Mode::permissive
                      : v.word() == "receive-only" ? AuthHmac::Mode::receive_only
                                                   : AuthHmac::Mode::enforce;
     }},
    {I, "old_unicast_checksum", old_unicast_checksum},
    {I, "unicast_fault_no_peer", [](Builder& b, const Value&) { b.instance().out.unicast_fault_no_peer = true; }},
    {I, "mcast_dst_ip", mcast_dst_ip},
    {I, "timer_expired_backup", timer_expired_backup},
    {I, "thread_timer_expired", timer_expired_backup},
    {I, "owner_ignore_adverts", [](Builder& b, const Value& v) { b.instance().owner_ignores_adverts = v.on; }},
    {G, "vrrp_owner_ignore_adverts", [](Builder& b, const Value& v) { b.owner_ignores_adverts = v.on; }},
    {G, "vrrp_delay_after_boot", [](Builder& b, const Value& v) { b.model.global.vrrp_delay_after_boot = v.duration; }},

    {G, "nftables", nftables},
    {G, "nftables_priority", [](Builder& b, const Value& v) { b.model.global.nftables.priority = static_cast<int>(v.number); }},
    {G, "nftables_counters", [](Builder& b, const Value&) { b.model.global.nftables.counters = true; }},
    {G, "nftables_ifindex", [](Builder& b, const Value&) { b.model.global.nftables.ifindex = true; }},
    {G, "lvs_sync_daemon", lvs_sync_daemon},

    {G, "no_email_faults", [](Builder& b, const Value&) { b.model.global.no_email_faults = true; }},
    {G, "startup_script", [](Builder& b, const Value& v) { startup_or_shutdown(b, v, b.model.global.startup_script); }},
    {G, "startup_script_timeout",
     [](Builder& b, const Value& v) { b.model.global.startup_script.timeout = std::chrono::seconds(v.number); }},
    {G, "shutdown_script", [](Builder& b, const Value& v) { startup_or_shutdown(b, v, b.model.global.shutdown_script); }},
    {G, "shutdown_script_timeout",
     [](Builder& b, const Value& v) { b.model.global.shutdown_script.timeout = std::chrono::seconds(v.number); }},
    {G, "umask", umask_of},

    {X, "heartbeat",
     [](Builder& b, const Value& v) {
       b.heartbeats.push_back({{std::string(v.word()), {}}, v.where()});
     }},
    {Block::xdirector_heartbeat, "interface", heartbeat_path},
    {X, "fence", fence},
};

// ---- when all is read

void finish_hmac(Builder& b, InstanceDraft& d) {
  AuthHmac& h = d.out.auth_hmac;
  if (d.auth_hmac_at.length == 0) return;
  if (!h) {
    b.warn(d.auth_hmac_at, fmt::format("{}: auth_hmac has no usable key; there is no authentication", d.out.name));
    h = {};
    return;
  }
  if (d.out.authentication.type != AuthType::none) {
    b.warn(d.auth_at, fmt::format("{}: auth_hmac takes the place of authentication, which is ignored", d.out.name));
    d.out.authentication = {};
  }
  const auto has = [&](std::uint8_t id) {
    return std::any_of(h.keys.begin(), h.keys.end(), [&](const AuthHmac::Key& k) { return k.id == id; });
  };
  if (!has(h.active_key)) {
    if (h.active_key != 0 || h.keys.size() > 1)
      b.warn(d.auth_hmac_at,
             fmt::format("{}: {}; key {} is used for sending", d.out.name,
                         h.active_key != 0 ? fmt::format("there is no key {}", h.active_key) : "several keys, but no active_key",
                         h.keys.front().id));
    h.active_key = h.keys.front().id;
  }
  if (d.out.strict && h.mode != AuthHmac::Mode::enforce) {
    b.warn(d.auth_hmac_at, fmt::format("{}: strict mode allows auth_hmac in mode enforce only; it is used", d.out.name));
    h.mode = AuthHmac::Mode::enforce;
  }
  h.time_window = d.hmac_window.value_or(std::clamp<Duration>((3 * d.out.advert_interval + 999ms) / 1s * 1s, 5s, 300s));
}

}  // namespace

std::span<const Rule> protocol_rules() { return rules; }

void finish_protocol(Builder& b, InstanceDraft& d) {
  VrrpInstance& i = d.out;
  finish_hmac(b, d);
  i.owner_ignores_adverts = i.strict || d.owner_ignores_adverts.value_or(b.owner_ignores_adverts);
  if (i.mcast_dst_ip && i.mcast_dst_ip->family() != i.family) i.mcast_dst_ip.reset();
  if (i.timer_expired_backup != 0 && !i.nopreempt) {
    b.warn(d.at, fmt::format("{}: timer_expired_backup needs nopreempt; it is ignored", i.name));
    i.timer_expired_backup = 0;
  }
  if (i.strict && !i.unicast_peers.empty())
    b.advise(d.at,
             fmt::format("{}: unicast is not what strict mode (RFC 9568) means; it is used all the same, as keepalived does", i.name));
}

void finish_xdirector(Builder& b) {
  const auto known = [&](const Token& at, const std::string& name) {
    const auto& all = b.model.vrrp_instances;
    if (std::any_of(all.begin(), all.end(), [&](const VrrpInstance& i) { return i.name == name; })) return true;
    b.warn(at, fmt::format("{} is no vrrp_instance; the entry is ignored", name));
    return false;
  };
  for (auto& draft : b.heartbeats) {
    if (!known(draft.at, draft.out.instance)) continue;
    const auto& instance = *std::find_if(b.model.vrrp_instances.begin(), b.model.vrrp_instances.end(),
                                         [&](const VrrpInstance& i) { return i.name == draft.out.instance; });
    std::erase_if(draft.out.paths, [&](const HeartbeatPath& p) {
      const bool wrong = std::any_of(p.peers.begin(), p.peers.end(), [&](const IpAddress& a) { return a.family() != instance.family; });
      if (wrong)
        b.warn(draft.at, fmt::format("heartbeat {} by {}: a peer is of another family than the instance; the path is ignored",
                                     instance.name, p.interface));
      return wrong;
    });
    if (!draft.out.paths.empty()) b.model.xdirector.heartbeats.push_back(std::move(draft.out));
  }
  for (auto& draft : b.fences) {
    if (known(draft.at, draft.out.instance)) b.model.xdirector.fences.push_back(std::move(draft.out));
  }
  auto& daemon = b.model.global.lvs_sync_daemon;
  if (daemon && !daemon->instance.empty() && !known(b.sync_daemon_at, daemon->instance)) daemon.reset();
}

}  // namespace xd::conf
