#include "daemon/places.h"

#include <sys/prctl.h>

#include <filesystem>

namespace xd::daemon {

namespace {

constexpr const char* namespaces = "/run/netns/";

std::string names_suffix(const Options& options, const conf::DaemonSettings& settings) {
  std::string out;
  for (const auto& part : {options.network_namespace.value_or(settings.net_namespace), settings.instance}) {
    if (!part.empty()) out += "_" + part;
  }
  return out;
}

}  // namespace

Options settle(const Options& options, const conf::DaemonSettings& settings) {
  Options out = options;
  out.log_suffix = names_suffix(options, settings);
  if (!out.network_namespace && !settings.net_namespace.empty()) out.network_namespace = settings.net_namespace;
  const bool own_folder = settings.use_pid_dir || !out.log_suffix.empty();
  const std::string folder = own_folder ? pid_folder : "/run/";
  const auto fill = [&](std::string& file, const char* name) {
    if (file.empty()) file = folder + name + out.log_suffix + ".pid";
  };
  fill(out.pid_file, "keepalived");
  fill(out.vrrp_pid_file, "vrrp");
  fill(out.checkers_pid_file, "checkers");
  fill(out.bfd_pid_file, "bfd");
  return out;
}

std::vector<std::string> settled_words(const std::vector<std::string>& own, const Options& settled, const conf::DaemonSettings& settings,
                                       const std::string& home) {
  std::vector<std::string> words = own;
  words.push_back("--vrrp_pid=" + settled.vrrp_pid_file);
  words.push_back("--checkers_pid=" + settled.checkers_pid_file);
  words.push_back("--bfd_pid=" + settled.bfd_pid_file);
  if (!settled.log_suffix.empty()) words.push_back("--log-suffix=" + settled.log_suffix);
  if (settings.net_namespace_ipvs)
    words.push_back("--ipvs-namespace=" + (settings.net_namespace_ipvs->empty() ? home : namespaces + *settings.net_namespace_ipvs));
  return words;
}

std::string title_of(std::optional<RoleName> role, const conf::DaemonSettings& settings) {
  struct Titles {
    const std::string& configured;
    const char* keepalived;  // process_names
    const char* ours;
  };
  const auto titles = [&]() -> Titles {
    if (!role) return {settings.process_name, "keepalived", "xdirectord"};
    switch (*role) {
      case RoleName::vrrp: return {settings.vrrp.name, "keepalived_vrrp", "xdirectord_vrrp"};
      case RoleName::checkers: return {settings.checker.name, "keepalived_ipvs", "xdirectord_chk"};
      case RoleName::bfd: break;
    }
    return {settings.bfd.name, "keepalived_bfd", "xdirectord_bfd"};
  }();
  if (!titles.configured.empty()) return titles.configured;
  if (settings.process_names) return titles.keepalived;
  // A child without a name of its own has its parent's.
  return settings.process_name.empty() ? titles.ours : settings.process_name;
}

void set_title(const std::string& title) { ::prctl(PR_SET_NAME, title.c_str()); }

std::string unchangeable(const conf::DaemonSettings& running, const conf::DaemonSettings& wanted) {
  if (running.instance != wanted.instance) return "instance";
  if (running.net_namespace != wanted.net_namespace) return "net_namespace";
  if (running.net_namespace_ipvs != wanted.net_namespace_ipvs) return "net_namespace_ipvs";
  if (running.tmp_config_directory != wanted.tmp_config_directory) return "tmp_config_directory";
  return {};
}

}  // namespace xd::daemon
