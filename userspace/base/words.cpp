#include "base/words.h"

#include <fmt/format.h>

namespace xd {

std::string in_words(Duration duration) {
  struct Unit {
    Duration size;
    Duration from;  // used from here on
    const char* name;
  };
  constexpr Unit units[] = {{24h, 48h, "days"}, {1h, 2h, "h"}, {1min, 2min, "min"}, {1s, 1s, "s"}};
  for (const Unit& unit : units) {
    if (duration >= unit.from) return fmt::format("{} {}", duration / unit.size, unit.name);
  }
  return fmt::format("{} ms", duration / Duration(1ms));
}

}  // namespace xd
