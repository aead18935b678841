#include "conf/quoting.h"

#include <algorithm>

namespace xd::conf {

namespace {

// The lexer acts on blanks, braces and references, and on what a condition, a repetition or an include begins with.
bool is_plain(std::string_view text) {
  return !text.empty() && text.front() != '@' && text.front() != '~' && !text.starts_with("include") &&
         std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '{' || c == '}' || c == '$'; });
}

// '...', as commands know it, is a word with its quotes.
bool is_in_single_quotes(std::string_view text) {
  CommentSearch comment;
  return text.starts_with('\'') && length_of_quoted(text) == text.size() && comment.find(text) == text.npos && !comment.quoted &&
         text.find('$') == text.npos;
}

// The signs of comments escaped; empty when a backslash that stands before one would take the escape's own.
std::string with_signs_escaped(std::string_view text) {
  std::string out;
  bool odd = false;  // backslashes so far
  for (const char c : text) {
    if (c == '#' || c == '!') {
      if (odd) return {};
      out += '\\';
    }
    out += c;
    odd = c == '\\' && !odd;
  }
  return out;
}

}  // namespace

std::size_t length_of_quoted(std::string_view text) {
  const char quote = text.front();
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == quote) return i + 1;
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
  }
  const std::size_t close = text.find(quote, 1);
  return close == text.npos ? close : close + 1;
}

std::size_t length_of_reference(std::string_view text) {
  if (!text.starts_with("${")) return 0;
  const std::size_t end = text.find_first_of("}\"");
  return end != std::string_view::npos && text[end] == '}' ? end + 1 : 0;
}

std::size_t CommentSearch::find(std::string_view text) {
  for (std::size_t i = text.find_first_of("!#\"\\"); i < text.size(); i = text.find_first_of("!#\"\\", i + 1)) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
      opened = i;
    } else if (!quoted) {
      return i;
    }
  }
  return text.npos;
}

// Double quotes are the last resort: a backslash at the end of the text takes the closing one.
std::string word(std::string_view text) {
  if (is_in_single_quotes(text)) return std::string(text);
  if (is_plain(text)) {
    if (std::string plain = with_signs_escaped(text); !plain.empty()) return plain;
  }
  return '"' + std::string(text) + '"';
}

}  // namespace xd::conf
