// Of the lexer: definitions, references to them, and lines that are repeated for several values.
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

#include "conf/characters.h"
#include "conf/lexer.h"
#include "conf/quoting.h"
#include "conf/values.h"

namespace xd::conf {

namespace {

bool is_predefined(std::string_view name) {
  return name == "_PWD" || name == "_INSTANCE" || name == "_HASH" || name == "_BANG" || name == "_RANDOM" || name == "_ENV";
}

std::size_t name_length(std::string_view text) {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_name) - text.begin());
}

}  // namespace

// "$NAME=text" at the beginning of a line. A backslash at the end continues the text on the next line.
bool Lexer::define(const Line& line) {
  const std::size_t first = line.text.find_first_not_of(" \t");
  if (first == std::string_view::npos || line.text[first] != '$') return false;
  const std::string_view rest = line.text.substr(first + 1);
  const std::size_t length = name_length(rest);
  if (length == 0 || length >= rest.size() || rest[length] != '=') return false;
  const std::string name(rest.substr(0, length));
  if (is_digit(name.front())) return false;
  const bool predefined = is_predefined(name);
  if (predefined) {
    report(Severity::warning, token_at(line, first, length + 1), fmt::format("${} is predefined; this definition is ignored", name));
  }
  std::string value;
  std::string_view part = trimmed(rest.substr(length + 1));
  const std::uint32_t buffer = line.buffer;
  for (;;) {
    const bool goes_on = !part.empty() && part.back() == '\\';
    if (goes_on) part = trimmed(part.substr(0, part.size() - 1));
    if (!value.empty()) value += '\n';
    value += part;
    Line next{};
    if (!goes_on || inputs_.empty() || inputs_.back().buffer != buffer || !read_line(next)) break;
    if (next.buffer != buffer) break;
    part = trimmed(without_comment(next));
  }
  if (!predefined) definitions_[name] = {std::move(value), text_.add_definition(token_at(line, first, length + 1))};
  return true;
}

// "[<low> [<high>]]". The same numbers at each reading on one node, since every process compiles the text for itself, and
// others on other nodes: the configuration id seeds them (splitmix64).
const std::string* Lexer::random_number(std::string_view limits) {
  std::int64_t low = 0, high = 32767;
  limits = trimmed(limits);
  const auto blank = std::min(limits.find_first_of(" \t"), limits.size());
  const auto read = [](std::string_view word, std::int64_t& value) {
    const Number n = parse_integer(trimmed(word));
    if (n.written == Written::good) value = std::clamp<std::int64_t>(n.value, INT32_MIN, INT32_MAX);
  };
  read(limits.substr(0, blank), low);
  read(limits.substr(blank), high);
  random_ += 0x9e3779b97f4a7c15;
  std::uint64_t z = random_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  z ^= z >> 31;
  const std::uint64_t span = high > low ? static_cast<std::uint64_t>(high - low) + 1 : 1;
  return &(computed_ = std::to_string(low + static_cast<std::int64_t>(z % span)));
}

const std::string* Lexer::value_of(std::string_view name, const Line& line, bool quoted, std::uint32_t& number) {
  number = 0;
  if (name == "_PWD") return &(computed_ = directory_of(line.buffer));
  if (name == "_INSTANCE") return &config_id_;
  if (name == "_HASH") return &(computed_ = quoted ? "#" : "\\#");
  if (name == "_BANG") return &(computed_ = quoted ? "!" : "\\!");
  if (name == "_RANDOM" || name.starts_with("_RANDOM ")) return random_number(name.substr(7));
  if (name.starts_with("_ENV ")) {
    const char* value = std::getenv(std::string(trimmed(name.substr(5))).c_str());
    return &(computed_ = value ? value : "");
  }
  const auto found = definitions_.find(std::string(name));
  if (found == definitions_.end()) return nullptr;
  number = found->second.number;
  return &found->second.value;
}

// Replaces the references of a line. True when there were any: the line as it reads now is queued as an input of its
// own, so that values with references, several lines or an include in them need no further rule.
bool Lexer::replace(const Line& line) {
  std::string out;
  std::vector<Text::Segment> segments;
  std::unordered_set<std::string> names;
  if (!replace_references(line, out, segments, &names)) return false;
  queue_expansion(line, std::move(out), std::move(segments), std::move(names));
  return true;
}

