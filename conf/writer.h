// Statements as text, for the parts of print.cpp.
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "base/time.h"
#include "conf/model.h"
#include "conf/values.h"

namespace xd::conf {

// Whether the word can stand on a line without quotes: what the lexer acts on (a blank, a brace, a reference, the beginning of a
// condition, a repetition or an include) needs quotes.
inline bool is_plain(std::string_view text) {
  return !text.empty() && text.front() != '@' && text.front() != '~' && !text.starts_with("include") &&
         std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '{' || c == '}' || c == '$'; });
}

// The signs of comments escaped; empty when a backslash that stands before one would take the escape's own.
inline std::string escaped(std::string_view text) {
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

// A word as it must be written to be read as one word. Quotes end at the next one, whatever stands before it, but a backslash there
// hides it from the search for comments: so they are used only where nothing else will do.
inline std::string word(std::string_view text) {
  if (is_plain(text)) {
    if (std::string plain = escaped(text); !plain.empty()) return plain;
  }
  return '"' + std::string(text) + '"';
}

inline std::string time_of(Duration d) {
  const long long microseconds = d.count() / 1000;
  std::string out = std::to_string(microseconds / 1'000'000);
  if (const long long rest = microseconds % 1'000'000) {
    out += fmt::format(".{:06}", rest);
    while (out.back() == '0') out.pop_back();
  }
  return out;
}

inline std::string_view yes_no(bool on) { return on ? "true" : "false"; }

// Lines, indented by the blocks that are open.
class Writer {
 public:
  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    out_.append(4 * depth_, ' ');
    out_ += fmt::format(format, std::forward<Args>(args)...);
    out_ += '\n';
  }
  template <typename... Args>
  void open(fmt::format_string<Args...> format, Args&&... args) {
    line("{} {{", fmt::format(format, std::forward<Args>(args)...));
    ++depth_;
  }
  void close() {
    --depth_;
    line("}}");
  }
  void script(std::string_view keyword, const Script& s) {
    if (!s) return;
    std::string user = s.user.empty() ? "" : " " + word(s.user);
    if (!s.group.empty()) user += " " + word(s.group);
    line("{} \"{}\"{}", keyword, join_command(s.words), user);
  }
  void flag(std::string_view keyword, bool on) {
    if (on) line("{}", keyword);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
  std::size_t depth_ = 0;
};

}  // namespace xd::conf
