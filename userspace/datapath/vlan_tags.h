// Tags that XDP does not see: a device that takes them off (rx-vlan-offload), and the other end of a veth pair that never puts them into
// the frame, keep them in the packet's notes.
#pragma once

#include <string>

namespace xd::datapath {

// What would make the tags of a device's frames visible, as a command; empty: they are.
std::string vlan_tags_cure(const std::string& device);

}  // namespace xd::datapath
