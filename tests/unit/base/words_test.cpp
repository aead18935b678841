#include "base/words.h"

#include <gtest/gtest.h>

namespace xd {
namespace {

TEST(Words, DurationsAreSaidInTheirLargestFittingUnit) {
  EXPECT_EQ(in_words(0s), "0 ms");
  EXPECT_EQ(in_words(250ms), "250 ms");
  EXPECT_EQ(in_words(4s), "4 s");
  EXPECT_EQ(in_words(119s), "119 s");
  EXPECT_EQ(in_words(12min + 30s), "12 min");
  EXPECT_EQ(in_words(3h), "3 h");
  EXPECT_EQ(in_words(47h), "47 h");
  EXPECT_EQ(in_words(72h), "3 days");
}

}  // namespace
}  // namespace xd
