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

#include "base/ip.h"
#include "base/loop.h"
#include "base/result.h"
#include "conf/model.h"

namespace xd::daemon {

// Interfaces that packets of this configuration come in by or leave by: those listed in the xdirector block, else those of the
// VRRP instances and their addresses, and those that lead to virtual services and real servers. `interface_to` gives the
// interface that has an address or leads to it, empty when there is none.
std::set<std::string> needed_interfaces(const conf::Model& model, const std::function<std::string(const IpAddress&)>& interface_to);

class PacketPath {
 public:
  struct Interface {
    std::string name;
    std::string mode;  // "native", "generic"; empty: not attached
    std::string why;   // not attached, or not as well as it could be: the reason
  };
  struct Reason {
    std::string name;
    std::string verdict;  // "pass", "tx", "drop"
    std::string sentence;
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
  };

  explicit PacketPath(Loop& loop);
  ~PacketPath();  // leaves the program in place

  // Loads the program when there is something to serve, and attaches it where the model needs it and it is not yet; logs.
  // Interfaces that are no longer needed stay until settle().
  void attach(const conf::Model& model);
  // The model is the running one: detaches elsewhere.
  void settle(const conf::Model& model);
  // Detaches everywhere and unpins all; but the tables stay pinned while they hold connections.
  void remove();

  // For the children; empty: there is no packet path.
  std::string pin_dir() const;
  std::vector<Interface> interfaces() const;
  Result<std::vector<Reason>> reasons() const;
  // One packet in so many is told; 0: none.
  Status trace(std::uint32_t one_in);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace xd::daemon
