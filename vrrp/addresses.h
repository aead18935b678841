// The virtual addresses of one instance: put on their interfaces when it becomes master, taken off when it stops being it.
//
// Only what the configuration names is ever touched, by its exact prefix on its interface. The packet path's gate for an address
// is opened before the address appears and closed after it went: the stack may answer for an address (ARP) as soon as it is there,
// and a client's packet that this answer brings must find the packet path ready.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "conf/model.h"
#include "netlink/netlink.h"

namespace xd::vrrp {

class VirtualAddresses {
 public:
  using Gate = std::function<Status(const IpAddress& address, bool ours)>;

  struct Entry {
    conf::VirtualAddress conf;
    std::string interface;
    bool excluded = false;  // not in the advert
    bool held = false;      // we are to have it
    int index = 0;          // of the link that it was put on, which may have another name by now
    bool operator==(const Entry&) const = default;
    bool is_same_address(const Entry& other) const {
      if (conf.prefix != other.conf.prefix || interface != other.interface) return false;
      auto one = conf;
      one.interface = other.conf.interface;
      one.no_track = other.conf.no_track;
      return one == other.conf;
    }
  };

  // An empty `gate`: no packet path.
  VirtualAddresses(netlink::Netlink& netlink, Gate gate) : netlink_(&netlink), gate_(std::move(gate)) {}

  // The configured addresses, in file order, excluded ones last. What is held and no longer wanted goes at once; what is new is
  // left for acquire(), so that an address can move from one instance to another. What fails is in `problems`, a sentence
  // each, here and below.
  void define(const conf::VrrpInstance& instance, std::vector<std::string>& problems);
  // For who is not master: the packet path is not to serve what we do not hold. Not part of define(), because a process that goes
  // on as master would close its gates for the moment until acquire(), and packets of that moment would meet the stack.
  void close_gates(std::vector<std::string>& problems);

  // Adds what is not held yet and returns it. An address that is there already is taken over as it is.
  std::vector<Entry> acquire(std::vector<std::string>& problems);
  // Adds what is held and missing all the same, on this interface, which may have been gone, or on all; true: there was something.
  bool restore(const netlink::Link* on, std::vector<std::string>& problems);
  void release(std::vector<std::string>& problems);
  // Not ours at the start: what an earlier run left behind goes, except what another instance has by now.
  void remove_leftovers(const std::function<bool(const Entry&)>& held_by_another, std::vector<std::string>& problems);
  bool holds(const Entry& address) const;
  bool held() const { return held_; }

  // Did somebody take off an address that we hold and track? (`gone` may be old news: the present is what counts.)
  bool lost(const netlink::AddressGone& gone) const;

  const std::vector<Entry>& entries() const { return entries_; }
  bool contains(const IpAddress& address) const;

 private:
  void add(Entry& entry, std::vector<std::string>& problems);
  void remove(Entry& entry, std::vector<std::string>& problems);
  void set_gate(const Entry& entry, bool ours, std::vector<std::string>& problems);
  netlink::Address address_of(const Entry& entry) const;  // index 0: there is no such interface

  netlink::Netlink* netlink_;
  Gate gate_;
  std::vector<Entry> entries_;
  bool held_ = false;
};

}  // namespace xd::vrrp
