#include "conf/lexer.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "conf/quoting.h"
#include "conf/values.h"

namespace xd::conf {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }
bool is_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_predefined(std::string_view name) {
  return name == "_PWD" || name == "_INSTANCE" || name == "_HASH" || name == "_BANG" || name == "_RANDOM" || name == "_ENV";
}

std::size_t name_length(std::string_view text) {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_name) - text.begin());
}

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

// How long a "${NAME}" that the text begins with is; 0: it begins with none. A quote ends a word, so that it cannot be in one.
std::size_t braced_reference(std::string_view text) {
  if (!text.starts_with("${")) return 0;
  const std::size_t end = text.find_first_of("}\"");
  return end != std::string_view::npos && text[end] == '}' ? end + 1 : 0;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

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

Lexer::Lexer(Text& text, Reader& reader, Sources& sources, Diagnostics& diagnostics, std::string config_id, std::size_t most_expanded)
    : text_(text),
      reader_(reader),
      sources_(sources),
      diagnostics_(diagnostics),
      config_id_(std::move(config_id)),
      most_expanded_(most_expanded) {
  for (const char c : config_id_) random_ = (random_ ^ static_cast<unsigned char>(c)) * 0x100000001b3;  // FNV-1a
}

void Lexer::say(Diagnostic d, const Token& at) {
  if (diagnostics_.full()) return diagnostics_.count(d.severity, d.verdict);
  d.place = text_.place(at);
  text_.add_origin_notes(at, d.notes);
  diagnostics_.add(std::move(d));
}

void Lexer::report(Severity severity, const Token& token, std::string message) {
  Diagnostic d;
  d.severity = severity;
  d.message = std::move(message);
  say(std::move(d), token);
}

Lexer::Input& Lexer::innermost_file() {
  const auto found = std::find_if(inputs_.rbegin(), inputs_.rend(), [](const Input& in) { return !in.file.empty(); });
  return found == inputs_.rend() ? inputs_.front() : *found;
}

Token Lexer::token_at(const Line& line, std::size_t begin, std::size_t length) const {
  return {line.text.substr(begin, length), line.buffer, line.offset + static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(length),
          Token::Kind::word};
}

void Lexer::push_file(const std::string& name, std::string content, const Token& from) {
  sources_.files.push_back({name, content});
  const std::uint32_t buffer = text_.add_file(name, std::move(content), from);
  const std::uint8_t checks = inputs_.empty() ? std::uint8_t{0} : innermost_file().checks;
  const std::string& kept = text_[buffer].text;
  const bool marked = kept.starts_with(byte_order_mark);
  inputs_.push_back({buffer, marked ? byte_order_mark.size() : 0, name, {}, checks});
  if (marked) {
    report(Severity::warning, Token{{}, buffer, 0, byte_order_mark.size(), Token::Kind::word},
           "the file begins with a byte order mark, which is no text: save it as UTF-8 without one");
  }
  if (const auto nul = kept.find('\0'); nul != std::string::npos) {
    report(Severity::error, Token{{}, buffer, static_cast<std::uint32_t>(nul), 1, Token::Kind::word},
           "NUL byte: this is no text file, or it is damaged");
  }
}

bool Lexer::open(const std::string& pattern, std::string& why) {
  auto names = reader_.expand(pattern);
  if (!names) {
    why = names.error().message;
    return false;
  }
  sources_.patterns.emplace_back(pattern, *names);
  std::vector<std::pair<std::string, std::string>> read;
  for (const std::string& n : *names) {
    auto content = reader_.read(n);
    if (!content) {
      why = content.error().message;
      continue;
    }
    read.emplace_back(n, std::move(*content));
  }
  if (read.empty() && why.empty()) why = pattern + ": no such file";
  // The stack is read from its end; buffers are numbered in order of reading all the same.
  const std::size_t bottom = inputs_.size();
  for (auto& [name, content] : read) push_file(name, std::move(content), Token{});
  std::reverse(inputs_.begin() + static_cast<std::ptrdiff_t>(bottom), inputs_.end());
  return !read.empty();
}

bool Lexer::read_line(Line& line) {
  while (!inputs_.empty()) {
    Input& in = inputs_.back();
    const std::string& text = text_[in.buffer].text;
    if (in.at >= text.size()) {
      inputs_.pop_back();
      continue;
    }
    const char* begin = text.data() + in.at;
    const std::size_t left = text.size() - in.at;
    const char* newline = static_cast<const char*>(std::memchr(begin, '\n', left));
    const std::size_t length = newline ? static_cast<std::size_t>(newline - begin) : left;
    line = {in.buffer, static_cast<std::uint32_t>(in.at), {begin, length}};
    in.at += length + 1;
    if (length > longest_line) {
      report(Severity::error, token_at(line, 0, 1), fmt::format("line of {} bytes; the longest allowed is {}", length, longest_line));
      continue;
    }
    return true;
  }
  return false;
}

std::string_view Lexer::without_comment(const Line& line) {
  CommentSearch search;
  const std::size_t comment = search.find(line.text);
  if (comment == line.text.npos && search.quoted) {
    report(Severity::warning, token_at(line, search.opened, 1), "quote without its partner; the text up to the end of the line is taken");
  }
  return line.text.substr(0, comment);
}

bool Lexer::condition_holds(Line& line) {
  std::size_t i = 0;
  while (i < line.text.size() && is_blank(line.text[i])) ++i;
  if (i >= line.text.size() || line.text[i] != '@') return true;
  ++i;
  const bool negated = i < line.text.size() && line.text[i] == '^';
  if (negated) ++i;
  const std::size_t begin = i;
  while (i < line.text.size() && !is_blank(line.text[i])) ++i;
  const std::string_view id = line.text.substr(begin, i - begin);
  line.text.remove_prefix(i);
  line.offset += static_cast<std::uint32_t>(i);
  return (id == config_id_) != negated;
}

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

std::string Lexer::directory_of(std::uint32_t buffer) const {
  for (auto in = inputs_.rbegin(); in != inputs_.rend(); ++in) {
    if (!in->file.empty()) {
      const auto slash = in->file.rfind('/');
      return slash == std::string::npos ? "." : slash == 0 ? "/" : in->file.substr(0, slash);
    }
  }
  const std::string& name = text_[buffer].name;
  const auto slash = name.rfind('/');
  return slash == std::string::npos ? "." : name.substr(0, slash);
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
      length = braced_reference(line.text.substr(i));
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

void Lexer::tokenize(const Line& line, std::vector<Token>& tokens) {
  const char* const begin = line.text.data();
  const char* const end = begin + line.text.size();
  const char* p = begin;
  auto add = [&](const char* from, const char* to, Token::Kind kind, const char* text_from, const char* text_to) {
    tokens.push_back({{text_from, static_cast<std::size_t>(text_to - text_from)},
                      line.buffer,
                      line.offset + static_cast<std::uint32_t>(from - begin),
                      static_cast<std::uint32_t>(to - from),
                      kind});
  };
  while (p < end) {
    const std::string_view rest(p, static_cast<std::size_t>(end - p));
    if (is_blank(*p) || *p == '\0') {
      ++p;
    } else if (*p == '{' || *p == '}') {
      add(p, p + 1, *p == '{' ? Token::Kind::open : Token::Kind::close, p, p + 1);
      ++p;
    } else if (*p == '"') {
      const std::size_t length = length_of_quoted(rest);
      const char* const after = length == rest.npos ? end : p + length;
      add(p, after, Token::Kind::quoted, p + 1, length == rest.npos ? end : after - 1);
      p = after;
    } else if (const std::size_t length = *p == '\'' ? length_of_quoted(rest) : rest.npos;
               length != rest.npos && (p + length == end || is_blank(p[length]))) {
      // Only commands know such quotes, see text_of_command. To the others they are characters of the word.
      add(p, p + length, Token::Kind::word, p, p + length);
      p += length;
    } else {
      const char* from = p;
      bool escapes = false;
      while (p < end && !is_blank(*p) && *p != '"' && *p != '\0') {
        // An unreplaced ${NAME}, or the beginning of one, keeps its braces: it is one wrong word, not a block.
        if (*p == '$' && p + 1 < end && p[1] == '{') {
          const std::size_t reference = braced_reference({p, static_cast<std::size_t>(end - p)});
          p += reference > 0 ? reference - 1 : 1;
        } else if (*p == '{' || *p == '}') {
          break;
        } else if (*p == '\\' && p + 1 < end && (p[1] == '#' || p[1] == '!')) {
          escapes = true;
          ++p;
        }
        ++p;
      }
      add(from, p, Token::Kind::word, from, p);
      if (escapes) {
        std::string word;
        for (const char* c = from; c < p; ++c) {
          if (*c == '\\' && c + 1 < p && (c[1] == '#' || c[1] == '!')) ++c;
          word += *c;
        }
        tokens.back().text = text_.keep(std::move(word));
      }
    }
  }
}

bool Lexer::next_line(std::vector<Token>& tokens) {
  Line line{};
  while (read_line(line)) {
    tokens.clear();
    line.text = without_comment(line);
    const bool active = condition_holds(line);
    if (active && skipped_depth_ == 0) {
      if (define(line) || repeat(line)) continue;
      if (line.text.find('$') != std::string_view::npos && replace(line)) continue;
      if (include(line)) continue;
    }
    tokenize(line, tokens);
    if (tokens.empty()) continue;

    // A line that another node's @id disables takes its whole block with it.
    const bool opens_skipped = skipped_header_ && tokens.front().kind == Token::Kind::open;
    skipped_header_ = false;
    if (!active || skipped_depth_ > 0 || opens_skipped) {
      for (const Token& t : tokens) {
        if (t.kind == Token::Kind::open) ++skipped_depth_;
        if (t.kind == Token::Kind::close && skipped_depth_ > 0) --skipped_depth_;
      }
      skipped_header_ = !active && skipped_depth_ == 0 && tokens.back().is_word();
      continue;
    }
    // Obeyed by whom it concerns; the rule of its block looks at its words.
    if (tokens.front().text == "include_check") innermost_file().checks = checks_of_options(innermost_file().checks, tokens);
    return true;
  }
  tokens.clear();
  return false;
}

}  // namespace xd::conf
