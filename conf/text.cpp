#include "conf/text.h"

#include <fmt/core.h>

#include <algorithm>

namespace xd::conf {

namespace {

constexpr std::size_t longest_excerpt = 120;
constexpr std::size_t longest_note = 200;

}  // namespace

std::uint32_t Text::add_file(std::string name, std::string text, const Token& included_from) {
  buffers_.push_back({std::move(name), std::move(text), included_from, {}, {}});
  return static_cast<std::uint32_t>(buffers_.size() - 1);
}

std::uint32_t Text::add_expansion(std::string text, std::vector<Segment> segments, const Token& line) {
  buffers_.push_back({{}, std::move(text), line, std::move(segments), {}});
  return static_cast<std::uint32_t>(buffers_.size() - 1);
}

std::string_view Text::keep(std::string word) { return words_.emplace_back(std::move(word)); }

std::uint32_t Text::add_definition(const Token& name) {
  definitions_.push_back(name);
  return static_cast<std::uint32_t>(definitions_.size());
}

bool Text::is_expansion(std::uint32_t buffer) const { return buffers_[buffer].name.empty() && !buffers_[buffer].segments.empty(); }

const Text::Segment& Text::segment_of(const Token& token) const {
  const std::vector<Segment>& segments = buffers_[token.buffer].segments;
  const auto after = std::upper_bound(segments.begin(), segments.end(), token.offset,
                                      [](std::uint32_t offset, const Segment& s) { return offset < s.offset; });
  return after == segments.begin() ? segments.front() : *(after - 1);
}

Token Text::one_step_back(Token token) const {
  const Segment& s = segment_of(token);
  token.buffer = buffers_[token.buffer].from.buffer;
  if (s.literal) {
    token.offset = s.origin + (token.offset - s.offset);
  } else {
    token.offset = s.origin;
    token.length = s.length;
  }
  return token;
}

Token Text::in_file(Token token) const {
  while (is_expansion(token.buffer)) token = one_step_back(token);
  return token;
}

std::string Text::shown(const std::string& name) const {
  const std::string& root = buffers_.front().name;
  const std::size_t folder = root.rfind('/') + 1;  // 0 when there is none
  return name.compare(0, folder, root, 0, folder) == 0 ? name.substr(folder) : name;
}

Place Text::place(const Token& token) const {
  const Token t = in_file(token);
  const Buffer& b = buffers_[t.buffer];
  if (b.line_starts.empty()) {
    b.line_starts.push_back(0);
    for (std::size_t i = b.text.find('\n'); i != std::string::npos; i = b.text.find('\n', i + 1)) {
      b.line_starts.push_back(static_cast<std::uint32_t>(i + 1));
    }
  }
  const auto next = std::upper_bound(b.line_starts.begin(), b.line_starts.end(), t.offset);
  const std::uint32_t start = *(next - 1);
  std::size_t end = next == b.line_starts.end() ? b.text.size() : *next - 1;
  if (end > start && b.text[end - 1] == '\r') --end;

  Place p;
  p.file = shown(b.name);
  p.file_order = t.buffer;
  p.line = static_cast<unsigned>(next - b.line_starts.begin());
  p.column = t.offset - start + 1;
  p.length = static_cast<unsigned>(std::min<std::size_t>(std::max<std::uint32_t>(t.length, 1), longest_excerpt));
  std::size_t from = start;
  if (end - start > longest_excerpt && t.offset - start > longest_excerpt / 2) from = t.offset - longest_excerpt / 2;
  const std::size_t to = std::min(end, from + longest_excerpt);
  p.excerpt = b.text.substr(from, to - from);
  p.excerpt_column = static_cast<unsigned>(t.offset - from + 1);
  // Control characters would disturb the terminal and the caret.
  for (char& c : p.excerpt) {
    if (static_cast<unsigned char>(c) < 0x20 && c != '\t') c = '?';
    if (c == 0x7f) c = '?';
  }
  return p;
}

void Text::add_origin_notes(const Token& token, std::vector<Note>& notes) const {
  const Buffer& first = buffers_[token.buffer];
  if (is_expansion(token.buffer)) {
    const auto start = first.text.rfind('\n', token.offset);
    std::string_view line = first.text;
    line = line.substr(start == std::string::npos ? 0 : start + 1);
    line = line.substr(0, std::min(line.find('\n'), longest_note));
    const auto text = line.find_first_not_of(" \t");
    notes.push_back({place(token), fmt::format("after replacement the line reads: {}", text == line.npos ? "" : line.substr(text))});
  }
  constexpr int most = 8;
  Token at = token;
  for (int depth = 0; depth < most && is_expansion(at.buffer); ++depth) {
    const std::uint32_t definition = segment_of(at).definition;
    if (definition > 0) {
      const Token& name = definitions_[definition - 1];
      notes.push_back({place(name), fmt::format("{} is defined here", name.text)});
    }
    at = one_step_back(at);
  }
  at = in_file(at);
  for (int depth = 0; depth < most && buffers_[at.buffer].from.length > 0; ++depth) {
    const Token from = in_file(buffers_[at.buffer].from);
    notes.push_back({place(from), "included from here"});
    at = from;
  }
}

}  // namespace xd::conf
