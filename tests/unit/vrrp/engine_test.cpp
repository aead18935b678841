// The machinery around the elections, told as stories: what leaves on the wire, what happens to the addresses, which scripts run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "one_director.h"
#include "vrrp/timing.h"

namespace xd::vrrp {
namespace {

using test::instance;
using test::OneDirector;
using test::program;
using test::script;
using test::track;
using test::vip;
using test::World;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

using RouterLife = OneDirector;

TEST_F(RouterLife, aBackupWaitsForTheMasterDownTimeAndThenTakesTheAddress) {
  world.configure(model);
  EXPECT_EQ(world.role("VI_1"), Role::backup);
  world.pass(3600ms);
  EXPECT_EQ(world.role("VI_1"), Role::backup) << "3 s and a skew of 156/256 s";
  world.pass(10ms);
  EXPECT_EQ(world.role("VI_1"), Role::master);
  EXPECT_TRUE(vip_is_there());
  EXPECT_THAT(world.scripts.fired, ElementsAre("/bin/true notify INSTANCE VI_1 BACKUP 100", "/bin/true notify INSTANCE VI_1 MASTER 100"));
}

TEST_F(RouterLife, aMasterSendsItsAdvertFirstThenFiveAnnouncementsAndFiveMoreAfterFiveSeconds) {
  world.configure(model);
  world.pass(3650ms);
  EXPECT_THAT(world.sent(), ElementsAre("advert 51 priority 100", "garp 192.0.2.100", "garp 192.0.2.100", "garp 192.0.2.100",
                                        "garp 192.0.2.100", "garp 192.0.2.100"));
  world.pass(4500ms);
  EXPECT_THAT(world.sent(), Each("advert 51 priority 100"));
  world.pass(500ms);
  EXPECT_EQ(std::ranges::count(world.sent(), "garp 192.0.2.100"), 5);
}

TEST_F(RouterLife, advertsLeaveAtTheTimeTheyWereDueAndDoNotDrift) {
  become_master();
  const TimePoint start = world.clock;
  for (int i = 0; i < 20; ++i) {
    world.clock += 1003ms;  // the loop is always a little late
    world.router->run();
  }
  EXPECT_EQ(world.sender.sent.size(), 25u) << "20 adverts and 5 announcements in " << to_seconds(world.clock - start) << " s";
  EXPECT_LT(*world.router->next() - world.clock, 1s);
}

TEST_F(RouterLife, aBetterAdvertMakesItABackupWithoutTheAddress) {
  become_master();
  world.hear(51, "192.0.2.2", 150);
  EXPECT_EQ(world.role("VI_1"), Role::backup);
  EXPECT_FALSE(vip_is_there());
  EXPECT_THAT(world.sent(), IsEmpty()) << "no priority 0 for a better one";
  EXPECT_EQ(world.status("VI_1").master.str(), "192.0.2.2");
}

TEST_F(RouterLife, announcementsStopWhenItIsNoLongerMaster) {
  become_master();
  world.hear(51, "192.0.2.2", 150);
  world.router->hear_claim({*IpAddress::parse("192.0.2.100"), *MacAddress::parse("02:00:00:00:00:02")});
  world.pass(3s);
  EXPECT_THAT(world.sent(), IsEmpty());
}

TEST_F(RouterLife, whoYieldsToOneThatAnnouncesNothingSaysALastWord) {
  become_master();
  world.hear(51, "192.0.2.2", 150);
  world.pass(200ms);
  EXPECT_THAT(world.sent(), IsEmpty()) << "a new master would announce the address now";
  world.pass(100ms);
  EXPECT_THAT(world.sent(), ElementsAre("advert 51 priority 100")) << "it was master all along: it shall announce";
  world.pass(3s);
  EXPECT_THAT(world.sent(), IsEmpty()) << "once";
}

TEST_F(RouterLife, theAnnouncementOfANewMasterMayBeReadBeforeItsAdvert) {
  become_master();
  world.router->hear_claim({*IpAddress::parse("192.0.2.100"), *MacAddress::parse("02:00:00:00:00:02")});
  world.hear(51, "192.0.2.2", 150);
  world.pass(3s);
  EXPECT_THAT(world.sent(), IsEmpty());
}

TEST_F(RouterLife, thereIsNoLastWordOfOneThatIsMasterAgain) {
  become_master();
  world.hear(51, "192.0.2.2", 150);
  world.hear(51, "192.0.2.2", 0);
  world.pass(700ms);
  EXPECT_EQ(world.role("VI_1"), Role::master);
  EXPECT_THAT(world.sent(), Contains("advert 51 priority 100").Times(2)) << "the last word, then its first advert as master";
}

TEST_F(RouterLife, aSecondMasterIsNamedAndCounted) {
  become_master();
  for (int i = 0; i < 3; ++i) {
    world.hear(51, "192.0.2.2", 50);
    world.pass(1s);
  }
  EXPECT_EQ(world.status("VI_1").rival_adverts, 3u);
  EXPECT_EQ(world.status("VI_1").rival.str(), "192.0.2.2");
  world.pass(5s);
  EXPECT_TRUE(world.status("VI_1").rival.is_unset()) << "it is gone";
}

TEST_F(RouterLife, aFloodOfLowerAdvertsIsNotAnsweredOneByOne) {
  become_master();
  for (int i = 0; i < 1000; ++i) {
    world.hear(51, "192.0.2.2", 50);
    world.pass(1ms);
  }
  const auto sent = world.sent();
  EXPECT_LE(std::ranges::count(sent, "advert 51 priority 100"), 11);
  EXPECT_LE(std::ranges::count(sent, "garp 192.0.2.100"), 15);
}

TEST_F(RouterLife, aUnicastInstanceSendsToEachOfItsPeersAndJoinsNoGroup) {
  auto& conf = model.vrrp_instances[0];
  conf.unicast_src_ip = *IpAddress::parse("192.0.2.1");
  conf.unicast_peers = {*IpAddress::parse("192.0.2.2"), *IpAddress::parse("192.0.2.3")};
  world.configure(model);
  EXPECT_TRUE(world.wire.ears.at(51)->tuning.group.is_unset());
  world.pass(3650ms);
  const auto sent = world.sent();
  EXPECT_EQ(std::ranges::count(sent, "advert 51 priority 100 to 192.0.2.2"), 1);
  EXPECT_EQ(std::ranges::count(sent, "advert 51 priority 100 to 192.0.2.3"), 1);
}

// Where the kernel's routes lead to the peers.
class WithoutInterface : public OneDirector {
 protected:
  WithoutInterface() {
    auto& conf = model.vrrp_instances[0];
    conf.interface.clear();
    conf.unicast_src_ip = *IpAddress::parse("192.0.2.1");
    conf.unicast_peers = {*IpAddress::parse("203.0.113.2")};
    conf.addresses[0].interface = "eth0";
  }
};

TEST_F(WithoutInterface, anInstanceListensAtItsAddressAndSendsByAnyLink) {
  world.configure(model);
  const auto& tuning = world.wire.ears.at(51)->tuning;
  EXPECT_EQ(tuning.interface, "");
  EXPECT_EQ(tuning.local.str(), "192.0.2.1");
  EXPECT_TRUE(tuning.raw_only);
  world.pass(3650ms);
  EXPECT_EQ(world.role("VI_1"), Role::master);
  EXPECT_TRUE(vip_is_there());
  ASSERT_FALSE(world.sender.sent.empty());
  EXPECT_EQ(world.sender.sent[0].what, "advert 51 priority 100 to 203.0.113.2");
  EXPECT_EQ(world.sender.sent[0].index, 0);
}

TEST_F(WithoutInterface, noLinkIsAFaultNorItsAddressUnlessTracked) {
  become_master();
  world.kernel.set_link("eth0", false);
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::master);
  world.kernel.somebody_removes("eth0", "192.0.2.1/24");
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::master);
  model.vrrp_instances[0].track_src_ip = true;
  world.configure(model);
  EXPECT_EQ(world.role("VI_1"), Role::fault);
  world.kernel.somebody_adds("eth0", "192.0.2.1/24");
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::backup);
}

