// The keyword table as text for people: `xdirector conf keywords`, docs/configuration.md.
#pragma once

#include <string>

#include "conf/keywords.h"

namespace xd::conf {

// What a keyword is worth to this daemon: "obeyed", or "accepted, not in effect yet".
std::string standing(const Keyword& keyword);
// One line for each keyword of a block: form, default, standing, help. Block::none: all blocks, each under its path.
std::string manual_text(Block block);
// docs/configuration.md.
std::string manual_markdown();
// The page xdirector.conf(5), in man's language.
std::string manual_man();

}  // namespace xd::conf
