#include "daemon/control.h"

#include <utility>

namespace xd::daemon {

Result<std::unique_ptr<Control>> Control::open(Loop& loop, const std::string& path, Handler handler) {
  std::unique_ptr<Control> control(new Control(path, std::move(handler)));
  auto listener =
      ipc::Listener::open(loop, path, [self = control.get(), &loop](Fd connection) { self->welcome(loop, std::move(connection)); });
  if (!listener) return std::move(listener).error();
  control->listener_.emplace(std::move(*listener));
  return control;
}

void Control::welcome(Loop& loop, Fd connection) {
  const auto place = askers_.emplace(askers_.end());
  *place = std::make_shared<ipc::Channel>(
      loop, std::move(connection),
      [this, place](const ipc::Message& message) {
        handler_(message.text, [asker = std::weak_ptr(*place)](std::string answer) {
          if (const auto channel = asker.lock()) channel->send(std::move(answer));
        });
      },
      [this, place](const std::string&) { askers_.erase(place); });
}

}  // namespace xd::daemon
