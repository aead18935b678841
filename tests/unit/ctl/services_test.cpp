// The text of services and flows. That ipvsadm prints the same for the same table is compared in the VM; here stands what no test can make
// a kernel count.
#include "ctl/services.h"

#include <gtest/gtest.h>

#include "ctl/explain_packet.h"
#include "ctl/flow_list.h"

namespace xd::ctl {
namespace {

Endpoint endpoint(const char* address, std::uint16_t port) { return {*IpAddress::parse(address), port}; }

ipvs::ServiceEntry service(const char* address, std::uint16_t port, lvs::Protocol protocol = lvs::Protocol::tcp) {
  ipvs::ServiceEntry entry;
  entry.key = {*IpAddress::parse(address), port, protocol};
  entry.service.scheduler = lvs::Scheduler::rr;
  return entry;
}

std::string names_in_order(std::vector<ipvs::ServiceEntry> entries) {
  const auto text = services_text(std::move(entries), {}, {});
  return text.substr(text.find("InActConn\n") + 10);
}

TEST(Services, LargeNumbersAreShortenedAsIpvsadmDoes) {
  auto entry = service("192.0.2.10", 80);
  entry.traffic.connections = 99'999'999;
  entry.traffic.packets_in = 100'000'000;
  entry.traffic.packets_out = 1'000'000'000;
  entry.traffic.bytes_in = 100'000'000'000;
  entry.traffic.bytes_out = 100'000'000'000'000;
  ServicesView view{Columns::stats};
  EXPECT_EQ(services_text({entry}, {0x010201, 4096}, view),
            "IP Virtual Server version 1.2.1 (size=4096)\n"
            "Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n"
            "  -> RemoteAddress:Port\n"
            "TCP  192.0.2.10:80                99999999  100000K    1000M     100G     100T\n");
  view.exact = true;
  EXPECT_NE(services_text({entry}, {}, view).find(" 99999999100000000"), std::string::npos);
}

TEST(Services, TheOrderIsIpvsadms) {
  auto mark = service("192.0.2.1", 0);
  mark.key = {};
  mark.key.fwmark = 7;
  EXPECT_EQ(
      names_in_order({mark, service("192.0.2.9", 81), service("2001:db8::1", 80), service("192.0.2.9", 80, lvs::Protocol::udp),
                      service("192.0.2.9", 80), service("192.0.2.10", 80)}),
      "TCP  192.0.2.9:80 rr\nTCP  192.0.2.9:81 rr\nTCP  192.0.2.10:80 rr\nUDP  192.0.2.9:80 rr\nTCP  [2001:db8::1]:80 rr\nFWM  7 rr\n");
  // More than half of all addresses apart: the sign of ipvsadm's difference turns.
  EXPECT_EQ(names_in_order({service("10.0.0.1", 80), service("192.0.2.9", 80)}), "TCP  192.0.2.9:80 rr\nTCP  10.0.0.1:80 rr\n");
}

TEST(Flows, LinesOfTheKernelBecomeIpvsadms) {
  const auto v4 = parse_ip_vs_conn("TCP 0A000001 9598 0A000001 0050 0A000102 1F90 SYN_RECV         61");
  ASSERT_TRUE(v4);
  std::string text;
  append_connection(text, *v4);
  EXPECT_EQ(text, "TCP 01:01  SYN_RECV    10.0.0.1:38296     10.0.0.1:80        10.0.1.2:8080\n");
  const auto v6 = parse_ip_vs_conn(
      "UDP 2001:0db8:0000:0000:0000:0000:0000:0001 04D2 2001:0db8:0000:0000:0000:0000:0000:0002 0035 "
      "2001:0db8:0000:0000:0000:0000:0000:0003 0035 UDP            300");
  ASSERT_TRUE(v6);
  text.clear();
  append_connection(text, *v6);
  EXPECT_EQ(text, "UDP 05:00  UDP         [2001:db8::1]:1234 [2001:db8::2]:53   [2001:db8::3]:53\n");
  EXPECT_FALSE(parse_ip_vs_conn("Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData"));
}

TEST(Flows, AFilterIsAllOfItsWords) {
  auto flow = *parse_ip_vs_conn("TCP 0A000001 9598 0A000002 0050 0A000102 1F90 ESTABLISHED         61");
  for (const char* fits :
       {"", "tcp", "established", "client 10.0.0.1", "client 10.0.0.1:38296", "service :80", "tcp server 10.0.1.2:8080 ipvs"})
    EXPECT_TRUE(FlowFilter::parse(fits)->fits(flow)) << fits;
  for (const char* other : {"udp", "close", "client 10.0.0.2", "service :81", "tcp xdp", "server [2001:db8::1]:80"})
    EXPECT_FALSE(FlowFilter::parse(other)->fits(flow)) << other;
  EXPECT_FALSE(FlowFilter::parse("client"));
  EXPECT_FALSE(FlowFilter::parse("service :x"));
  EXPECT_FALSE(FlowFilter::parse("10.0.0.1"));
}

TEST(Explain, APacketInWords) {
  const auto packet = parse_packet("tcp 198.51.100.7:4242 > 192.0.2.10:80 SA in eth0");
  ASSERT_TRUE(packet && *packet);
  EXPECT_EQ((*packet)->from, endpoint("198.51.100.7", 4242));
  EXPECT_EQ((*packet)->to, endpoint("192.0.2.10", 80));
  EXPECT_EQ((*packet)->flags, 0x12);
  EXPECT_EQ((*packet)->interface, "eth0");
  EXPECT_FALSE(parse_packet("VI_1"));
  EXPECT_FALSE(parse_packet("10.0.0.11:80"));
  EXPECT_TRUE(*parse_packet("TCP 198.51.100.7:4242 > 192.0.2.10:80"));
  for (const char* wrong : {"tcp 198.51.100.7 > 192.0.2.10:80", "icmp 198.51.100.7 > 192.0.2.10", "udp 198.51.100.7:1 192.0.2.10:53",
                            "udp 198.51.100.7:1 > 192.0.2.10:53 S"}) {
    const auto asked = parse_packet(wrong);
    EXPECT_TRUE(asked && !*asked) << wrong;
  }
}

}  // namespace
}  // namespace xd::ctl
