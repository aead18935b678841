#include "daemon/bfd_events.h"

#include <nlohmann/json.hpp>

#include <utility>

#include "base/log.h"

namespace xd::daemon {

namespace {

using nlohmann::json;

constexpr Duration connect_again = 100ms;

std::string socket_path() { return ipc::runtime_directory() + "/bfd-events.sock"; }

}  // namespace

Status BfdPublisher::open() {
  auto listener = ipc::Listener::open(loop_, socket_path(), [this](Fd connection) {
    const auto place = listeners_.emplace(listeners_.end());
    *place = std::make_unique<ipc::Channel>(
        loop_, std::move(connection), [](const ipc::Message&) {}, [this, place](const std::string&) { listeners_.erase(place); });
    if (!last_.empty()) (*place)->send(last_);
  });
  if (!listener) return std::move(listener).error();
  listener_.emplace(std::move(*listener));
  return {};
}

void BfdPublisher::tell(const BfdSessions& sessions) {
  last_ = json(sessions).dump(-1, ' ', false, json::error_handler_t::replace);
  for (const auto& listener : listeners_) listener->send(last_);
}

BfdSubscriber::BfdSubscriber(Loop& loop, Heard heard) : loop_(loop), heard_(std::move(heard)), retry_(loop, [this] { connect(); }) {}

void BfdSubscriber::want(bool wanted) {
  if (std::exchange(wanted_, wanted) == wanted) return;
  if (wanted) {
    connect();
  } else {
    retry_.disarm();
    channel_.reset();
  }
}

void BfdSubscriber::connect() {
  auto socket = ipc::connect_to(socket_path());
  if (!socket) return retry_.arm_in(connect_again);  // it is not there yet, or on its way back
  channel_ = std::make_unique<ipc::Channel>(
      loop_, std::move(*socket),
      [this](const ipc::Message& message) {
        try {
          heard_(json::parse(message.text).get<BfdSessions>());
        } catch (const json::exception& failed) {
          log::warning("What the BFD process says is not understood: {}", failed.what());
        }
      },
      [this](const std::string&) { retry_.arm_in(connect_again); });
}

}  // namespace xd::daemon
