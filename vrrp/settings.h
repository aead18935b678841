// Settings of the kernel under /proc/sys that others own: changed while we need them, and put back after.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace xd::vrrp {

// Where they are. Both empty: nothing is read or changed.
struct SettingsPort {
  std::function<std::optional<std::string>(const std::string& name)> read;  // none: there is no such setting
  std::function<Status(const std::string& name, const std::string& value)> write;

  static SettingsPort of_kernel();  // names are paths below /proc/sys
};

class KernelSettings {
 public:
  using Wanted = std::map<std::string, std::string>;  // name → value

  explicit KernelSettings(SettingsPort port) : port_(std::move(port)) {}

  // These and no others: what is not wanted any more gets the value back that it had. What fails is in `problems`.
  void become(const Wanted& wanted, std::vector<std::string>& problems);
  // For things of our own, which go with their settings.
  void set(const std::string& name, const std::string& value, std::vector<std::string>& problems);

 private:
  SettingsPort port_;
  struct Changed {
    std::string ours, before;
  };
  std::map<std::string, Changed> changed_;
};

}  // namespace xd::vrrp
