// The lexer's features, as keepalived's manual promises them: what a text means once comments, definitions, repetitions,
// conditions and includes are gone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "conf/compile.h"

namespace xd::conf {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

Compiled text(const std::string& text, const std::string& id = "main") {
  Options options;
  options.config_id = id;
  options.host_name = "director";
  return compile_text("/etc/keepalived/keepalived.conf", text, options);
}

// What `router_id <word>` comes to.
std::string word(const std::string& written, const std::string& before = "") {
  return text(before + "global_defs {\n router_id " + written + "\n}\n").model.global.router_id;
}

std::vector<std::string> names(const Compiled& c) {
  std::vector<std::string> out;
  for (const VrrpInstance& i : c.model.vrrp_instances) out.push_back(i.name);
  return out;
}

const std::string body = " interface eth0\n virtual_router_id 7\n virtual_ipaddress {\n  10.0.0.1\n }\n";

TEST(Comments, EndWordsOutsideQuotes) {
  EXPECT_EQ(word("a # b"), "a");
  EXPECT_EQ(word("a ! b"), "a");
  EXPECT_EQ(word("a#b"), "a");
  EXPECT_EQ(word("\"a # b ! c\""), "a # b ! c");
  EXPECT_EQ(word("a\\#b\\!c"), "a#b!c");
}

TEST(Quotes, HoldWordsTogether) {
  EXPECT_EQ(word("\"two words\""), "two words");
  EXPECT_EQ(word("\"a \\x41 \\n\""), "a \\x41 \\n");  // escapes mean something in scripts and patterns only
  EXPECT_EQ(word(R"("a \"b c\" d")"), R"(a \"b c\" d)");
  EXPECT_EQ(word(R"("a\" b)"), "a\\") << "a backslash does not swallow the last quote";
  EXPECT_THAT(text("global_defs {\n router_id \"a\n}\n").diagnostics.render(), HasSubstr("quote without its partner"));
}

TEST(Quotes, EndReferencesAsTheyEndWords) {
  EXPECT_EQ(word("${_\"PWD}\""), "${_");
  EXPECT_EQ(word("\"${_ENV \" \"}\""), "${_ENV ");
}

TEST(Files, MayBeginWithAByteOrderMark) {
  const Compiled c = text("\xef\xbb\xbfglobal_defs {\n router_id a\n}\n");
  EXPECT_EQ(c.model.global.router_id, "a");
  EXPECT_THAT(c.diagnostics.render(), HasSubstr("keepalived.conf:1:1: warning: the file begins with a byte order mark"));
}

TEST(Blanks, AreSpacesTabsAndCarriageReturns) {
  EXPECT_EQ(word("\t a \t"), "a");
  EXPECT_EQ(text("global_defs {\r\n router_id a\r\n}\r\n").model.global.router_id, "a");
  EXPECT_EQ(text("global_defs {\n router_id a\n}").model.global.router_id, "a");  // no newline at the end
}

TEST(Braces, StandAnywhere) {
  for (const char* written : {"global_defs {\n router_id a\n}\n", "global_defs{\n router_id a}\n", "global_defs\n{ router_id a }",
                              "global_defs\n\n{\nrouter_id a\n}", "global_defs { router_id a\n}"}) {
    const Compiled c = text(written);
    EXPECT_EQ(c.model.global.router_id, "a") << written;
    EXPECT_THAT(c.diagnostics.render(), IsEmpty()) << written;
  }
}

TEST(Definitions, AreReplacedWhereAWordEnds) {
  EXPECT_EQ(word("$A", "$A=x\n"), "x");
  EXPECT_EQ(word("${A}y", "$A=x\n"), "xy");
  EXPECT_EQ(word("\"${A} $A z\"", "$A=x\n"), "x x z");
  EXPECT_EQ(word("$AB", "$A=x\n"), "$AB");
  EXPECT_EQ(word("$A.b", "$A=x\n"), "$A.b");
  EXPECT_EQ(word("$A", "  $A=x # comment\n"), "x");
  EXPECT_EQ(word("a${A}b", "$A=\n"), "ab");
  EXPECT_EQ(word("$_A", "$_A=x\n"), "x");
  EXPECT_EQ(word("\"$1 $(date) $$ $\"", "$A=x\n"), "$1 $(date) $$ $");
}

TEST(Definitions, TakeTheValueOfTheMoment) {
  EXPECT_EQ(word("$B", "$B=<${A}>\n$A=1\n"), "<1>");
  EXPECT_EQ(word("$B", "$A=1\n$B=<${A}>\n$A=2\n"), "<2>");
}

TEST(Definitions, GoOverLines) {
  EXPECT_THAT(
      names(text("$NUM=3\n$I= \\\n vrrp_instance A${NUM} { \\\n" + std::string(" interface eth0 \\\n virtual_router_id ${NUM} \\\n") +
                 " virtual_ipaddress { \\\n 10.0.0.1 \\\n } \\\n }\n$I\n$NUM=4\n$I\n")),
      ElementsAre("A3", "A4"));
  // Definitions within, and the condition of a line within.
  const Compiled c = text(
      "$I=\\\n$N=5 \\\nvrrp_instance ${_INSTANCE}$N { \\\n interface eth0 \\\n virtual_router_id $N \\\n @main priority 7 \\\n @^main "
      "priority 8 \\\n virtual_ipaddress { \\\n 10.0.0.1 \\\n } \\\n}\n$I\n");
  ASSERT_THAT(names(c), ElementsAre("main5"));
  EXPECT_EQ(c.model.vrrp_instances[0].priority, 7);
}

TEST(Definitions, WhatIsNotDefinedStays) {
  const Compiled c = text("$HOST=a\nglobal_defs {\n router_id x${HOSTS}y\n}\n");
  EXPECT_EQ(c.model.global.router_id, "x${HOSTS}y");
  EXPECT_THAT(c.diagnostics.render(), HasSubstr("3:13: warning: $HOSTS is not defined; it is left as it stands; did you mean $HOST?"));
  EXPECT_EQ(config_test_exit_code(c), 0) << "as with keepalived";
}

TEST(Definitions, PredefinedOnesCannotBeChanged) {
  EXPECT_THAT(text("$_HASH=x\n").diagnostics.render(), HasSubstr("$_HASH is predefined; this definition is ignored"));
}

TEST(Definitions, AMistakeInOneNamesItsPlace) {
  const Compiled c =
      text("$PRIO=999\n$BODY=\\\n interface eth0 \\\n virtual_router_id 1 \\\n priority ${PRIO}\nvrrp_instance A {\n $BODY\n}\n");
  EXPECT_THAT(c.diagnostics.render(), HasSubstr("keepalived.conf:7:2: warning: priority 999 is outside 1-255; 100 is used\n"
                                                "    7 |  $BODY\n"
                                                "      |  ^~~~~\n"
                                                "keepalived.conf:6:1: note: in vrrp_instance A\n"
                                                "keepalived.conf:7:2: note: after replacement the line reads: priority 999\n"
                                                "keepalived.conf:1:1: note: $PRIO is defined here\n"
                                                "keepalived.conf:2:1: note: $BODY is defined here\n"));
}

TEST(Predefined, NamesHaveValues) {
  EXPECT_EQ(word("${_PWD}/x"), "/etc/keepalived/x");
  EXPECT_EQ(word("$_INSTANCE"), "main");
  EXPECT_EQ(word("a${_HASH}b${_BANG}c # d"), "a#b!c");
  EXPECT_EQ(word("\"${_HASH} ${_BANG}\""), "# !");
  setenv("XD_LEXER_TEST", "from outside", 1);
  EXPECT_EQ(word("\"${_ENV XD_LEXER_TEST}\""), "from outside");
  EXPECT_EQ(word("a${_ENV XD_LEXER_TEST_NOT}b"), "ab");
  EXPECT_EQ(word("${_RANDOM 7 7}"), "7");
  EXPECT_THAT(word("${_RANDOM}"), ::testing::MatchesRegex("[0-9]+"));
}

TEST(Conditions, ChooseLines) {
  const std::string both = "global_defs {\n @main router_id a\n @^main router_id b\n @other router_id c\n}\n";
  EXPECT_EQ(text(both, "main").model.global.router_id, "a");
  EXPECT_EQ(text("global_defs {\n@^main router_id b\n}\n", "other").model.global.router_id, "b");
  EXPECT_EQ(text("@main $A=1\n@^main $A=2\nglobal_defs {\nrouter_id $A\n}\n", "x").model.global.router_id, "2");
  EXPECT_EQ(text("$IF=@main\nglobal_defs {\n $IF router_id a\n}\n").model.global.router_id, "a");
}

TEST(Conditions, TakeTheBlockWithTheLine) {
  EXPECT_THAT(names(text("@other vrrp_instance A {\n" + body + "}\n@main vrrp_instance B {\n" + body + "}\n")), ElementsAre("B"));
  EXPECT_THAT(names(text("@other vrrp_instance A\n{\n" + body + "}\nvrrp_instance B {\n" + body + "}\n")), ElementsAre("B"));
}

TEST(Repetitions, DefineTheirVariablesForDefinitionsToo) {
  const Compiled c = text(
      "$VI=\\\nvrrp_instance A${IF}.${ID} { \\\n interface eth${IF} \\\n virtual_router_id ${ID} \\\n virtual_ipaddress { \\\n "
      "10.0.${IF}.${ID} \\\n } \\\n}\n"
      "~SEQ(IF, 0, 1) ~SEQ(ID, 1, 2) $VI\n");
  EXPECT_THAT(names(c), ElementsAre("A0.1", "A0.2", "A1.1", "A1.2"));
  EXPECT_THAT(c.diagnostics.render(), IsEmpty());
}

TEST(Repetitions, CountDownHexadecimalAndFromMinusOne) {
  EXPECT_THAT(names(text("$VI=\\\nvrrp_instance A${N} { \\\n interface eth0 \\\n virtual_router_id 1 \\\n}\n~SEQx(N, 0x12, -1, 0x10) "
                         "$VI\n~SEQ(N, -2) $VI\n~LST({N, M}, {x, 1}, {y, 2}) $VI\n")),
              ElementsAre("A12", "A11", "A10", "A-1", "A-2", "Ax", "Ay"));
}

TEST(Repetitions, TakeNumbersInCNotation) {
  const auto ids = [](const std::string& sequence) {
    std::vector<std::string> out;
    for (const std::string& name :
         names(text("$VI=\\\nvrrp_instance ${N} { \\\n interface eth0 \\\n virtual_router_id 1 \\\n}\n" + sequence + " $VI\n")))
      out.push_back(name);
    return out;
  };
  EXPECT_THAT(ids("~SEQ(N, 007, 010)"), ElementsAre("7", "8"));
  EXPECT_THAT(ids("~SEQ(N, 0xe, 0xf)"), ElementsAre("14", "15"));
  EXPECT_THAT(ids("~SEQ(N, 08, 9)"), IsEmpty());
  EXPECT_THAT(ids("~SEQx(N, -2, -1)"), IsEmpty());
}

Compiled with_files(const std::string& root, std::vector<SourceFile> files) {
  files.insert(files.begin(), {"/etc/k.conf", root});
  Sources sources;
  sources.files = std::move(files);
  BundleReader reader(std::move(sources));
  return compile("/etc/k.conf", reader);
}

TEST(Includes, AreRelativeToTheirFileAndNest) {
  const Compiled c = with_files(
      "include d/a.conf\nglobal_defs {\n router_id ${_PWD}\n}\n",
      {{"/etc/d/a.conf", "include e/b.conf\n$A=${_PWD}\n"}, {"/etc/d/e/b.conf", "vrrp_instance B {\n virtual_router_id 999\n}\n"}});
  EXPECT_EQ(c.model.global.router_id, "/etc");
  EXPECT_THAT(c.diagnostics.render(), HasSubstr("d/e/b.conf:2:20: error: virtual_router_id 999 is outside 1-255\n"
                                                "    2 |  virtual_router_id 999\n"
                                                "      |                    ^~~\n"
                                                "d/e/b.conf:1:1: note: in vrrp_instance B\n"
                                                "d/a.conf:1:1: note: included from here\n"
                                                "k.conf:1:1: note: included from here\n"));
}

TEST(Includes, StandWithinBlocksAndConditions) {
  const Compiled c = with_files("vrrp_instance A {\n include body.conf\n @^x include more.conf\n}\n",
                                {{"/etc/body.conf", body}, {"/etc/more.conf", "priority 7\n"}});
  ASSERT_THAT(names(c), ElementsAre("A"));
  EXPECT_EQ(c.model.vrrp_instances[0].priority, 7);
}

// The verdict of a keyword when its file is missing, a wildcard matches nothing, an alternative in braces is missing.
std::vector<int> verdicts(const std::string& keyword, const std::string& before = "") {
  std::vector<int> out;
  for (const char* what : {"missing.conf", "missing/*.conf", "{here,missing}.conf"}) {
    const Compiled c = with_files(before + keyword + " " + what + "\n", {{"/etc/here.conf", "\n"}});
    EXPECT_THAT(c.diagnostics.render(), Not(IsEmpty())) << "it is always told";
    EXPECT_EQ(c.usable(), config_test_exit_code(c) == 0) << "what is demanded must be there";
    out.push_back(config_test_exit_code(c));
  }
  return out;
}

TEST(Includes, VariantsDemandWhatTheyNeed) {
  EXPECT_THAT(verdicts("include"), ElementsAre(0, 0, 0));
  EXPECT_THAT(verdicts("includer"), ElementsAre(0, 0, 0));
  EXPECT_THAT(verdicts("includem"), ElementsAre(6, 0, 0));
  EXPECT_THAT(verdicts("includew"), ElementsAre(6, 6, 0));
  EXPECT_THAT(verdicts("includeb"), ElementsAre(0, 0, 6));
  EXPECT_THAT(verdicts("includea"), ElementsAre(6, 6, 6));
  EXPECT_THAT(verdicts("include", "global_defs {\n include_check\n}\n"), ElementsAre(6, 6, 6));
  EXPECT_THAT(verdicts("include", "global_defs {\n include_check\n include_check -match\n}\n"), ElementsAre(0, 6, 6));
  EXPECT_THAT(verdicts("include", "global_defs {\n include_check brace_match\n}\n"), ElementsAre(0, 0, 6));
  EXPECT_THAT(text("includes x\n").diagnostics.render(), HasSubstr("unknown keyword 'includes'"));
}

TEST(Includes, BracesNest) {
  const Compiled c = with_files("include {d/{,x,y},z}.conf\n", {{"/etc/d/.conf", "$A=${A1}\n"},
                                                                {"/etc/d/x.conf", "vrrp_instance X {\n" + body + "}\n"},
                                                                {"/etc/z.conf", "vrrp_instance Z {\n" + body + "}\n"}});
  EXPECT_THAT(c.diagnostics.render(), HasSubstr("d/y.conf: No such file or directory"));
  EXPECT_THAT(names(c), ElementsAre("X", "Z"));
}

TEST(Includes, AnIncludedFileDoesNotChangeWhatIsDemanded) {
  const Compiled c = with_files("include a.conf\ninclude missing.conf\n", {{"/etc/a.conf", "include_check\n"}});
  EXPECT_EQ(config_test_exit_code(c), 5) << c.diagnostics.render();  // only for include_check outside of global_defs
}

}  // namespace
}  // namespace xd::conf
