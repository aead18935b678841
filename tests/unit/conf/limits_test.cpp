// Texts that nobody writes by intent: clear errors, in bounded time and memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "conf/compile.h"

namespace xd::conf {
namespace {

using ::testing::HasSubstr;

std::string said_of(const std::string& text) {
  const auto begin = std::chrono::steady_clock::now();
  const std::string said = compile_text("/k.conf", text).diagnostics.render();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  EXPECT_LT(said.size(), 1u << 20);
  return said;
}

TEST(Limits, TenMegabytesInOneLine) {
  EXPECT_THAT(said_of("global_defs {\n" + std::string(10 << 20, 'x') + "\n}\n"),
              HasSubstr("k.conf:2:1: error: line of 10485760 bytes; the longest allowed is 65536"));
}

TEST(Limits, NulBytes) { EXPECT_THAT(said_of(std::string(1 << 20, '\0')), HasSubstr("k.conf:1:1: error: NUL byte")); }

TEST(Limits, TenThousandBracesDeep) {
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += "virtual_server {\n";
  EXPECT_THAT(said_of(text), HasSubstr("error: blocks nested more than 64 deep"));
  EXPECT_THAT(said_of(text + std::string(10'000, '}')), HasSubstr("error: blocks nested more than 64 deep"));
  EXPECT_THAT(said_of(std::string(10'000, '{')), HasSubstr("error: '{' without a keyword before it"));
  EXPECT_THAT(said_of(std::string(10'000, '}')), HasSubstr("'}' without its '{'"));
}

TEST(Limits, DefinitionsThatContainThemselves) {
  EXPECT_THAT(said_of("$A=x ${A}\n$A\n"), HasSubstr("error: the definition of $A contains itself"));
  EXPECT_THAT(said_of("$A=${A} ${A}\n$A\n"), HasSubstr("k.conf:2:1: error:"));
  // Each level doubles the text: 2^40 words if nobody stops it.
  std::string bomb = "$A0=x\n";
  for (int i = 1; i <= 40; ++i) bomb += "$A" + std::to_string(i) + "=${A" + std::to_string(i - 1) + "} ${A" + std::to_string(i - 1) + "}\n";
  Options options;
  options.most_expanded = 4 << 20;
  const auto ends = [&](const std::string& text) { return !compile_text("/k.conf", text, options).usable(); };
  EXPECT_TRUE(ends(bomb + "global_defs {\n router_id $A40\n}\n"));
  EXPECT_TRUE(ends("~SEQ(A, 1000) ~SEQ(B, 1000) ~SEQ(C, 1000) x${A}${B}${C}\n"));
  EXPECT_THAT(compile_text("/k.conf", "~SEQ(A, 1000) ~SEQ(B, 1000) ~SEQ(C, 1000) $D=${A}\n", options).diagnostics.render(),
              HasSubstr("error: definitions expand to more than 4096 KiB; nothing is read from here on"));
}

TEST(Limits, ThousandsOfDefinitions) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += "$NAME" + std::to_string(i) + "=" + std::to_string(i) + "\n";
  for (int i = 0; i < 50'000; ++i) text += "# $NAME" + std::to_string(i) + "\n$MISSING" + std::to_string(i) + "\n";
  EXPECT_THAT(said_of(text), HasSubstr("warning: $MISSING0 is not defined"));
  // One line with all of them, inside an expansion that replaced as many.
  std::string all;
  for (int i = 0; i < 4'000; ++i) all += " ${NAME" + std::to_string(i) + "}";
  std::string definitions = "$ALL=" + all + "\n";
  for (int i = 0; i < 4'000; ++i) definitions += "$NAME" + std::to_string(i) + "=${VALUE}\n";
  EXPECT_THAT(said_of(definitions + "$VALUE=7\nvirtual_server $ALL\n"), HasSubstr("'{' is missing after virtual_server"));
}

TEST(Limits, AFileThatIncludesItself) { EXPECT_THAT(said_of("include /k.conf\n"), HasSubstr("error: k.conf includes itself")); }

TEST(Limits, BracesInAnInclude) {
  std::string pattern;
  for (int i = 0; i < 32; ++i) pattern += "{a,b}";
  EXPECT_THAT(said_of("include " + pattern + "\n"), HasSubstr("error: braces stand for too many names"));
  EXPECT_THAT(said_of("include " + std::string(60'000, '{') + "\n"), HasSubstr("error: braces stand for too many names"));
}

TEST(Limits, AHundredThousandMistakes) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "mistake" + std::to_string(i) + "\n";
  EXPECT_THAT(said_of(text), HasSubstr("... and 99000 more"));
}

}  // namespace
}  // namespace xd::conf
