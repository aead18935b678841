#include "vrrp/settings.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "base/fd.h"

namespace xd::vrrp {

SettingsPort SettingsPort::of_kernel() {
  return {.read = [](const std::string& name) -> std::optional<std::string> {
            std::ifstream in("/proc/sys/" + name);
            std::string value;
            if (!std::getline(in, value)) return std::nullopt;
            return value;
          },
          .write = [](const std::string& name, const std::string& value) -> Status {
            const Fd fd(::open(("/proc/sys/" + name).c_str(), O_WRONLY | O_CLOEXEC));
            if (!fd || ::write(fd.get(), value.data(), value.size()) < 0) return Error::from_errno("set " + name + " to " + value);
            return {};
          }};
}

void KernelSettings::become(const Wanted& wanted, std::vector<std::string>& problems) {
  for (auto it = changed_.begin(); it != changed_.end();) {
    const auto& [name, changed] = *it;
    if (wanted.contains(name)) {
      ++it;
      continue;
    }
    // Somebody who changed it since has had his reasons; and what is gone needs nothing.
    if (port_.read(name) == changed.ours) set(name, changed.before, problems);
    it = changed_.erase(it);
  }
  if (!port_.read) return;
  for (const auto& [name, value] : wanted) {
    if (const auto known = changed_.find(name); known != changed_.end() && known->second.ours == value) continue;
    const auto before = port_.read(name);
    if (!before || *before == value) continue;
    changed_.try_emplace(name, Changed{value, *before}).first->second.ours = value;
    set(name, value, problems);
  }
}

void KernelSettings::set(const std::string& name, const std::string& value, std::vector<std::string>& problems) {
  if (!port_.write) return;
  if (const auto status = port_.write(name, value); !status) problems.push_back(status.error().message);
}

}  // namespace xd::vrrp
