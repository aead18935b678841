#include "daemon/options.h"

#include <fmt/format.h>
#include <getopt.h>
#include <signal.h>
#include <syslog.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>

namespace xd::daemon {

namespace {

enum LongOnly { opt_all = 256, opt_signum, opt_flush, opt_config_fd, opt_role, opt_channel, opt_pins, opt_log_suffix, opt_ipvs_namespace };

// One row per option: what getopt_long must know and what --help prints. An empty help hides the row.
struct Row {
  int value;
  const char* name;
  int argument;         // no_argument, required_argument, optional_argument
  const char* operand;  // as shown in --help
  const char* help;
  const char* absent;  // why it cannot be used in this version; null: it can
};

constexpr const char* no_snmp = "this version has no SNMP";

constexpr Row rows[] = {
    {'f', "use-file", required_argument, "FILE", "configuration, may be a glob (/etc/keepalived/keepalived.conf)", nullptr},
    {'P', "vrrp", no_argument, "", "run without the checkers process", nullptr},
    {'C', "check", no_argument, "", "run without the vrrp process", nullptr},
    {'B', "no_bfd", no_argument, "", "run without BFD", nullptr},
    {opt_config_fd, "config-fd", required_argument, "N", "read the text of that file from the inherited descriptor N", nullptr},
    {opt_all, "all", no_argument, "", "start every process, also those without configuration", nullptr},
    {'l', "log-console", no_argument, "", "log to standard error too", nullptr},
    {'D', "log-detail", no_argument, "", "detailed log; twice: every detail", nullptr},
    {'S', "log-facility", required_argument, "NAME", "0-7, local0-local7, user or daemon (daemon)", nullptr},
    {'G', "no-syslog", no_argument, "", "no syslog", nullptr},
    {'g', "log-file", optional_argument, "FILE", "log to a file too, one per process (/tmp/keepalived.log)", nullptr},
    {opt_flush, "flush-log-file", no_argument, "", "write every log line to the file at once", nullptr},
    {'u', "umask", required_argument, "MASK", "umask for files that are made (0177)", nullptr},
    {'X', "release-vips", no_argument, "", "accepted: addresses are always dropped when an instance leaves MASTER", nullptr},
    {'V', "dont-release-vrrp", no_argument, "", "leave virtual addresses in place on stop", nullptr},
    {'I', "dont-release-ipvs", no_argument, "", "leave virtual services and the XDP program in place on stop", nullptr},
    {'R', "dont-respawn", no_argument, "", "stop when a process dies instead of starting it again", nullptr},
    {'n', "dont-fork", no_argument, "", "stay in the foreground", nullptr},
    {'d', "dump-conf", no_argument, "", "write the compiled configuration to the log", nullptr},
    {'p', "pid", required_argument, "FILE", "pid file of the parent (/run/keepalived.pid)", nullptr},
    {'r', "vrrp_pid", required_argument, "FILE", "pid file of the vrrp process (/run/vrrp.pid)", nullptr},
    {'c', "checkers_pid", required_argument, "FILE", "pid file of the checkers process (/run/checkers.pid)", nullptr},
    {'b', "bfd_pid", required_argument, "FILE", "pid file of the BFD process (/run/bfd.pid)", nullptr},
    {'T', "genhash", no_argument, "", "as first option: print the digest of a page; -T --help tells more", nullptr},
    {'a', "address-monitoring", no_argument, "", "log every address that comes or goes", nullptr},
    {'x', "snmp", no_argument, "", "SNMP agent", no_snmp},
    {'A', "snmp-agent-socket", required_argument, "SOCKET", "socket of the master SNMP agent", no_snmp},
    {'s', "namespace", required_argument, "NAME", "run in this network namespace", nullptr},
    {'m', "core-dump", no_argument, "", "allow core dumps", nullptr},
    {'M', "core-dump-pattern", optional_argument, "PATTERN", "set the kernel's core_pattern too (core)", nullptr},
    {'e', "all-config", no_argument, "", "a missing configuration file is an error", nullptr},
    {'i', "config-id", required_argument, "ID", "for lines that begin with @ID (short host name)", nullptr},
    {opt_signum, "signum", required_argument, "NAME", "print the number of STOP RELOAD DATA STATS STATS_CLEAR JSON TDUMP", nullptr},
    {'t', "config-test", optional_argument, "LOG", "check the configuration, with a report to LOG or standard error", nullptr},
    {'v', "version", no_argument, "", "print the version", nullptr},
    {'h', "help", no_argument, "", "print this help", nullptr},
    {opt_role, "role", required_argument, "", "", nullptr},
    {opt_channel, "channel", required_argument, "", "", nullptr},
    {opt_pins, "pins", required_argument, "", "", nullptr},
    {opt_log_suffix, "log-suffix", required_argument, "", "", nullptr},
    {opt_ipvs_namespace, "ipvs-namespace", required_argument, "", "", nullptr},
};

constexpr bool is_short(const Row& row) { return row.value < 256; }

const Row* find_row(int value) {
  const auto* row = std::find_if(std::begin(rows), std::end(rows), [value](const Row& r) { return r.value == value; });
  return row == std::end(rows) ? nullptr : row;
}

std::string spelling(const Row& row) {
  return is_short(row) ? fmt::format("-{}, --{}", static_cast<char>(row.value), row.name) : fmt::format("--{}", row.name);
}

std::string help() {
  std::string out = "Usage: xdirectord [OPTION...]\nLVS director: VRRP, health checks, IPVS and XDP from one keepalived.conf.\n\n";
  for (const Row& row : rows) {
    if (*row.help == '\0') continue;
    std::string left = is_short(row) ? fmt::format("-{}, --{}", static_cast<char>(row.value), row.name) : fmt::format("    --{}", row.name);
    if (row.argument == required_argument) left += fmt::format("={}", row.operand);
    if (row.argument == optional_argument) left += fmt::format("[={}]", row.operand);
    out += fmt::format("  {:<32} {}{}\n", left, row.help, row.absent != nullptr ? " (not in this version)" : "");
  }
  out +=
      "\nAn optional argument is glued to its short option: -t/tmp/report, -g/var/log/director.log.\n"
      "Exit status: 0 fine; 1 fatal, or a wrong option; 2 unusable configuration; with -t: 0 good, 4 cannot be checked, 5 problems.\n";
  return out;
}

std::optional<int> facility(const std::string& text) {
  constexpr int locals[] = {LOG_LOCAL0, LOG_LOCAL1, LOG_LOCAL2, LOG_LOCAL3, LOG_LOCAL4, LOG_LOCAL5, LOG_LOCAL6, LOG_LOCAL7};
  if (text == "daemon") return LOG_DAEMON;
  if (text == "user") return LOG_USER;
  const std::string_view digit = text.starts_with("local") ? std::string_view(text).substr(5) : std::string_view(text);
  if (digit.size() != 1 || digit[0] < '0' || digit[0] > '7') return std::nullopt;
  return locals[digit[0] - '0'];
}

// Real-time signals are counted at run time: their numbers depend on the C library.
Leave print_signal(const std::string& what) {
  const struct {
    const char* name;
    int number;
  } signals[] = {{"STOP", SIGTERM},      {"RELOAD", SIGHUP}, {"DATA", SIGUSR1}, {"STATS", SIGUSR2}, {"STATS_CLEAR", SIGRTMAX - 1},
                 {"JSON", SIGRTMIN + 2}, {"TDUMP", SIGRTMAX}};
  for (const auto& [signal_name, number] : signals) {
    if (what == signal_name) return {0, fmt::format("{}\n", number), ""};
  }
  return {1, "", fmt::format("Unknown signal function '{}': STOP RELOAD DATA STATS STATS_CLEAR JSON TDUMP\n", what)};
}

Leave refuse(std::string why) { return {1, "", std::move(why) + "\nTry xdirectord --help\n"}; }

}  // namespace

std::variant<Options, Leave> parse_options(const std::vector<std::string>& words) {
  std::string short_options = ":";  // leading colon: we do the complaining
  std::vector<option> long_options;
  for (const Row& row : rows) {
    long_options.push_back({row.name, row.argument, nullptr, row.value});
    if (!is_short(row)) continue;
    short_options += static_cast<char>(row.value);
    if (row.argument != no_argument) short_options += row.argument == optional_argument ? "::" : ":";
  }
  long_options.push_back({nullptr, 0, nullptr, 0});

  std::vector<std::string> copies = words;
  std::vector<char*> argv;
  for (auto& word : copies) argv.push_back(word.data());
  argv.push_back(nullptr);
  const int argc = static_cast<int>(copies.size());

  Options options;
  // As keepalived does: what started a director yesterday starts one today.
  const auto overlook = [&options](std::string what) { options.complaints.push_back(std::move(what)); };
  optind = 0;  // starts getopt afresh
  for (;;) {
    const int at = optind == 0 ? 1 : optind;
    const int value = ::getopt_long(argc, argv.data(), short_options.c_str(), long_options.data(), nullptr);
    if (value == -1) break;
    const std::string argument = optarg == nullptr ? "" : optarg;
    if (const Row* row = find_row(value); row != nullptr && row->absent != nullptr)
      return refuse(fmt::format("{}: {}", spelling(*row), row->absent));
    switch (value) {
      case 'f': options.config_file = argument; break;
      case 'T': return refuse("-T, --genhash: it must be the first option");
      case 'P': options.run_checkers = false; break;
      case 'B': options.run_bfd = false; break;
      case 'C': options.run_vrrp = false; break;
      case opt_all: options.all_processes = true; break;
      case 'l': options.log_console = true; break;
      case 'D': ++options.log_detail; break;
      case 'S':
        options.log_facility = facility(argument);
        if (!options.log_facility) overlook(fmt::format("Invalid log facility '{}': 0-7, local0-local7, user or daemon", argument));
        break;
      case 'G': options.syslog = false; break;
      case 'g': options.log_file = argument.empty() ? "/tmp/keepalived.log" : argument; break;
      case opt_flush: options.flush_log_file = true; break;
      case 'u': {
        char* end = nullptr;
        errno = 0;
        const unsigned long mask = std::strtoul(argument.c_str(), &end, 0);
        if (errno != 0 || argument.empty() || *end != '\0' || mask > 0777) {
          overlook(fmt::format("Invalid umask '{}': 0 to 0777", argument));
        } else {
          options.umask = static_cast<mode_t>(mask);
        }
        break;
      }
      case 'V': options.keep_addresses = true; break;
      case 'I': options.keep_services = true; break;
      case 'R': options.respawn = false; break;
      case 'n': options.foreground = true; break;
      case 'd': options.dump_configuration = true; break;
      case 'p': options.pid_file = argument; break;
      case 'r': options.vrrp_pid_file = argument; break;
      case 'c': options.checkers_pid_file = argument; break;
      case 'b': options.bfd_pid_file = argument; break;
      case 'a': options.watch_addresses = true; break;
      case 's': options.network_namespace = argument; break;
      case 'M': options.core_pattern = argument.empty() ? "core" : argument; [[fallthrough]];
      case 'm': options.core_dump = true; break;
      case 'e': options.all_config = true; break;
      case 'i': options.config_id = argument; break;
      case opt_signum: return print_signal(argument);
      case 't':
        options.test = true;
        options.test_log = argument;
        break;
      case 'v': return Leave{0, "", fmt::format("xdirectord {}: takes the configuration, options and signals of keepalived\n", XD_VERSION)};
      case 'h': return Leave{0, "", help()};
      case opt_role:
        options.role = parse_role(argument);
        if (!options.role) return refuse(fmt::format("Unknown role '{}'", argument));
        break;
      case opt_config_fd:
      case opt_channel: {
        int& descriptor = value == opt_channel ? options.channel : options.config_fd;
        const auto [end, error] = std::from_chars(argument.data(), argument.data() + argument.size(), descriptor);
        if (error != std::errc() || *end != '\0' || descriptor < 0) return refuse(fmt::format("Not a descriptor: '{}'", argument));
        break;
      }
      case opt_pins: options.pins = argument; break;
      case opt_log_suffix: options.log_suffix = argument; break;
      case opt_ipvs_namespace: options.ipvs_namespace = argument; break;
      case ':': return refuse(fmt::format("Option '{}' needs an argument", words[static_cast<std::size_t>(at)]));
      case '?': return refuse(fmt::format("Unknown option '{}'", words[static_cast<std::size_t>(at)]));
      default: break;  // -B, -X: nothing to do
    }
  }
  for (int i = optind; i < argc; ++i) {
    overlook(fmt::format("Unexpected argument '{}': an optional argument is glued to its option, as in -t/tmp/report",
                         argv[static_cast<std::size_t>(i)]));
  }
  return options;
}

std::vector<std::string> child_words(const std::vector<std::string>& own, RoleName role, int channel, const std::string& pins) {
  std::vector<std::string> words{own.at(0), fmt::format("--role={}", name(role)), fmt::format("--channel={}", channel), "--pins=" + pins};
  words.insert(words.end(), own.begin() + 1, own.end());
  return words;
}

std::string log_file_of(const std::string& file, std::string_view process) {
  const auto slash = file.rfind('/');
  const auto dot = file.rfind('.');
  const bool has_extension = dot != std::string::npos && (slash == std::string::npos || dot > slash + 1);
  const std::size_t at = has_extension ? dot : file.size();
  return fmt::format("{}_{}{}", file.substr(0, at), process, file.substr(at));
}

}  // namespace xd::daemon
