// ~SEQ, ~LST and ${_RANDOM}.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "conf/compile.h"

namespace xd::conf {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Compiled with_addresses(const std::string& lines, const std::string& before = "", const std::string& id = "") {
  Options options;
  options.config_id = id;
  return compile_text("/keepalived.conf",
                      before + "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n" + lines + "\n }\n}\n",
                      options);
}

std::vector<std::string> addresses(const Compiled& c) {
  std::vector<std::string> out;
  for (const VirtualAddress& a : c.model.vrrp_instances.at(0).addresses) out.push_back(a.prefix.address.str());
  return out;
}

TEST(Repetition, SequenceCountsFromOne) {
  EXPECT_THAT(addresses(with_addresses("~SEQ(n, 3) 10.0.0.$n")), ElementsAre("10.0.0.1", "10.0.0.2", "10.0.0.3"));
}

TEST(Repetition, SequenceHasFirstStepAndLast) {
  EXPECT_THAT(addresses(with_addresses("~SEQ(n, 10, 5, 20) 10.0.0.${n}/24")), ElementsAre("10.0.0.10", "10.0.0.15", "10.0.0.20"));
  EXPECT_THAT(addresses(with_addresses("~SEQ(n, 3, 1) 10.0.0.$n")), ElementsAre("10.0.0.3", "10.0.0.2", "10.0.0.1"));
}

TEST(Repetition, SequencesNestAndTakeDefinitions) {
  EXPECT_THAT(addresses(with_addresses("~SEQ(a, $LAST) ~SEQ(b, 1, 2) 10.0.${a}.$b", "$LAST=2\n")),
              ElementsAre("10.0.1.1", "10.0.1.2", "10.0.2.1", "10.0.2.2"));
}

TEST(Repetition, SequenceMayBeHexadecimal) {
  EXPECT_THAT(addresses(with_addresses("~SEQx(n, 9, 11) 2001:db8::$n")), ElementsAre("2001:db8::9", "2001:db8::a", "2001:db8::b"));
}

TEST(Repetition, ListHasValuesOrTuples) {
  EXPECT_THAT(addresses(with_addresses("~LST(n, 7, 9) 10.0.0.$n")), ElementsAre("10.0.0.7", "10.0.0.9"));
  EXPECT_THAT(addresses(with_addresses("~LST({a, b}, {1, 2}, {3, 4}) 10.0.${a}.$b")), ElementsAre("10.0.1.2", "10.0.3.4"));
}

TEST(Repetition, WhatIsWrongIsTold) {
  EXPECT_THAT(with_addresses("~SEQ(n, 1, 0, 5) 10.0.0.$n").diagnostics.render(), HasSubstr("step 0 never comes from 1 to 5"));
  EXPECT_THAT(with_addresses("~SEQ(n, 2000000) 10.0.0.$n").diagnostics.render(), HasSubstr("more than 1048576 lines"));
  EXPECT_THAT(with_addresses("~SEQ n 3").diagnostics.render(), HasSubstr("not in parentheses"));
  EXPECT_THAT(with_addresses("~LST({a, b}, 1) 10.0.0.$a").diagnostics.render(), HasSubstr("1 values for 2 names"));
}

TEST(Random, IsTheSameOnOneNodeAndStaysWithinItsLimits) {
  const auto first = addresses(with_addresses("10.0.0.${_RANDOM 20 29}", "", "one"));
  EXPECT_EQ(first, addresses(with_addresses("10.0.0.${_RANDOM 20 29}", "", "one")));
  EXPECT_THAT(first.at(0), ::testing::MatchesRegex("10\\.0\\.0\\.2."));
}

}  // namespace
}  // namespace xd::conf
