// Checkers that ask nobody: FILE_CHECK and BFD_CHECK learn from files and sessions that others keep. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "conf/model.h"

namespace xd::checkers {

// What it means for a real server.
struct Observation {
  bool up = true;
  std::int64_t weight_change = 0;  // what is added to the real server's weight
  std::string words;               // "is 5"
};

// A FILE_CHECK with what it leaves to its track_file filled in.
struct FileRule {
  int weight = 0;
  bool reverse = false;
};
FileRule rule_of(const conf::FileCheck& check, const std::vector<conf::TrackFile>& files);

// Without a weight another number than 0 is a failure, with reverse 0 is. Else the number, times the weight, is added.
Observation observe_file(const FileRule& rule, std::int64_t number);
Observation observe_session(bool up);

// A real server's weight after all that its checkers add.
std::uint32_t changed_weight(std::uint32_t configured, std::int64_t change);

}  // namespace xd::checkers