// The line with each reference replaced once, in `out`. False: there was none.
bool Lexer::replace_references(const Line& line, std::string& out, std::vector<Text::Segment>& segments,
                               std::unordered_set<std::string>* names) {
  std::size_t copied = 0;
  bool any = false;
  bool quoted = false;
  std::size_t looked_at = 0;  // for quotes, up to here
  const auto copy_until = [&](std::size_t end) {
    if (end <= copied) return;
    segments.push_back({static_cast<std::uint32_t>(out.size()), line.offset + static_cast<std::uint32_t>(copied), 0, true});
    out += line.text.substr(copied, end - copied);
  };
  for (std::size_t i = line.text.find('$'); i != std::string_view::npos; i = line.text.find('$', i + 1)) {
    std::string_view rest = line.text.substr(i + 1);
    std::string_view name;
    std::size_t length = 0;
    if (!rest.empty() && rest.front() == '{') {
      length = length_of_reference(line.text.substr(i));
      if (length == 0) continue;
      name = rest.substr(1, length - 3);
    } else {
      const std::size_t n = name_length(rest);
      // $NAME counts only where a word ends: $NAMEx/24 is no reference to $NAME.
      if (n < rest.size() && !is_blank(rest[n]) && rest[n] != ',' && rest[n] != ')') continue;
      name = rest.substr(0, n);
      length = n + 1;
    }
    if (name.empty() || is_digit(name.front())) continue;  // "$1" of awk and the shell
    for (; looked_at < i; ++looked_at) quoted ^= line.text[looked_at] == '"';
    std::uint32_t definition = 0;
    const std::string* value = value_of(name, line, quoted, definition);
    if (!value) {
      say_undefined(token_at(line, i, length), name);
      i += length - 1;
      continue;
    }
    if (is_being_replaced(name)) {
      report(Severity::error, token_at(line, i, length), fmt::format("the definition of ${} contains itself", name));
      i += length - 1;
      continue;
    }
    any = true;
    if (names) names->emplace(name);
    copy_until(i);
    segments.push_back({static_cast<std::uint32_t>(out.size()), line.offset + static_cast<std::uint32_t>(i),
                        static_cast<std::uint32_t>(length), false, definition});
    out += *value;
    copied = i + length;
    i = copied - 1;
    if (out.size() > longest_line * 16) break;
  }
  if (any) copy_until(line.text.size());
  return any;
}

// What stands in a script with a $ may well mean something else.
void Lexer::say_undefined(const Token& at, std::string_view name) {
  if (diagnostics_.full()) return diagnostics_.count(Severity::warning, TestVerdict::fine);
  // Comparing thousands of words with thousands of names takes minutes, and a generator does not misspell.
  constexpr std::size_t most_compared = 1000;
  std::vector<std::string_view> known;
  if (definitions_.size() <= most_compared) {
    for (const auto& [defined, value] : definitions_) known.push_back(defined);
  }
  for (const std::string_view predefined : {"_PWD", "_INSTANCE", "_HASH", "_BANG", "_RANDOM"}) known.push_back(predefined);
  std::sort(known.begin(), known.end());
  const std::string_view close = nearest(name, known);
  Diagnostic d;
  d.verdict = TestVerdict::fine;
  d.message = fmt::format("${} is not defined; it is left as it stands", name);
  if (!close.empty()) d.hint = fmt::format("did you mean ${}?", close);
  say(std::move(d), at);
}

bool Lexer::is_being_replaced(std::string_view name) const {
  for (auto in = inputs_.rbegin(); in != inputs_.rend() && in->file.empty(); ++in) {
    if (in->names.contains(std::string(name))) return true;
  }
  return false;
}

void Lexer::queue_expansion(const Line& line, std::string out, std::vector<Text::Segment> segments, std::unordered_set<std::string> names) {
  constexpr std::size_t kept_beside = 256;  // what an expansion takes beside its text
  expanded_ += out.size() + kept_beside;
  std::size_t depth = 0;
  for (auto in = inputs_.rbegin(); in != inputs_.rend() && in->file.empty(); ++in) ++depth;
  const Token mark = token_at(line, std::min(line.text.find_first_of("$~"), line.text.size() - 1), 1);
  if (expanded_ > most_expanded_) {
    report(Severity::error, mark,
           fmt::format("definitions expand to more than {} KiB; nothing is read from here on", most_expanded_ >> 10));
    inputs_.clear();
    return;
  }
  if (depth >= deepest_replacement) {
    report(Severity::error, mark, fmt::format("definitions inside one another, more than {} deep", deepest_replacement));
    return;
  }
  const std::uint32_t buffer = text_.add_expansion(std::move(out), std::move(segments), token_at(line, 0, line.text.size()));
  inputs_.push_back({buffer, 0, {}, std::move(names), 0});
}

namespace {

// "a, {b, c}, d" → its parts at the top; braces hold together.
std::vector<std::string_view> split_list(std::string_view text) {
  std::vector<std::string_view> out;
  std::size_t from = 0;
  int depth = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (text[i] == ',' && depth == 0)) {
      out.push_back(trimmed(text.substr(from, i - from)));
      from = i + 1;
    } else if (text[i] == '{') {
      ++depth;
    } else if (text[i] == '}') {
      --depth;
    }
  }
  return out;
}

