// Keywords that no subsystem acts on yet: their arguments are judged all the same, as keepalived's configuration test does,
// so that a file is either sound or told what is wrong with it. Rules elsewhere take precedence over those here.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>

#include "conf/builder.h"
#include "conf/entry_lines.h"
#include "conf/values.h"

namespace xd::conf {

namespace {

constexpr Block G = Block::global_defs;
constexpr Block I = Block::vrrp_instance;
constexpr Rule::Effect judged = Rule::Effect::judged;

void ignored(Builder& b, const Token& at, std::string_view keyword, std::string_view why, std::string expected = {}) {
  b.warn(at, fmt::format("{} '{}': {}; the line is ignored", keyword, at.text, why), std::move(expected));
}

// False: said what is wrong.
bool number_within(Builder& b, const Value& v, const Token& at, std::int64_t minimum, std::int64_t maximum) {
  const Number n = parse_integer(at.text);
  if (n.written == Written::good && n.value >= minimum && n.value <= maximum) return true;
  ignored(b, at, v.keyword.name, fmt::format("is no number from {} to {}", minimum, maximum), std::string(v.keyword.form));
  return false;
}

void one_word(Builder& b, const Value& v) {
  if (v.args.size() > 1) ignored(b, v.args[1], v.keyword.name, "takes one word", std::string(v.keyword.form));
}

template <std::size_t n>
bool is_one_of(std::string_view word, const std::string_view (&words)[n]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

// ---- global_defs

void dynamic_interfaces(Builder& b, const Value& v) {
  if (!v.args.empty() && v.word() != "allow_if_changes")
    ignored(b, v.where(), v.keyword.name, "is no option of it", std::string(v.keyword.form));
}

void lvs_timeouts(Builder& b, const Value& v) {
  constexpr std::string_view names[] = {"tcp", "tcpfin", "udp"};
  constexpr std::int64_t month = 2'678'400;  // seconds: the kernel takes no more
  if (v.args.empty()) return b.warn(v.at(), "lvs_timeouts sets nothing", std::string(v.keyword.form));
  for (std::size_t i = 0; i < v.args.size(); i += 2) {
    if (!is_one_of(v.args[i].text, names)) return ignored(b, v.args[i], v.keyword.name, "is no timeout", std::string(v.keyword.form));
    if (i + 1 >= v.args.size()) return ignored(b, v.args[i], v.keyword.name, "needs seconds behind it", std::string(v.keyword.form));
    if (!number_within(b, v, v.args[i + 1], 0, month)) return;
  }
}

void lvs_flush_on_stop(Builder& b, const Value& v) {
  if (!v.args.empty() && v.word() != "VS") ignored(b, v.where(), v.keyword.name, "is neither VS nor nothing", std::string(v.keyword.form));
}

void lvs_sync_daemon(Builder& b, const Value& v) {
  for (std::size_t i = 1; i < v.args.size(); ++i) {
    const std::string_view option = v.args[i].text;
    const bool known = option == "inst" || option == "id" || option == "maxlen" || option == "port" || option == "ttl" || option == "group";
    if (!known) {
      // The old form: <interface> <instance> [<id>].
      if (i == 1 && v.args.size() <= 3) {
        if (v.args.size() == 3) number_within(b, v, v.args[2], 0, 255);
        return;
      }
      return ignored(b, v.args[i], v.keyword.name, "is no option of it", std::string(v.keyword.form));
    }
    if (++i >= v.args.size()) return ignored(b, v.args[i - 1], v.keyword.name, "needs a value behind it");
    if (option == "id" && !number_within(b, v, v.args[i], 0, 255)) return;
    if (option == "maxlen" && !number_within(b, v, v.args[i], 1, 65'507)) return;
    if (option == "port" && !number_within(b, v, v.args[i], 1, 65'535)) return;
    if (option == "ttl" && !number_within(b, v, v.args[i], 1, 255)) return;
    if (option == "group") {
      const auto address = IpAddress::parse(v.args[i].text);
      if (!address || !address->is_multicast()) return ignored(b, v.args[i], v.keyword.name, "is no multicast address");
    }
  }
}

// "[all] <seconds>"
void garp_extra_if(Builder& b, const Value& v) {
  const bool old_name = v.keyword.name.ends_with("vmac_garp_intvl");
  if (old_name) b.warn(v.at(), fmt::format("{} is an old name", v.keyword.name), {}, "write garp_extra_if");
  auto words = v.args;
  if (!words.empty() && words.front().text == "all") words = words.subspan(1);
  if (words.empty()) return b.warn(v.at(), fmt::format("{} needs seconds; it is ignored", v.keyword.name));
  number_within(b, v, words.front(), v.keyword.block == G ? 1 : 0, 86'400);
}

void vrrp_iptables(Builder& b, const Value& v) {
  b.warn(v.at(), fmt::format("{}: iptables is not used, nftables does its work", v.keyword.name), {},
         "write nftables instead of vrrp_iptables and vrrp_ipsets");
}

void cpu_affinity(Builder& b, const Value& v) {
  const long cpus = ::sysconf(_SC_NPROCESSORS_CONF);
  for (const Token& t : v.args) {
    if (!number_within(b, v, t, 0, std::max(cpus, 1L) - 1)) return;
  }
}

void rx_bufs_policy(Builder& b, const Value& v) {
  if (v.word() != "MTU" && v.word() != "ADVERT") number_within(b, v, v.where(), 0, UINT32_MAX);
}

void umask_bits(Builder& b, const Value& v) {
  constexpr std::string_view bits[] = {"IRUSR", "IWUSR", "IXUSR", "IRGRP", "IWGRP", "IXGRP",
                                       "IROTH", "IWOTH", "IXOTH", "IRWXU", "IRWXG", "IRWXO"};
  const std::string_view first = v.word();
  if (!first.empty() && first.front() >= '0' && first.front() <= '9') {
    const bool octal = first.find_first_not_of("01234567") == std::string_view::npos && first.size() <= 4;
    if (!octal) ignored(b, v.where(), v.keyword.name, "is no octal mask up to 0777", std::string(v.keyword.form));
    return;
  }
  for (const Token& t : v.args) {
    std::string_view rest = t.text;
    while (!rest.empty()) {
      const auto bar = std::min(rest.find('|'), rest.size());
      if (bar > 0 && !is_one_of(rest.substr(0, bar), bits))
        return ignored(b, t, v.keyword.name, "names a permission that does not exist", std::string(v.keyword.form));
      rest.remove_prefix(std::min(bar + 1, rest.size()));
    }
  }
}

void include_check(Builder& b, const Value& v) {
  constexpr std::string_view kinds[] = {"read", "match", "wildcard_match", "brace_match"};
  for (const Token& t : v.args) {
    std::string_view word = t.text;
    if (word.starts_with('+') || word.starts_with('-')) word.remove_prefix(1);
    if (!is_one_of(word, kinds)) ignored(b, t, v.keyword.name, "is no kind of failure", std::string(v.keyword.form));
  }
}

// ---- vrrp_instance

void mcast_dst_ip(Builder& b, const Value& v) {
  if (!v.address.is_multicast()) return ignored(b, v.where(), v.keyword.name, "is no multicast address");
  if (!b.instances.empty() && b.instance().family != 0 && b.instance().family != v.address.family())
    ignored(b, v.where(), v.keyword.name, "is of another family than the instance's addresses");
}

void old_unicast_checksum(Builder& b, const Value& v) {
  if (!v.args.empty() && v.word() != "never")
    ignored(b, v.where(), v.keyword.name, "is neither never nor nothing", std::string(v.keyword.form));
}

void deprecated(Builder& b, const Value& v) {
  const bool polling = v.keyword.name == "linkbeat_use_polling";
  b.warn(v.at(), fmt::format("{} in a vrrp_instance is an old form", v.keyword.name), {},
         polling ? "write the interface into linkbeat_interfaces at the top level"
                 : "write lvs_sync_daemon <interface> inst <name> into global_defs");
}

void vrf(Builder& b, const Value& v) {
  if (!b.instance().out.interface.empty())
    ignored(b, v.where(), v.keyword.name, "an instance with an interface joins the VRF of that interface");
}

void routes(Builder& b, const Value& v) {
  for (const Statement* s = v.tree.first(v.statement); s; s = v.tree.after(*s))
    check_route_line(b, v.tree.words(*s), v.keyword.block == Block::root);
}

void rules_of(Builder& b, const Value& v) {
  for (const Statement* s = v.tree.first(v.statement); s; s = v.tree.after(*s))
    check_rule_line(b, v.tree.words(*s), v.keyword.block == Block::root);
}

// ---- things that others refer to by name

void uses(Builder& b, const Value& v, const std::set<std::string>& defined, std::string_view what) {
  if (v.args.size() > 1) return one_word(b, v);
  if (defined.contains(std::string(v.word()))) return;
  const std::vector<std::string_view> names(defined.begin(), defined.end());
  const std::string_view close = nearest(v.word(), names);
  b.warn(v.where(), fmt::format("{} {} is not defined; the checker is ignored", what, v.word()), {},
         close.empty() ? "" : fmt::format("did you mean '{}'?", close));
}

// ---- checkers

bool is_hex(std::string_view word, bool wildcard) {
  return std::all_of(word.begin(), word.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (wildcard && (c == 'x' || c == 'X'));
  });
}

void hex_bytes(Builder& b, const Value& v) {
  const bool wildcard = v.keyword.name == "require_reply";
  for (const Token& t : v.args) {
    if (!is_hex(t.text, wildcard))
      return ignored(b, t, v.keyword.name, "is not written in hexadecimal digits", std::string(v.keyword.form));
  }
}

void min_reply_length(Builder& b, const Value& v) {
  constexpr std::int64_t longest_answer = 255;
  if (v.number > longest_answer)
    b.warn(v.where(),
           fmt::format("min_reply_length {} is more than max_reply_length's {}: the check always fails", v.number, longest_answer), {},
           "set max_reply_length too");
}

void dns_name(Builder& b, const Value& v) {
  const std::string_view name = v.word();
  if (name.find("..") != std::string_view::npos || (name.size() > 1 && name.starts_with('.')))
    ignored(b, v.where(), v.keyword.name, "has an empty label");
}

void account(Builder& b, const Value& v) { b.check_account(v.args, v.keyword.name); }

void misc_path(Builder& b, const Value& v) { b.command(v.args); }

void hashed(Builder& b, const Value& v) {
  if (!b.virtual_server.scheduler_given || b.virtual_server.out.scheduler != lvs::Scheduler::sh)
    b.warn(v.at(), "hashed has no effect: it must follow lb_algo sh");
}

const Rule rules[] = {
    {G, "dynamic_interfaces", dynamic_interfaces, nullptr, judged},
    {G, "lvs_timeouts", lvs_timeouts, nullptr, judged},
    {G, "lvs_flush_on_stop", lvs_flush_on_stop, nullptr, judged},
    {G, "lvs_flush_onstop", lvs_flush_on_stop, nullptr, judged},
    {G, "lvs_sync_daemon", lvs_sync_daemon, nullptr, judged},
    {G, "vrrp_garp_extra_if", garp_extra_if, nullptr, judged},
    {G, "vrrp_vmac_garp_intvl", garp_extra_if, nullptr, judged},
    {G, "vrrp_iptables", vrrp_iptables, nullptr, judged},
    {G, "vrrp_cpu_affinity", cpu_affinity, nullptr, judged},
    {G, "checker_cpu_affinity", cpu_affinity, nullptr, judged},
    {G, "bfd_cpu_affinity", cpu_affinity, nullptr, judged},
    {G, "vrrp_rx_bufs_policy", rx_bufs_policy, nullptr, judged},
    {G, "umask", umask_bits, nullptr, judged},
    {G, "include_check", include_check, nullptr, judged},
    {G, "snmp_socket", one_word, nullptr, judged},
    {G, "reload_time_file", one_word, nullptr, judged},
    {G, "startup_script", misc_path, nullptr, judged},
    {G, "shutdown_script", misc_path, nullptr, judged},
    {G, "notify_fifo_script", misc_path, nullptr, judged},
    {G, "vrrp_notify_fifo_script", misc_path, nullptr, judged},

    {Block::root, "static_routes", routes, nullptr, judged},
    {Block::root, "static_rules", rules_of, nullptr, judged},
    {I, "virtual_routes", routes, nullptr, judged},
    {I, "virtual_rules", rules_of, nullptr, judged},
    {I, "mcast_dst_ip", mcast_dst_ip, nullptr, judged},
    {I, "old_unicast_checksum", old_unicast_checksum, nullptr, judged},
    {I, "linkbeat_use_polling", deprecated, nullptr, judged},
    {I, "lvs_sync_daemon_interface", deprecated, nullptr, judged},
    {I, "garp_extra_if", garp_extra_if, nullptr, judged},
    {I, "vmac_garp_intvl", garp_extra_if, nullptr, judged},
    {I, "vrf", vrf, nullptr, judged},
    {I, "use_vmac", [](Builder& b, const Value&) { b.instance().has_vmac = true; }, nullptr, judged},
    {I, "vmac_xmit_base", [](Builder& b, const Value& v) { b.instance().vmac_only_at = v.at(); }, nullptr, judged},
    {Block::garp_group, "interface",
     [](Builder& b, const Value& v) {
       if (b.options.interface_exists && !b.options.interface_exists(std::string(v.word())))
         ignored(b, v.where(), v.keyword.name, "does not exist");
     },
     nullptr, judged},

    {Block::virtual_server, "hashed", hashed, nullptr, judged},
    {Block::virtual_server, "snmp_name", one_word, nullptr, judged},
    {Block::real_server, "snmp_name", one_word, nullptr, judged},
    {Block::misc_check, "misc_path", misc_path, nullptr, judged},
    {Block::misc_check, "user", account, nullptr, judged},
    {Block::udp_check, "payload", hex_bytes, nullptr, judged},
    {Block::udp_check, "require_reply", hex_bytes, nullptr, judged},
    {Block::udp_check, "min_reply_length", min_reply_length, nullptr, judged},
    {Block::dns_check, "name", dns_name, nullptr, judged},
    {Block::file_check, "track_file", [](Builder& b, const Value& v) { uses(b, v, b.defined_track_files, "track_file"); }, nullptr, judged},
    {Block::bfd_check, "name", [](Builder& b, const Value& v) { uses(b, v, b.defined_bfds, "bfd_instance"); }, nullptr, judged},
};

}  // namespace

std::span<const Rule> judged_rules() { return rules; }

}  // namespace xd::conf