TEST_F(WithoutInterface, twoWithOneVridAreTwoWhenTheirAddressesDiffer) {
  model.vrrp_instances.push_back(model.vrrp_instances[0]);
  model.vrrp_instances[1].name = "VI_2";
  EXPECT_EQ(world.router->prepare(model).error().message, "vrrp_instance VI_2: virtual_router_id 51 is used twice on 192.0.2.1");
  model.vrrp_instances[1].unicast_src_ip = *IpAddress::parse("192.0.2.3");
  EXPECT_TRUE(world.router->prepare(model));
}

TEST_F(WithoutInterface, aVrfIsTheLinkToUse) {
  world.kernel.add_link("red");
  world.kernel.deliver();
  model.vrrp_instances[0].vrf = "red";
  world.configure(model);
  EXPECT_EQ(world.wire.ears.at(51)->tuning.interface, "red");
  EXPECT_EQ(world.wire.ears.at(51)->tuning.index, world.kernel.table().link("red")->index);
  world.kernel.set_link("red", false);
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::fault);
  model.vrrp_instances[0].vrf.clear();
  world.configure(model);
  EXPECT_EQ(world.role("VI_1"), Role::backup);
  EXPECT_EQ(world.wire.ears.at(51)->tuning.index, 0);
}

TEST_F(RouterLife, overIpv6ItSendsFromTheLinkLocalAddress) {
  auto& conf = model.vrrp_instances[0];
  conf.family = AF_INET6;
  conf.version = 3;
  conf.addresses = {vip("fe80::100/64"), vip("2001:db8::100/64")};
  world.kernel.somebody_adds("eth0", "2001:db8::1/64");
  world.kernel.deliver();
  world.configure(model);
  EXPECT_EQ(world.role("VI_1"), Role::fault) << "it has a global address only";
  world.kernel.somebody_adds("eth0", "fe80::1/64");
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::backup);
  EXPECT_EQ(world.wire.ears.at(51)->tuning.source.str(), "fe80::1");
}

