// Adverts by the XDP watch (datapath/watches.h): the kernel judges them, notices a silent master and posts what the election must
// hear; a steady advert wakes nobody. A raw socket that hears nothing keeps the host a member of the group, because a NIC
// delivers only groups that someone joined.
#pragma once

#include <map>
#include <memory>
#include <tuple>

#include "base/loop.h"
#include "datapath/watches.h"
#include "netlink/netlink.h"
#include "vrrp/raw_transport.h"
#include "vrrp/transport.h"

namespace xd::vrrp {

// Whether the XDP program on this link sees the adverts that the link receives, and as the link's own. Not so where frames come in
// by another device (bond, bridge and macvlan: the program sees the lower one), nor on a VLAN and on the link that it stands on: the tag
// may be held by the NIC beside the frame, where XDP cannot see it. A watch that hears nothing would mean two masters, one that hears
// the master of a VLAN for its own link's would mean none, so these take raw sockets.
bool xdp_hears(const netlink::Table& table, const netlink::Link& link);

class XdpTransport final : public Transport {
 public:
  XdpTransport(Loop& loop, datapath::Watches& watches, RawTransport& raw, Together together = at_once);
  ~XdpTransport() override;

  TransportKind kind_for(const Tuning&) const override { return TransportKind::xdp; }
  Result<std::unique_ptr<Ear>> listen(const Tuning& tuning, Listener& listener) override;
  void drain() override;

  // Takes away the watches that no ear belongs to: those of instances that are gone. (An ear leaves its watch in the kernel, so
  // that a successor of this process knows who was heard last.)
  void remove_unused();

 private:
  class XdpEar;
  struct KeyLess {
    bool operator()(const xd_watch_key& a, const xd_watch_key& b) const {
      return std::tie(a.ifindex, a.vlan, a.family, a.vrid) < std::tie(b.ifindex, b.vlan, b.family, b.vrid);
    }
  };
  static xd_watch_key key_of(const Tuning& tuning);
  void take(const xd_event& event);

  datapath::Watches& watches_;
  RawTransport& raw_;
  std::map<xd_watch_key, XdpEar*, KeyLess> ears_;
  Loop::Source readable_;
};

}  // namespace xd::vrrp
