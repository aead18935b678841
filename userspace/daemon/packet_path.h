// The XDP program on the interfaces that a configuration needs: attached before the children begin, so that they find its pinned
// maps, and outliving each of them. Where it cannot be attached the daemon goes on without, and says why once per interface.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "conf/model.h"

namespace xd::daemon {

// Interfaces that packets of this configuration come in by or leave by: those listed in the xdirector block, else those of the
// VRRP instances and their addresses, and those that lead to virtual services and real servers. `interface_to` gives the
// interface of an address or of the route to it, empty when there is none.
std::set<std::string> needed_interfaces(const conf::Model& model, const std::function<std::string(const IpAddress&)>& interface_to);

class PacketPath {
 public:
  struct Interface {
    std::string name;
    std::string mode;   // "native", "generic"; empty: not attached
    std::string why;    // not attached: the reason
  };
  struct Reason {
    std::string name;
    std::uint64_t packets = 0;
  };

  PacketPath();
  ~PacketPath();  // leaves the program in place

  // Attaches where the model needs it and it is not yet; logs. Interfaces that are no longer needed stay until settle().
  void attach(const conf::Model& model);
  // The model is the running one: detaches elsewhere.
  void settle(const conf::Model& model);
  // Detaches everywhere and unpins all.
  void remove();

  std::vector<Interface> interfaces() const;
  Result<std::vector<Reason>> reasons() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace xd::daemon