TEST_F(RouterLife, aLowerAdvertIsAnsweredAtOnceAndTheAddressAnnouncedAgain) {
  become_master();
  world.hear(51, "192.0.2.2", 50);
  EXPECT_THAT(world.sent(), ElementsAre("advert 51 priority 100", "garp 192.0.2.100", "garp 192.0.2.100", "garp 192.0.2.100",
                                        "garp 192.0.2.100", "garp 192.0.2.100"));
}

TEST_F(RouterLife, stopSendsPriorityZeroThenTakesTheAddressesOffThenSaysStop) {
  become_master();
  world.router->stop(true);
  EXPECT_THAT(world.sent(), ElementsAre("advert 51 priority 0"));
  EXPECT_FALSE(vip_is_there());
  EXPECT_THAT(world.scripts.fired, ElementsAre("/bin/true notify INSTANCE VI_1 STOP 100"));
  EXPECT_FALSE(world.router->next().has_value()) << "nothing is left to do";
  EXPECT_THAT(world.gates, IsEmpty());
}

TEST_F(RouterLife, stopWithoutReleaseLeavesQuietlyAndTheAddressesStay) {
  become_master();
  world.router->stop(false);
  EXPECT_THAT(world.sent(), IsEmpty());
  EXPECT_TRUE(vip_is_there());
}

TEST_F(RouterLife, theGateIsOpenBeforeTheAddressIsThereAndClosedAfterItWent) {
  world.configure(model);
  EXPECT_FALSE(world.gates.at("192.0.2.100"));
  world.pass(4s);
  EXPECT_TRUE(world.gates.at("192.0.2.100"));
  world.hear(51, "192.0.2.2", 150);
  EXPECT_FALSE(world.gates.at("192.0.2.100"));
}

TEST_F(RouterLife, addressesThatACrashLeftBehindAreTakenOffAtTheStart) {
  world.kernel.somebody_adds("eth0", "192.0.2.100/24");
  world.kernel.somebody_adds("eth0", "192.0.2.99/24");
  world.configure(model);
  EXPECT_FALSE(vip_is_there());
  EXPECT_TRUE(world.kernel.has("eth0", "192.0.2.99/24")) << "not in the configuration: not ours";
  EXPECT_TRUE(world.kernel.has("eth0", "192.0.2.1/24"));
}

