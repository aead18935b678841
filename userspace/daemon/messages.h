// What the parent and its children say to each other, as values, and their JSON form on an ipc::Channel.
//
//   parent                                 child
//   Hello                        →         its event loop turns:
//                                ←         Alive
//   Configure + bundle           →         compiles the text, checks it against the host, changes nothing
//                                ←         Prepared
//   Commit or Abort              →
//                                ←         Committed
//                                ←         Snapshot, whenever what a successor must know has changed: the parts that did
//                                ←         Summary, now and then
//   AskStatus                    →
//                                ←         StatusAnswer, in parts
//   Stop                         →         orderly, or quietly: leaves all as it is for a successor
//                                ←         Snapshot and Stopped; then the child exits
//
// A new parent that finds the children of one that died speaks to them in the same words, over their own sockets.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "base/time.h"

namespace xd::daemon {

// What a role wants its successor to know: parts, each under a name and in the role's own format. Of thousands of instances only
// those that changed travel.
using Parts = std::map<std::string, std::string>;

struct Handover {
  Parts parts;              // none: nothing is known
  TimePoint alive_until{};  // the last moment at which the one that wrote it was known to be well
};

struct Hello {};
struct Alive {
  bool orphan = false;  // its parent is dead
};
// With a descriptor: the sources of the configuration (conf::serialize) in memory.
struct Configure {
  std::uint64_t generation = 0;
};
struct Prepared {
  std::uint64_t generation = 0;
  bool ok = false;
  std::string why;  // not ok: the reason
};
struct Commit {
  std::uint64_t generation = 0;
  Handover handover;  // only for a child that begins
};
struct Committed {
  std::uint64_t generation = 0;
};
struct Abort {
  std::uint64_t generation = 0;
};
struct Snapshot {
  Parts changed;  // an empty one is gone
};
struct Summary {
  std::string words;  // for people: "2 instances: 1 master, 1 backup"
};
struct AskStatus {
  std::uint64_t id = 0;
};
struct StatusAnswer {
  std::uint64_t id = 0;
  std::string json;  // some of the role's part of `xdirector status -j`
  bool last = true;
};
struct Stop {
  bool quietly = false;  // a successor goes on: no priority 0, addresses and tables stay
};
struct Stopped {};

using Words =
    std::variant<Hello, Alive, Configure, Prepared, Commit, Committed, Abort, Snapshot, Summary, AskStatus, StatusAnswer, Stop, Stopped>;

std::string encode(const Words& words);
Result<Words> decode(std::string_view text);

}  // namespace xd::daemon
