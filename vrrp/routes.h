// Routes and policy rules of one owner: put into the kernel when an instance becomes master and taken out when it stops being it, or
// there all the time (static_routes, static_rules).
//
// The kernel takes IPv4 routes of an interface that goes down away without a word; restore() puts them back.
#pragma once

#include <string>
#include <vector>

#include "conf/model.h"
#include "netlink/netlink.h"

namespace xd::vrrp {

class VirtualRoutes {
 public:
  explicit VirtualRoutes(netlink::Netlink& netlink) : netlink_(&netlink) {}

  // What is held and no longer wanted goes at once; what is new is left for acquire(). What fails is in `problems`, a sentence each,
  // here and below. The table of a VRF is looked up here.
  void define(std::vector<conf::VirtualRoute> routes, const std::vector<conf::VirtualRule>& rules, std::vector<std::string>& problems);
  // Adds what is not held yet, routes first.
  void acquire(std::vector<std::string>& problems);
  // Adds what is held and missing all the same; true: there was something.
  bool restore(std::vector<std::string>& problems);
  // Rules first.
  void release(std::vector<std::string>& problems);
  // Not ours at the start: what an earlier run left behind goes.
  void remove_leftovers(std::vector<std::string>& problems);

  // Did somebody take out what we hold and track? (The message may be old news: the present is what counts.)
  bool lost(const netlink::RouteGone& gone) const;
  bool lost(const netlink::RuleGone& gone) const;

 private:
  template <typename Conf>
  struct Entry {
    Conf conf;
    bool held = false;  // we are to have it
  };
  void add(Entry<conf::VirtualRoute>& entry, std::vector<std::string>& problems);
  void add(Entry<conf::VirtualRule>& entry, std::vector<std::string>& problems);
  void remove(Entry<conf::VirtualRoute>& entry, std::vector<std::string>& problems);
  void remove(Entry<conf::VirtualRule>& entry, std::vector<std::string>& problems);
  template <typename Conf>
  void become(std::vector<Entry<Conf>>& entries, const std::vector<Conf>& wanted, std::vector<std::string>& problems);

  netlink::Netlink* netlink_;
  std::vector<Entry<conf::VirtualRoute>> routes_;
  std::vector<Entry<conf::VirtualRule>> rules_;
};

}  // namespace xd::vrrp