TEST_F(RouterLife, anAddressThatSomebodyTakesOffIsBackAfterOneSkewWithAPriorityZero) {
  become_master();
  world.kernel.somebody_removes("eth0", "192.0.2.100/24");
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::backup);
  EXPECT_THAT(world.sent(), ElementsAre("advert 51 priority 0"));
  world.pass(620ms);
  EXPECT_EQ(world.role("VI_1"), Role::master);
  EXPECT_TRUE(vip_is_there());
}

TEST_F(RouterLife, anUntrackedAddressMayGo) {
  model.vrrp_instances[0].addresses[0].no_track = true;
  become_master();
  world.kernel.somebody_removes("eth0", "192.0.2.100/24");
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::master);
}

TEST_F(RouterLife, itsOwnRemovalThatIsToldLateIsNotALoss) {
  become_master();
  // Backup and master again before the kernel's message about the removal is read.
  world.wire.ears.at(51)->listener.on_advert({*IpAddress::parse("192.0.2.2"), 150, 1s, world.clock}, {});
  world.wire.ears.at(51)->listener.on_advert({*IpAddress::parse("192.0.2.2"), 0, 1s, world.clock}, {});
  world.clock += 700ms;
  world.router->run();
  ASSERT_EQ(world.role("VI_1"), Role::master);
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::master);
  EXPECT_TRUE(vip_is_there());
}

TEST_F(RouterLife, anAddressThatTheKernelRefusesDoesNotUnmakeTheMaster) {
  world.kernel.refuse_additions(ENOSPC);
  world.configure(model);
  world.pass(4s);
  EXPECT_EQ(world.role("VI_1"), Role::master);
}

TEST_F(RouterLife, beforeASilenceIsBelievedTheSocketIsRead) {
  world.configure(model);
  world.hear(51, "192.0.2.2", 150);
  world.clock += 5s;  // frozen; adverts kept coming
  world.wire.unread.push_back({51, {*IpAddress::parse("192.0.2.2"), 150, 1s, world.clock - 200ms}});
  world.router->run();
  EXPECT_EQ(world.role("VI_1"), Role::backup);
}

TEST_F(RouterLife, beforeASilenceIsBelievedTheWatchIsAsked) {
  world.configure(model);
  world.hear(51, "192.0.2.2", 150);
  world.clock += 5s;
  world.wire.noted = Heard{*IpAddress::parse("192.0.2.2"), 150, 1s, world.clock - 200ms};
  world.wire.ears.at(51)->listener.on_master_down();
  EXPECT_EQ(world.role("VI_1"), Role::backup);
}

TEST_F(RouterLife, whereTheKernelKeepsTheDownTimerSteadyAdvertsWakeNobody) {
  world.wire.kind = TransportKind::xdp;
  world.configure(model);
  world.hear(51, "192.0.2.2", 150);
  EXPECT_GT(*world.router->next() - world.clock, 8s) << "only the guard against a lost event";
  world.clock += 3500ms;
  world.wire.ears.at(51)->listener.on_master_down();
  EXPECT_EQ(world.role("VI_1"), Role::backup) << "the kernel was early";
  world.clock += 200ms;
  world.wire.ears.at(51)->listener.on_master_down();
  EXPECT_EQ(world.role("VI_1"), Role::master);
}

// The kernel's timers come late on a busy host.
TEST_F(RouterLife, withQuickAdvertsOurOwnTimerStandsBesideTheKernels) {
  world.wire.kind = TransportKind::xdp;
  model.vrrp_instances[0].version = 3;
  model.vrrp_instances[0].advert_interval = 10ms;
  world.configure(model);
  world.hear(51, "192.0.2.2", 150, 10ms);
  for (int i = 0; i < 20; ++i) {
    world.wire.noted = Heard{*IpAddress::parse("192.0.2.2"), 150, 10ms, world.clock};
    world.pass(10ms);
    ASSERT_EQ(world.role("VI_1"), Role::backup);
  }
  const auto down = master_down_interval(3, model.vrrp_instances[0].priority, 10ms, 3);
  world.pass(down - 10ms - 100us);
  EXPECT_EQ(world.role("VI_1"), Role::backup);
  world.pass(100us);
  EXPECT_EQ(world.role("VI_1"), Role::master) << "no event of the kernel was needed";
}

