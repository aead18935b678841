#include "ipc/channel.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace xd::ipc {
namespace {

// One end is a Channel, the other a bare socket, so that a test can speak out of turn.
class ChannelTest : public ::testing::Test {
 protected:
  void SetUp() override { open({}); }

  void open(Limits limits) {
    auto pair = socket_pair();
    ASSERT_TRUE(pair);
    peer = std::move(pair->second);
    channel = std::make_unique<Channel>(
        loop, std::move(pair->first), [this](Message message) { received.push_back(std::move(message)); },
        [this](const std::string& reason) { closed = reason; }, limits);
  }

  template <typename Condition>
  bool run_until(Condition condition) {
    const TimePoint until = Clock::now() + 5s;
    while (!condition() && Clock::now() < until) loop.run_once(100ms);
    return condition();
  }

  static std::string frame(std::uint32_t length, std::uint32_t flags, const std::string& text) {
    std::string out(8, '\0');
    std::memcpy(out.data(), &length, 4);
    std::memcpy(out.data() + 4, &flags, 4);
    return out + text;
  }

  void say(const std::string& bytes) { ASSERT_EQ(::write(peer.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size())); }

  Loop loop;
  Fd peer;
  std::unique_ptr<Channel> channel;
  std::vector<Message> received;
  std::optional<std::string> closed;
};

TEST_F(ChannelTest, MessagesArriveWholeAndInOrder) {
  auto pair = socket_pair();
  std::vector<std::string> heard;
  Channel left(
      loop, std::move(pair->first), [](Message) {}, [](const std::string&) {});
  Channel right(
      loop, std::move(pair->second), [&](Message message) { heard.push_back(message.text); }, [](const std::string&) {});
  left.send("one");
  left.send("");
  left.send("three");
  ASSERT_TRUE(run_until([&] { return heard.size() == 3; }));
  EXPECT_EQ(heard, (std::vector<std::string>{"one", "", "three"}));
}

TEST_F(ChannelTest, AMessageInPiecesIsDeliveredOnceAndOnlyWhenComplete) {
  const std::string bytes = frame(5, 0, "hello");
  for (const char c : bytes.substr(0, bytes.size() - 1)) {
    say(std::string(1, c));
    loop.run_once(0s);
    ASSERT_TRUE(received.empty());
  }
  say(bytes.substr(bytes.size() - 1));
  ASSERT_TRUE(run_until([&] { return !received.empty(); }));
  EXPECT_EQ(received[0].text, "hello");
}

TEST_F(ChannelTest, AMessageLargerThanTheSocketBufferIsSentFromTheLoop) {
  auto pair = socket_pair();
  std::string heard;
  Channel left(
      loop, std::move(pair->first), [](Message) {}, [](const std::string&) {});
  Channel right(
      loop, std::move(pair->second), [&](Message message) { heard = message.text; }, [](const std::string&) {});
  const std::string large(8 << 20, 'x');
  left.send(large);
  EXPECT_FALSE(left.idle());
  ASSERT_TRUE(run_until([&] { return !heard.empty(); }));
  EXPECT_EQ(heard, large);
  EXPECT_TRUE(left.idle());
}

TEST_F(ChannelTest, ADescriptorBelongsToItsOwnMessage) {
  auto pair = socket_pair();
  std::vector<Message> heard;
  Channel left(
      loop, std::move(pair->first), [](Message) {}, [](const std::string&) {});
  Channel right(
      loop, std::move(pair->second), [&](Message message) { heard.push_back(std::move(message)); }, [](const std::string&) {});
  Fd memory(::memfd_create("test", MFD_CLOEXEC));
  ASSERT_EQ(::write(memory.get(), "bundle", 6), 6);
  left.send("before");
  left.send("with", std::move(memory));
  left.send("after");
  ASSERT_TRUE(run_until([&] { return heard.size() == 3; }));
  EXPECT_FALSE(heard[0].fd);
  ASSERT_TRUE(heard[1].fd);
  EXPECT_FALSE(heard[2].fd);
  char text[7] = {};
  EXPECT_EQ(::pread(heard[1].fd.get(), text, 6, 0), 6);
  EXPECT_STREQ(text, "bundle");
}

TEST_F(ChannelTest, ALongerMessageThanAllowedEndsTheConnectionBeforeItIsRead) {
  open({.message = 100});
  say(frame(101, 0, ""));
  ASSERT_TRUE(run_until([&] { return closed.has_value(); }));
  EXPECT_EQ(*closed, "a message of 101 bytes is longer than the limit of 100");
  EXPECT_FALSE(channel->open());
}

TEST_F(ChannelTest, APeerThatLeavesInTheMiddleOfAMessageIsToldApart) {
  say(frame(10, 0, "half"));
  peer.reset();
  ASSERT_TRUE(run_until([&] { return closed.has_value(); }));
  EXPECT_EQ(*closed, "the connection was closed in the middle of a message");
  EXPECT_TRUE(received.empty());
}

TEST_F(ChannelTest, LastWordsAreHeardBeforeTheEnd) {
  say(frame(3, 0, "bye"));
  peer.reset();
  ASSERT_TRUE(run_until([&] { return closed.has_value(); }));
  ASSERT_EQ(received.size(), 1u);
  EXPECT_EQ(*closed, "the connection was closed");
}

TEST_F(ChannelTest, APromisedDescriptorThatDoesNotComeIsAnError) {
  say(frame(4, 1, "text"));
  ASSERT_TRUE(run_until([&] { return closed.has_value(); }));
  EXPECT_EQ(*closed, "a message came without its file descriptor");
}

TEST_F(ChannelTest, APeerThatNeverReadsIsCutOff) {
  open({.message = 1 << 20, .queued = 2 << 20});
  for (int i = 0; i < 8; ++i) channel->send(std::string(1 << 20, 'x'));
  EXPECT_FALSE(closed) << "told from the loop, not from inside send()";
  ASSERT_TRUE(run_until([&] { return closed.has_value(); }));
  EXPECT_EQ(*closed, "the peer does not read");
}

TEST_F(ChannelTest, SendingToAPeerThatHasGoneIsToldByClosed) {
  peer.reset();
  channel->send("anyone there?");
  ASSERT_TRUE(run_until([&] { return closed.has_value(); }));
  channel->send("no");
}

TEST_F(ChannelTest, ItMayBeDestroyedByItsOwnMessageHandler) {
  auto pair = socket_pair();
  int heard = 0;
  std::unique_ptr<Channel> mortal;
  mortal = std::make_unique<Channel>(
      loop, std::move(pair->first),
      [&](Message) {
        ++heard;
        mortal.reset();
      },
      [](const std::string&) {});
  const std::string two = frame(1, 0, "a") + frame(1, 0, "b");
  ASSERT_EQ(::write(pair->second.get(), two.data(), two.size()), static_cast<ssize_t>(two.size()));
  ASSERT_TRUE(run_until([&] { return heard > 0; }));
  loop.run_once(0s);
  EXPECT_EQ(heard, 1);
}

TEST_F(ChannelTest, FlushWaitsForASlowReaderAndGivesUpOnADeadOne) {
  channel->send(std::string(4 << 20, 'x'));
  EXPECT_FALSE(channel->flush(20ms));
}

}  // namespace
}  // namespace xd::ipc
