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

}  // namespace
}  // namespace xd::ipvs
