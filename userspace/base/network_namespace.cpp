#include "base/network_namespace.h"

#include <fcntl.h>
#include <sched.h>

#include <cstdlib>

namespace xd {

Status enter_network_namespace(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file || ::setns(file.get(), CLONE_NEWNET) != 0) return Error::from_errno("enter the network namespace " + path);
  return {};
}

Result<InNetworkNamespace> InNetworkNamespace::enter(const std::string& path) {
  Fd home(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!home) return Error::from_errno("/proc/thread-self/ns/net");
  if (auto entered = enter_network_namespace(path); !entered) return std::move(entered).error();
  return InNetworkNamespace(std::move(home));
}

InNetworkNamespace::~InNetworkNamespace() {
  // To go on in a foreign namespace would be worse than to end.
  if (home_ && ::setns(home_.get(), CLONE_NEWNET) != 0) std::abort();
}

}  // namespace xd
