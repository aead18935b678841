#include "vrrp/instance_index.h"

namespace xd::vrrp {

namespace {

template <typename Key>
const std::vector<Instance*>& found(const std::unordered_map<Key, std::vector<Instance*>>& in, const Key& key) {
  static const std::vector<Instance*> nobody;
  const auto place = in.find(key);
  return place == in.end() ? nobody : place->second;
}

}  // namespace

void InstanceIndex::build(const std::vector<std::unique_ptr<Instance>>& instances) {
  by_address_.clear();
  by_interface_.clear();
  by_id_.clear();
  for (const auto& instance : instances) {
    by_id_[instance->id] = instance.get();
    by_interface_[instance->conf.interface].push_back(instance.get());
    for (const auto& entry : instance->addresses.entries()) {
      auto& holders = by_address_[entry.conf.prefix.address];
      if (holders.empty() || holders.back() != instance.get()) holders.push_back(instance.get());
    }
  }
}

const std::vector<Instance*>& InstanceIndex::with_address(const IpAddress& vip) const { return found(by_address_, vip); }

const std::vector<Instance*>& InstanceIndex::on_interface(const std::string& name) const { return found(by_interface_, name); }

Instance* InstanceIndex::with_id(std::uint32_t id) const {
  const auto place = by_id_.find(id);
  return place == by_id_.end() ? nullptr : place->second;
}

}  // namespace xd::vrrp
