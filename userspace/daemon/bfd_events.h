// What the BFD process tells the others: by name, which sessions are up. It goes by a local socket of its own and not through the
// parent, whose loss or business must not delay it. Each message holds all sessions.
//
// When the BFD process is gone its listeners go on with what they heard last, and connect again: its end says nothing about the
// neighbours.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/loop.h"
#include "base/result.h"
#include "ipc/channel.h"
#include "ipc/socket.h"

namespace xd::daemon {

using BfdSessions = std::map<std::string, bool>;

class BfdPublisher {
 public:
  explicit BfdPublisher(Loop& loop) : loop_(loop) {}
  // From here on listeners are served. Once.
  Status open();
  void tell(const BfdSessions& sessions);

 private:
  Loop& loop_;
  std::string last_;
  std::list<std::unique_ptr<ipc::Channel>> listeners_;
  std::optional<ipc::Listener> listener_;
};

class BfdSubscriber {
 public:
  using Heard = std::function<void(const BfdSessions& sessions)>;
  BfdSubscriber(Loop& loop, Heard heard);
  // Listens, or does not.
  void want(bool wanted);

 private:
  void connect();

  Loop& loop_;
  Heard heard_;
  bool wanted_ = false;
  std::unique_ptr<ipc::Channel> channel_;
  Timer retry_;
};

}  // namespace xd::daemon
