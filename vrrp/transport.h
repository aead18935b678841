// How adverts come and go: what the router (vrrp/router.h) needs of a network, and no more. There are two ways to listen,
// raw sockets (raw_transport.h) and the XDP watch (xdp_transport.h), and one way to send (packet_sender.h). The election sees the
// same events from both.
//
// One thread, the loop's. A Listener is called from the loop or from Transport::drain(), never from inside listen() or tune().
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/ip.h"
#include "base/result.h"
#include "vrrp/advert.h"
#include "vrrp/ah.h"
#include "vrrp/election.h"
#include "vrrp/hmac.h"

namespace xd::vrrp {

enum class TransportKind { none, raw, xdp };

// What one instance listens to.
struct Tuning {
  int index = 0;  // interface
  // The link with the virtual MAC that stands on it (use_vmac): what comes with that MAC as source, from another router with the same
  // virtual MAC, a raw socket hears there and not on the interface below. 0: none.
  int link_index = 0;
  std::string link = {};  // its name
  std::string interface;  // its name; empty: adverts arrive by any, at the address `local`
  IpAddress local = {};
  IpAddress group;   // multicast group to join; unset: adverts come unicast
  IpAddress source;  // we send from: adverts with it are our own, come back
  Expected expected;
  InstanceConfig election;           // the XDP watch decides with it which adverts are steady
  std::uint32_t receive_buffer = 0;  // bytes that the socket's queue is to hold for it, at least
  bool raw_only = false;             // every advert is to be handed out, also where XDP would note it and say nothing
  // With authentication header (expected.auth_type 2): its key, and the last sequence number sent or believed, the instance's own.
  AhKey ah_key{};
  std::uint32_t* ah_sequence = nullptr;

  // With auth_hmac (expected.hmac): its keys, what it asks for, and the numbers heard, the instance's own.
  const HmacKeys* hmac_keys = nullptr;
  HmacPolicy hmac_policy;
  HmacReplay* hmac_replay = nullptr;

  int raw_index() const { return link_index != 0 ? link_index : index; }
  const std::string& raw_interface() const { return link_index != 0 ? link : interface; }
  bool has_ah() const { return expected.auth_type == 2; }
};

// It must not destroy an Ear from inside these calls.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void on_advert(const Heard& heard, const Remarks& remarks) = 0;
  virtual void on_rejected(const IpAddress& source, const Rejection& rejection) = 0;
  // Only from transports that keep the down timer themselves (Ear::keeps_down_timer).
  virtual void on_master_down() = 0;
};

// Counted where adverts are looked at first: in the process or in the kernel.
struct Tally {
  std::uint64_t received = 0;  // acceptable ones
  std::uint64_t priority_zero = 0;
  std::array<std::uint64_t, reject_count> rejected{};
  std::array<std::uint64_t, checksum_form_count> forms{};  // of those received, by ChecksumForm
};

// One instance's registration; destroying it ends the calls.
class Ear {
 public:
  virtual ~Ear() = default;
  virtual TransportKind kind() const = 0;
  // Another configuration of the same instance on the same interface. Nothing is missed in between.
  virtual Status tune(const Tuning& tuning) = 0;
  // The instance's state has changed.
  virtual Status follow(const State&) { return {}; }
  // The last acceptable advert seen, also those that woke nobody. Empty where every advert is handed to the Listener.
  virtual std::optional<Heard> last_heard() { return std::nullopt; }
  // True: a silent master is noticed in the kernel and told by on_master_down().
  virtual bool keeps_down_timer() const { return false; }
  virtual Tally tally() const = 0;
};

// What has arrived is handed out as one batch: the call wraps it.
using Together = std::function<void(const std::function<void()>& events)>;
inline void at_once(const std::function<void()>& events) { events(); }

class Transport {
 public:
  virtual ~Transport() = default;
  // How listen() would listen now: an ear of another kind is better replaced.
  virtual TransportKind kind_for(const Tuning& tuning) const = 0;
  virtual Result<std::unique_ptr<Ear>> listen(const Tuning& tuning, Listener& listener) = 0;
  // Hands out what has arrived by now. Called before a timeout is believed.
  virtual void drain() = 0;
};

// Sends what is due together in as few system calls as possible: IPv4 and IPv6 packets whole from their IP header on, and Ethernet
// frames. What is queued is copied; nothing leaves before flush().
class Sender {
 public:
  // A packet or frame of `owner` (a number of the caller's) that the kernel refused with this errno.
  using Failure = std::function<void(std::uint32_t owner, int error)>;

  virtual ~Sender() = default;
  virtual void queue_packet(std::uint32_t owner, int index, const IpAddress& to, std::span<const std::uint8_t> packet) = 0;
  virtual void queue_frame(std::uint32_t owner, int index, std::span<const std::uint8_t> frame) = 0;
  // Packets first, then frames, each in the order of queueing.
  virtual void flush(const Failure& failure) = 0;
};

}  // namespace xd::vrrp
