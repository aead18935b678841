// Links of our own that stand on others: macvlans with the virtual router's MAC (use_vmac, use_vmac_addr) and ipvlans (use_ipvlan).
//
// One that is there already and alike - left by a process that died - is taken over as it is; one of our kind with another MAC or on
// another interface makes room. What is none of these two kinds is somebody else's and never touched.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "conf/model.h"
#include "netlink/netlink.h"
#include "vrrp/settings.h"

namespace xd::vrrp {

class VirtualLinks {
 public:
  struct Wanted {
    conf::VirtualLink link;
    std::string lower;                    // the interface it stands on
    bool has_v4 = false, has_v6 = false;  // families that it speaks
    bool operator==(const Wanted&) const = default;
  };

  VirtualLinks(netlink::Netlink& netlink, KernelSettings& settings) : netlink_(&netlink), settings_(&settings) {}

  using ByName = std::map<std::string, Wanted>;

  // What an instance needs is entered.
  static void add_wanted(ByName& wanted, const conf::VrrpInstance& instance);

  // Makes what is missing, as far as the interfaces below are there. Those no longer wanted stay for remove_unwanted(), when
  // their addresses have been given up.
  void want(ByName wanted, std::vector<std::string>& problems);
  void remove_unwanted(std::vector<std::string>& problems);
  // An interface came, or one of ours went.
  void make_missing(std::vector<std::string>& problems);
  void remove_all(std::vector<std::string>& problems);

  bool empty() const { return wanted_.empty(); }
  // What interfaces below need while they carry ours.
  void add_settings(KernelSettings::Wanted& settings) const;

 private:
  void make(const Wanted& wanted, std::vector<std::string>& problems);
  void remove(const std::string& name, std::vector<std::string>& problems);

  netlink::Netlink* netlink_;
  KernelSettings* settings_;
  ByName wanted_;
  std::set<std::string> made_;  // or taken over
};

// The link on which an instance's address is to be, by name.
std::string holder_of(const conf::VrrpInstance& instance, const conf::VirtualAddress& address);

}  // namespace xd::vrrp
