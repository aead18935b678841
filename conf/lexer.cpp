#include "conf/lexer.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "conf/characters.h"
#include "conf/quoting.h"

namespace xd::conf {

namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

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
          const std::size_t reference = length_of_reference({p, static_cast<std::size_t>(end - p)});
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
    if (tokens.front().text == "include_check") set_include_checks(tokens);
    return true;
  }
  tokens.clear();
  return false;
}

}  // namespace xd::conf
