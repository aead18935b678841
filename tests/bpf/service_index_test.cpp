// The index beside xd_services: whatever stands in it, packets meet what xd_services says.
#include <arpa/inet.h>
#include <unistd.h>

#include <cstring>
#include <set>
#include <thread>

#include "datapath/bpf_map.h"
#include "director.h"

namespace xd::test {
namespace {

using lvs::Forward;

class ServiceIndex : public Director {
 protected:
  static std::uint32_t hash(std::uint16_t port, const std::string& address = vip) {
    xd_service_key key{};
    std::memcpy(key.addr, IpAddress::parse(address)->bytes().data(), sizeof key.addr);
    return xd_service_hash(key.addr, htons(port), IPPROTO_TCP) % XD_SERVICE_INDEX_SIZE;
  }
  std::uint32_t& place_of(std::uint16_t port) { return index()[0].place[hash(port)]; }
  datapath::SharedArray<xd_service_index>& index() {
    if (index_.size() == 0) {
      auto mapped = datapath::SharedArray<xd_service_index>::map(Fd(dup(datapath().map_fd("xd_svc_index"))), 1);
      EXPECT_TRUE(mapped) << mapped.error().message;
      index_ = std::move(*mapped);
    }
    return index_;
  }
  // Until the index has it: places that earlier tests gave up rest for a second.
  void serve_in_index(const lvs::Service& wanted) {
    for (const TimePoint limit = Clock::now() + 20s; Clock::now() < limit;) {
      serve(service_key(vip, 80), wanted);
      if (place_of(80) != 0) return;
      std::this_thread::sleep_for(20ms);
    }
    FAIL() << "no place became free";
  }
  Outcome begin(std::uint16_t port, const std::string& address = vip) {
    return run(Ethernet{} / Ipv4{.to = address} / Tcp{.from = next_++, .to = port, .flags = "S"});
  }

 private:
  datapath::SharedArray<xd_service_index> index_;
  std::uint16_t next_ = 1;
};

TEST_F(ServiceIndex, ServicesOfOneHashAreAllServed) {
  std::string address;
  std::uint16_t port = 0;
  for (int i = 11; port == 0 && i < 255; ++i) {
    address = "192.0.2." + std::to_string(i);
    for (int candidate = 1; port == 0 && candidate < 65'536; candidate += 64) {
      if (hash(static_cast<std::uint16_t>(candidate), address) == hash(80)) port = static_cast<std::uint16_t>(candidate);
    }
  }
  ASSERT_NE(port, 0) << "none has the hash of port 80 of " << vip;
  serve(service_key(vip, 80), service(Forward::dr, {1}));
  serve(service_key(address, port), service(Forward::dr, {0, 1}, lvs::Scheduler::rr, port));
  EXPECT_EQ(served_by(begin(80)), 1);
  EXPECT_EQ(served_by(begin(port, address)), 2);
  ASSERT_TRUE(datapath().remove_service(service_key(vip, 80)));
  EXPECT_EQ(begin(80).reason, "not_ours");
  EXPECT_EQ(served_by(begin(port, address)), 2);
}

TEST_F(ServiceIndex, AChangeNamesAFreshPlace) {
  serve_in_index(service(Forward::dr, {1, 0}));
  const std::uint32_t before = place_of(80);
  serve_in_index(service(Forward::dr, {0, 1}));
  EXPECT_NE(place_of(80), before);
  EXPECT_EQ(served_by(begin(80)), 2);
  ASSERT_TRUE(datapath().remove_service(service_key(vip, 80)));
  EXPECT_EQ(place_of(80), 0u);
}

TEST_F(ServiceIndex, WhatADeadDaemonLeftIsMended) {
  serve_in_index(service(Forward::dr, {1, 0}));
  const std::uint32_t old = place_of(80);
  serve_in_index(service(Forward::dr, {0, 1}));
  place_of(80) = old;  // as if it had died before the new one was named
  place_of(81) = ~0u;
  auto next = datapath::Datapath::create(datapath().pin_dir(), sizes());
  ASSERT_TRUE(next) << next.error().message;
  ASSERT_TRUE(next->put_service(service_key("192.0.2.11", 80), service(Forward::dr, {1})));
  EXPECT_EQ(place_of(80), 0u);
  EXPECT_EQ(place_of(81), 0u);
  EXPECT_EQ(served_by(begin(80)), 2);
}

TEST_F(ServiceIndex, OfTenThousandServicesNearlyAllHaveAPlace) {
  std::set<std::uint32_t> places;
  for (std::uint32_t i = 0; i < 10'000; ++i) {
    const __be32 address[4] = {0, 0, XD_V4_MAPPED, htonl(0xc6336400 + i / 4)};
    places.insert(xd_service_hash(address, htons(static_cast<std::uint16_t>(80 + i % 4)), IPPROTO_TCP) % XD_SERVICE_INDEX_SIZE);
  }
  EXPECT_GT(places.size(), 9'000u);  // by chance: 9,280
}

}  // namespace
}  // namespace xd::test