TEST_F(RouterLife, aSilenceInAWatchThatIsGoneIsNotBelieved) {
  world.wire.kind = TransportKind::xdp;
  world.configure(model);
  world.hear(51, "192.0.2.2", 150);
  world.wire.kind = TransportKind::raw;  // somebody took the XDP program off the interface
  world.clock += 4s;
  world.wire.ears.at(51)->listener.on_master_down();
  world.pass(0s);
  EXPECT_EQ(world.role("VI_1"), Role::backup);
  EXPECT_EQ(world.status("VI_1").transport, TransportKind::raw);
  world.pass(3s);
  EXPECT_EQ(world.role("VI_1"), Role::backup) << "it listens for a whole master-down time";
  world.pass(1s);
  EXPECT_EQ(world.role("VI_1"), Role::master);
}

using RouterFaults = OneDirector;

TEST_F(RouterFaults, aLinkThatGoesDownIsAFaultAndPriorityZeroIsTried) {
  become_master();
  world.kernel.set_link("eth0", false);
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::fault);
  EXPECT_FALSE(vip_is_there());
  EXPECT_THAT(world.sent(), ElementsAre("advert 51 priority 0"));
  EXPECT_THAT(world.status("VI_1").faults, ElementsAre("its interface is down"));
  world.kernel.set_link("eth0", true);
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::backup);
}

TEST_F(RouterFaults, withoutAnAddressToSendFromItCannotTakePart) {
  become_master();
  world.kernel.somebody_removes("eth0", "192.0.2.1/24");
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::fault);
  world.kernel.somebody_adds("eth0", "192.0.2.7/24");
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::backup);
  EXPECT_EQ(world.wire.ears.at(51)->tuning.source.str(), "192.0.2.7");
}

TEST_F(RouterFaults, aLinkThatIsDeletedAndMadeAnewIsListenedToAgain) {
  become_master();
  world.kernel.remove_link("eth0");
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::fault);
  EXPECT_FALSE(world.wire.ears.contains(51));
  const int index = world.kernel.add_link("eth0");
  world.kernel.somebody_adds("eth0", "192.0.2.1/24");
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::backup);
  EXPECT_EQ(world.wire.ears.at(51)->tuning.index, index);
  world.pass(4s);
  EXPECT_TRUE(vip_is_there());
}

TEST_F(RouterFaults, aTrackedInterfaceWithoutWeightIsAFaultAndWithWeightAPriority) {
  world.kernel.add_link("eth1");
  world.kernel.add_link("eth2");
  model.vrrp_instances[0].track_interfaces = {track("eth1"), track("eth2", -30)};
  become_master();
  world.kernel.set_link("eth2", false);
  world.kernel.deliver();
  EXPECT_EQ(world.status("VI_1").priority, 70);
  world.pass(1s);
  EXPECT_THAT(world.sent(), Contains("advert 51 priority 70"));
  world.kernel.set_link("eth1", false);
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::fault);
}

TEST_F(RouterFaults, whereListeningFailsTheInstanceIsInFaultAndTriesAgainWithTheLink) {
  world.wire.refuse = true;
  world.configure(model);
  EXPECT_EQ(world.role("VI_1"), Role::fault);
  world.wire.refuse = false;
  world.kernel.set_link("eth0", false);
  world.kernel.set_link("eth0", true);
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::backup);
}

// The kernel lets a link that is up have another name.
TEST_F(RouterFaults, theAddressesLeaveALinkThatHasAnotherNameByNow) {
  become_master();
  auto link = *world.kernel.table().link("eth0");
  link.name = "eth9";
  world.kernel.change(link);
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::fault);
  EXPECT_EQ(world.kernel.table().address(link.index, *IpPrefix::parse("192.0.2.100/24")), nullptr);
}

