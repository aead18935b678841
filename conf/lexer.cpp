#include "conf/lexer.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "conf/values.h"

namespace xd::conf {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }
bool is_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

std::size_t name_length(std::string_view text) {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_name) - text.begin());
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// The members of the family differ in which failures keepalived counts as errors; here each failure is said and counts.
bool is_include(std::string_view word) {
  return word == "include" || word == "includer" || word == "includem" || word == "includew" || word == "includeb" || word == "includea";
}

}  // namespace

Lexer::Lexer(Text& text, Reader& reader, Sources& sources, Diagnostics& diagnostics, std::string config_id)
    : text_(text), reader_(reader), sources_(sources), diagnostics_(diagnostics), config_id_(std::move(config_id)) {
  for (const char c : config_id_) random_ = (random_ ^ static_cast<unsigned char>(c)) * 0x100000001b3;  // FNV-1a
}

void Lexer::report(Severity severity, const Token& token, std::string message, std::string hint) {
  Diagnostic d;
  d.severity = severity;
  d.place = text_.place(token);
  d.message = std::move(message);
  d.hint = std::move(hint);
  text_.add_origin_notes(token, d.notes);
  diagnostics_.add(std::move(d));
}

Token Lexer::token_at(const Line& line, std::size_t begin, std::size_t length) const {
  return {line.text.substr(begin, length), line.buffer, line.offset + static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(length),
          Token::Kind::word};
}

