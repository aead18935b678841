// Adverts by raw sockets: one receive socket for each interface, family and group, shared by the instances there.
//
// The kernel's own time stamp of each packet is what the election gets to see, and a socket is read empty before any timeout is
// believed: a process that was stopped for five seconds finds the adverts of these seconds, with their times. Should the socket
// have overflowed meanwhile, newer adverts than those found were lost, and the last one found counts as heard now.
// A classic BPF filter lets through only the VRIDs of interest; instances that the XDP watch serves are members of the group
// (a NIC delivers only groups that someone joined) and are woken for none.
#pragma once

#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "base/loop.h"
#include "vrrp/transport.h"

namespace xd::vrrp {

class RawTransport final : public Transport {
 public:
  explicit RawTransport(Loop& loop, Together together = at_once);
  ~RawTransport() override;

  TransportKind kind_for(const Tuning&) const override { return TransportKind::raw; }
  Result<std::unique_ptr<Ear>> listen(const Tuning& tuning, Listener& listener) override;
  // A member of the group that hears nothing.
  Result<std::unique_ptr<Ear>> join(const Tuning& tuning);
  void drain() override;
  // log_unknown_vrids: adverts that none of our instances on that interface is meant by, a line a minute for each VRID.
  void log_unknown(bool on);

 private:
  class Socket;
  class RawEar;
  // Interface, family, with authentication header, group (unset: unicast).
  using Key = std::tuple<int, int, bool, IpAddress, IpAddress>;
  static Key key_of(const Tuning& tuning);
  Result<std::shared_ptr<Socket>> socket_for(const Tuning& tuning);
  Result<std::unique_ptr<Ear>> add(const Tuning& tuning, Listener* listener);

  Loop& loop_;
  Together together_;
  void tell_unknown(const Socket& socket, std::uint8_t vrid, const IpAddress& source);

  std::map<Key, std::weak_ptr<Socket>> sockets_;  // owned by their ears
  bool logs_unknown_ = false;
  std::map<std::tuple<std::string, int, std::uint8_t>, TimePoint> unknown_told_;  // by interface, family and VRID
};

// The kernel's CLOCK_REALTIME stamp of a packet on our monotonic clock. The wall clock may have been set between stamp and
// reading, so the result is held within what is certain: after `empty_at`, when the socket was last seen empty, and not after now.
TimePoint monotonic_stamp(Duration realtime_stamp, Duration realtime_now, TimePoint now, TimePoint empty_at);

}  // namespace xd::vrrp