using RouterScripts = OneDirector;

TEST_F(RouterScripts, anInstanceWaitsInInitForTheFirstAnswerOfAScriptThatDecides) {
  model.vrrp_scripts = {script("check")};
  model.vrrp_instances[0].track_scripts = {track("check")};
  world.configure(model);
  EXPECT_EQ(world.role("VI_1"), Role::init);
  world.pass(10s);
  EXPECT_EQ(world.role("VI_1"), Role::init);
  world.scripts.finish("check", 0);
  EXPECT_EQ(world.role("VI_1"), Role::backup);
}

TEST_F(RouterScripts, aFailureWithoutWeightIsAFaultUntilItSucceeds) {
  model.vrrp_scripts = {script("check")};
  model.vrrp_instances[0].track_scripts = {track("check")};
  world.configure(model);
  world.scripts.finish("check", 0);
  world.pass(4s);
  ASSERT_EQ(world.role("VI_1"), Role::master);
  world.sent();
  world.scripts.finish("check", 1);
  EXPECT_EQ(world.role("VI_1"), Role::fault);
  EXPECT_THAT(world.sent(), ElementsAre("advert 51 priority 0"));
  world.pass(1s);
  world.scripts.finish("check", 0);
  EXPECT_EQ(world.role("VI_1"), Role::backup);
}

TEST_F(RouterScripts, aWeightIsAddedAndShownInTheNextRegularAdvert) {
  model.vrrp_scripts = {script("bonus")};
  model.vrrp_instances[0].track_scripts = {track("bonus", 20)};
  become_master();
  EXPECT_EQ(world.status("VI_1").priority, 100) << "it adds nothing before it has answered";
  world.scripts.finish("bonus", 0);
  EXPECT_EQ(world.status("VI_1").priority, 120);
  EXPECT_THAT(world.sent(), IsEmpty()) << "nothing is sent early";
  world.pass(1s);
  EXPECT_THAT(world.sent(), Contains("advert 51 priority 120"));
}

TEST_F(RouterScripts, aScriptThatCannotBeRunIsDroppedWithAWarningAndIsNoFault) {
  model.vrrp_scripts = {script("check")};
  model.vrrp_scripts[0].script.words = {"/no/such/program"};
  model.vrrp_instances[0].track_scripts = {track("check")};
  world.configure(model);
  EXPECT_EQ(world.role("VI_1"), Role::backup);
  EXPECT_THAT(world.router->warnings(), ElementsAre("vrrp_script check is not tracked: /no/such/program: No such file or directory"));
}

TEST_F(RouterScripts, whatOthersWatchCountsFromTheFirstElectionOn) {
  auto& vi = model.vrrp_instances[0];
  vi.track_files = {track("file", 2)};
  vi.track_processes = {track("process", -30)};
  vi.track_bfds = {track("session")};
  world.router->observe({.files = {{"file", 5}}, .processes = {{"process", false}}, .bfds = {{"session", false}}});
  world.configure(model);
  EXPECT_EQ(world.role("VI_1"), Role::fault) << "a session without weight is a fault until it is up";
  EXPECT_EQ(world.status("VI_1").priority, 80);
  world.router->observe_bfd("session", true);
  EXPECT_EQ(world.role("VI_1"), Role::backup);
  world.router->observe_process("process", true);
  EXPECT_EQ(world.status("VI_1").priority, 110);
  world.router->observe_file("file", -1);
  EXPECT_EQ(world.status("VI_1").priority, 98);
}

TEST_F(RouterScripts, whatCannotBeWatchedIsNoFault) {
  model.vrrp_instances[0].track_files = {track("file")};
  model.vrrp_instances[0].track_bfds = {track("session")};
  world.configure(model);
  EXPECT_EQ(world.role("VI_1"), Role::backup);
}

TEST_F(RouterScripts, aTrackedSourceAddressThatGoesIsAFault) {
  model.vrrp_instances[0].mcast_src_ip = IpAddress::parse("192.0.2.7");
  model.vrrp_instances[0].track_src_ip = true;
  world.configure(model);
  EXPECT_EQ(world.role("VI_1"), Role::fault);
  world.kernel.somebody_adds("eth0", "192.0.2.7/24");
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::backup);
}