void Lexer::push_file(const std::string& name, std::string content, const Token& from) {
  sources_.files.push_back({name, content});
  const std::uint32_t buffer = text_.add_file(name, std::move(content), from);
  inputs_.push_back({buffer, 0, name});
  const std::string& kept = text_[buffer].text;
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

// keepalived's rule: a comment sign counts everywhere but inside double quotes and after a backslash.
std::string_view Lexer::without_comment(const Line& line) {
  const std::string_view text = line.text;
  bool quoted = false;
  std::size_t opened = 0;
  for (std::size_t i = text.find_first_of("!#\"\\"); i < text.size(); i = text.find_first_of("!#\"\\", i + 1)) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
      opened = i;
    } else if (!quoted) {
      return text.substr(0, i);
    }
  }
  if (quoted)
    report(Severity::warning, token_at(line, opened, 1), "quote without its partner; the text up to the end of the line is taken");
  return text;
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
  if (name.front() == '_') {
    report(Severity::warning, token_at(line, first, length + 1),
           fmt::format("${} cannot be defined: names that begin with _ are predefined", name));
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
  if (name.front() != '_') definitions_[name] = std::move(value);
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

const std::string* Lexer::value_of(std::string_view name, const Line& line) {
  if (name == "_PWD") return &(computed_ = directory_of(line.buffer));
  if (name == "_INSTANCE") return &config_id_;
  if (name == "_HASH") return &(computed_ = "\\#");
  if (name == "_BANG") return &(computed_ = "\\!");
  if (name == "_RANDOM" || name.starts_with("_RANDOM ")) return random_number(name.substr(7));
  if (name.starts_with("_ENV ")) {
    const char* value = std::getenv(std::string(trimmed(name.substr(5))).c_str());
    return &(computed_ = value ? value : "");
  }
  const auto found = definitions_.find(std::string(name));
  return found == definitions_.end() ? nullptr : &found->second;
}

// Replaces the references of a line. True when there were any: the line as it reads now is queued as an input of its
// own, so that values with references, several lines or an include in them need no further rule.
bool Lexer::replace(const Line& line) {
  std::string out;
  std::vector<Text::Segment> segments;
  std::size_t copied = 0;
  bool any = false;
  for (std::size_t i = line.text.find('$'); i != std::string_view::npos; i = line.text.find('$', i + 1)) {
    std::string_view rest = line.text.substr(i + 1);
    std::string_view name;
    std::size_t length = 0;
    if (!rest.empty() && rest.front() == '{') {
      const std::size_t close = rest.find('}');
      if (close == std::string_view::npos) continue;
      name = rest.substr(1, close - 1);
      length = close + 2;
    } else {
      const std::size_t n = name_length(rest);
      if (n == 0) continue;
      // $NAME counts only where a word ends: $NAMEx/24 is no reference to $NAME.
      if (n < rest.size() && !is_blank(rest[n]) && rest[n] != ',' && rest[n] != ')') continue;
      name = rest.substr(0, n);
      length = n + 1;
    }
    const std::string* value = value_of(name, line);
    if (!value) {
      report(Severity::warning, token_at(line, i, length), fmt::format("${} is not defined; it is left as it stands", name));
      i += length - 1;
      continue;
    }
    any = true;
    if (i > copied) {
      segments.push_back({static_cast<std::uint32_t>(out.size()), line.offset + static_cast<std::uint32_t>(copied), 0, true});
      out += line.text.substr(copied, i - copied);
    }
    segments.push_back(
        {static_cast<std::uint32_t>(out.size()), line.offset + static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(length), false});
    out += *value;
    if (out.size() > longest_line * 16) break;
    copied = i + length;
    i = copied - 1;
  }
  if (!any) return false;
  if (copied < line.text.size()) {
    segments.push_back({static_cast<std::uint32_t>(out.size()), line.offset + static_cast<std::uint32_t>(copied), 0, true});
    out += line.text.substr(copied);
  }
  queue_expansion(line, std::move(out), std::move(segments));
  return true;
}

bool Lexer::queue_expansion(const Line& line, std::string out, std::vector<Text::Segment> segments) {
  expanded_ += out.size();
  std::size_t depth = 0;
  for (auto in = inputs_.rbegin(); in != inputs_.rend() && in->file.empty(); ++in) ++depth;
  if (depth >= deepest_replacement || expanded_ > most_expanded) {
    const std::size_t mark = std::min(line.text.find_first_of("$~"), line.text.size() - 1);
    report(Severity::error, token_at(line, mark, 1),
           depth >= deepest_replacement ? "a definition that contains itself" : "definitions expand to more than 64 MiB");
    return false;
  }
  const std::uint32_t buffer = text_.add_expansion(std::move(out), std::move(segments), token_at(line, 0, line.text.size()));
  inputs_.push_back({buffer, 0, {}});
  return true;
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

// Puts the values of one round in the place of their variables.
std::string with_values(std::string_view text, const std::vector<std::string_view>& names, const std::vector<std::string>& values) {
  std::string out;
  std::size_t copied = 0;
  for (std::size_t i = text.find('$'); i != std::string_view::npos; i = text.find('$', i + 1)) {
    const bool braced = i + 1 < text.size() && text[i + 1] == '{';
    const std::string_view rest = text.substr(i + (braced ? 2 : 1));
    const std::size_t n = name_length(rest);
    const auto name = std::find(names.begin(), names.end(), rest.substr(0, n));
    if (n == 0 || name == names.end()) continue;
    if (braced ? n >= rest.size() || rest[n] != '}' : n < rest.size() && !is_blank(rest[n]) && rest[n] != ',' && rest[n] != ')') continue;
    out += text.substr(copied, i - copied);
    out += values[static_cast<std::size_t>(name - names.begin())];
    copied = i + n + (braced ? 3 : 1);
  }
  out += text.substr(copied);
  return out;
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
    d.place = text_.place(at);
    d.message = std::move(why) + "; the line is ignored";
    d.expected = std::move(form);
    text_.add_origin_notes(at, d.notes);
    diagnostics_.add(std::move(d));
    return true;
  };
  const std::string form = sequence ? "~SEQ(<name>, [<first>, [<step>,]] <last>) <text>" : "~LST(<name>, <value>, ...) <text>";
  const std::size_t open = rest.find_first_not_of(" \t");
  const std::size_t close = rest.find(')');
  if (open == std::string_view::npos || rest[open] != '(' || close == std::string_view::npos)
    return wrong("the list behind it is not in parentheses", form);
  const auto parts = split_list(rest.substr(open + 1, close - open - 1));
  const std::string_view body = trimmed(rest.substr(close + 1));
  const auto names = tuple(parts.front());
  const bool named = std::all_of(names.begin(), names.end(), [](auto n) { return !n.empty() && name_length(n) == n.size(); });
  if (!named || parts.size() < 2) return wrong("it needs a name and values", form);
  std::vector<std::string> arguments;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    std::string_view name = parts[i];
    if (name.starts_with("${") && name.ends_with("}")) {
      name = name.substr(2, name.size() - 3);
    } else if (name.starts_with("$")) {
      name.remove_prefix(1);
    }
    const std::string* value = name.size() < parts[i].size() ? value_of(name, line) : nullptr;
    arguments.push_back(value ? *value : std::string(parts[i]));
  }

  std::string out;
  const auto add_round = [&](const std::vector<std::string>& values) {
    out += with_values(body, names, values);
    out += '\n';
    return out.size() <= most_expanded;
  };
  if (sequence) {
    std::vector<std::int64_t> numbers;
    for (const std::string& a : arguments) {
      const Number n = parse_integer(a);
      if (n.written != Written::good || n.value < INT32_MIN || n.value > INT32_MAX) return wrong(fmt::format("'{}' is no number", a), form);
      numbers.push_back(n.value);
    }
    if (names.size() != 1 || numbers.size() > 3) return wrong("it takes one name and at most three numbers", form);
    const std::int64_t low = numbers.size() > 1 ? numbers.front() : 1;
    const std::int64_t last = numbers.back();
    const std::int64_t step = numbers.size() == 3 ? numbers[1] : last >= low ? 1 : -1;
    if (step == 0 || (last - low) / step < 0) return wrong(fmt::format("step {} never comes from {} to {}", step, low, last), form);
    if (static_cast<std::uint64_t>((last - low) / step) >= most_repetitions)
      return wrong(fmt::format("that is more than {} lines", most_repetitions), form);
    for (std::int64_t n = low; step > 0 ? n <= last : n >= last; n += step) {
      if (!add_round({hexadecimal ? fmt::format("{:x}", n) : std::to_string(n)})) break;
    }
  } else {
    for (const std::string& a : arguments) {
      std::vector<std::string> values;
      for (const std::string_view v : names.size() == 1 ? std::vector<std::string_view>{a} : tuple(a)) values.emplace_back(v);
      if (values.size() != names.size()) return wrong(fmt::format("'{}' has {} values for {} names", a, values.size(), names.size()), form);
      if (!add_round(values)) break;
    }
  }
  queue_expansion(line, std::move(out),
                  {{0, line.offset + static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(at.length), false}});
  return true;
}

