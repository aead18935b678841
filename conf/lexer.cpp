#include "conf/lexer.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

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
  return word == "include" || word == "includer" || word == "includem" || word == "includew" || word == "includeb" ||
         word == "includea";
}

}  // namespace

Lexer::Lexer(Text& text, Reader& reader, Sources& sources, Diagnostics& diagnostics, std::string config_id)
    : text_(text), reader_(reader), sources_(sources), diagnostics_(diagnostics), config_id_(std::move(config_id)) {}

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
  return {line.text.substr(begin, length), line.buffer, line.offset + static_cast<std::uint32_t>(begin),
          static_cast<std::uint32_t>(length), Token::Kind::word};
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
      report(Severity::error, token_at(line, 0, 1),
             fmt::format("line of {} bytes; the longest allowed is {}", length, longest_line));
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
    report(Severity::warning, token_at(line, opened, 1),
           "quote without its partner; the text up to the end of the line is taken");
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

const std::string* Lexer::value_of(std::string_view name, const Line& line) {
  if (name == "_PWD") return &(computed_ = directory_of(line.buffer));
  if (name == "_INSTANCE") return &config_id_;
  if (name == "_HASH") return &(computed_ = "\\#");
  if (name == "_BANG") return &(computed_ = "\\!");
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
      report(Severity::warning, token_at(line, i, length),
             fmt::format("${} is not defined; it is left as it stands", name));
      i += length - 1;
      continue;
    }
    any = true;
    if (i > copied) {
      segments.push_back(
          {static_cast<std::uint32_t>(out.size()), line.offset + static_cast<std::uint32_t>(copied), 0, true});
      out += line.text.substr(copied, i - copied);
    }
    segments.push_back({static_cast<std::uint32_t>(out.size()), line.offset + static_cast<std::uint32_t>(i),
                        static_cast<std::uint32_t>(length), false});
    out += *value;
    if (out.size() > longest_line * 16) break;
    copied = i + length;
    i = copied - 1;
  }
  if (!any) return false;
  if (copied < line.text.size()) {
    segments.push_back(
        {static_cast<std::uint32_t>(out.size()), line.offset + static_cast<std::uint32_t>(copied), 0, true});
    out += line.text.substr(copied);
  }
  expanded_ += out.size();
  std::size_t depth = 0;
  for (auto in = inputs_.rbegin(); in != inputs_.rend() && in->file.empty(); ++in) ++depth;
  if (depth >= deepest_replacement || expanded_ > most_expanded) {
    const std::size_t dollar = line.text.find('$');
    report(
        Severity::error, token_at(line, dollar, 1),
        depth >= deepest_replacement ? "a definition that contains itself" : "definitions expand to more than 64 MiB");
    return true;
  }
  const std::uint32_t buffer =
      text_.add_expansion(std::move(out), std::move(segments), token_at(line, 0, line.text.size()));
  inputs_.push_back({buffer, 0, {}});
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
      report(Severity::error, what,
             fmt::format("more than {} files inside one another, or {} in all", deepest_include, most_included));
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
      if (define(line)) continue;
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
    if (first.kind == Token::Kind::word && first.text.front() == '~' &&
        (first.text.starts_with("~SEQ") || first.text.starts_with("~LST"))) {
      report(Severity::error, first, fmt::format("{} is not supported: write the lines out", first.text.substr(0, 4)));
      continue;
    }
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
