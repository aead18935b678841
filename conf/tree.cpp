#include "conf/tree.h"

#include <fmt/core.h>

#include "conf/keywords.h"

namespace xd::conf {

namespace {

bool begins_top_level_block(std::string_view word) {
  const Keyword* k = find_keyword(Block::root, word);
  return k && k->argument.opens != Block::none;
}

}  // namespace

void Parser::report(Severity severity, const Token& token, std::string message, std::vector<Note> notes) {
  Diagnostic d;
  d.severity = severity;
  d.place = text_.place(token);
  d.message = std::move(message);
  d.notes = std::move(notes);
  text_.add_origin_notes(token, d.notes);
  diagnostics_.add(std::move(d));
}

std::uint32_t Parser::begin_statement(Tree& tree) {
  const auto index = static_cast<std::uint32_t>(tree.statements_.size());
  tree.statements_.emplace_back().first_token = static_cast<std::uint32_t>(tree.tokens_.size());
  if (!open_.empty()) {
    Statement& parent = tree.statements_[open_.back()];
    if (parent.last_child) {
      tree.statements_[parent.last_child].next = index;
    } else {
      parent.first_child = index;
    }
    parent.last_child = index;
  }
  return index;
}

bool Parser::next(Tree& tree) {
  constexpr std::uint32_t none = UINT32_MAX;
  tree.statements_.clear();
  tree.tokens_.clear();
  open_.clear();
  too_deep_ = 0;
  std::uint32_t current = none;   // takes the words of this line
  std::uint32_t headless = none;  // ended its line without a block: a '{' that begins the next line is its own

  for (;;) {
    if (at_ >= line_.size()) {
      headless = current;
      current = none;
      at_ = 0;
      if (!lexer_.next_line(line_)) break;
    }
    const Token& token = line_[at_];
    if (too_deep_ > 0) {
      if (token.kind == Token::Kind::open) ++too_deep_;
      if (token.kind == Token::Kind::close) --too_deep_;
      ++at_;
      continue;
    }
    if (token.is_word()) {
      if (current == none) {
        if (open_.empty() && !tree.statements_.empty()) return true;
        current = begin_statement(tree);
        headless = none;
      }
      tree.tokens_.push_back(token);
      ++tree.statements_[current].token_count;
    } else if (token.kind == Token::Kind::open) {
      if (current == none && headless != none) current = headless;
      headless = none;
      if (current == none) {
        if (open_.empty() && !tree.statements_.empty()) return true;
        report(Severity::error, token, "'{' without a keyword before it");
        current = begin_statement(tree);
      }
      if (open_.size() >= deepest) {
        if (!too_deep_said_) report(Severity::error, token, fmt::format("blocks nested more than {} deep", deepest));
        too_deep_said_ = true;
        too_deep_ = 1;
      } else {
        tree.statements_[current].has_block = true;
        tree.statements_[current].open = token;
        open_.push_back(current);
      }
      current = none;
    } else {
      current = headless = none;
      if (open_.empty()) {
        if (!tree.statements_.empty()) return true;
        report(Severity::warning, token, "'}' without its '{'; it is ignored");
      } else {
        open_.pop_back();
        if (open_.empty()) {
          ++at_;
          return true;
        }
      }
    }
    ++at_;
  }
  if (!open_.empty()) unclosed(tree);
  return !tree.statements_.empty();
}

// The brace to blame is usually not the one left over: when a top-level keyword stands inside a block, the brace before
// it is the one that was forgotten.
void Parser::unclosed(const Tree& tree) {
  std::vector<Note> notes;
  for (std::size_t i = 1; i < tree.statements_.size(); ++i) {
    const Statement& s = tree.statements_[i];
    const Token& keyword = tree.keyword(s);
    if (!s.has_block || !begins_top_level_block(keyword.text)) continue;
    const std::string_view around = tree.keyword(tree.root()).text;
    if (around == "xdirector") continue;
    notes.push_back(
        {text_.place(keyword), fmt::format("{} begins here, still inside {}: a '}}' is missing before it", keyword.text, around)});
    break;
  }
  report(Severity::error, tree.statements_[open_.back()].open, "'{' is never closed", std::move(notes));
}

}  // namespace xd::conf
