#include "ipvs/message.h"

#include <gtest/gtest.h>
#include <linux/ip_vs.h>
#include <netlink/genl/genl.h>

#include <array>
#include <memory>

namespace xd::ipvs {
namespace {

struct Freed {
  void operator()(nl_msg* msg) const { nlmsg_free(msg); }
};
using Message = std::unique_ptr<nl_msg, Freed>;

Message message() {
  Message msg(nlmsg_alloc());
  genlmsg_put(msg.get(), 0, 0, 0x1f, 0, 0, IPVS_CMD_NEW_SERVICE, IPVS_GENL_VERSION);
  return msg;
}

nlattr* attribute(const Message& msg, int type) { return nlmsg_find_attr(nlmsg_hdr(msg.get()), GENL_HDRLEN, type); }

lvs::ServiceKey key(const char* address, std::uint16_t port) { return {*IpAddress::parse(address), port, lvs::Protocol::tcp}; }

std::pair<lvs::ServiceKey, lvs::Service> through_the_wire(const lvs::ServiceKey& key, const lvs::Service& service) {
  const auto msg = message();
  put_service(msg.get(), key, service);
  auto got = get_service(attribute(msg, IPVS_CMD_ATTR_SERVICE));
  EXPECT_TRUE(got);
  return got.value_or(std::pair<lvs::ServiceKey, lvs::Service>{});
}

TEST(IpvsMessage, AServiceComesBackAsItWentIn) {
  lvs::Service service;
  service.scheduler = lvs::Scheduler::mh;
  service.scheduler_flags = lvs::mh_port | lvs::mh_fallback;
  service.one_packet = true;
  for (const auto& k : {key("192.0.2.10", 80), key("2001:db8::10", 443)}) {
    const auto [got_key, got] = through_the_wire(k, service);
    EXPECT_EQ(got_key, k);
    EXPECT_EQ(got, service);
  }
}

TEST(IpvsMessage, PersistenceCarriesItsTimeoutAndMask) {
  lvs::Service service;
  service.persistence_seconds = 600;
  service.persistence_mask = 24;
  EXPECT_EQ(through_the_wire(key("192.0.2.10", 80), service).second, service);
  service.persistence_mask = 64;
  EXPECT_EQ(through_the_wire(key("2001:db8::10", 80), service).second, service);
}

TEST(IpvsMessage, AFirewallMarkHasNoAddress) {
  lvs::ServiceKey mark;
  mark.fwmark = 7;
  mark.mark_family = AF_INET6;
  const auto msg = message();
  put_service(msg.get(), mark, {});
  const auto got = get_service(attribute(msg, IPVS_CMD_ATTR_SERVICE));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->first.fwmark, 7u);
  EXPECT_EQ(got->first.family(), AF_INET6);
  std::array<nlattr*, IPVS_SVC_ATTR_MAX + 1> parts{};
  nla_parse_nested(parts.data(), IPVS_SVC_ATTR_MAX, attribute(msg, IPVS_CMD_ATTR_SERVICE), nullptr);
  EXPECT_EQ(parts[IPVS_SVC_ATTR_ADDR], nullptr);
}

TEST(IpvsMessage, ADestinationComesBackAsItWentIn) {
  const Endpoint server{*IpAddress::parse("10.0.0.7"), 8080};
  const lvs::Destination destination{lvs::Forward::tun, 3, 100, 80};
  const auto msg = message();
  put_destination(msg.get(), server, destination);
  const auto got = get_destination(attribute(msg, IPVS_CMD_ATTR_DEST), AF_INET6);  // its own family counts
  ASSERT_TRUE(got);
  EXPECT_EQ(got->server, server);
  EXPECT_EQ(got->destination, destination);
}

TEST(IpvsMessage, ThePortIsInNetworkOrder) {
  const auto msg = message();
  put_destination_key(msg.get(), {*IpAddress::parse("10.0.0.7"), 80});
  std::array<nlattr*, IPVS_DEST_ATTR_MAX + 1> parts{};
  nla_parse_nested(parts.data(), IPVS_DEST_ATTR_MAX, attribute(msg, IPVS_CMD_ATTR_DEST), nullptr);
  const auto* bytes = static_cast<const std::uint8_t*>(nla_data(parts[IPVS_DEST_ATTR_PORT]));
  EXPECT_EQ(bytes[0], 0);
  EXPECT_EQ(bytes[1], 80);
}

// ---- byte by byte, on a little-endian machine. Attributes: length, type (0x8000: nested), value, padding to four bytes.

// The message behind the generic netlink header.
std::string bytes_of(const Message& msg) {
  std::string text;
  const auto* begin = static_cast<const std::uint8_t*>(nlmsg_data(nlmsg_hdr(msg.get()))) + GENL_HDRLEN;
  const auto* end = static_cast<const std::uint8_t*>(nlmsg_data(nlmsg_hdr(msg.get()))) + nlmsg_datalen(nlmsg_hdr(msg.get()));
  for (const auto* at = begin; at != end; ++at) {
    constexpr char digits[] = "0123456789abcdef";
    text += digits[*at >> 4];
    text += digits[*at & 15];
  }
  return text;
}

std::string words(std::initializer_list<const char*> parts) {
  std::string text;
  for (const char* part : parts) {
    for (; *part != 0; ++part) {
      if (*part != ' ') text += *part;
    }
  }
  return text;
}

TEST(IpvsBytes, AServiceWithEverything) {
  lvs::Service service;
  service.scheduler = lvs::Scheduler::sh;
  service.scheduler_flags = lvs::sched_1 | lvs::sched_2 | lvs::sched_3;
  service.persistence_seconds = 360;
  service.persistence_mask = 24;
  service.one_packet = true;
  service.persistence_engine = "sip";
  lvs::ServiceKey sip = key("192.0.2.10", 5060);
  sip.protocol = lvs::Protocol::udp;
  const auto msg = message();
  put_service(msg.get(), sip, service);
  EXPECT_EQ(bytes_of(msg), words({
                               "5c00 0180",                                      // service, nested: 92 bytes
                               "0600 0100 0200 0000",                            // AF_INET
                               "0600 0200 1100 0000",                            // UDP
                               "1400 0300 c000020a 00000000 00000000 00000000",  // address
                               "0600 0400 13c4 0000",                            // port, network order
                               "0700 0600 736800 00",                            // "sh"
                               "0c00 0700 3d000000 ffffffff",                    // persistent, one packet, three flags; mask
                               "0800 0800 68010000",                             // 360 s
                               "0800 0900 ffffff00",                             // mask, network order
                               "0800 0b00 73697000",                             // "sip"
                           }));
}

TEST(IpvsBytes, AServiceByMarkOfIpv6) {
  lvs::ServiceKey mark;
  mark.fwmark = 0x01020304;
  mark.mark_family = AF_INET6;
  const auto msg = message();
  lvs::Service service;
  service.scheduler = lvs::Scheduler::wlc;
  put_service(msg.get(), mark, service);
  EXPECT_EQ(bytes_of(msg), words({
                               "3800 0180", "0600 0100 0a00 0000", "0800 0500 04030201", "0800 0600 776c6300",
                               "0c00 0700 00000000 ffffffff", "0800 0800 00000000", "0800 0900 80000000",  // a prefix length
                           }));
}

std::string destination_bytes(const char* address, std::uint16_t port, const lvs::Destination& destination) {
  const auto msg = message();
  put_destination(msg.get(), {*IpAddress::parse(address), port}, destination);
  return bytes_of(msg);
}

TEST(IpvsBytes, ADestinationOfEachMethod) {
  const std::string v4 = words({"0600 0b00 0200 0000", "1400 0100 0a000007 00000000 00000000 00000000", "0600 0200 1f90 0000"});
  EXPECT_EQ(destination_bytes("10.0.0.7", 8080, {lvs::Forward::nat, 3, 100, 80}),
            words({"4800 0280"}) + v4 + words({"0800 0300 00000000", "0800 0400 03000000", "0800 0500 64000000", "0800 0600 50000000"}));
  const std::string plain = words({"0800 0400 01000000", "0800 0500 00000000", "0800 0600 00000000"});
  EXPECT_EQ(destination_bytes("10.0.0.7", 8080, {lvs::Forward::dr}), words({"4800 0280"}) + v4 + words({"0800 0300 03000000"}) + plain);
  // Plain ipip says nothing of tunnels: so it is for kernels that know no other.
  EXPECT_EQ(destination_bytes("10.0.0.7", 8080, {lvs::Forward::tun}), words({"4800 0280"}) + v4 + words({"0800 0300 02000000"}) + plain);
}

TEST(IpvsBytes, Tunnels) {
  const std::string v6 = words({"0600 0b00 0a00 0000", "1400 0100 20010db8 00000000 00000000 00000007", "0600 0200 0050 0000",
                                "0800 0300 02000000", "0800 0400 01000000", "0800 0500 00000000", "0800 0600 00000000"});
  lvs::Destination destination{lvs::Forward::tun};
  destination.tunnel = {lvs::TunnelType::gue, lvs::TunnelChecksum::remote, 6080};
  EXPECT_EQ(destination_bytes("2001:db8::7", 80, destination),
            words({"6000 0280"}) + v6 + words({"0500 0d00 01000000", "0600 0e00 17c0 0000", "0600 0f00 0200 0000"}));
  destination.tunnel = {lvs::TunnelType::gre, lvs::TunnelChecksum::full, 0};
  EXPECT_EQ(destination_bytes("2001:db8::7", 80, destination),
            words({"6000 0280"}) + v6 + words({"0500 0d00 02000000", "0600 0e00 0000 0000", "0600 0f00 0100 0000"}));
}

TEST(IpvsBytes, NamesAreEnoughToRemove) {
  const auto msg = message();
  put_service_key(msg.get(), key("2001:db8::10", 443));
  put_destination_key(msg.get(), {*IpAddress::parse("10.0.0.7"), 80});
  EXPECT_EQ(bytes_of(msg), words({
                               "3000 0180 0600 0100 0a00 0000 0600 0200 0600 0000",
                               "1400 0300 20010db8 00000000 00000000 00000010",
                               "0600 0400 01bb 0000",  //
                               "2800 0280 0600 0b00 0200 0000 1400 0100 0a000007 00000000 00000000 00000000 0600 0200 0050 0000",
                           }));
}

TEST(IpvsBytes, TimeoutsAndSyncDaemons) {
  const auto timeouts = message();
  put_timeouts(timeouts.get(), {7200, 30, 0});
  EXPECT_EQ(bytes_of(timeouts), words({"0800 0400 201c0000", "0800 0500 1e000000", "0800 0600 00000000"}));
  const auto daemon = message();
  put_sync_daemon(daemon.get(), {SyncRole::backup, "eth0", 51, 1400, 8849, 4, IpAddress::parse("224.0.0.90")});
  EXPECT_EQ(bytes_of(daemon), words({"4000 0380", "0800 0100 02000000", "0900 0200 65746830 00000000", "0800 0300 33000000",
                                     "0600 0400 7805 0000", "0800 0500 e000005a", "0600 0700 9122 0000", "0500 0800 04000000"}));
  const auto got = get_sync_daemon(attribute(daemon, IPVS_CMD_ATTR_DAEMON));
  ASSERT_TRUE(got);
  EXPECT_EQ(*got, (SyncDaemon{SyncRole::backup, "eth0", 51, 1400, 8849, 4, IpAddress::parse("224.0.0.90")}));
  const auto stop = message();
  put_sync_role(stop.get(), SyncRole::master);
  EXPECT_EQ(bytes_of(stop), words({"0c00 0380", "0800 0100 01000000"}));
}

TEST(IpvsMessage, TunnelAndEngineComeBack) {
  lvs::Destination destination{lvs::Forward::tun};
  destination.tunnel = {lvs::TunnelType::gue, lvs::TunnelChecksum::full, 6080};
  const auto msg = message();
  put_destination(msg.get(), {*IpAddress::parse("10.0.0.7"), 80}, destination);
  const auto got = get_destination(attribute(msg, IPVS_CMD_ATTR_DEST), AF_INET);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->destination, destination);
  lvs::Service service;
  service.persistence_seconds = 60;
  service.persistence_engine = "sip";
  EXPECT_EQ(through_the_wire(key("192.0.2.10", 80), service).second, service);
}

}  // namespace
}  // namespace xd::ipvs
