// Writes the words of the language as a dictionary for libFuzzer: each keyword of the table, each word of its choices and options,
// and what the lexer makes something of.
#include <cctype>
#include <cstdio>
#include <set>
#include <string>
#include <string_view>

#include "conf/keywords.h"

namespace {

// Words in a form: "PASS | AH", "[inhibit_failure]"; not the placeholders in < >.
void add_words(std::set<std::string>& words, std::string_view form) {
  std::string word;
  bool placeholder = false;
  for (const char c : form) {
    if (c == '<') placeholder = true;
    const bool part = !placeholder && (std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-');
    if (part) word += c;
    if (!part && !word.empty()) {
      if (word.size() > 1) words.insert(word);
      word.clear();
    }
    if (c == '>') placeholder = false;
  }
  if (word.size() > 1) words.insert(word);
}

}  // namespace

int main() {
  std::set<std::string> words;
  for (const xd::conf::Keyword& k : xd::conf::keywords()) {
    if (!k.name.starts_with('(')) words.insert(std::string(k.name));
    add_words(words, k.form);
  }
  for (const std::string& word : words) std::printf("\"%s\"\n", word.c_str());
  // Escapes are libFuzzer's: \x0a ends a line, \x22 is a quote.
  for (const char* piece : {" {\\x0a",
                            "\\x0a}\\x0a",
                            "\\x22",
                            "\\x5c#",
                            "\\x5c\\x0a",
                            "!",
                            "$A=",
                            "$A",
                            "${A}",
                            "${_PWD}",
                            "${_INSTANCE}",
                            "${_HASH}",
                            "${_BANG}",
                            "${_RANDOM 1 9}",
                            "${_ENV HOME}",
                            "~SEQ(A, 1, 2, 9)",
                            "~SEQx(A, 9)",
                            "~LST(A, 1, 2)",
                            "~LST({A, B}, {1, 2})",
                            "@fuzz ",
                            "@^fuzz ",
                            "include /fuzz.conf",
                            "10.0.0.1",
                            "2001:db8::1",
                            "/24",
                            "fwmark 1",
                            "eth0",
                            "-1",
                            "0",
                            "255",
                            "256",
                            "0.5",
                            "4294967296"}) {
    std::printf("\"%s\"\n", piece);
  }
  return 0;
}
