#include "ctl/verbs.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <future>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "conf/builder.h"
#include "conf/compile.h"
#include "conf/difference.h"
#include "conf/manual.h"
#include "conf/print.h"
#include "ctl/ask.h"
#include "ctl/explain.h"
#include "ctl/explain_packet.h"
#include "ctl/flow_list.h"
#include "ctl/print.h"
#include "ctl/services.h"
#include "ctl/tables.h"
#include "ctl/trace.h"
#include "host/host.h"

namespace xd::ctl {

namespace {

using nlohmann::json;

// Asks, and prints the answer by `print`, or as it is with -j.
int ask_and_print(const Context& context, const char* question, std::string (*print)(const json&)) {
  int exit_code = failed;
  const auto answer = ask(context, question, exit_code);
  if (!answer) return exit_code;
  fmt::print("{}", context.json ? answer->dump(2) + "\n" : print(*answer));
  return fine;
}

int status(const Context& context) { return ask_and_print(context, "status", status_text); }
int reasons(const Context& context) { return ask_and_print(context, "reasons", reasons_text); }

json describe(const conf::Place& place) {
  return {{"file", place.file}, {"line", place.line}, {"column", place.column}, {"length", place.length}, {"excerpt", place.excerpt}};
}

json describe(const conf::Diagnostic& diagnostic) {
  json notes = json::array();
  for (const auto& note : diagnostic.notes) notes.push_back({{"place", describe(note.place)}, {"message", note.message}});
  return {{"severity", conf::name(diagnostic.severity)},
          {"place", describe(diagnostic.place)},
          {"message", diagnostic.message},
          {"expected", diagnostic.expected},
          {"hint", diagnostic.hint},
          {"notes", notes}};
}

// Needs no daemon: compiles the file as it stands.
int check(const Context& context) {
  conf::DiskReader disk;
  conf::Options options = context.elsewhere ? conf::Options() : host::options();
  options.config_id = context.config_id;
  const conf::Compiled compiled = conf::compile(context.file, disk, options);
  if (!compiled.found) return complain(failed, fmt::format("there is no file {}", context.file));
  const auto& diagnostics = compiled.diagnostics;
  if (context.json) {
    json list = json::array();
    for (const auto& diagnostic : diagnostics.all()) list.push_back(describe(diagnostic));
    const json answer{
        {"ok", compiled.usable()}, {"errors", diagnostics.errors()}, {"warnings", diagnostics.warnings()}, {"diagnostics", list}};
    fmt::print("{}\n", answer.dump(2, ' ', false, json::error_handler_t::replace));
  } else {
    fmt::print("{}", diagnostics.render());
    fmt::print("{}: {} errors, {} warnings\n", context.file, diagnostics.errors(), diagnostics.warnings());
  }
  return conf::config_test_exit_code(compiled);
}

int conf_keywords(const Context& context) {
  if (context.markdown || context.man) {
    fmt::print("{}", context.man ? conf::manual_man() : conf::manual_markdown());
    return fine;
  }
  const conf::Block block = context.file.empty()     ? conf::Block::none
                            : context.file == "root" ? conf::Block::root
                                                     : conf::block_by_path(context.file);
  if (block == conf::Block::none && !context.file.empty()) {
    std::vector<std::string_view> paths;
    for (std::size_t i = 1; i < static_cast<std::size_t>(conf::Block::count); ++i)
      paths.push_back(conf::info(static_cast<conf::Block>(i)).path);
    const std::string_view close = conf::nearest(context.file, paths);
    return complain(failed,
                    fmt::format("there is no block {}{}", context.file, close.empty() ? "" : fmt::format("; did you mean {}?", close)));
  }
  if (!context.json) {
    fmt::print("{}", conf::manual_text(block));
    return fine;
  }
  json list = json::array();
  for (const conf::Keyword& k : conf::keywords()) {
    if (block != conf::Block::none && conf::find_keyword(block, k.name) != &k) continue;
    list.push_back({{"block", conf::info(k.block).path},
                    {"keyword", k.name},
                    {"argument", k.form},
                    {"default", k.fallback},
                    {"since", k.since},
                    {"help", k.help},
                    {"in_effect", conf::is_obeyed(k)}});
  }
  fmt::print("{}\n", list.dump(2));
  return fine;
}

// False: the file cannot be used, and that has been said.
bool compile_file(const Context& context, const conf::Options& options, conf::Compiled& out) {
  conf::DiskReader disk;
  out = conf::compile(context.file, disk, options);
  if (out.usable()) return true;
  if (!out.found) {
    complain(failed, fmt::format("there is no file {}", context.file));
  } else {
    fmt::print(stderr, "{}", out.diagnostics.render());
  }
  return false;
}

int conf_print(const Context& context) {
  conf::Compiled compiled;
  conf::Options options;
  options.config_id = context.config_id;
  if (!compile_file(context, options, compiled)) return failed;
  fmt::print("{}", conf::print(compiled.model));
  return fine;
}

// The running daemon's text, compiled here: the daemon itself has better things to do.
int plan(const Context& context) {
  int exit_code = failed;
  const auto answer = ask(context, "configuration", exit_code);
  if (!answer) return exit_code;
  conf::Options options;
  options.config_id = answer->value("config_id", "");
  options.xdirector_file = answer->value("xdirector_file", "");
  conf::Sources sources;
  for (const json& file : answer->value("files", json::array())) sources.files.push_back({file.value("name", ""), file.value("text", "")});
  for (const json& pattern : answer->value("patterns", json::array()))
    sources.patterns.emplace_back(pattern.value("pattern", ""), pattern.value("names", std::vector<std::string>()));
  // Side by side: a plan takes hardly longer than compiling the file.
  auto running = std::async(std::launch::async, [&] {
    conf::BundleReader reader(std::move(sources));
    return conf::compile(reader.root(), reader, options).model;
  });
  conf::Compiled wanted;
  if (!compile_file(context, options, wanted)) return failed;

  const auto changes_found = conf::difference(running.get(), wanted.model);
  if (context.json) {
    json list = json::array();
    for (const conf::Change& c : changes_found)
      list.push_back({{"kind", conf::name(c.kind)}, {"object", c.object}, {"before", c.before}, {"after", c.after}, {"effect", c.effect}});
    fmt::print("{}\n", json{{"ok", true}, {"changes", list}}.dump(2, ' ', false, json::error_handler_t::replace));
  } else {
    fmt::print("{}", conf::render(changes_found));
  }
  return changes_found.empty() ? fine : changes;
}

int services(const Context& context) {
  auto tables = Tables::open();
  if (!tables) return complain_no_tables(context, tables.error());
  const View& v = context.view;
  auto services = tables->services(v.rate, v.persistent || context.json);
  if (!services) return complain(failed, services.error().message);
  if (context.json) {
    fmt::print("{}\n", services_json(*services).dump(2));
    return fine;
  }
  ipvs::Info info;
  if (tables->ipvs) {
    if (auto read = tables->ipvs->info()) info = *read;
  }
  const Columns columns = v.stats        ? Columns::stats
                          : v.rate       ? Columns::rate
                          : v.thresholds ? Columns::thresholds
                          : v.persistent ? Columns::persistent
                          : v.tunnels    ? Columns::tunnels
                                         : Columns::connections;
  fmt::print("{}", services_text(std::move(*services), info, {columns, v.exact, !v.unsorted}));
  return fine;
}

void services_options(CLI::App& command, Context& context) {
  View& v = context.view;
  auto* columns = command.add_option_group("columns");
  columns->add_flag("--stats", v.stats, "what was counted since the start");
  columns->add_flag("--rate", v.rate, "the same for each second");
  columns->add_flag("--thresholds", v.thresholds, "uthreshold and lthreshold");
  columns->add_flag("--persistent-conn", v.persistent, "persistent connections");
  columns->add_flag("--tun-info", v.tunnels, "how tunnels wrap packets");
  columns->require_option(0, 1);
  command.add_flag("--exact", v.exact, "whole numbers, without K, M and G");
  command.add_flag("--nosort", v.unsorted, "in the order of the tables");
}

int flows(const Context& context) {
  const auto filter = FlowFilter::parse(context.file);
  if (!filter) return complain(failed, filter.error().message);
  const auto tables = Tables::open();
  if (!tables) return complain_no_tables(context, tables.error());
  if (auto status = print_flows(*tables, *filter, context.json); !status) return complain(failed, status.error().message);
  return fine;
}

int explain_packet(const Context& context, const AskedPacket& packet) {
  auto tables = Tables::open();
  if (!tables) return complain_no_tables(context, tables.error());
  const auto explanation = explain_packet(*tables, packet);
  if (!explanation) return complain(failed, explanation.error().message);
  if (context.json) {
    json steps = json::array();
    for (const auto& [step, words] : *explanation) steps.push_back({{"step", step}, {"words", words}});
    fmt::print("{}\n", json{{"ok", true}, {"steps", steps}}.dump(2));
  } else {
    for (const auto& [step, words] : *explanation) fmt::print("{:<10} {}\n", step, words);
  }
  return fine;
}

// An instance, a virtual server or a real server by what the daemon says, a packet by the packet path itself.
int explain(const Context& context) {
  if (context.file.empty()) return complain(failed, "explain what? `xdirector explain --help` tells what it knows");
  if (const auto packet = parse_packet(context.file)) {
    return *packet ? explain_packet(context, **packet) : complain(failed, packet->error().message);
  }
  int exit_code = failed;
  const auto answer = ask(context, "status", exit_code);
  if (!answer) return exit_code;
  auto words = explain_instance(*answer, context.file);
  if (!words) words = explain_server(*answer, context.file);
  if (!words) words = explain_service(*answer, context.file);
  if (!words) return complain(failed, fmt::format("'{}' is not known here; {}", context.file, explainable(*answer)));
  if (context.json) {
    fmt::print("{}\n", json{{"ok", true}, {"explanation", *words}}.dump(2));
  } else {
    fmt::print("{}", *words);
  }
  return fine;
}

void config_id_option(CLI::App& command, Context& context) {
  command.add_option("-i,--config-id", context.config_id, "for lines that begin with @ID, as the daemon's -i (short host name)");
}

void check_options(CLI::App& command, Context& context) {
  config_id_option(command, context);
  command.add_flag("--elsewhere", context.elsewhere,
                   "the file is for another machine: interfaces, addresses, users and scripts of this one do not matter");
}

void trace_options(CLI::App& command, Context& context) {
  command.add_option("--one-in", context.one_in, "tell one packet in so many, by chance (default: all)")
      ->check(CLI::Range(1u, std::numeric_limits<std::uint32_t>::max()));
}

void keywords_options(CLI::App& command, Context& context) {
  command.add_flag("--markdown", context.markdown, "the page docs/configuration.md");
  command.add_flag("--man", context.man, "the page xdirector.conf(5)");
}

constexpr const char* a_file = "file or glob";

constexpr Verb table[] = {
    {"status", "instances, services, interfaces and processes of the running daemon", nullptr, nullptr, status},
    {"reasons", "what the packet path did with packets, and why", nullptr, nullptr, reasons},
    {"services", "services and real servers of both engines, as ipvsadm -Ln prints them", nullptr, nullptr, services, services_options},
    {"flows", "connections of both engines, as ipvsadm -Lnc prints them", "[FILTER]",
     "words that must all fit: tcp, udp, sctp, a state, client, service or server with an address[:port] behind it, xdp, ipvs", flows,
     nullptr, true},
    {"trace", "what the packet path decides, packet by packet, until it is interrupted", "[FILTER]",
     "words as `flows` takes them, and `reason` with a reason behind it", trace, trace_options, true},
    {"explain", "why an instance is master or not, a virtual server served, a real server up or down, a packet sent where it is", "WHAT",
     "a vrrp_instance; a virtual or real server: 10.0.0.11:80; a packet: 'tcp 198.51.100.7:4242 > 10.0.0.1:80 [S|SA|A|F|R] [in eth0]'",
     explain, nullptr, true},
    {"check", "compile a configuration and show what is wrong with it; exits as keepalived -t does", "FILE", a_file, check, check_options},
    {"plan", "what a reload to this file would change in the running daemon; nothing is applied", "FILE", a_file, plan},
    {"conf keywords", "every keyword of the language, or those of one block", "[BLOCK]",
     "virtual_server/real_server, say; root: the top level", conf_keywords, keywords_options},
    {"conf print", "what a file means: the compiled configuration as canonical keepalived.conf", "FILE", a_file, conf_print,
     config_id_option},
};

}  // namespace

std::span<const Verb> verbs() { return table; }

}  // namespace xd::ctl
