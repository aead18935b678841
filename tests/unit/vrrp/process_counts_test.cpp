#include "vrrp/process_counts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xd::vrrp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Match = conf::TrackProcess::ParamMatch;

conf::TrackProcess rule(const std::string& name, std::vector<std::string> words) {
  conf::TrackProcess out;
  out.name = name;
  out.has_params = out.full_command = words.size() > 1;
  out.words = std::move(words);
  return out;
}

SeenProcess process(std::vector<std::string> words) {
  const std::string& path = words.front();
  return {path.substr(path.rfind('/') + 1).substr(0, 15), words};
}

TEST(ProcessMatch, theNameCountsUnlessTheCommandIsAskedFor) {
  EXPECT_TRUE(matches(rule("p", {"haproxy"}), process({"/usr/sbin/haproxy", "-f", "x"})));
  EXPECT_TRUE(matches(rule("p", {"/usr/sbin/haproxy"}), process({"/opt/haproxy"})));
  EXPECT_TRUE(matches(rule("p", {"a-name-longer-than-15"}), process({"a-name-longer-than-15"})));
  EXPECT_FALSE(matches(rule("p", {"haproxy"}), process({"haproxy2"})));
  auto full = rule("p", {"/usr/sbin/haproxy"});
  full.full_command = true;
  EXPECT_TRUE(matches(full, process({"/usr/sbin/haproxy", "-f", "x"})));
  EXPECT_FALSE(matches(full, process({"haproxy"})));
  EXPECT_FALSE(matches(full, SeenProcess{"kthreadd", {}}));
}

TEST(ProcessMatch, argumentsAreComparedAsAsked) {
  auto wanted = rule("p", {"/bin/p", "-c", "/etc/p"});
  EXPECT_TRUE(matches(wanted, process({"/bin/p", "-c", "/etc/p"})));
  EXPECT_FALSE(matches(wanted, process({"/bin/p", "-c", "/etc/p", "-d"})));
  EXPECT_FALSE(matches(wanted, process({"/bin/p", "-c"})));
  wanted.param_match = Match::partial;
  EXPECT_TRUE(matches(wanted, process({"/bin/p", "-c", "/etc/p", "-d"})));
  EXPECT_FALSE(matches(wanted, process({"/bin/p", "-c", "/etc/p.conf"})));
  wanted.param_match = Match::initial;
  EXPECT_TRUE(matches(wanted, process({"/bin/p", "-c", "/etc/p.conf", "-d"})));
  EXPECT_FALSE(matches(wanted, process({"/bin/p", "-cx", "/etc/p"})));
  auto none = rule("p", {"/bin/p"});
  none.full_command = none.has_params = true;
  EXPECT_TRUE(matches(none, process({"/bin/p"})));
  EXPECT_FALSE(matches(none, process({"/bin/p", "-d"}))) << "param_match without arguments: it must have none";
}

struct Counting : ::testing::Test {
  TimePoint now{100s};
  ProcessCounts counts;
  SeenProcess p = process({"/bin/p"}), other = process({"/bin/other"});
};

TEST_F(Counting, upBetweenTheQuorums) {
  auto wanted = rule("r", {"p"});
  wanted.quorum = 2;
  wanted.quorum_max = 3;
  counts.define({wanted});
  counts.see_all({{1, p}, {2, other}}, now);
  EXPECT_FALSE(counts.up().at("r"));
  counts.see(3, p, now);
  EXPECT_THAT(counts.take_changes(now), ElementsAre("r"));
  EXPECT_TRUE(counts.up().at("r"));
  counts.see(4, p, now);
  EXPECT_THAT(counts.take_changes(now), IsEmpty());
  counts.see(5, p, now);
  EXPECT_THAT(counts.take_changes(now), ElementsAre("r")) << "one too many";
  counts.see(5, other, now);
  EXPECT_THAT(counts.take_changes(now), ElementsAre("r")) << "it has become another program";
  counts.gone(1, now);
  counts.gone(3, now);
  EXPECT_THAT(counts.take_changes(now), ElementsAre("r"));
}

TEST_F(Counting, whatMustNotRun) {
  auto wanted = rule("r", {"p"});
  wanted.quorum = 0;
  wanted.quorum_max = 0;
  counts.define({wanted});
  counts.see_all({}, now);
  EXPECT_TRUE(counts.up().at("r"));
  counts.see(1, p, now);
  EXPECT_THAT(counts.take_changes(now), ElementsAre("r"));
}

TEST_F(Counting, aRestartWithinTheDelayIsNoChange) {
  auto wanted = rule("r", {"p"});
  wanted.terminate_delay = 2s;
  wanted.fork_delay = 1s;
  counts.define({wanted});
  counts.see_all({{1, p}}, now);
  EXPECT_TRUE(counts.up().at("r")) << "at the beginning there is no delay";
  counts.gone(1, now);
  EXPECT_EQ(counts.next(), now + 2s);
  counts.see(2, p, now + 1s);
  EXPECT_EQ(counts.next(), std::nullopt);
  counts.gone(2, now + 3s);
  EXPECT_THAT(counts.take_changes(now + 4s), IsEmpty());
  EXPECT_THAT(counts.take_changes(now + 5s), ElementsAre("r"));
  counts.see(3, p, now + 6s);
  EXPECT_THAT(counts.take_changes(now + 6s), IsEmpty());
  EXPECT_THAT(counts.take_changes(now + 7s), ElementsAre("r"));
}

}  // namespace
}  // namespace xd::vrrp
