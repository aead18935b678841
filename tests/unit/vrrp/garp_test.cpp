#include "vrrp/garp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xd::vrrp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const TimePoint start{100s};

GarpSchedule::Target on(int index, const char* address) { return {index, *IpAddress::parse(address)}; }

std::vector<std::string> due(GarpSchedule& schedule, TimePoint now) {
  std::vector<GarpSchedule::Due> out;
  schedule.take_due(now, out);
  std::vector<std::string> words;
  for (const auto& d : out) words.push_back(d.target.address.str());
  return words;
}

TEST(Announcement, isTheArpFrameThatKeepalivedSends) {
  const auto frame = build_announcement(*IpAddress::parse("10.9.0.103"), *MacAddress::parse("32:3a:1c:0d:a4:9a"));
  // Captured from keepalived 2.2.7.
  const std::vector<std::uint8_t> captured{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x32, 0x3a, 0x1c, 0x0d, 0xa4, 0x9a, 0x08, 0x06,
                                           0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01, 0x32, 0x3a, 0x1c, 0x0d, 0xa4, 0x9a,
                                           0x0a, 0x09, 0x00, 0x67, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0a, 0x09, 0x00, 0x67};
  EXPECT_EQ(frame, captured);
}

TEST(Announcement, ofAnIpv6AddressIsANeighbourAdvertisementWithTheOverrideFlag) {
  const auto frame = build_announcement(*IpAddress::parse("2001:db8::100"), *MacAddress::parse("02:00:00:00:00:01"));
  ASSERT_EQ(frame.size(), 86u);
  EXPECT_EQ(frame[12], 0x86);
  EXPECT_EQ(frame[13], 0xdd);
  EXPECT_EQ(frame[21], 255) << "hop limit";
  EXPECT_EQ(frame[54], 136) << "type";
  EXPECT_EQ(frame[58], 0x20) << "override";
  // The sum over pseudo-header and message, checksum included, is all ones.
  std::uint32_t sum = 32 + 58;
  for (std::size_t i = 22; i < frame.size(); i += 2) sum += static_cast<std::uint32_t>(frame[i] << 8 | frame[i + 1]);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  EXPECT_EQ(sum, 0xffffu);
}

TEST(Schedule, goesRoundByRoundOverTheAddressesAndOnceMoreAfterTheDelay) {
  GarpSchedule schedule;
  const std::vector targets{on(1, "192.0.2.1"), on(1, "192.0.2.2")};
  schedule.begin(7, targets, {.repeat = 2}, start);
  EXPECT_THAT(due(schedule, start), ElementsAre("192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.2"));
  EXPECT_THAT(due(schedule, start + 4999ms), IsEmpty());
  EXPECT_EQ(schedule.next(), start + 5s);
  EXPECT_EQ(due(schedule, start + 5s).size(), 4u);
  EXPECT_FALSE(schedule.next());
}

TEST(Schedule, refreshesForAsLongAsItIsNotCancelled) {
  GarpSchedule schedule;
  const std::vector targets{on(1, "192.0.2.1")};
  schedule.begin(7, targets, {.repeat = 1, .delay = 0s, .refresh = 10s, .refresh_repeat = 2}, start);
  EXPECT_EQ(due(schedule, start).size(), 1u);
  for (int i = 1; i < 4; ++i) EXPECT_EQ(due(schedule, start + i * 10s).size(), 2u) << i;
  schedule.cancel(7);
  EXPECT_FALSE(schedule.next());
}

TEST(Schedule, cancelsOnlyItsOwner) {
  GarpSchedule schedule;
  schedule.begin(7, std::vector{on(1, "192.0.2.1")}, {.repeat = 1}, start);
  schedule.begin(8, std::vector{on(1, "192.0.2.2")}, {.repeat = 1}, start);
  schedule.cancel(7);
  EXPECT_THAT(due(schedule, start), ElementsAre("192.0.2.2"));
}

TEST(Schedule, pacesEachInterfaceByItself) {
  GarpSchedule schedule;
  schedule.set_pace(10ms, 0s);
  schedule.begin(7, std::vector{on(1, "192.0.2.1"), on(1, "192.0.2.2"), on(2, "192.0.2.3")}, {.repeat = 2, .delay = 0s}, start);
  EXPECT_THAT(due(schedule, start), ElementsAre("192.0.2.1", "192.0.2.3"));
  EXPECT_EQ(schedule.next(), start + 10ms);
  EXPECT_THAT(due(schedule, start + 5ms), IsEmpty());
  EXPECT_THAT(due(schedule, start + 10ms), ElementsAre("192.0.2.2", "192.0.2.3"));
  EXPECT_THAT(due(schedule, start + 20ms), ElementsAre("192.0.2.1"));
  EXPECT_THAT(due(schedule, start + 30ms), ElementsAre("192.0.2.2")) << "no repeat is lost to the pace";
  EXPECT_FALSE(schedule.next());
}

TEST(Schedule, doesNotCatchUpInABunchAfterAStall) {
  GarpSchedule schedule;
  schedule.set_pace(10ms, 0s);
  schedule.begin(7, std::vector{on(1, "192.0.2.1")}, {.repeat = 5, .delay = 0s}, start);
  EXPECT_EQ(due(schedule, start + 10s).size(), 1u);
}

TEST(Schedule, announcesAgainForALowerAdvert) {
  GarpSchedule schedule;
  schedule.again(7, std::vector{on(1, "192.0.2.1")}, {.lower_prio_repeat = 3, .lower_prio_delay = 2s}, start);
  EXPECT_EQ(due(schedule, start).size(), 3u);
  EXPECT_EQ(due(schedule, start + 2s).size(), 3u);
}

}  // namespace
}  // namespace xd::vrrp
