// Who has an address, who is on an interface, who has a number: thousands of instances are not looked through for each address that comes
// and goes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ip.h"
#include "vrrp/instance.h"

namespace xd::vrrp {

class InstanceIndex {
 public:
  // Anew, after each commit. The instances stay where they are until the next.
  void build(const std::vector<std::unique_ptr<Instance>>& instances);

  // In the order of the file; empty: nobody.
  const std::vector<Instance*>& with_address(const IpAddress& vip) const;
  const std::vector<Instance*>& on_interface(const std::string& name) const;
  bool is_vip(const IpAddress& address) const { return !with_address(address).empty(); }
  // Null: there is none any more.
  Instance* with_id(std::uint32_t id) const;

 private:
  std::unordered_map<IpAddress, std::vector<Instance*>> by_address_;
  std::unordered_map<std::string, std::vector<Instance*>> by_interface_;
  std::unordered_map<std::uint32_t, Instance*> by_id_;
};

}  // namespace xd::vrrp
