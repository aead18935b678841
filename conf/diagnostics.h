// What the compiler has to say, collected and not thrown: place, source line with a caret, what was expected, a cure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace xd::conf {

// error: the configuration cannot be used (a brace is missing, an instance has no VRID).
// warning: it can, but not as written: a statement was ignored, a value corrected, a keyword has no effect.
// note: belongs to the error or warning before it.
enum class Severity { error, warning, note };

std::string_view name(Severity severity);

// A stretch of one source line. line 0: no place in a file.
struct Place {
  std::string file;
  unsigned line = 0;            // from 1
  unsigned column = 0;          // from 1, in bytes
  unsigned length = 0;          // of what is marked, within the line
  std::string excerpt;          // the line, shortened around the mark when it is very long
  unsigned excerpt_column = 0;  // where the mark begins in the excerpt, from 1
  unsigned file_order = 0;      // of the file among all that were read
  bool operator==(const Place&) const = default;
};

struct Note {
  Place place;
  std::string message;
  bool operator==(const Note&) const = default;
};

// What a configuration test (-t) exits with because of a diagnostic; the numbers are keepalived's. The test's answer is
// the worst: unusable, then security and include (a file that include_check demands is missing), then problem.
enum class TestVerdict { fine = 0, unusable = 2, problem = 5, security = 6, include = 6 };

struct Diagnostic {
  Severity severity = Severity::warning;
  Place place;
  std::string message;
  std::string expected;                        // what may stand here, empty: nothing to add
  std::string hint;                            // "did you mean 'priority'?"
  std::vector<Note> notes;                     // include chain, macro expansion, the other definition
  TestVerdict verdict = TestVerdict::problem;  // fine: advice that keepalived would not fail on
  bool operator==(const Diagnostic&) const = default;
};

class Diagnostics {
 public:
  // The same message at the same place is kept once. After `limit` only counts.
  void add(Diagnostic diagnostic);
  // For callers that would take pains over one that is only counted.
  bool full() const { return items_.size() >= limit; }
  void count(Severity severity, TestVerdict verdict);
  // By file in order of reading, then line and column; what has no place comes last.
  void sort();

  const std::vector<Diagnostic>& all() const { return items_; }
  std::size_t errors() const { return errors_; }
  std::size_t warnings() const { return warnings_; }
  TestVerdict verdict() const { return verdict_; }
  // As text for people: "keepalived.conf:41:23: error: ...", the line, the caret, expected, hint and notes.
  std::string render() const;

  static constexpr std::size_t limit = 1000;

 private:
  std::vector<Diagnostic> items_;
  std::size_t errors_ = 0;
  std::size_t warnings_ = 0;
  std::size_t dropped_ = 0;
  TestVerdict verdict_ = TestVerdict::fine;
};

std::string render(const Diagnostic& diagnostic);

// The candidate nearest to `word` by edit distance, empty when none is near enough to be meant.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace xd::conf
