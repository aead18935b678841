// Compiles a file and says what the compiler says: the tests' window on conf/, beside keepalived -t.
//
//   conf_check [-i ID] [-I IF,IF...] [-A IF=ADDRESS/LENGTH,...] [-p] [-m] [-s] FILE
//   conf_check -k | -d
//
// -i  configuration id of @id lines      -I  the interfaces that exist; without it none is checked
// -A  addresses that the host has
// -p  print the model                    -m  compile again from the bundle and from the printed model: all must agree
// -s  look at scripts and accounts       -k  the keyword table: block path, keyword, kind, release, obeyed, arguments
//
// -d  docs/configuration.md
//
// Exits with config_test_exit_code.
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

#include "conf/builder.h"
#include "conf/compile.h"
#include "conf/manual.h"
#include "conf/print.h"

namespace {

std::string script_problem(const xd::conf::Script& script) {
  const std::string& program = script.words.front();
  const std::string path = program.find('/') != std::string::npos ? program : "/usr/bin/" + program;
  return access(path.c_str(), X_OK) == 0 ? "" : program + " cannot be executed";
}

std::string account_problem(const std::string& user, const std::string& group) {
  if (getpwnam(user.c_str()) == nullptr) return "there is no user " + user;
  return group.empty() || getgrnam(group.c_str()) != nullptr ? "" : "there is no group " + group;
}

int list_keywords() {
  for (const xd::conf::Keyword& k : xd::conf::keywords()) {
    std::printf("%s\t%s\t%d\t%s\t%d\t%s\n", std::string(xd::conf::info(k.block).path).c_str(), std::string(k.name).c_str(),
                static_cast<int>(k.argument.kind), std::string(k.since).c_str(), xd::conf::is_obeyed(k), std::string(k.form).c_str());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  xd::conf::Options options;
  options.host_name = "director";
  bool print = false, again = false;
  std::vector<std::string> interfaces;
  std::vector<xd::conf::HostAddress> addresses;
  for (int c; (c = getopt(argc, argv, "i:I:A:pmskd")) != -1;) {
    if (c == 'i') options.config_id = optarg;
    if (c == 'p') print = true;
    if (c == 'm') again = true;
    if (c == 'I') {
      std::istringstream list(optarg);
      for (std::string one; std::getline(list, one, ',');) interfaces.push_back(one);
    }
    if (c == 'A') {
      std::istringstream list(optarg);
      for (std::string one; std::getline(list, one, ',');) {
        const auto equals = one.find('=');
        const auto prefix = xd::IpPrefix::parse(one.substr(std::min(equals + 1, one.size())));
        if (equals == std::string::npos || !prefix) return 1;
        addresses.push_back({one.substr(0, equals), *prefix});
      }
      options.host_addresses = [&] { return addresses; };
    }
    if (c == 's') {
      options.script_problem = script_problem;
      options.account_problem = account_problem;
    }
    if (c == 'k') return list_keywords();
    if (c == 'd') return std::fputs(xd::conf::manual_markdown().c_str(), stdout) < 0;
    if (c == '?') return 1;
  }
  if (optind + 1 != argc) return 1;
  if (!interfaces.empty()) {
    options.interface_exists = [&](const std::string& name) {
      return std::find(interfaces.begin(), interfaces.end(), name) != interfaces.end();
    };
  }

  xd::conf::DiskReader disk;
  const xd::conf::Compiled compiled = xd::conf::compile(argv[optind], disk, options);
  std::fputs(compiled.diagnostics.render().c_str(), stderr);
  if (print) std::fputs(xd::conf::print(compiled.model).c_str(), stdout);
  if (again) {
    auto bundle = xd::conf::parse_bundle(xd::conf::serialize(compiled.sources));
    if (!bundle) return 101;
    xd::conf::BundleReader reader(*bundle);
    const auto from_bundle = xd::conf::compile(reader.root(), reader, options);
    if (from_bundle.model != compiled.model || from_bundle.diagnostics.all() != compiled.diagnostics.all()) return 102;
    const auto from_print = xd::conf::compile_text("/printed.conf", xd::conf::print(compiled.model), options);
    if (from_print.model != compiled.model) {
      std::fputs(xd::conf::print(from_print.model).c_str(), stdout);
      return 103;
    }
  }
  return xd::conf::config_test_exit_code(compiled);
}
