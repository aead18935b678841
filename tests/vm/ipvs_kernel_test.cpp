// ipvs::Table against a real kernel. Runs in a network namespace of its own, inside the VM.
#include <gtest/gtest.h>
#include <sched.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <string>

#include "ipvs/ipvs.h"

namespace xd::ipvs {
namespace {

class KernelIpvs : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    // IPVS asks the local routing table whether a destination is unicast; without any address there is no such table.
    ASSERT_EQ(std::system("ip link set lo up"), 0);
  }

  void SetUp() override {
    auto opened = Table::open();
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    table = std::make_unique<Table>(std::move(*opened));
  }
  void TearDown() override {
    const auto left = table->services();
    for (const auto& [key, service] : *left) EXPECT_TRUE(table->remove_service(key).ok());
  }

  static lvs::ServiceKey web() { return {*IpAddress::parse("192.0.2.10"), 80, lvs::Protocol::tcp}; }
  static Endpoint server(int number) { return {*IpAddress::parse("10.0.0." + std::to_string(number)), 8080}; }

  std::unique_ptr<Table> table;
};

TEST_F(KernelIpvs, HoldsWhatItWasGiven) {
  for (const auto scheduler : {lvs::Scheduler::rr, lvs::Scheduler::wrr, lvs::Scheduler::sh, lvs::Scheduler::mh, lvs::Scheduler::wlc}) {
    lvs::Service service;
    service.scheduler = scheduler;
    ASSERT_TRUE(table->add_service(web(), service).ok());
    service.destinations = {
        {server(1), {lvs::Forward::nat, 1}}, {server(2), {lvs::Forward::nat, 5, 100, 80}}, {server(3), {lvs::Forward::dr, 0}}};
    service.order = {server(2), server(1), server(3)};
    // A DR destination's port is the service's: the kernel takes it as given and forwards so.
    for (const auto& at : service.order) {
      const auto added = table->add_destination(web(), at, service.destinations.at(at));
      ASSERT_TRUE(added.ok()) << added.error().message;
    }
    const auto held = table->services();
    ASSERT_TRUE(held.ok());
    ASSERT_EQ(held->size(), 1u);
    EXPECT_EQ(held->at(web()), service);
    ASSERT_TRUE(table->remove_service(web()).ok());
  }
}

TEST_F(KernelIpvs, EditsInPlace) {
  lvs::Service service;
  service.scheduler = lvs::Scheduler::rr;
  ASSERT_TRUE(table->add_service(web(), service).ok());
  ASSERT_TRUE(table->add_destination(web(), server(1), {}).ok());
  service.scheduler = lvs::Scheduler::mh;
  service.scheduler_flags = lvs::mh_port | lvs::mh_fallback;
  service.persistence_seconds = 600;
  service.persistence_mask = 24;
  const auto edited = table->edit_service(web(), service);
  ASSERT_TRUE(edited.ok()) << edited.error().message;
  ASSERT_TRUE(table->edit_destination(web(), server(1), {lvs::Forward::nat, 7}).ok());
  service.destinations = {{server(1), {lvs::Forward::nat, 7}}};
  service.order = {server(1)};
  EXPECT_EQ(table->services()->at(web()), service);
  EXPECT_EQ(table->counters()->at(web()).at(server(1)).connections, 0u);
}

TEST_F(KernelIpvs, ServesIpv6AndFirewallMarks) {
  lvs::ServiceKey v6{*IpAddress::parse("2001:db8::10"), 443, lvs::Protocol::udp};
  lvs::ServiceKey mark;
  mark.fwmark = 7;
  lvs::Service service;
  service.scheduler = lvs::Scheduler::rr;
  for (const auto& key : {v6, mark}) {
    const auto added = table->add_service(key, service);
    ASSERT_TRUE(added.ok()) << added.error().message;
    EXPECT_EQ(table->services()->at(key), service) << key.str();
  }
}

TEST_F(KernelIpvs, RefusalsNameTheRequestAndTheCause) {
  EXPECT_EQ(table->remove_service(web()).error().message, "remove service 192.0.2.10:80/tcp: no such service");
  ASSERT_TRUE(table->add_service(web(), {}).ok());
  EXPECT_EQ(table->add_service(web(), {}).error().message, "add service 192.0.2.10:80/tcp: service exists already");
  EXPECT_EQ(table->add_service(web(), {}).error().code, EEXIST);
  EXPECT_EQ(table->edit_destination(web(), server(1), {}).error().message,
            "change destination 10.0.0.1:8080 of 192.0.2.10:80/tcp: no such destination");
  EXPECT_EQ(table->edit_destination(web(), server(1), {}).error().code, ENOENT);
}

}  // namespace
}  // namespace xd::ipvs
