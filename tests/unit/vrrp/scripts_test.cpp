#include "vrrp/scripts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "support/vrrp_world.h"
#include "vrrp/notify.h"

namespace xd::vrrp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Judge, believesTheFirstResultAtOnce) {
  ScriptJudge good(5, 5);
  EXPECT_FALSE(good.up().has_value());
  EXPECT_TRUE(good.add(true));
  EXPECT_EQ(good.up(), true);
  ScriptJudge bad(5, 5);
  EXPECT_TRUE(bad.add(false));
  EXPECT_EQ(bad.up(), false);
}

TEST(Judge, needsRiseSuccessesToComeUpAndFallFailuresToGoDown) {
  ScriptJudge judge(2, 3);
  judge.add(true);
  EXPECT_FALSE(judge.add(false));
  EXPECT_FALSE(judge.add(false));
  EXPECT_TRUE(judge.add(false));
  EXPECT_EQ(judge.up(), false);
  EXPECT_FALSE(judge.add(true));
  EXPECT_TRUE(judge.add(true));
  EXPECT_EQ(judge.up(), true);
}

TEST(Judge, countsBackAfterASingleFailure) {
  ScriptJudge judge(1, 2);
  judge.add(true);
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(judge.add(false)) << "one failure of two";
    EXPECT_FALSE(judge.add(true));
  }
}

class Tracker : public ::testing::Test {
 protected:
  static ScriptTracker::Definition definition(const std::string& name, Duration interval) {
    conf::VrrpScript script;
    script.name = name;
    script.interval = interval;
    return {script, Command{{"/bin/" + name}, {}, {}}};
  }

  TimePoint clock{100s};
  test::FakeRunner runner;
  int changes = 0;
  ScriptTracker tracker{runner, [this] { return clock; }, [this] { ++changes; }};
};

TEST_F(Tracker, runsAtOnceAndThenEveryInterval) {
  tracker.define({definition("check", 3s)});
  tracker.run();
  EXPECT_EQ(runner.started, 1);
  EXPECT_EQ(tracker.next(), clock + 3s);
  runner.finish("check", 0);
  clock += 3s;
  tracker.run();
  EXPECT_EQ(runner.started, 2);
}

TEST_F(Tracker, skipsATurnWhileTheLastRunStillGoes) {
  tracker.define({definition("check", 1s)});
  tracker.run();
  clock += 1s;
  tracker.run();
  EXPECT_EQ(runner.started, 1);
  runner.finish("check", 0);
  clock += 1s;
  tracker.run();
  EXPECT_EQ(runner.started, 2);
}

// One that hangs in the kernel may never end: being over its limit is the failure, not its end.
TEST_F(Tracker, aRunOverItsLimitHasFailedBeforeItEnds) {
  tracker.define({definition("check", 1s)});
  tracker.run();
  runner.finish("check", 0);
  clock += 1s;
  tracker.run();
  const auto done = runner.running.begin()->second.second;
  done({.success = false, .words = "timed out", .ended = false});
  EXPECT_EQ(tracker.up("check"), false);
  clock += 1s;
  tracker.run();
  EXPECT_EQ(runner.started, 2) << "it still goes";
  done({.success = false, .words = "timed out", .counts = false});
  EXPECT_THAT(runner.running, IsEmpty());
  EXPECT_EQ(changes, 2);
}

TEST_F(Tracker, missedTurnsAreNotMadeUpFor) {
  tracker.define({definition("check", 1s)});
  tracker.run();
  runner.finish("check", 0);
  clock += 60s;
  tracker.run();
  runner.finish("check", 0);
  EXPECT_GT(*tracker.next(), clock);
}

TEST_F(Tracker, keepsTheResultOfAScriptThatAReloadLeavesAsItIs) {
  tracker.define({definition("check", 1s), definition("other", 1s)});
  tracker.run();
  runner.finish("check", 0);
  tracker.define({definition("check", 1s), definition("other", 2s)});
  EXPECT_EQ(tracker.up("check"), true);
  EXPECT_FALSE(tracker.up("other").has_value());
  EXPECT_THAT(runner.running, IsEmpty()) << "the run of the changed one is over";
}

