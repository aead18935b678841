// Blocks with a name: the first definition of a name counts.
#pragma once

#include <fmt/core.h>

#include <utility>
#include <vector>

#include "conf/builder.h"

namespace xd::conf {

// A draft (builder.h) for the block that `v` opens, at the end of `drafts`. Null: one of this name exists, which is told with both places, and
// the block is skipped.
template <typename Draft>
Draft* begin_named(Builder& b, const Value& v, std::vector<Draft>& drafts) {
  for (const Draft& d : drafts) {
    if (d.out.name != v.word()) continue;
    Diagnostic twice;
    twice.message = fmt::format("{} {} is defined twice; the second is ignored", v.keyword.name, v.word());
    twice.notes.push_back({b.place(d.at), "the first is here"});
    b.report(std::move(twice), v.where());
    b.skip_block();
    return nullptr;
  }
  Draft& d = drafts.emplace_back();
  d.out.name = v.word();
  d.at = v.where();
  return &d;
}

}  // namespace xd::conf
