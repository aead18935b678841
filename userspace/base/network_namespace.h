// Other network namespaces.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace xd {

// The calling thread, and what it starts, lives in the namespace at `path` (/run/netns/NAME) from now on.
Status enter_network_namespace(const std::string& path);

// While it lives the calling thread is in another namespace: sockets opened meanwhile stay there.
class InNetworkNamespace {
 public:
  static Result<InNetworkNamespace> enter(const std::string& path);
  InNetworkNamespace(InNetworkNamespace&&) = default;
  InNetworkNamespace& operator=(InNetworkNamespace&&) = delete;
  ~InNetworkNamespace();

 private:
  explicit InNetworkNamespace(Fd home) : home_(std::move(home)) {}
  Fd home_;
};

}  // namespace xd
