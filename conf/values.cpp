#include "conf/values.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <limits>
#include <utility>

#include "base/ip.h"

namespace xd::conf {

namespace {

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();

bool is_digit(char c) { return c >= '0' && c <= '9'; }

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::int64_t times_ten_plus(std::int64_t value, int digit) { return value > (largest - digit) / 10 ? largest : value * 10 + digit; }

// The character that the escape at text[i] (behind the backslash) stands for; i is left on its last character.
char unescape(std::string_view text, std::size_t& i) {
  static constexpr std::string_view letters = "abEfnrtv";
  static constexpr std::string_view meanings = "\a\b\033\f\n\r\t\v";
  const char c = text[i];
  if (const auto at = letters.find(c); at != std::string_view::npos) return meanings[at];
  if (c == 'x') {
    int value = 0, digits = 0;
    while (digits < 2 && i + 1 < text.size() && hex_value(text[i + 1]) >= 0) {
      value = value * 16 + hex_value(text[++i]);
      ++digits;
    }
    return digits > 0 ? static_cast<char>(value) : c;
  }
  if (c >= '0' && c <= '7') {
    int value = c - '0';
    for (int digits = 1; digits < 3 && i + 1 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '7'; ++digits) {
      value = value * 8 + (text[++i] - '0');
    }
    return static_cast<char>(value);
  }
  if (c == 'c' && i + 1 < text.size()) return static_cast<char>(text[++i] & 0x1f);
  return c;
}

}  // namespace

std::optional<std::uint32_t> parse_c_notation(std::string_view word, std::uint32_t maximum) {
  int base = 10;
  if (word.starts_with("0x") || word.starts_with("0X")) {
    word.remove_prefix(2);
    base = 16;
  } else if (word.starts_with('0')) {
    base = 8;
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
  if (word.empty() || error != std::errc() || end != word.data() + word.size() || value > maximum) return std::nullopt;
  return static_cast<std::uint32_t>(value);
}

Number parse_integer(std::string_view word) {
  std::size_t i = 0;
  const bool negative = !word.empty() && word.front() == '-';
  if (!word.empty() && (word.front() == '-' || word.front() == '+')) ++i;
  if (i >= word.size() || !is_digit(word[i])) return {};
  std::int64_t value = 0;
  for (; i < word.size() && is_digit(word[i]); ++i) value = times_ten_plus(value, word[i] - '0');
  return {i == word.size() ? Written::good : Written::rubbish_behind, negative ? -value : value};
}

Number parse_decimal(std::string_view word, std::int64_t scale, bool& rounded) {
  rounded = false;
  std::size_t i = 0;
  const bool negative = !word.empty() && word.front() == '-';
  if (!word.empty() && (word.front() == '-' || word.front() == '+')) ++i;
  const std::size_t first = i;
  std::int64_t value = 0;
  for (; i < word.size() && is_digit(word[i]); ++i) value = times_ten_plus(value, word[i] - '0');
  std::size_t digits = i - first;
  value = value > largest / scale ? largest : value * scale;
  if (i < word.size() && word[i] == '.') {
    std::int64_t unit = scale;
    for (++i; i < word.size() && is_digit(word[i]); ++i, ++digits) {
      const int digit = word[i] - '0';
      if (unit > 1) {
        unit /= 10;
        value = value > largest - digit * unit ? largest : value + digit * unit;
      } else {
        if (unit == 1 && digit >= 5 && !rounded && value < largest) ++value;
        rounded = true;
      }
    }
  }
  if (digits == 0) return {};
  return {i == word.size() ? Written::good : Written::rubbish_behind, negative ? -value : value};
}

std::optional<bool> parse_boolean(std::string_view word) {
  if (word == "true" || word == "on" || word == "yes") return true;
  if (word == "false" || word == "off" || word == "no") return false;
  return std::nullopt;
}

std::optional<int> mask_length(std::string_view word) {
  const auto mask = IpAddress::parse(word);
  if (!mask || !mask->is_v4()) return std::nullopt;
  const std::uint8_t* b = mask->data();
  const std::uint32_t bits = std::uint32_t{b[0]} << 24 | std::uint32_t{b[1]} << 16 | std::uint32_t{b[2]} << 8 | b[3];
  const int length = std::countl_one(bits);
  if (length < 32 && (bits << length) != 0) return std::nullopt;
  return length;
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) out += text[i] == '\\' && i + 1 < text.size() ? unescape(text, ++i) : text[i];
  return out;
}

std::vector<std::string> split_command(std::string_view text) {
  const std::string line = unescaped(text);
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote && c == quote) {
      quote = 0;
    } else if (!quote && (c == '"' || c == '\'')) {
      quote = c;
      in_word = true;
    } else if (c == '\\' && i + 1 < line.size()) {
      word += unescape(line, ++i);
      in_word = true;
    } else if (!quote && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
      if (in_word) words.push_back(std::exchange(word, {}));
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (in_word) words.push_back(std::move(word));
  return words;
}

namespace {

// What a line cannot have as it is: quotes and backslashes, which mean something there, control characters, and the beginning of a
// predefined name's reference.
bool needs_escape(std::string_view word, std::size_t i) {
  const char c = word[i];
  const std::string_view behind = word.substr(i + 1);
  return c == '\'' || c == '"' || c == '\\' || static_cast<unsigned char>(c) < ' ' ||
         (c == '$' && (behind.starts_with('_') || behind.starts_with("{_")));
}

// `backslash`: what a backslash is written as.
std::string escaped(std::string_view word, std::string_view backslash) {
  std::string out;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (needs_escape(word, i)) {
      out += fmt::format("{}x{:02x}", backslash, static_cast<unsigned char>(word[i]));
    } else {
      out += word[i];
    }
  }
  return out;
}

}  // namespace

std::string escaped(std::string_view word) { return escaped(word, "\\"); }

std::string join_command(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& w : words) {
    if (!out.empty()) out += ' ';
    // Double quotes cannot stand in a line of keepalived.conf that is itself quoted, so escapes say them, which are read twice.
    const std::string text = escaped(w, "\\\\");
    const bool plain = !w.empty() && text == w && w.find(' ') == w.npos && w.find('\x7f') == w.npos;
    out += plain ? w : '\'' + text + '\'';
  }
  return out;
}

}  // namespace xd::conf