std::vector<std::string_view> tuple(std::string_view text) {
  if (text.size() >= 2 && text.front() == '{' && text.back() == '}') return split_list(text.substr(1, text.size() - 2));
  return {text};
}

std::optional<std::int64_t> sequence_number(std::string_view word) {
  const bool negative = word.starts_with('-');
  const auto value = parse_c_notation(word.substr(negative ? 1 : 0), INT32_MAX);
  if (!value) return std::nullopt;
  return negative ? -std::int64_t{*value} : std::int64_t{*value};
}

}  // namespace

bool Lexer::repeat(const Line& line) {
  const std::size_t first = line.text.find_first_not_of(" \t");
  if (first == std::string_view::npos || line.text[first] != '~') return false;
  std::string_view rest = line.text.substr(first + 1);
  const bool sequence = rest.starts_with("SEQ");
  if (!sequence && !rest.starts_with("LST")) return false;
  rest.remove_prefix(3);
  const bool hexadecimal = sequence && rest.starts_with("x");
  if (hexadecimal) rest.remove_prefix(1);
  const Token at = token_at(line, first, line.text.size() - first);
  const auto wrong = [&](std::string why, std::string form) {
    Diagnostic d;
    d.message = fmt::format("{}: {}; the line is ignored", sequence ? "~SEQ" : "~LST", why);
    d.expected = std::move(form);
    say(std::move(d), at);
    return true;
  };
  const std::string form = sequence ? "~SEQ(<name>, [<first>, [<step>,]] <last>) <text>" : "~LST(<name>, <value>, ...) <text>";
  const std::size_t open = rest.find_first_not_of(" \t");
  const std::size_t close = rest.find(')');
  if (open == std::string_view::npos || rest[open] != '(' || close == std::string_view::npos)
    return wrong("the list is not in parentheses", form);
  const std::string_view list = rest.substr(open + 1, close - open - 1);
  std::string replaced;
  std::vector<Text::Segment> segments;
  const Line list_line{line.buffer, line.offset + static_cast<std::uint32_t>(list.data() - line.text.data()), list};
  const bool references = list.find('$') != std::string_view::npos && replace_references(list_line, replaced, segments);
  const auto parts = split_list(references ? std::string_view(replaced) : list);
  const std::string_view body = trimmed(rest.substr(close + 1));
  const auto names = tuple(parts.front());
  const bool named = std::all_of(names.begin(), names.end(), [](auto n) { return !n.empty() && name_length(n) == n.size(); });
  if (!named || parts.size() < 2) return wrong("a name and values are needed", form);
  const std::vector<std::string_view> arguments(parts.begin() + 1, parts.end());

  // Each round defines its variables and then has the text, so that definitions in the text see them, too.
  std::string out;
  const auto add_round = [&](const std::vector<std::string>& values) {
    for (std::size_t i = 0; i < names.size(); ++i) out += fmt::format("${}={}\n", names[i], values[i]);
    out += body;
    out += '\n';
    return out.size() <= most_expanded_;
  };
  if (sequence) {
    std::vector<std::int64_t> numbers;
    for (const std::string_view a : arguments) {
      const auto n = sequence_number(a);
      if (!n) return wrong(fmt::format("'{}' is no number", a), form);
      numbers.push_back(*n);
    }
    if (names.size() != 1 || numbers.size() > 3) return wrong("one name and at most three numbers are taken", form);
    const std::int64_t last = numbers.back();
    const std::int64_t low = numbers.size() > 1 ? numbers.front() : last < 0 ? -1 : 1;
    const std::int64_t step = numbers.size() == 3 ? numbers[1] : last >= low ? 1 : -1;
    if (hexadecimal && std::min(low, last) < 0) return wrong("~SEQx counts from 0 on", form);
    if (step == 0 || (last - low) / step < 0) return wrong(fmt::format("step {} never comes from {} to {}", step, low, last), form);
    if (static_cast<std::uint64_t>((last - low) / step) >= most_repetitions)
      return wrong(fmt::format("that is more than {} lines", most_repetitions), form);
    for (std::int64_t n = low; step > 0 ? n <= last : n >= last; n += step) {
      if (!add_round({hexadecimal ? fmt::format("{:x}", n) : std::to_string(n)})) break;
    }
  } else {
    for (const std::string_view a : arguments) {
      std::vector<std::string> values;
      for (const std::string_view v : names.size() == 1 ? std::vector<std::string_view>{a} : tuple(a)) values.emplace_back(v);
      if (values.size() != names.size()) return wrong(fmt::format("'{}' has {} values for {} names", a, values.size(), names.size()), form);
      if (!add_round(values)) break;
    }
  }
  queue_expansion(line, std::move(out),
                  {{0, line.offset + static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(at.length), false}}, {});
  return true;
}

}  // namespace xd::conf
