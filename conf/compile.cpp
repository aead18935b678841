#include "conf/compile.h"

#include <fmt/core.h>
#include <unistd.h>

#include "conf/builder.h"
#include "conf/lexer.h"
#include "conf/text.h"
#include "conf/tree.h"

namespace xd::conf {

namespace {

std::string host_name() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0) return "localhost";
  return name;
}

void read_all(Lexer& lexer, const Text& text, Builder& builder, Diagnostics& diagnostics) {
  Parser parser(lexer, text, diagnostics);
  Tree tree;
  while (parser.next(tree)) builder.add(tree);
}

}  // namespace

Compiled compile(const std::string& path_or_glob, Reader& reader, const Options& given) {
  Options options = given;
  if (options.host_name.empty()) options.host_name = host_name();
  if (options.config_id.empty()) options.config_id = options.host_name.substr(0, options.host_name.find('.'));

  Compiled out;
  Text text;
  Lexer lexer(text, reader, out.sources, out.diagnostics, options.config_id, options.most_expanded);
  Builder builder(out.model, out.diagnostics, text, options);
  out.model.global.vrrp_mcast_group4 = *IpAddress::parse("224.0.0.18");
  out.model.global.vrrp_mcast_group6 = *IpAddress::parse("ff02::12");

  std::string why;
  if (!lexer.open(reader.absolute(path_or_glob), why)) {
    out.found = false;
    Diagnostic d;
    d.severity = Severity::error;
    d.message = "no configuration: " + why;
    d.verdict = TestVerdict::fine;
    out.diagnostics.add(std::move(d));
    return out;
  }
  read_all(lexer, text, builder, out.diagnostics);
  if (!options.xdirector_file.empty()) {
    std::string ignored;
    if (lexer.open(reader.absolute(options.xdirector_file), ignored)) read_all(lexer, text, builder, out.diagnostics);
  }
  builder.finish();
  out.diagnostics.sort();
  return out;
}

Compiled compile_text(const std::string& name, const std::string& text, const Options& options) {
  Sources sources;
  sources.files.push_back({name, text});
  BundleReader reader(std::move(sources));
  return compile(name, reader, options);
}

int config_test_exit_code(const Compiled& compiled) { return static_cast<int>(compiled.diagnostics.verdict()); }

}  // namespace xd::conf
