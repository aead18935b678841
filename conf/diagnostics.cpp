#include "conf/diagnostics.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>
#include <vector>

namespace xd::conf {

namespace {

int rank(TestVerdict verdict) {
  switch (verdict) {
    case TestVerdict::fine: return 0;
    case TestVerdict::problem: return 1;
    case TestVerdict::security: return 2;
    case TestVerdict::unusable: return 3;
  }
  return 0;
}

void render_place(std::string& out, const Place& place) {
  if (!place.file.empty()) out += place.file;
  if (place.line != 0) out += fmt::format(":{}:{}", place.line, place.column);
  if (!place.file.empty()) out += ": ";
}

void render_excerpt(std::string& out, const Place& place) {
  if (place.line == 0) return;
  const std::string number = std::to_string(place.line);
  const std::size_t width = std::max<std::size_t>(5, number.size() + 1);
  out += fmt::format("{:>{}} | {}\n", number, width, place.excerpt);
  out += fmt::format("{:>{}} | ", "", width);
  // Tabs are copied so that the caret stands under its word whatever their width.
  for (unsigned i = 1; i < place.excerpt_column; ++i) out += i <= place.excerpt.size() && place.excerpt[i - 1] == '\t' ? '\t' : ' ';
  out += '^';
  const std::size_t room = place.excerpt.size() >= place.excerpt_column ? place.excerpt.size() - place.excerpt_column : 0;
  out.append(std::min<std::size_t>(place.length > 0 ? place.length - 1 : 0, room), '~');
  out += '\n';
}

}  // namespace

std::string_view name(Severity severity) {
  switch (severity) {
    case Severity::error: return "error";
    case Severity::warning: return "warning";
    case Severity::note: return "note";
  }
  return "?";
}

void Diagnostics::count(Severity severity, TestVerdict verdict) {
  if (rank(verdict) > rank(verdict_)) verdict_ = verdict;
  severity == Severity::error ? ++errors_ : ++warnings_;
  if (full()) ++dropped_;
}

void Diagnostics::add(Diagnostic diagnostic) {
  // The same thing said twice stands close together: within one statement, or once per file that included it.
  const std::size_t window = std::min<std::size_t>(items_.size(), 16);
  if (std::find(items_.end() - static_cast<std::ptrdiff_t>(window), items_.end(), diagnostic) != items_.end()) return;
  const bool keep = !full();
  count(diagnostic.severity, diagnostic.verdict);
  if (keep) items_.push_back(std::move(diagnostic));
}

void Diagnostics::sort() {
  const auto key = [](const Diagnostic& d) { return std::tuple(d.place.line == 0, d.place.file_order, d.place.line, d.place.column); };
  std::stable_sort(items_.begin(), items_.end(), [&](const Diagnostic& a, const Diagnostic& b) { return key(a) < key(b); });
}

std::string Diagnostics::render() const {
  std::string out;
  for (const Diagnostic& d : items_) out += conf::render(d);
  if (dropped_ > 0) out += fmt::format("... and {} more\n", dropped_);
  return out;
}

std::string render(const Diagnostic& d) {
  std::string out;
  render_place(out, d.place);
  out += fmt::format("{}: {}", name(d.severity), d.message);
  if (!d.hint.empty()) out += fmt::format("; {}", d.hint);
  out += '\n';
  render_excerpt(out, d.place);
  if (!d.expected.empty()) out += fmt::format("      = expected: {}\n", d.expected);
  for (const Note& n : d.notes) {
    render_place(out, n.place);
    out += fmt::format("note: {}\n", n.message);
  }
  return out;
}

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
  constexpr std::size_t longest = 64;
  if (word.size() > longest) return {};
  // Of a word of one or two letters, another letter makes another word.
  const std::size_t allowed = word.size() < 3 ? 0 : word.size() < 4 ? 1 : word.size() < 8 ? 2 : 3;
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  const auto same = [&](char a, char b) { return lower(a) == lower(b); };
  std::string_view best;
  std::size_t best_distance = allowed + 1;
  using Row = std::array<std::size_t, longest + 3 + 1>;
  Row rows[3] = {};
  for (std::string_view candidate : candidates) {
    if (candidate.size() > word.size() + allowed || word.size() > candidate.size() + allowed) continue;
    // Damerau-Levenshtein, capitals or not: two letters swapped count as one slip, as fingers make them. A candidate is left as
    // soon as no way through its table is shorter than the best so far (a swap costs one and skips one row, so a row's least is
    // a bound for it too): most are after a few letters.
    Row *before_previous = &rows[0], *previous = &rows[1], *row = &rows[2];
    for (std::size_t j = 0; j <= candidate.size(); ++j) (*previous)[j] = j;
    std::size_t least = 0;
    for (std::size_t i = 1; i <= word.size() && least < best_distance; ++i) {
      least = (*row)[0] = i;
      for (std::size_t j = 1; j <= candidate.size(); ++j) {
        std::size_t distance = (*previous)[j - 1] + (same(word[i - 1], candidate[j - 1]) ? 0 : 1);
        distance = std::min({distance, (*previous)[j] + 1, (*row)[j - 1] + 1});
        if (i > 1 && j > 1 && same(word[i - 1], candidate[j - 2]) && same(word[i - 2], candidate[j - 1]))
          distance = std::min(distance, (*before_previous)[j - 2] + 1);
        (*row)[j] = distance;
        least = std::min(least, distance);
      }
      std::swap(before_previous, previous);
      std::swap(previous, row);
    }
    const std::size_t distance = (*previous)[candidate.size()];
    if (least < best_distance && distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace xd::conf
