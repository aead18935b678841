// A sync group with its members, as the router keeps it. Its rules are in vrrp/sync.h.
#pragma once

#include <cstddef>
#include <vector>

#include "conf/model.h"
#include "vrrp/instance.h"
#include "vrrp/notify.h"

namespace xd::vrrp {

struct Group {
  conf::VrrpSyncGroup conf;
  Notify notify;
  std::vector<Instance*> members;
  Role told = Role::init;    // by the last notification
  Instance* ripe = nullptr;  // the member that last came to want to be master: it goes first
  bool unsettled = false;    // a member has changed
  bool to_tell = true;       // a member's role or master has changed
  std::size_t todos = 0;     // of its members, not carried out yet

  std::vector<const State*> states() const;
  Role role() const;
};

}  // namespace xd::vrrp
