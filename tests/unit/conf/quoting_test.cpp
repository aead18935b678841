// Words as they are written are read as the same words.
#include "conf/quoting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "conf/compile.h"
#include "conf/print.h"

namespace xd::conf {
namespace {

TEST(Quoting, WhatIsWrittenIsRead) {
  for (const std::string text : {"plain",   "two words", "",      "a#b",     "!a",      "a\\#b",    "a\\\\#b",
                                 "{",       "a}b",       "$A",    "${_PWD",  "a\\",     "a b\\",    "'two words'",
                                 "'a # b'", "it's",      "@main", "~SEQ(n,", "include", "includes", "say \\\"two words\\\"",
                                 "\xc3\xa9"}) {
    const Compiled c = compile_text("/k.conf", "vrrp_sync_group G {\n group {\n  " + word(text) + " end\n }\n}\n", {});
    EXPECT_THAT(c.diagnostics.render(), ::testing::HasSubstr("names " + text + ", which is no vrrp_instance")) << word(text);
    EXPECT_THAT(c.diagnostics.render(), ::testing::HasSubstr("names end, which")) << word(text);
  }
}

// A backslash before the closing quote hides it from the search for comments.
TEST(Quoting, SignsOfCommentsAreSafeBehindAnyWord) {
  const Compiled c = compile_text("/k.conf", "global_defs {\n notify_fifo " + word("/a b\\") + " " + word("u#x") + "\n}\n", {});
  EXPECT_EQ(c.model.global.notify_fifo.path, "/a b\\");
  EXPECT_EQ(c.model.global.notify_fifo.user, "u#x");
}

TEST(Quoting, ProcessesKeepTheirBytes) {
  for (const char* words : {"a \"b c\"", "a \\x5c\\x22 '\\x27'", "a $\\\\\\\\x,\\!y", "a \\x24{_PWD}"}) {
    const Compiled c = compile_text("/k.conf", "vrrp_track_process P {\n process " + std::string(words) + "\n}\n", {});
    const std::string printed = print(c.model);
    EXPECT_EQ(compile_text("/p.conf", printed, {}).model.track_processes, c.model.track_processes) << printed;
  }
}

}  // namespace
}  // namespace xd::conf
