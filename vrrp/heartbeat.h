// A further way for an instance's adverts (xdirector { heartbeat ... }): another link, by multicast or to peers. The same advert goes out
// on it, from that link's address, and what is heard there keeps a backup a backup while the instance's own link is silent.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "conf/model.h"
#include "netlink/netlink.h"
#include "vrrp/hmac.h"
#include "vrrp/transport.h"

namespace xd::vrrp {

struct HeartbeatWay {
  conf::HeartbeatPath conf;
  int index = 0;     // of its link; 0: it is missing
  IpAddress source;  // unset: the link has no address of the family
  // Numbers of its own: adverts by different links arrive in any order.
  std::uint32_t ah_sequence = 0;
  HmacReplay hmac_replay;
  std::unique_ptr<Listener> listener;
  std::unique_ptr<Ear> ear;

  bool usable() const { return index != 0 && !source.is_unset(); }
  // Finds link and address anew; true: another than before.
  bool look(const netlink::Table& table, int family);
  // What to listen for, given how the instance listens on its own link.
  Tuning tuning(const Tuning& of_instance);
};

}  // namespace xd::vrrp
