// The config compiler: source → tokens → tree → typed model → checks. It knows no kernel and no process.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "conf/diagnostics.h"
#include "conf/model.h"
#include "conf/source.h"

namespace xd::conf {

struct HostAddress {
  std::string interface;
  IpPrefix prefix;
};

struct Options {
  std::string config_id;                   // for @id lines; empty: the short host name (option -i)
  std::string host_name;                   // router_id's default; empty: gethostname(2)
  std::string xdirector_file;              // one more file, for the xdirector block; empty or not existing: none
  std::size_t most_expanded = 512u << 20;  // bytes of memory for what definitions expand to, over the whole configuration
  // Whether an interface exists; empty: not checked.
  std::function<bool(const std::string& interface)> interface_exists;
  // The addresses that this host has, for advice; empty: not known.
  std::function<std::vector<HostAddress>()> host_addresses;
  // Whether a user (and group, when not empty) exists, with the reason when not; empty: not checked.
  std::function<std::string(const std::string& user, const std::string& group)> account_problem;
  // Whether a script can be executed, with the reason when not; empty: not checked.
  std::function<std::string(const Script& script)> script_problem;
  // Who besides root could change a script that would run as root: which element of its path, and why; empty: nobody, or not
  // checked. An empty user is the daemon's choice.
  std::function<std::string(const Script& script)> script_hazard;
  // Whether a file holds a key of auth_hmac, with the reason when not; empty: not checked.
  std::function<std::string(const std::string& path)> key_file_problem;
};

struct Compiled {
  Model model;
  Diagnostics diagnostics;
  Sources sources;
  bool found = true;  // false: there was no such file
  // The model may be put to work. A false here keeps the configuration that runs.
  bool usable() const { return found && diagnostics.errors() == 0; }
};

// Compiles a file, or all that a glob matches as if they were one.
Compiled compile(const std::string& path_or_glob, Reader& reader, const Options& options = {});
// Compiles one text, for tests and for callers that already hold it.
Compiled compile_text(const std::string& name, const std::string& text, const Options& options = {});

// What `-t` exits with, as keepalived does: 0 nothing to object to (also, with a message, when there is no such file),
// 2 an argument is missing, 5 other problems in the text, 6 scripts without enable_script_security.
int config_test_exit_code(const Compiled& compiled);

}  // namespace xd::conf
