// Sync groups as stories: the members, their faults and trackers, those who are told, reloads. The rules alone are in sync_test.cpp.
#include "one_director.h"

namespace xd::vrrp {
namespace {

using test::instance;
using test::OneDirector;
using test::program;
using test::script;
using test::track;
using test::vip;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

class RouterGroups : public OneDirector {
 protected:
  RouterGroups() {
    world.kernel.add_link("eth1");
    world.kernel.somebody_adds("eth1", "198.51.100.1/24");
    world.kernel.deliver();
    auto inside = instance("VI_IN", 52, 100, "198.51.100.100/24");
    inside.interface = "eth1";
    model.vrrp_instances.push_back(inside);
    conf::VrrpSyncGroup group;
    group.name = "G1";
    group.members = {"VI_1", "VI_IN"};
    group.notify.any = program("group");
    model.vrrp_sync_groups = {group};
  }
  conf::VrrpSyncGroup& group() { return model.vrrp_sync_groups[0]; }
  std::vector<Role> roles() const {
    std::vector<Role> out;
    for (const auto& member : world.router->status()) out.push_back(member.role);
    return out;
  }
  std::vector<int> priorities() const {
    std::vector<int> out;
    for (const auto& member : world.router->status()) out.push_back(member.priority);
    return out;
  }
  void add_member(const std::string& name, std::uint8_t vrid) {
    model.vrrp_instances.push_back(instance(name, vrid, 100, "192.0.2." + std::to_string(vrid) + "/24"));
    group().members.push_back(name);
  }
};

TEST_F(RouterGroups, becomeMasterTogetherAndTheGroupIsToldAfterItsMembers) {
  become_master();
  EXPECT_EQ(world.role("VI_IN"), Role::master);
  world.configure(model);
  EXPECT_THAT(world.scripts.fired, IsEmpty()) << "a reload without a change is no news";
  world.hear(52, "198.51.100.2", 150);
  EXPECT_EQ(world.role("VI_1"), Role::backup);
  EXPECT_THAT(world.scripts.fired, ElementsAre("/bin/true notify INSTANCE VI_IN BACKUP 100", "/bin/true notify INSTANCE VI_1 BACKUP 100",
                                               "/bin/true group GROUP G1 BACKUP 0"));
  EXPECT_THAT(world.sent(), Not(Contains("advert 51 priority 0")));
}

TEST_F(RouterGroups, oneMembersFaultIsEveryonesAndBothSayGoodbye) {
  become_master();
  world.kernel.set_link("eth1", false);
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::fault);
  EXPECT_EQ(world.role("VI_IN"), Role::fault);
  EXPECT_THAT(world.sent(), ElementsAre("advert 52 priority 0", "advert 51 priority 0"));
  EXPECT_THAT(world.scripts.fired, Contains("/bin/true group GROUP G1 FAULT 0"));
  world.kernel.set_link("eth1", true);
  world.kernel.deliver();
  EXPECT_EQ(world.role("VI_1"), Role::backup);
}

TEST_F(RouterGroups, ofOwnersAreMastersAtOnce) {
  for (auto& member : model.vrrp_instances) member.priority = 255;
  world.configure(model);
  world.pass(0s);
  EXPECT_EQ(world.role("VI_1"), Role::master);
  EXPECT_EQ(world.role("VI_IN"), Role::master);
}

TEST_F(RouterGroups, withOneOwnerBeginAsBackups) {
  model.vrrp_instances[1].priority = 255;
  world.configure(model);
  world.pass(1s);
  EXPECT_EQ(world.role("VI_1"), Role::backup);
  EXPECT_EQ(world.role("VI_IN"), Role::backup);
}

// keepalived's order, seen on its FIFO.
TEST_F(RouterGroups, thatWaitedForAScriptAreToldOfAfterTheirMembersFromTheBeginning) {
  model.vrrp_scripts = {script("check")};
  model.vrrp_instances[0].track_scripts = {track("check")};
  world.configure(model);
  EXPECT_EQ(world.fifo, "");
  world.scripts.finish("check", 0);
  EXPECT_EQ(world.fifo,
            "INSTANCE \"VI_1\" BACKUP 100\n"
            "INSTANCE \"VI_IN\" BACKUP 100\n"
            "GROUP \"G1\" BACKUP 0\n");
}

TEST_F(RouterGroups, thatBeginWithAFaultAreNoBackupsBefore) {
  model.vrrp_scripts = {script("check")};
  model.vrrp_instances[0].track_scripts = {track("check")};
  world.configure(model);
  world.scripts.finish("check", 1);
  EXPECT_EQ(world.fifo,
            "INSTANCE \"VI_1\" FAULT 100\n"
            "INSTANCE \"VI_IN\" FAULT 100\n"
            "GROUP \"G1\" FAULT 0\n");
}

TEST_F(RouterGroups, fifosHearAGroupBeforeItsMembersAtTheBeginningAndAfterThemLater) {
  model.vrrp_instances[0].notify_priority_changes = true;
  world.configure(model);
  EXPECT_EQ(world.fifo,
            "GROUP \"G1\" BACKUP 0\n"
            "INSTANCE \"VI_1\" BACKUP 100\n"
            "INSTANCE \"VI_IN\" BACKUP 100\n");
  world.fifo.clear();
  world.pass(4s);
  EXPECT_THAT(world.fifo, ::testing::EndsWith("GROUP \"G1\" MASTER 0\n"));
  world.fifo.clear();
  world.router->stop(true);
  EXPECT_EQ(world.fifo,
            "INSTANCE \"VI_1\" STOP 100\n"
            "INSTANCE \"VI_IN\" STOP 100\n"
            "GROUP \"G1\" STOP 0\n");
}

TEST_F(RouterGroups, beginInTheOrderOfTheFile) {
  group().members = {"VI_IN", "VI_1"};
  world.configure(model);
  EXPECT_THAT(world.scripts.fired, ElementsAre("/bin/true group GROUP G1 BACKUP 0", "/bin/true notify INSTANCE VI_1 BACKUP 100",
                                               "/bin/true notify INSTANCE VI_IN BACKUP 100"));
}

TEST_F(RouterGroups, hearMasterAnewWhenALostAddressIsTakenBack) {
  become_master();
  world.kernel.somebody_removes("eth1", "198.51.100.100/24");
  world.kernel.deliver();
  EXPECT_THAT(std::exchange(world.scripts.fired, {}),
              ElementsAre("/bin/true notify INSTANCE VI_IN BACKUP 100", "/bin/true notify INSTANCE VI_1 BACKUP 100"));
  world.pass(4s);
  EXPECT_THAT(world.scripts.fired, Contains("/bin/true group GROUP G1 MASTER 0"));
}

TEST_F(RouterGroups, hearBackupWhenAnotherIsQuickerToTakeALostAddress) {
  become_master();
  world.kernel.somebody_removes("eth1", "198.51.100.100/24");
  world.kernel.deliver();
  world.scripts.fired.clear();
  world.hear(52, "198.51.100.2", 150);
  EXPECT_THAT(world.scripts.fired, ElementsAre("/bin/true group GROUP G1 BACKUP 0"));
}

TEST_F(RouterGroups, areToldOfEachStateAfterTheirMembers) {
  become_master();
  const auto told = [&] {
    std::vector<std::string> out;
    for (const auto& line : std::exchange(world.scripts.fired, {})) out.push_back(line.substr(line.find_first_of("GI", 9)));
    return out;
  };
  world.kernel.set_link("eth0", false);
  world.kernel.deliver();
  EXPECT_THAT(told(), ElementsAre("INSTANCE VI_1 FAULT 100", "INSTANCE VI_IN FAULT 100", "GROUP G1 FAULT 0"));
  world.kernel.set_link("eth0", true);
  world.kernel.deliver();
  EXPECT_THAT(told(), ElementsAre("INSTANCE VI_1 BACKUP 100", "INSTANCE VI_IN BACKUP 100", "GROUP G1 BACKUP 0"));
  world.pass(4s);
  const auto last = told();
  EXPECT_THAT(last, UnorderedElementsAre("INSTANCE VI_1 MASTER 100", "INSTANCE VI_IN MASTER 100", "GROUP G1 MASTER 0"));
  EXPECT_EQ(last.back(), "GROUP G1 MASTER 0");
}

TEST_F(RouterGroups, recoverWhenTheLastFaultIsGoneAndAreMastersAfterTheMasterDownTime) {
  become_master();
  for (const bool up : {false, true}) {
    world.kernel.set_link("eth0", up);
    if (!up) world.kernel.set_link("eth1", up);
    world.kernel.deliver();
    EXPECT_THAT(roles(), Each(Role::fault)) << "eth1 is down";
  }
  world.kernel.set_link("eth1", true);
  world.kernel.deliver();
  EXPECT_THAT(roles(), Each(Role::backup));
  world.pass(3600ms);
  EXPECT_THAT(roles(), Each(Role::backup));
  world.pass(100ms);
  EXPECT_THAT(roles(), Each(Role::master));
}

TEST_F(RouterGroups, stayBackupWhileOneMemberHearsItsMaster) {
  world.configure(model);
  for (int i = 0; i < 10; ++i) {
    world.hear(52, "198.51.100.2", 150);
    world.pass(1s);
  }
  EXPECT_THAT(roles(), Each(Role::backup));
  world.pass(8s);
  EXPECT_THAT(roles(), Each(Role::master));
}

TEST_F(RouterGroups, withNopreemptLeaveLowerMastersAloneUntilTheLastIsSilent) {
  for (auto& member : model.vrrp_instances) member.nopreempt = true;
  world.configure(model);
  for (int i = 0; i < 10; ++i) {
    world.hear(51, "192.0.2.2", 50);
    world.hear(52, "198.51.100.2", 50);
    world.pass(1s);
  }
  EXPECT_THAT(roles(), Each(Role::backup));
  for (int i = 0; i < 10; ++i) {
    world.hear(52, "198.51.100.2", 50);
    world.pass(1s);
  }
  EXPECT_THAT(roles(), Each(Role::backup)) << "one of its masters is silent, the other is there";
  world.pass(8s);
  EXPECT_THAT(roles(), Each(Role::master));
}

TEST_F(RouterGroups, withOneMemberThatMayPreemptWaitForTheOtherThatMayNot) {
  model.vrrp_instances[1].nopreempt = true;
  world.configure(model);
  for (int i = 0; i < 10; ++i) {
    world.hear(51, "192.0.2.2", 50);
    world.hear(52, "198.51.100.2", 50);
    world.pass(1s);
  }
  EXPECT_THAT(roles(), Each(Role::backup));
  EXPECT_THAT(world.sent(), IsEmpty());
}

TEST_F(RouterGroups, areElectedAnewWhenSomebodyRemovesAnAddressOfAMember) {
  become_master();
  world.kernel.somebody_removes("eth0", "192.0.2.100/24");
  world.kernel.deliver();
  EXPECT_THAT(roles(), Each(Role::backup));
  EXPECT_THAT(world.sent(), ElementsAre("advert 51 priority 0", "advert 52 priority 0"));
  world.pass(1300ms);
  EXPECT_THAT(roles(), Each(Role::master)) << "after a skew";
  EXPECT_TRUE(vip_is_there());
}

TEST_F(RouterGroups, doNotMissAnAddressWithNoTrack) {
  model.vrrp_instances[0].addresses[0].no_track = true;
  become_master();
  world.kernel.somebody_removes("eth0", "192.0.2.100/24");
  world.kernel.deliver();
  EXPECT_THAT(roles(), Each(Role::master));
}

TEST_F(RouterGroups, withANewMemberAreBackupsUntilItWantsToBeMasterToo) {
  become_master();
  add_member("VI_3", 53);
  world.configure(model);
  EXPECT_THAT(roles(), ElementsAre(Role::backup, Role::backup, Role::backup));
  EXPECT_THAT(world.sent(), Not(Contains(HasSubstr("priority 0")))) << "nobody has said goodbye";
  world.pass(4s);
  EXPECT_THAT(roles(), ElementsAre(Role::master, Role::master, Role::master));
}

TEST_F(RouterGroups, whoLeavesThemGoesOnAsItWas) {
  add_member("VI_3", 53);
  become_master();
  group().members.pop_back();
  world.configure(model);
  EXPECT_THAT(roles(), Each(Role::master));
  EXPECT_THAT(world.scripts.fired, IsEmpty());
  world.hear(53, "192.0.2.2", 150);
  EXPECT_THAT(roles(), ElementsAre(Role::master, Role::master, Role::backup)) << "by itself";
}

TEST_F(RouterGroups, aMemberThatIsDeletedTakesItsFaultAlong) {
  become_master();
  world.kernel.set_link("eth1", false);
  world.kernel.deliver();
  EXPECT_THAT(roles(), Each(Role::fault));
  world.scripts.fired.clear();
  model.vrrp_instances.pop_back();
  group().members = {"VI_1"};
  world.configure(model);
  EXPECT_THAT(world.scripts.fired, ElementsAre("/bin/true notify INSTANCE VI_1 BACKUP 100", "/bin/true group GROUP G1 BACKUP 0"))
      << "VI_IN was in fault before";
  world.pass(4s);
  EXPECT_THAT(roles(), ElementsAre(Role::master));
}

TEST_F(RouterGroups, aMemberThatIsDeletedIsToldAsAFaultUnlessNotifyDeletedIsThere) {
  add_member("VI_3", 53);
  add_member("VI_4", 54);
  for (const char* name : {"VI_3", "VI_4"}) model.vrrp_instances[name[3] - '1'].notify.fault = program(std::string("fault ") + name);
  model.vrrp_instances[3].notify.tells_deleted = true;
  become_master();
  world.fifo.clear();
  model.vrrp_instances.resize(2);
  group().members.resize(2);
  world.configure(model);
  EXPECT_THAT(world.scripts.fired, ElementsAre("/bin/true 'fault VI_3'", "/bin/true notify INSTANCE VI_3 FAULT 100",
                                               "/bin/true notify INSTANCE VI_4 DELETED 100"));
  EXPECT_EQ(world.fifo, "INSTANCE \"VI_3\" FAULT 100\nINSTANCE \"VI_4\" DELETED 100\n");
  EXPECT_THAT(roles(), Each(Role::master)) << "the others go on";
}

// What a group tracks, each of its members tracks.
class GroupTrackers : public RouterGroups {
 protected:
  // Both are masters, `bad` makes both faulty, `good` lets both recover.
  void is_everyones_fault(const std::function<void()>& bad, const std::function<void()>& good) {
    become_master();
    bad();
    world.kernel.deliver();
    EXPECT_THAT(roles(), Each(Role::fault));
    good();
    world.kernel.deliver();
    EXPECT_THAT(roles(), Each(Role::backup));
  }
};

TEST_F(GroupTrackers, anInterfaceWithoutWeightIsEveryonesFault) {
  world.kernel.add_link("eth2");
  world.kernel.deliver();
  group().track_interfaces = {track("eth2")};
  is_everyones_fault([&] { world.kernel.set_link("eth2", false); }, [&] { world.kernel.set_link("eth2", true); });
}

TEST_F(GroupTrackers, aScriptWithoutWeightIsEveryonesFaultAndHoldsAllInInitUntilItHasAnswered) {
  model.vrrp_scripts = {script("check")};
  group().track_scripts = {track("check")};
  world.configure(model);
  EXPECT_THAT(roles(), Each(Role::init));
  world.scripts.finish("check", 0);
  EXPECT_THAT(roles(), Each(Role::backup));
  world.pass(1s);
  world.scripts.finish("check", 1);
  EXPECT_THAT(roles(), Each(Role::fault));
  world.pass(1s);
  world.scripts.finish("check", 0);
  EXPECT_THAT(roles(), Each(Role::backup));
}

TEST_F(GroupTrackers, aFileWithoutWeightIsEveryonesFault) {
  group().track_files = {track("file")};
  world.router->observe({.files = {{"file", 0}}, .processes = {}, .bfds = {}});
  is_everyones_fault([&] { world.router->observe_file("file", 1); }, [&] { world.router->observe_file("file", 0); });
}

TEST_F(GroupTrackers, aProcessWithoutWeightIsEveryonesFault) {
  group().track_processes = {track("process")};
  world.router->observe({.files = {}, .processes = {{"process", true}}, .bfds = {}});
  is_everyones_fault([&] { world.router->observe_process("process", false); }, [&] { world.router->observe_process("process", true); });
}

TEST_F(GroupTrackers, aBfdSessionWithoutWeightIsEveryonesFault) {
  group().track_bfds = {track("session")};
  world.router->observe({.files = {}, .processes = {}, .bfds = {{"session", true}}});
  is_everyones_fault([&] { world.router->observe_bfd("session", false); }, [&] { world.router->observe_bfd("session", true); });
}

TEST_F(GroupTrackers, weightsChangeThePriorityOfAllWhereTheGroupAllowsThem) {
  world.kernel.add_link("eth2");
  world.kernel.deliver();
  group().sync_group_tracking_weight = true;
  group().track_interfaces = {track("eth2", -10)};
  group().track_scripts = {track("check", -20)};
  group().track_files = {track("file", 2)};
  group().track_processes = {track("process", -5)};
  group().track_bfds = {track("session", 30)};
  model.vrrp_scripts = {script("check", -20)};
  world.router->observe({.files = {{"file", 0}}, .processes = {{"process", true}}, .bfds = {{"session", false}}});
  become_master();
  EXPECT_THAT(priorities(), Each(100));
  world.router->observe_file("file", 4);
  EXPECT_THAT(priorities(), Each(108));
  world.router->observe_bfd("session", true);
  EXPECT_THAT(priorities(), Each(138));
  world.router->observe_process("process", false);
  EXPECT_THAT(priorities(), Each(133));
  world.kernel.set_link("eth2", false);
  world.kernel.deliver();
  EXPECT_THAT(priorities(), Each(123));
  world.scripts.finish("check", 1);
  EXPECT_THAT(priorities(), Each(103));
  EXPECT_THAT(roles(), Each(Role::master)) << "none of it is a fault";
}

TEST_F(GroupTrackers, withoutConsentAWeightedInterfaceIsAFaultAndAWeightedScriptIsNotTracked) {
  world.kernel.add_link("eth2");
  world.kernel.deliver();
  model.vrrp_instances[0].track_interfaces = {track("eth2", -10)};
  model.vrrp_instances[1].track_scripts = {track("check", -20)};
  model.vrrp_scripts = {script("check", -20)};
  become_master();
  world.scripts.finish("check", 1);
  EXPECT_THAT(priorities(), Each(100));
  world.kernel.set_link("eth2", false);
  world.kernel.deliver();
  EXPECT_THAT(roles(), Each(Role::fault));
}

TEST_F(GroupTrackers, theGroupsWeightCountsWhereAMemberTracksTheSame) {
  group().sync_group_tracking_weight = true;
  group().track_files = {track("file", 3)};
  model.vrrp_instances[0].track_files = {track("file", 1)};
  world.router->observe({.files = {{"file", 10}}, .processes = {}, .bfds = {}});
  become_master();
  EXPECT_THAT(priorities(), ElementsAre(130, 130));
}

}  // namespace
}  // namespace xd::vrrp
