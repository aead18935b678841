// The lines of track_interface, track_script, track_file, track_process and track_bfd: a name and what it weighs.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "conf/builder.h"

namespace xd::conf {

// "weight <n> [reverse|noreverse]" behind a name. False: the entry is not usable, and that has been said. A weight of 254 where
// 253 is the most is cut.
bool read_weight(Builder& b, std::span<const Token> options, std::string_view what, int most, WrittenWeight& weight);

bool already(const std::vector<Track>& tracks, std::string_view name);

// A list of things that are defined elsewhere. `kind`: "file", as it is called in messages.
void read_tracks(Builder& b, const Value& v, std::string_view kind, int most, TrackDrafts& out);

}  // namespace xd::conf
