#include "base/script.h"

#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

namespace xd {
namespace {

TEST(ScriptCommand, RunsAsTheUserItNames) {
  if (::geteuid() != 0) GTEST_SKIP() << "nobody else to run as without root";
  const passwd* nobody = ::getpwnam("nobody");
  ASSERT_NE(nobody, nullptr);
  const auto command = script_command({"/bin/true"}, "nobody", "", "root", "");
  ASSERT_TRUE(command.ok());
  EXPECT_EQ(command->uid, nobody->pw_uid);
  EXPECT_EQ(command->gid, nobody->pw_gid);
}

TEST(ScriptCommand, TheDefaultUserCountsOnlyWhereNoneIsNamed) {
  const auto command = script_command({"/bin/true"}, "", "", "no-such-user", "");
  ASSERT_FALSE(command.ok());
  EXPECT_EQ(command.error().message, "run /bin/true: there is no user no-such-user");
}

TEST(ScriptCommand, AGroupMustExist) {
  const auto command = script_command({"/bin/true", "x y"}, "root", "no-such-group", "", "");
  ASSERT_FALSE(command.ok());
  EXPECT_EQ(command.error().message, "run /bin/true 'x y': there is no group no-such-group");
}

TEST(ScriptCommand, RootRunsItAsRootWithoutChangingAnything) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const auto command = script_command({"/bin/true"}, "", "", "root", "");
  ASSERT_TRUE(command.ok());
  EXPECT_FALSE(command->uid.has_value());
}

}  // namespace
}  // namespace xd
