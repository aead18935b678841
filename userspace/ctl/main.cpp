// xdirector: the operator's command line. It talks to the daemon over its control socket and prints the answer.
#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>
#include <map>
#include <string>
#include <vector>

#include "ctl/verbs.h"
#include "ipc/socket.h"

int main(int argc, char** argv) try {
  using namespace xd::ctl;
  Context context;
  CLI::App app("Shows what xdirectord, the LVS director of this network namespace, does.\n");
  app.name("xdirector");
  app.set_version_flag("--version", "xdirector " XD_VERSION);
  app.require_subcommand(1);
  app.fallthrough();  // `xdirector status -j` and `xdirector -j status` are the same
  app.add_flag("-j,--json", context.json, "JSON for programs instead of text for people");
  std::string socket;
  app.add_option("--socket", socket, "the daemon's control socket (default: by network namespace, under /run/xdirector)");
  app.footer(
      "Exit status: 0 fine; 1 failed, or a wrong command line; 3 the daemon is not running;\n"
      "check: 0 good, 2 unusable, 5 problems, 6 script security;\n"
      "plan: 0 nothing would change, 2 something would, 1 the file has errors.");
  std::map<const CLI::App*, const Verb*> rows;
  CLI::App* conf = app.add_subcommand("conf", "what the language has, and what a file means");
  conf->require_subcommand(1);
  conf->fallthrough();
  for (const Verb& verb : verbs()) {
    const std::string name = verb.name;
    const bool below = name.starts_with("conf ");
    CLI::App* command = (below ? conf : &app)->add_subcommand(below ? name.substr(5) : name, verb.help);
    const std::string operand = verb.operand == nullptr ? "" : verb.operand;
    const bool optional = operand.starts_with('[');
    const std::string operand_name = optional ? operand.substr(1, operand.size() - 2) : operand;
    if (verb.many_words) {
      command->add_option(operand_name, context.words, verb.operand_help)->required(!optional)->type_name("TEXT")->expected(-1);
    } else if (!operand.empty()) {
      command->add_option(operand_name, context.file, verb.operand_help)->required(!optional);
    }
    if (verb.options != nullptr) verb.options(*command, context);
    rows[command] = &verb;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& stop) {
    const bool has_verb = !app.get_subcommands().empty() && (!conf->parsed() || !conf->get_subcommands().empty());
    const auto unknown = app.remaining(true);
    if (!has_verb && !unknown.empty()) {  // CLI11 would only ask for a verb
      std::fprintf(stderr, "xdirector: there is no '%s'; xdirector%s --help tells what there is\n", unknown.front().c_str(),
                   conf->parsed() ? " conf" : "");
      return failed;
    }
    return app.exit(stop) == 0 ? fine : failed;
  }
  context.sockets = socket.empty() ? xd::ipc::possible_control_sockets() : std::vector<std::string>{socket};
  for (const std::string& word : context.words) context.file += (context.file.empty() ? "" : " ") + word;
  const CLI::App* chosen = app.get_subcommands().front();
  if (chosen == conf) chosen = conf->get_subcommands().front();
  return rows.at(chosen)->run(context);
} catch (const std::exception& error) {
  std::fprintf(stderr, "xdirector: %s\n", error.what());
  return 1;
}
