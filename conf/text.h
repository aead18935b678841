// The source text in memory, and where each stretch of it came from.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "conf/diagnostics.h"

namespace xd::conf {

// A word, or a brace. `text` is what it means (without quotes, escapes resolved); buffer, offset and length say where
// it stands.
struct Token {
  enum class Kind : std::uint8_t { word, quoted, open, close };
  std::string_view text;
  std::uint32_t buffer = 0;
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  Kind kind = Kind::word;
  bool is_word() const { return kind == Kind::word || kind == Kind::quoted; }
};

// Owns every buffer: files as read, and lines as they read after $NAME was replaced. Addresses of texts do not change.
class Text {
 public:
  // A stretch of an expanded line and where it comes from in the buffer it was expanded from.
  struct Segment {
    std::uint32_t offset;          // in the expansion
    std::uint32_t origin;          // in the parent buffer
    std::uint32_t length;          // in the parent buffer: what to mark
    bool literal;                  // copied byte for byte, else the value of a definition
    std::uint32_t definition = 0;  // its number, from 1; 0: none of the text's own
  };
  struct Buffer {
    std::string name;  // of the file; empty for an expansion
    std::string text;
    Token from;  // the include statement or, for an expansion, the line; length 0: none
    std::vector<Segment> segments;
    mutable std::vector<std::uint32_t> line_starts;  // made when first asked for
  };

  std::uint32_t add_file(std::string name, std::string text, const Token& included_from);
  std::uint32_t add_expansion(std::string text, std::vector<Segment> segments, const Token& line);
  // A definition's name where it is defined, for notes; returns its number.
  std::uint32_t add_definition(const Token& name);
  // Keeps a word that differs from the source's bytes.
  std::string_view keep(std::string word);

  const Buffer& operator[](std::uint32_t buffer) const { return buffers_[buffer]; }
  std::size_t size() const { return buffers_.size(); }

  // A file's name as seen from the folder of the first file.
  std::string shown(const std::string& name) const;
  Place place(const Token& token) const;
  // Expansion, definitions and include chain of a token.
  void add_origin_notes(const Token& token, std::vector<Note>& notes) const;

 private:
  bool is_expansion(std::uint32_t buffer) const;
  // The segment of an expansion that the token begins in.
  const Segment& segment_of(const Token& token) const;
  // In the buffer that the token's buffer was expanded from.
  Token one_step_back(Token token) const;
  // In the file that the token's text finally came from.
  Token in_file(Token token) const;

  std::deque<Buffer> buffers_;
  std::deque<std::string> words_;
  std::vector<Token> definitions_;
};

}  // namespace xd::conf
