// Of the lexer: include, its variants, and include_check.
#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "conf/characters.h"
#include "conf/lexer.h"

namespace xd::conf {

namespace {

// Which failures of an include are errors; the others are only told.
enum : std::uint8_t {
  check_readable = 1,  // a file that is there cannot be used
  check_match = 2,     // a plain name is missing
  check_wildcard = 4,  // a wildcard matches nothing
  check_brace = 8,     // nothing is there for an alternative in braces
  check_all = check_readable | check_match | check_wildcard | check_brace,
};

// What an include keyword adds to include_check; nothing when the word is none.
std::optional<std::uint8_t> checks_of_keyword(std::string_view word) {
  if (!word.starts_with("include") || word.size() > 8) return std::nullopt;
  if (word.size() == 7) return std::uint8_t{0};
  switch (word.back()) {
    case 'r': return check_readable;
    case 'm': return check_readable | check_match;
    case 'w': return check_readable | check_match | check_wildcard;
    case 'b': return check_readable | check_brace;
    case 'a': return check_all;
    default: return std::nullopt;
  }
}

// The options of include_check; words that are none are the rule's to judge.
std::uint8_t checks_of_options(std::uint8_t checks, const std::vector<Token>& words) {
  constexpr std::pair<std::string_view, std::uint8_t> options[] = {{"read", check_readable},
                                                                   {"readable", check_readable},
                                                                   {"match", check_match},
                                                                   {"wildcard_match", check_wildcard},
                                                                   {"brace_match", check_brace}};
  if (words.size() < 2) return check_all;
  // Without a sign in front, the words are the whole setting.
  unsigned result = words[1].text.starts_with('+') || words[1].text.starts_with('-') ? checks : 0;
  bool adds = true;
  for (std::size_t i = 1; i < words.size(); ++i) {
    std::string_view word = words[i].text;
    if (word.starts_with('+') || word.starts_with('-')) {
      adds = word.front() == '+';
      word.remove_prefix(1);
    }
    for (const auto& [name, bit] : options) {
      if (word == name) result = adds ? result | bit | check_readable : result & ~unsigned{bit};
    }
  }
  return static_cast<std::uint8_t>(result);
}

// "a{b,c{d,e}}f" → abf acdf acef. False: too many.
bool add_alternatives(const std::string& pattern, std::vector<std::string>& out) {
  constexpr std::size_t most = 1000, most_braces = 32;
  if (std::count(pattern.begin(), pattern.end(), '{') > static_cast<std::ptrdiff_t>(most_braces)) return false;
  const std::size_t open = pattern.find('{');
  std::vector<std::size_t> cuts{open};
  int depth = 0;
  std::size_t close = std::string::npos;
  for (std::size_t i = open; i < pattern.size() && close == std::string::npos; ++i) {
    if (pattern[i] == '{') ++depth;
    if (pattern[i] == ',' && depth == 1) cuts.push_back(i);
    if (pattern[i] == '}' && --depth == 0) close = i;
  }
  if (open == std::string::npos || close == std::string::npos) {
    if (out.size() >= most) return false;
    out.push_back(pattern);
    return true;
  }
  cuts.push_back(close);
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
    const std::string one = pattern.substr(cuts[i] + 1, cuts[i + 1] - cuts[i] - 1);
    if (!add_alternatives(pattern.substr(0, open) + one + pattern.substr(close + 1), out)) return false;
  }
  return true;
}

}  // namespace

void Lexer::set_include_checks(const std::vector<Token>& words) {
  innermost_file().checks = checks_of_options(innermost_file().checks, words);
}

// The pattern is all that stands behind the keyword: braces in it are no blocks.
bool Lexer::include(const Line& line) {
  const std::size_t first = line.text.find_first_not_of(" \t");
  if (first == std::string_view::npos || !line.text.substr(first).starts_with("include")) return false;
  std::size_t end = first;
  while (end < line.text.size() && !is_blank(line.text[end])) ++end;
  const auto more = checks_of_keyword(line.text.substr(first, end - first));
  if (!more) return false;
  const unsigned checks = innermost_file().checks | *more;
  const Token keyword = token_at(line, first, end - first);
  std::string_view operand = trimmed(line.text.substr(end));
  if (operand.size() >= 2 && operand.front() == '"' && operand.back() == '"') operand = operand.substr(1, operand.size() - 2);
  if (operand.empty()) {
    report(Severity::warning, keyword, fmt::format("{} needs a file name or pattern", keyword.text));
    return true;
  }
  const Token what = token_at(line, static_cast<std::size_t>(operand.data() - line.text.data()), operand.size());
  // What is not demanded is told all the same; keepalived ends with 6 at once when it is.
  const auto missing = [&](unsigned demand, std::string message) {
    Diagnostic d;
    d.severity = checks & demand ? Severity::error : Severity::warning;
    d.verdict = checks & demand ? TestVerdict::include : TestVerdict::fine;
    d.message = std::move(message);
    say(std::move(d), what);
  };
  std::string whole(operand);
  if (whole.front() != '/' && whole.front() != '~') whole = directory_of(line.buffer) + "/" + whole;
  std::vector<std::string> patterns;
  if (!add_alternatives(whole, patterns)) {
    report(Severity::error, what, "braces stand for too many names");
    return true;
  }
  const unsigned demand_exact = patterns.size() > 1 ? check_brace : check_match;
  const unsigned demand_wildcard = patterns.size() > 1 ? check_brace : check_wildcard;

  std::size_t depth = 0;
  for (const Input& in : inputs_) depth += in.file.empty() ? 0 : 1;
  const std::size_t bottom = inputs_.size();
  for (const std::string& pattern : patterns) {
    auto names = reader_.expand(pattern);
    if (!names) {
      missing(check_readable, names.error().message);
      continue;
    }
    sources_.patterns.emplace_back(pattern, *names);
    if (names->empty()) missing(demand_wildcard, fmt::format("nothing matches {}", text_.shown(pattern)));
    for (const std::string& name : *names) {
      // Only files that are being read now: naming a file twice, one after the other, is fine.
      const bool loops = std::any_of(inputs_.begin(), inputs_.begin() + static_cast<std::ptrdiff_t>(bottom),
                                     [&](const Input& in) { return in.file == name; });
      if (loops) {
        report(Severity::error, what, fmt::format("{} includes itself", text_.shown(name)));
        continue;
      }
      if (depth >= deepest_include || ++included_ > most_included) {
        report(Severity::error, what, fmt::format("more than {} files inside one another, or {} in all", deepest_include, most_included));
        break;
      }
      auto content = reader_.read(name);
      if (!content) {
        const bool absent = content.error().code == ENOENT;
        std::string why = std::move(content).error().message;
        if (why.starts_with(name)) why = text_.shown(name) + why.substr(name.size());
        missing(absent ? demand_exact : unsigned{check_readable}, std::move(why));
        continue;
      }
      push_file(name, std::move(*content), keyword);
    }
  }
  std::reverse(inputs_.begin() + static_cast<std::ptrdiff_t>(bottom), inputs_.end());
  return true;
}

}  // namespace xd::conf
