// What the files of the router share: a turn, and a configuration that is prepared.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "vrrp/router.h"

namespace xd::vrrp {

// A turn ends, and is finished, when the outermost one does.
class Router::Turn {
 public:
  explicit Turn(Router& router) : router_(router) { ++router_.depth_; }
  ~Turn() {
    if (router_.depth_ == 1) router_.finish();
    --router_.depth_;
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Router& router_;
};

struct Router::PlannedInstance {
  conf::VrrpInstance conf;
  Notify notify;
  std::optional<Remembered> remembered;
  std::uint64_t became_master = 0;
  std::uint32_t ah_sequence = 0;
  HmacKeys hmac_keys;
  std::vector<conf::HeartbeatPath> heartbeats = {};
  std::optional<Command> fence = {};
  Duration fence_limit = 0s;
};

struct Router::Plan {
  std::vector<PlannedInstance> instances;
  std::vector<std::unique_ptr<Group>> groups;  // members not filled in yet
  std::vector<ScriptTracker::Definition> scripts;
  conf::Model others = {};  // what is no instance, group or script
};

// Of the virtual link that it has; 0: none.
int link_index_of(const Instance& instance, const netlink::Table& table);

}  // namespace xd::vrrp
