// Words → numbers, durations, addresses, programs. Pure; what is wrong is said in the result.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xd::conf {

// How a number was written.
enum class Written { good, rubbish_behind, none };

struct Number {
  Written written = Written::none;
  std::int64_t value = 0;  // saturates
};

// Decimal, with a sign. "5x" is 5 with rubbish behind.
Number parse_integer(std::string_view word);
// "16", "0x10" or "020", as the C library reads numbers; nothing when it is none, or more than `maximum`.
std::optional<std::uint32_t> parse_c_notation(std::string_view word, std::uint32_t maximum);
// "1.5" → 1'500'000 for scale 1'000'000. Digits beyond the scale are rounded and set `rounded`.
Number parse_decimal(std::string_view word, std::int64_t scale, bool& rounded);
// true on yes, false off no.
std::optional<bool> parse_boolean(std::string_view word);
// 255.255.255.0 → 24; nothing when the ones are not in one piece.
std::optional<int> mask_length(std::string_view word);

// A backslash gives \a \b \E \f \n \r \t \v, \xHH, \ooo, \cX, else the next character itself.
std::string unescaped(std::string_view text);
// The reverse, without any quote.
std::string escaped(std::string_view text);
// A command line as it stands between its quotes in the file → its words, without a shell. Escapes count twice, as in keepalived:
// first in the whole, then when it is split at the blanks that no '...' and no "..." holds together.
std::vector<std::string> split_command(std::string_view line);
// The reverse: words quoted as needed, so that split_command gives them back.
std::string join_command(const std::vector<std::string>& words);

}  // namespace xd::conf
