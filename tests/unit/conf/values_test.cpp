#include "conf/values.h"

#include <gtest/gtest.h>

namespace xd::conf {
namespace {

using Words = std::vector<std::string>;

TEST(Integer, SaysHowItWasWritten) {
  EXPECT_EQ(parse_integer("42").value, 42);
  EXPECT_EQ(parse_integer("-7").value, -7);
  EXPECT_EQ(parse_integer("5x").written, Written::rubbish_behind);
  EXPECT_EQ(parse_integer("5x").value, 5);
  EXPECT_EQ(parse_integer("x").written, Written::none);
  EXPECT_EQ(parse_integer("").written, Written::none);
  EXPECT_EQ(parse_integer("-").written, Written::none);
}

TEST(Integer, SaturatesInsteadOfWrapping) { EXPECT_EQ(parse_integer("99999999999999999999999").value, INT64_MAX); }

TEST(Decimal, CountsInMicroseconds) {
  bool rounded = false;
  EXPECT_EQ(parse_decimal("1.5", 1'000'000, rounded).value, 1'500'000);
  EXPECT_EQ(parse_decimal("0.000001", 1'000'000, rounded).value, 1);
  EXPECT_EQ(parse_decimal(".5", 1'000'000, rounded).value, 500'000);
  EXPECT_FALSE(rounded);
  EXPECT_EQ(parse_decimal("0.0000016", 1'000'000, rounded).value, 2);
  EXPECT_TRUE(rounded);
  EXPECT_EQ(parse_decimal(".", 1'000'000, rounded).written, Written::none);
  EXPECT_EQ(parse_decimal("99999999999999999999.9", 1'000'000, rounded).value, INT64_MAX);
}

TEST(Mask, MustBeInOnePiece) {
  EXPECT_EQ(mask_length("255.255.255.0"), 24);
  EXPECT_EQ(mask_length("0.0.0.0"), 0);
  EXPECT_EQ(mask_length("255.255.255.255"), 32);
  EXPECT_EQ(mask_length("255.0.255.0"), std::nullopt);
  EXPECT_EQ(mask_length("24"), std::nullopt);
}

TEST(Command, SplitsAtBlanksAndKeepsQuotedWordsTogether) {
  EXPECT_EQ(split_command("killall -0 haproxy"), (Words{"killall", "-0", "haproxy"}));
  EXPECT_EQ(split_command("  run  'two words'  last "), (Words{"run", "two words", "last"}));
  EXPECT_EQ(split_command("a''b ''"), (Words{"ab", ""}));
  EXPECT_EQ(split_command(R"(say \x41\102)"), (Words{"say", "AB"}));
  EXPECT_EQ(split_command("a > b && c"), (Words{"a", ">", "b", "&&", "c"})) << "no shell is involved";
}

// Measured: keepalived takes the quotes and escapes of the whole line away first, and splits what is left by the same rules.
TEST(Command, EscapesCountTwice) {
  EXPECT_EQ(split_command(R"(say \"two words\" z)"), (Words{"say", "two words", "z"}));
  EXPECT_EQ(split_command(R"(say \'two words\' z)"), (Words{"say", "two words", "z"}));
  EXPECT_EQ(split_command(R"(say x\ y z\tw)"), (Words{"say", "x", "y", "z", "w"}));
  EXPECT_EQ(split_command(R"(say 'x\ty' 'a\.b' \\t '\\\\')"), (Words{"say", "x\ty", "a.b", "\t", "\\"}));
  EXPECT_EQ(split_command(R"(\"/path with/blanks\" \"it's\")"), (Words{"/path with/blanks", "it's"}));
}

TEST(Command, JoinedWordsSplitIntoTheSame) {
  for (const Words& words :
       {Words{"/bin/x", "two words", "", "it's", "\"quoted\"", "back\\slash", "tab\there", "$HOME", "a#b!c"}, Words{"\x01\xff"}}) {
    EXPECT_EQ(split_command(join_command(words)), words) << join_command(words);
    for (const std::string& word : words) EXPECT_EQ(unescaped(escaped(word)), word);
    EXPECT_EQ(join_command(words).find('"'), std::string::npos) << "it stands in a quoted word";
  }
}

}  // namespace
}  // namespace xd::conf
