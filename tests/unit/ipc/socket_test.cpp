#include "ipc/socket.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "ipc/channel.h"

namespace xd::ipc {
namespace {

class SocketTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/xd-ipc-XXXXXX";
    directory = ::mkdtemp(name);
    path = directory + "/run/control.sock";
    ASSERT_TRUE(make_runtime_directory(directory + "/run"));
  }
  void TearDown() override { std::filesystem::remove_all(directory); }

  std::string directory, path;
  Loop loop;
};

TEST_F(SocketTest, AQuestionGetsItsAnswer) {
  std::unique_ptr<Channel> server;
  auto listener = Listener::open(loop, path, [&](Fd connection) {
    server = std::make_unique<Channel>(
        loop, std::move(connection), [&](Message message) { server->send("answer to " + message.text); },
        [&](const std::string&) { loop.exit(0); });
  });
  ASSERT_TRUE(listener);
  struct stat st {};
  ASSERT_EQ(::stat(path.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);

  std::string answer;
  std::thread client([&] {
    auto got = ask(path, "status", 5s);
    answer = got ? *got : got.error().message;
  });
  loop.run();
  client.join();
  EXPECT_EQ(answer, "answer to status");
}

TEST_F(SocketTest, ASilentServerIsNotWaitedForForever) {
  auto listener = Listener::open(loop, path, [](Fd) {});
  ASSERT_TRUE(listener);
  const auto answer = ask(path, "status", 50ms);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ETIMEDOUT);
}

TEST_F(SocketTest, NobodyListensIsAnErrorThatNamesTheSocket) {
  const auto answer = ask(path, "status", 1s);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message, "connect to " + path + ": No such file or directory");
}

TEST_F(SocketTest, TheFileGoesWithTheListenerButNotTheOneOfASuccessor) {
  auto first = std::make_unique<Result<Listener>>(Listener::open(loop, path, [](Fd) {}));
  auto second = std::make_unique<Result<Listener>>(Listener::open(loop, path, [](Fd) {}));
  first.reset();
  EXPECT_TRUE(std::filesystem::exists(path));
  second.reset();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(SocketTest, APathTooLongForASocketIsRefused) {
  const auto opened = Listener::open(loop, "/tmp/" + std::string(200, 'x'), [](Fd) {});
  EXPECT_FALSE(opened);
}

}  // namespace
}  // namespace xd::ipc
