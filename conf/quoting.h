// How words are quoted: what the lexer reads and the writer writes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace xd::conf {

// How long the quoted word is that the text begins with, quotes included; npos: its quote has no partner. A backslash before a quote makes
// it a part of the word, unless no other quote is left.
std::size_t length_of_quoted(std::string_view text);

// How long the "${NAME}" is that the text begins with; 0: it begins with none. A quote ends a word, so that it cannot be in one.
std::size_t length_of_reference(std::string_view text);

// Goes along a line for the sign of a comment, which counts everywhere but inside double quotes and after a backslash: keepalived's rule.
struct CommentSearch {
  bool quoted = false;
  std::size_t opened = 0;  // the last quote that opened

  // Where the comment begins; npos: there is none.
  std::size_t find(std::string_view text);
};

// A word as it must be written to be read as one word.
std::string word(std::string_view text);

}  // namespace xd::conf
