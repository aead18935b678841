// Numbers as a person says them, in log lines and on the command line.
#pragma once

#include <string>

#include "base/time.h"

namespace xd {

// In its largest fitting unit, rounded down: "250 ms", "4 s", "12 min", "3 h", "9 days".
std::string in_words(Duration duration);

}  // namespace xd