using RouterReload = OneDirector;

TEST_F(RouterReload, anUntouchedMasterNoticesNothing) {
  become_master();
  world.pass(300ms);
  const auto due = world.router->next();
  world.configure(model);
  EXPECT_THAT(world.sent(), IsEmpty());
  EXPECT_THAT(world.scripts.fired, IsEmpty());
  EXPECT_EQ(world.router->next(), due);
  EXPECT_TRUE(vip_is_there());
  EXPECT_THAT(world.kernel.calls, ElementsAre("add 192.0.2.100/24 eth0"));
}

// Once, the new address among the others, as keepalived does.
TEST_F(RouterReload, onlyTheDifferenceOfTheAddressesIsAppliedAndWhatIsThereIsAnnounced) {
  model.vrrp_instances[0].addresses = {vip("192.0.2.100/24"), vip("192.0.2.101/24")};
  become_master();
  world.kernel.calls.clear();
  model.vrrp_instances[0].addresses = {vip("192.0.2.102/24"), vip("192.0.2.100/24")};
  world.configure(model);
  EXPECT_THAT(world.kernel.calls, ElementsAre("remove 192.0.2.101/24 eth0", "add 192.0.2.102/24 eth0"));
  EXPECT_THAT(world.sent(), AllOf(Contains("garp 192.0.2.102").Times(5), Contains("garp 192.0.2.100").Times(5)));
  world.pass(10s);
  EXPECT_THAT(world.sent(), Each(HasSubstr("advert")));
  EXPECT_EQ(world.role("VI_1"), Role::master);
}

TEST_F(RouterReload, aMasterRefreshesWhatItHasAsTheNewTextSays) {
  model.vrrp_instances[0].garp.refresh = 2s;
  model.vrrp_instances[0].addresses = {vip("192.0.2.100/24"), vip("192.0.2.101/24")};
  become_master();
  world.pass(6s);
  world.sent();
  model.vrrp_instances[0].addresses = {vip("192.0.2.100/24")};
  world.configure(model);
  world.pass(10s);
  EXPECT_THAT(world.sent(), AllOf(Contains("garp 192.0.2.100"), Not(Contains("garp 192.0.2.101"))));
  model.vrrp_instances[0].garp.refresh = 0s;
  world.configure(model);
  world.pass(10s);
  EXPECT_THAT(world.sent(), Each(HasSubstr("advert")));
  model.vrrp_instances[0].garp.refresh = 1s;
  world.configure(model);
  world.pass(10s);
  EXPECT_THAT(world.sent(), Contains("garp 192.0.2.100"));
}

TEST_F(RouterReload, anAddressThatMovesBetweenTwoMastersStays) {
  model.vrrp_instances.push_back(instance("VI_2", 52, 100, "192.0.2.102/24"));
  become_master();
  std::swap(model.vrrp_instances[0].addresses, model.vrrp_instances[1].addresses);
  world.configure(model);
  world.pass(100ms);
  EXPECT_EQ(world.role("VI_1"), Role::master);
  EXPECT_EQ(world.role("VI_2"), Role::master);
  EXPECT_TRUE(world.kernel.has("eth0", "192.0.2.102/24"));
  EXPECT_TRUE(vip_is_there());
}

TEST_F(RouterReload, anInstanceThatIsGoneLeavesWithPriorityZeroAndDeleted) {
  model.vrrp_instances.push_back(instance("VI_2", 52, 100, "192.0.2.102/24"));
  model.vrrp_instances.back().notify.tells_deleted = true;
  become_master();
  model.vrrp_instances.pop_back();
  world.configure(model);
  EXPECT_THAT(world.sent(), ElementsAre("advert 52 priority 0"));
  EXPECT_THAT(world.scripts.fired, ElementsAre("/bin/true notify INSTANCE VI_2 DELETED 100"));
  EXPECT_FALSE(world.kernel.has("eth0", "192.0.2.102/24"));
  EXPECT_FALSE(world.gates.contains("192.0.2.102"));
}