void Lexer::include(const Line& line, const std::vector<Token>& tokens) {
  const Token& keyword = tokens.front();
  if (tokens.size() < 2) {
    report(Severity::warning, keyword, fmt::format("{} needs a file name or pattern", keyword.text));
    return;
  }
  const Token& what = tokens[1];
  std::string pattern(what.text);
  if (pattern.front() != '/' && pattern.front() != '~') pattern = directory_of(line.buffer) + "/" + pattern;
  auto names = reader_.expand(pattern);
  if (!names) {
    report(Severity::warning, what, names.error().message);
    return;
  }
  sources_.patterns.emplace_back(pattern, *names);
  if (names->empty()) {
    report(Severity::warning, what, fmt::format("nothing matches {}", text_.shown(pattern)));
    return;
  }
  std::size_t depth = 0;
  for (const Input& in : inputs_) depth += in.file.empty() ? 0 : 1;
  const std::size_t bottom = inputs_.size();
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
      std::string why = std::move(content).error().message;
      if (why.starts_with(name)) why = text_.shown(name) + why.substr(name.size());
      report(Severity::warning, what, std::move(why));
      continue;
    }
    push_file(name, std::move(*content), keyword);
  }
  std::reverse(inputs_.begin() + static_cast<std::ptrdiff_t>(bottom), inputs_.end());
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
    if (is_blank(*p) || *p == '\0') {
      ++p;
    } else if (*p == '{' || *p == '}') {
      add(p, p + 1, *p == '{' ? Token::Kind::open : Token::Kind::close, p, p + 1);
      ++p;
    } else if (*p == '"') {
      const char* close = static_cast<const char*>(std::memchr(p + 1, '"', static_cast<std::size_t>(end - p - 1)));
      const char* stop = close ? close : end;
      add(p, close ? close + 1 : end, Token::Kind::quoted, p + 1, stop);
      p = close ? close + 1 : end;
    } else {
      const char* from = p;
      bool escapes = false;
      while (p < end && !is_blank(*p) && *p != '"' && *p != '\0') {
        // An unreplaced ${NAME} keeps its braces: it is one wrong word, not a block.
        if (*p == '$' && p + 1 < end && p[1] == '{') {
          const char* close = static_cast<const char*>(std::memchr(p, '}', static_cast<std::size_t>(end - p)));
          if (close) p = close;
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
    const Token& first = tokens.front();
    if (first.kind == Token::Kind::word && first.text.size() >= 7 && is_include(first.text)) {
      include(line, tokens);
      continue;
    }
    return true;
  }
  tokens.clear();
  return false;
}

}  // namespace xd::conf
