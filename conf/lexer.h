// Source text → lines of words and braces.
//
// Line by line, as keepalived reads: comments go (! and # outside double quotes; \! and \# stand for themselves), @id and
// @^id lines count or not, $NAME= lines define, $NAME and ${NAME} are replaced, include lines give way to the files
// they name. What is left is split into words at blanks, quotes and braces. lexer_definitions.cpp has what replaces text,
// lexer_include.cpp what other files bring.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "conf/diagnostics.h"
#include "conf/source.h"
#include "conf/text.h"

namespace xd::conf {

class Lexer {
 public:
  Lexer(Text& text, Reader& reader, Sources& sources, Diagnostics& diagnostics, std::string config_id, std::size_t most_expanded);

  // Queues all files that an absolute path or glob stands for. False, and nothing is said, when there is none or the
  // first cannot be read; `why` then has the reason.
  bool open(const std::string& pattern, std::string& why);

  // The next line that has any token. False at the end.
  bool next_line(std::vector<Token>& line);

  static constexpr std::size_t longest_line = 64 << 10;
  static constexpr std::size_t deepest_include = 32;
  static constexpr std::size_t deepest_replacement = 32;
  static constexpr std::size_t most_repetitions = 1u << 20;
  static constexpr std::size_t most_included = 10'000;  // files

 private:
  struct Input {
    std::uint32_t buffer;
    std::size_t at = 0;
    std::string file;                       // absolute name; empty for an expansion
    std::unordered_set<std::string> names;  // definitions that an expansion replaced
    std::uint8_t checks = 0;                // include_check of a file
  };
  struct Definition {
    std::string value;
    std::uint32_t number = 0;  // in text_
  };
  // A physical line: offset and text without line end and comment.
  struct Line {
    std::uint32_t buffer;
    std::uint32_t offset;
    std::string_view text;
  };

  bool read_line(Line& line);
  void push_file(const std::string& name, std::string content, const Token& from);
  bool condition_holds(Line& line);
  bool define(const Line& line);
  bool replace(const Line& line);
  bool replace_references(const Line& line, std::string& out, std::vector<Text::Segment>& segments,
                          std::unordered_set<std::string>* names = nullptr);
  void say_undefined(const Token& at, std::string_view name);
  bool is_being_replaced(std::string_view name) const;
  // ~SEQ and ~LST lines: the rest of the line, once for each value, is queued as an input of its own.
  bool repeat(const Line& line);
  // A queued input for what a line has become, unless that is too much.
  void queue_expansion(const Line& line, std::string out, std::vector<Text::Segment> segments, std::unordered_set<std::string> names);
  bool include(const Line& line);
  // Obeys "include_check <option>...", for the file it stands in and those that this includes.
  void set_include_checks(const std::vector<Token>& words);
  void tokenize(const Line& line, std::vector<Token>& tokens);
  std::string_view without_comment(const Line& line);
  const std::string* random_number(std::string_view limits);
  // The value of a predefined name or definition; nullptr when there is none. `quoted`: within double quotes, where a comment
  // sign needs no escape. `number`: the definition's in text_.
  const std::string* value_of(std::string_view name, const Line& line, bool quoted, std::uint32_t& number);
  Token token_at(const Line& line, std::size_t begin, std::size_t length) const;
  std::string directory_of(std::uint32_t buffer) const;
  Input& innermost_file();
  void say(Diagnostic d, const Token& at);
  void report(Severity severity, const Token& token, std::string message);

  Text& text_;
  Reader& reader_;
  Sources& sources_;
  Diagnostics& diagnostics_;
  std::string config_id_;
  std::vector<Input> inputs_;  // innermost last
  std::unordered_map<std::string, Definition> definitions_;
  std::uint64_t random_ = 0;   // of ${_RANDOM}
  std::string computed_;       // of a predefined name, until the next one
  std::size_t most_expanded_;  // bytes, over the whole configuration
  std::size_t expanded_ = 0;
  std::size_t included_ = 0;
  int skipped_depth_ = 0;  // open braces of an inactive @id block
  bool skipped_header_ = false;
};

}  // namespace xd::conf
