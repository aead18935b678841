#include "daemon/pid_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>

namespace xd::daemon {
namespace {

class PidFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/xd-pid-XXXXXX";
    directory = ::mkdtemp(name);
    path = directory + "/director.pid";
  }
  void TearDown() override { std::filesystem::remove_all(directory); }

  std::string directory, path;
};

TEST_F(PidFileTest, HoldsOurPidAndGoesWithUs) {
  {
    const auto file = PidFile::claim(path);
    ASSERT_TRUE(file);
    int pid = 0;
    std::ifstream(path) >> pid;
    EXPECT_EQ(pid, ::getpid());
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

// Open file description locks conflict between two openings of one process too.
TEST_F(PidFileTest, ASecondOneIsRefusedWhileTheFirstRuns) {
  const auto first = PidFile::claim(path);
  ASSERT_TRUE(first);
  const auto second = PidFile::claim(path);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, EEXIST);
  EXPECT_NE(second.error().message.find(std::to_string(::getpid())), std::string::npos);
}

TEST_F(PidFileTest, ANumberLeftBehindIsNoObstacle) {
  std::ofstream(path) << "1\n";  // alive, but neither holds the lock nor is a keepalived
  EXPECT_TRUE(PidFile::claim(path));
}

TEST_F(PidFileTest, AnUnwritablePlaceIsNamed) {
  const auto file = PidFile::claim(directory + "/missing/director.pid");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().message, "open pid file " + directory + "/missing/director.pid: No such file or directory");
}

}  // namespace
}  // namespace xd::daemon
