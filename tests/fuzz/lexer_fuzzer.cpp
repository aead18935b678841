// Any bytes are blocks of statements: what the lexer makes of definitions, conditions, repetitions and includes, without what keywords
// mean, so that ten times as many texts are tried as the conf target can. Each word must lie within its text and have a place.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "conf/lexer.h"
#include "conf/tree.h"

// Few places allocate, so that short stacks are enough to find one; a larger quarantine only costs page faults.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() { return "quarantine_size_mb=4:malloc_context_size=3:allocator_may_return_null=0"; }

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const xd::conf::Text& text, const xd::conf::Token& token) {
  require(token.buffer < text.size());
  require(std::size_t{token.offset} + token.length <= text[token.buffer].text.size());
  const xd::conf::Place place = text.place(token);
  require(place.line > 0 && place.column > 0 && place.excerpt_column > 0);
}

void check(const xd::conf::Text& text, const xd::conf::Tree& tree, const xd::conf::Statement& statement) {
  for (const xd::conf::Token& token : tree.words(statement)) check(text, token);
  for (const auto* s = tree.first(statement); s != nullptr; s = tree.after(*s)) check(text, tree, *s);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  xd::conf::Sources sources;
  sources.files.push_back({"/fuzz.conf", std::string(reinterpret_cast<const char*>(data), size)});
  sources.files.push_back({"/a", "$A=one \\\n two\n@fuzz x ${A}\n"});
  sources.patterns.emplace_back("/*", std::vector<std::string>{"/a"});
  xd::conf::BundleReader reader(std::move(sources));
  xd::conf::Sources read;
  xd::conf::Text text;
  xd::conf::Diagnostics diagnostics;
  xd::conf::Lexer lexer(text, reader, read, diagnostics, "fuzz", 4 << 10);
  std::string why;
  require(lexer.open("/fuzz.conf", why));
  xd::conf::Parser parser(lexer, text, diagnostics);
  xd::conf::Tree tree;
  while (parser.next(tree)) check(text, tree, tree.root());
  diagnostics.sort();
  for (const xd::conf::Diagnostic& d : diagnostics.all()) require(!d.message.empty());
  return 0;
}
