#include "daemon/messages.h"

#include <gtest/gtest.h>

namespace xd::daemon {
namespace {

template <typename T>
T there_and_back(const T& words) {
  auto decoded = decode(encode(words));
  EXPECT_TRUE(decoded) << (decoded ? "" : decoded.error().message);
  EXPECT_TRUE(std::holds_alternative<T>(*decoded));
  return std::get<T>(*decoded);
}

TEST(Messages, EveryFieldArrives) {
  const auto commit = there_and_back(Commit{7, {{{"eth0/2/51", "{\"a\":1}"}}, TimePoint{123456789012345ns}}});
  EXPECT_EQ(commit.generation, 7u);
  EXPECT_EQ(commit.handover.parts.at("eth0/2/51"), "{\"a\":1}");
  EXPECT_EQ(commit.handover.alive_until, TimePoint{123456789012345ns});

  const auto prepared = there_and_back(Prepared{8, false, "no interface eth9"});
  EXPECT_EQ(prepared.generation, 8u);
  EXPECT_FALSE(prepared.ok);
  EXPECT_EQ(prepared.why, "no interface eth9");

  EXPECT_EQ(there_and_back(Snapshot{{{"name", "text"}, {"gone", ""}}}).changed, (Parts{{"name", "text"}, {"gone", ""}}));
  EXPECT_EQ(there_and_back(Summary{"one instance"}).words, "one instance");
  const auto answer = there_and_back(StatusAnswer{3, "{}", false});
  EXPECT_EQ(answer.id, 3u);
  EXPECT_FALSE(answer.last);
  EXPECT_TRUE(there_and_back(Stop{true}).quietly);
  there_and_back(Hello{});
  EXPECT_TRUE(there_and_back(Alive{true}).orphan);
  there_and_back(Stopped{});
  EXPECT_EQ(there_and_back(Configure{1}).generation, 1u);
  EXPECT_EQ(there_and_back(Committed{2}).generation, 2u);
  EXPECT_EQ(there_and_back(Abort{3}).generation, 3u);
  EXPECT_EQ(there_and_back(AskStatus{4}).id, 4u);
}

TEST(Messages, BytesThatAreNoTextDoNotBreakAMessage) {
  EXPECT_NE(there_and_back(Prepared{1, false, "script /etc/\xff is missing"}).why.find("script /etc/"), std::string::npos);
}

TEST(Messages, NonsenseIsAnErrorAndNoCrash) {
  EXPECT_FALSE(decode(""));
  EXPECT_FALSE(decode("[]"));
  EXPECT_FALSE(decode("{\"type\":\"dance\"}"));
  EXPECT_FALSE(decode("{\"type\":\"commit\"}"));
  EXPECT_FALSE(decode("{\"type\":\"commit\",\"generation\":\"seven\"}"));
}

}  // namespace
}  // namespace xd::daemon
