// One VRRP instance with all that belongs to it: configuration, election state, ear, packets, addresses, notify scripts. It does
// what it is told; the router decides when.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "conf/model.h"
#include "netlink/netlink.h"
#include "vrrp/addresses.h"
#include "vrrp/advert.h"
#include "vrrp/election.h"
#include "vrrp/findings.h"
#include "vrrp/garp.h"
#include "vrrp/heartbeat.h"
#include "vrrp/notify.h"
#include "vrrp/routes.h"
#include "vrrp/transport.h"

namespace xd::vrrp {

struct Group;

struct Instance {
  Instance(std::uint32_t number, netlink::Netlink& netlink, VirtualAddresses::Gate gate)
      : id(number), addresses(netlink, std::move(gate)), routes(netlink) {}

  const std::uint32_t id;  // never used twice in a run
  std::size_t place = 0;   // among the file's instances
  conf::VrrpInstance conf;
  InstanceConfig election;
  IpAddress multicast_group;        // of its family
  std::uint32_t ah_sequence = 0;    // of the authentication header: the last one sent or believed
  HmacKeys hmac_keys;               // of auth_hmac
  HmacReplay hmac_replay;           // adverts believed
  std::uint64_t hmac_sequence = 0;  // the last one sent
  State state;
  Notify notify;
  VirtualAddresses addresses;
  VirtualRoutes routes;
  Group* group = nullptr;                     // its sync group
  std::vector<conf::Track> track_interfaces;  // the group's included
  std::vector<conf::Track> track_scripts;
  std::vector<conf::Track> track_files, track_processes, track_bfds;
  std::unique_ptr<Listener> listener;  // what the ear calls; lives longer than the ear
  std::unique_ptr<Ear> ear;            // none: the interface is missing, or listening failed
  int link_index = 0;                  // of its link with the virtual MAC; 0: none
  int index = 0;                       // interface the ear is on
  bool waiting = false;                // for the first answer of a script: stays in INIT
  bool waited = false;
  bool started = false;
  bool deleted = false;                      // by a reload
  bool deaf = false;                         // its ear is to be replaced
  bool changed = false;                      // waits for Router::changes()
  std::optional<TimePoint> looked_ahead_of;  // a master-down time: that the kernel hears was made sure of shortly before
  std::optional<TimePoint> scheduled;        // its place in the router's schedule

  std::uint64_t adverts_sent = 0;
  std::uint64_t priority_zero_sent = 0;
  std::uint64_t became_master = 0;
  std::uint64_t released_master = 0;
  // Others that act as master while we are: their adverts, the last of them, and when that was logged.
  std::uint64_t rival_adverts = 0;
  IpAddress rival;
  TimePoint rival_heard;
  TimePoint rival_told;
  TimePoint rival_answered;
  bool answers_rival = true;
  // Somebody else announced one of our addresses.
  TimePoint claimed_at;
  TimePoint claim_told;
  // We yielded to a better advert: time for a last word (see Router::say_farewell).
  std::optional<TimePoint> farewell_at;
  TimePoint yielded_at;
  Remarks last_remarks;
  std::set<IpAddress> old_checksum_peers;  // unicast, whose adverts have the checksum of old releases: they are answered in kind
  Findings findings;
  std::vector<std::unique_ptr<HeartbeatWay>> heartbeats;
  std::optional<Command> fence;
  std::unique_ptr<Runner::Run> fencing;  // the fence, while it runs
  int last_send_error = 0;
  std::map<Reject, TimePoint> reject_told;

  std::vector<GarpSchedule::Target> announced(const netlink::Table& table) const;
  // One address for each other interface than the one that adverts leave by: with virtual MACs only, or with `all` (garp_extra_if).
  std::vector<GarpSchedule::Target> beside_adverts(const netlink::Table& table) const;
  Tuning tuning();
  // What a peer's advert tells of the checksums that it understands; true: something new.
  bool learn_checksum(const IpAddress& peer, ChecksumForm form);

  // Adverts are built when priority, source or configuration change, not when they are due.
  void queue_advert(Sender& sender);
  void queue_priority_zero(Sender& sender);
  void packets_changed() { packet_priority_.reset(); }

 private:
  // One for each destination: the multicast group, or every unicast peer.
  struct Packet {
    IpAddress to;
    std::vector<std::uint8_t> bytes;
    Carrier carrier;
    int index;
    std::uint32_t* ah_sequence;
  };
  void queue(Sender& sender, std::vector<Packet>& packets);
  std::vector<Packet> build(std::uint8_t priority);
  bool sends_hmac() const { return conf.auth_hmac && conf.auth_hmac.mode != conf::AuthHmac::Mode::receive_only; }
  void seal(Packet& packet);
  bool has_ah() const { return conf.authentication.type == conf::AuthType::ah; }

  std::vector<Packet> packets_;
  std::optional<std::uint8_t> packet_priority_;  // empty: all packets are out of date
  std::uint16_t ip_id_ = 0;
};

// The address an instance sends from: the configured one, else the interface's first that is no VIP; over IPv6 its first link-local
// one, except to unicast peers behind a router. An owner's addresses are its
// VIPs, so it may send from one of them. None: it cannot take part.
std::optional<IpAddress> choose_source(const conf::VrrpInstance& conf, const netlink::Table& table,
                                       const std::function<bool(const IpAddress&)>& is_vip);

}  // namespace xd::vrrp