TEST_F(Tracker, keepsTheResultOfAScriptThatAReloadChangesUntilItAnswersAnew) {
  tracker.define({definition("check", 1s)});
  tracker.run();
  runner.finish("check", 1);
  tracker.define({definition("check", 5s)});
  EXPECT_EQ(tracker.up("check"), false);
  tracker.run();
  runner.finish("check", 0);
  EXPECT_EQ(tracker.up("check"), true);
}

class Resolve : public ::testing::Test {
 protected:
  Resolve() {
    std::string pattern = (std::filesystem::temp_directory_path() / "xd-scripts-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    path = folder / "check.sh";
    std::ofstream(path) << "#!/bin/sh\nexit 0\n";
    ::chmod(path.c_str(), 0755);
  }
  ~Resolve() override { std::filesystem::remove_all(folder); }

  static conf::Script words(const std::string& first, const std::string& user = "root") {
    conf::Script script;
    script.words = {first};
    script.user = user;
    return script;
  }

  std::filesystem::path folder;
  std::filesystem::path path;
};

TEST_F(Resolve, findsABareNameInThePath) {
  const auto command = resolve_script(words("true"), {});
  ASSERT_TRUE(command) << command.error().message;
  EXPECT_THAT(command->words[0], HasSubstr("/true"));
}

TEST_F(Resolve, saysWhatIsMissing) {
  EXPECT_EQ(resolve_script(words("/no/such/thing"), {}).error().message, "/no/such/thing: No such file or directory");
  EXPECT_EQ(resolve_script(words("no-such-program"), {}).error().message, "no-such-program is not in PATH: No such file or directory");
  ::chmod(path.c_str(), 0644);
  EXPECT_THAT(resolve_script(words(path), {}).error().message, HasSubstr("is not executable"));
  EXPECT_THAT(resolve_script(words(path, "nobody-of-that-name"), {}).error().message, HasSubstr("does not exist"));
}

TEST_F(Resolve, withScriptSecurityAPathThatOthersCanChangeIsRefusedForRoot) {
  if (::getuid() != 0) GTEST_SKIP() << "needs root: the files must belong to it";
  EXPECT_TRUE(resolve_script(words(path), {.enabled = true, .default_user = {}, .default_group = {}})) << "/tmp is sticky";
  ::chmod(folder.c_str(), 0777);
  EXPECT_THAT(resolve_script(words(path), {.enabled = true, .default_user = {}, .default_group = {}}).error().message,
              HasSubstr("others than root can change " + folder.string()));
  EXPECT_TRUE(resolve_script(words(path), {})) << "without script security it is run";
}

TEST(Notifications, areTheStatesScriptThenTheGeneralOneWithItsWords) {
  conf::NotifyScripts scripts;
  scripts.master.words = {"/bin/true", "m"};
  scripts.fault.words = {"/bin/true", "f"};
  scripts.any.words = {"/bin/true", "any", "two words"};
  std::vector<std::string> problems;
  const Notify notify(scripts, {}, "VI_1", problems);
  const auto commands = [&](Notification what) {
    std::vector<std::string> out;
    for (const auto& command : notify.commands(what, "INSTANCE", "VI_1", 150)) out.push_back(command.str());
    return out;
  };
  EXPECT_THAT(commands(Notification::master), ElementsAre("/bin/true m", "/bin/true any 'two words' INSTANCE VI_1 MASTER 150"));
  EXPECT_THAT(commands(Notification::backup), ElementsAre("/bin/true any 'two words' INSTANCE VI_1 BACKUP 150"));
  EXPECT_THAT(commands(Notification::deleted), ElementsAre("/bin/true any 'two words' INSTANCE VI_1 DELETED 150"));
  EXPECT_THAT(commands(Notification::master_rx_lower_priority), IsEmpty());
  EXPECT_THAT(problems, IsEmpty());
}

TEST(Notifications, ofAMissingScriptAreDroppedWithASentence) {
  conf::NotifyScripts scripts;
  scripts.master.words = {"/no/such/thing"};
  std::vector<std::string> problems;
  const Notify notify(scripts, {}, "VI_1", problems);
  EXPECT_THAT(problems, ElementsAre("(VI_1) notify_master is not run: /no/such/thing: No such file or directory"));
  EXPECT_THAT(notify.commands(Notification::master, "INSTANCE", "VI_1", 100), IsEmpty());
}

}  // namespace
}  // namespace xd::vrrp