TEST_F(RouterReload, anInstanceThatIsGoneTellsFaultWithoutNotifyDeleted) {
  model.vrrp_instances.push_back(instance("VI_2", 52, 100, "192.0.2.102/24"));
  become_master();
  model.vrrp_instances.pop_back();
  world.configure(model);
  EXPECT_THAT(world.scripts.fired, ElementsAre("/bin/true notify INSTANCE VI_2 FAULT 100"));
}

TEST_F(RouterReload, aNewPriorityIsInTheNextAdvert) {
  become_master();
  model.vrrp_instances[0].priority = 120;
  world.configure(model);
  EXPECT_EQ(world.role("VI_1"), Role::master);
  world.pass(1s);
  EXPECT_THAT(world.sent(), Contains("advert 51 priority 120"));
}

TEST_F(RouterReload, aConfigurationThatDoesNotFitTheHostChangesNothing) {
  become_master();
  auto broken = model;
  broken.vrrp_instances[0].interface = "eth9";
  const auto status = world.router->prepare(broken);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "vrrp_instance VI_1: interface eth9 does not exist");
  world.router->commit();
  world.pass(1s);
  EXPECT_EQ(world.role("VI_1"), Role::master);
  EXPECT_THAT(world.sent(), ElementsAre("advert 51 priority 100"));
}

TEST_F(RouterReload, theSameVridTwiceOnAnInterfaceIsRefused) {
  model.vrrp_instances.push_back(instance("VI_2", 51, 90, "192.0.2.102/24"));
  const auto status = world.router->prepare(model);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "vrrp_instance VI_2: virtual_router_id 51 is used twice on eth0");
}

class RouterRestart : public OneDirector {
 protected:
  // The process dies and another one begins `later`.
  void restart(Duration later) {
    const auto snapshot = world.router->snapshot();
    const TimePoint death = world.clock;
    world.router.reset();
    world.clock += later;
    world.router = world.make_router();
    ASSERT_TRUE(world.router->prepare(model));
    world.router->resume(snapshot, death);
    world.router->commit();
    world.kernel.deliver();
  }
};

TEST_F(RouterRestart, aMasterGoesOnAtOnceWithoutAnElectionAndItsAddressesNeverLeave) {
  become_master();
  world.kernel.calls.clear();
  world.gates_closed = 0;
  restart(500ms);
  EXPECT_EQ(world.role("VI_1"), Role::master);
  EXPECT_EQ(world.gates_closed, 0) << "not even for a moment: packets of that moment would meet the stack";
  world.pass(0s);
  EXPECT_THAT(world.sent(), ElementsAre("advert 51 priority 100"));
  EXPECT_THAT(world.kernel.calls, Not(Contains(StartsWith("remove"))));
  EXPECT_THAT(world.scripts.fired, IsEmpty());
  EXPECT_EQ(world.status("VI_1").became_master, 1u);
}

TEST_F(RouterRestart, aMasterWhoseProcessWasAwayTooLongBeginsAsABackup) {
  become_master();
  restart(10s);
  EXPECT_EQ(world.role("VI_1"), Role::backup);
  EXPECT_FALSE(vip_is_there());
}

TEST_F(RouterRestart, aBackupStaysABackup) {
  world.configure(model);
  world.hear(51, "192.0.2.2", 150);
  restart(1s);
  EXPECT_EQ(world.role("VI_1"), Role::backup);
  world.pass(2500ms);
  EXPECT_EQ(world.role("VI_1"), Role::backup);
  world.pass(2s);
  EXPECT_EQ(world.role("VI_1"), Role::master);
}

TEST_F(RouterRestart, whoeverKeepsTheSnapshotIsToldWhenItChanges) {
  world.configure(model);
  const int before = world.changes;
  world.pass(4s);
  EXPECT_EQ(world.changes, before + 1) << "backup to master";
  world.pass(10s);
  EXPECT_EQ(world.changes, before + 1) << "adverts are no news";
}

}  // namespace
}  // namespace xd::vrrp
