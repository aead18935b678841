// Lines of words and braces → statements in blocks.
//
// A statement is a keyword with its arguments on one line, and a block when '{' follows on that line or begins the next
// one. The tree of one top-level statement is built, used and dropped before the next: memory does not grow with the
// file.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "conf/diagnostics.h"
#include "conf/lexer.h"
#include "conf/text.h"

namespace xd::conf {

struct Statement {
  std::uint32_t first_token = 0;
  std::uint32_t token_count = 0;  // the keyword and its arguments; 0: a block without a keyword
  std::uint32_t first_child = 0;  // index; 0: none
  std::uint32_t last_child = 0;
  std::uint32_t next = 0;  // sibling
  bool has_block = false;
  Token open;  // the brace
};

class Tree {
 public:
  const Statement& root() const { return statements_.front(); }
  const Token& keyword(const Statement& s) const { return s.token_count > 0 ? tokens_[s.first_token] : s.open; }
  std::span<const Token> arguments(const Statement& s) const {
    if (s.token_count < 2) return {};
    return {tokens_.data() + s.first_token + 1, s.token_count - 1};
  }
  // Keyword and arguments, of a line in a list.
  std::span<const Token> words(const Statement& s) const { return {tokens_.data() + s.first_token, s.token_count}; }
  // The children in order: for (auto* c = tree.first(s); c; c = tree.after(*c)).
  const Statement* first(const Statement& s) const { return s.first_child ? &statements_[s.first_child] : nullptr; }
  const Statement* after(const Statement& s) const { return s.next ? &statements_[s.next] : nullptr; }

 private:
  friend class Parser;
  std::vector<Statement> statements_;
  std::vector<Token> tokens_;
};

class Parser {
 public:
  Parser(Lexer& lexer, const Text& text, Diagnostics& diagnostics) : lexer_(lexer), text_(text), diagnostics_(diagnostics) {}
  // The next top-level statement. False at the end.
  bool next(Tree& tree);

  static constexpr std::size_t deepest = 64;

 private:
  std::uint32_t begin_statement(Tree& tree);
  void unclosed(const Tree& tree);
  void report(Severity severity, const Token& token, std::string message, std::vector<Note> notes = {});

  Lexer& lexer_;
  const Text& text_;
  Diagnostics& diagnostics_;
  std::vector<Token> line_;
  std::size_t at_ = 0;
  std::vector<std::uint32_t> open_;  // statements whose blocks are open, outermost first
  std::size_t too_deep_ = 0;         // open braces below `deepest`
  bool too_deep_said_ = false;
};

}  // namespace xd::conf
