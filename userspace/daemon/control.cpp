#include "daemon/control.h"

#include <utility>

namespace xd::daemon {

Result<std::unique_ptr<Control>> Control::open(Loop& loop, const std::string& path, Handler handler, Gone gone) {
  std::unique_ptr<Control> control(new Control(path, std::move(handler), std::move(gone)));
  auto listener =
      ipc::Listener::open(loop, path, [self = control.get(), &loop](Fd connection) { self->welcome(loop, std::move(connection)); });
  if (!listener) return std::move(listener).error();
  control->listener_.emplace(std::move(*listener));
  return control;
}

void Control::welcome(Loop& loop, Fd connection) {
  const auto place = askers_.emplace(askers_.end());
  const Asker number = ++last_asker_;
  *place = std::make_shared<ipc::Channel>(
      loop, std::move(connection),
      [this, place, number](const ipc::Message& message) {
        handler_(message.text, number, [asker = std::weak_ptr(*place)](std::string answer) {
          if (const auto channel = asker.lock()) channel->send(std::move(answer));
        });
      },
      [this, place, number](const std::string&) {
        const auto gone = gone_;  // the channel goes, and this handler with it
        askers_.erase(place);
        gone(number);
      });
}

}  // namespace xd::daemon
