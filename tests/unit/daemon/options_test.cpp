#include "daemon/options.h"

#include "daemon/places.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <syslog.h>

namespace xd::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::variant<Options, Leave> parse(std::vector<std::string> words) {
  words.insert(words.begin(), "xdirectord");
  return parse_options(words);
}

Options accept(std::vector<std::string> words) {
  auto parsed = parse(std::move(words));
  if (const auto* leave = std::get_if<Leave>(&parsed)) {
    ADD_FAILURE() << leave->err;
    return {};
  }
  return std::get<Options>(parsed);
}

Leave refuse(std::vector<std::string> words) {
  auto parsed = parse(std::move(words));
  if (std::holds_alternative<Options>(parsed)) {
    ADD_FAILURE() << "accepted";
    return {};
  }
  return std::get<Leave>(parsed);
}

TEST(Options, DefaultsAreKeepalived) {
  const Options options = accept({});
  EXPECT_EQ(options.config_file, "/etc/keepalived/keepalived.conf");
  EXPECT_EQ(settle(options, {}).pid_file, "/run/keepalived.pid");
  EXPECT_EQ(settle(options, {}).vrrp_pid_file, "/run/vrrp.pid");
  EXPECT_EQ(settle(options, {}).checkers_pid_file, "/run/checkers.pid");
  EXPECT_EQ(settle(options, {}).bfd_pid_file, "/run/bfd.pid");
  EXPECT_FALSE(options.umask) << "the configuration may say";
  EXPECT_TRUE(options.run_vrrp && options.run_checkers && options.syslog && options.respawn);
  EXPECT_FALSE(options.foreground || options.log_console || options.test);
}

TEST(Options, ShortOptionsMayBeBundled) {
  const Options options = accept({"-nlDDG", "-f", "/tmp/x.conf"});
  EXPECT_TRUE(options.foreground && options.log_console);
  EXPECT_EQ(options.log_detail, 2);
  EXPECT_FALSE(options.syslog);
  EXPECT_EQ(options.config_file, "/tmp/x.conf");
}

TEST(Options, OnlyVrrpDropsTheCheckersAndTheOtherWayRound) {
  EXPECT_FALSE(accept({"-P"}).run_checkers);
  EXPECT_TRUE(accept({"--vrrp"}).run_vrrp);
  EXPECT_FALSE(accept({"-C"}).run_vrrp);
}

TEST(Options, OptionalArgumentsAreGlued) {
  EXPECT_EQ(accept({"-t"}).test_log, "");
  EXPECT_EQ(accept({"-t/tmp/report"}).test_log, "/tmp/report");
  EXPECT_EQ(accept({"--config-test=/tmp/report"}).test_log, "/tmp/report");
  EXPECT_EQ(accept({"-g"}).log_file, "/tmp/keepalived.log");
  EXPECT_EQ(accept({"-g/var/log/x.log"}).log_file, "/var/log/x.log");
  EXPECT_EQ(accept({"-M"}).core_pattern, "core");
  EXPECT_EQ(accept({"-M/tmp/core.%p"}).core_pattern, "/tmp/core.%p");
}

TEST(Options, WordsThatSayNothingAreOverlookedWithAComplaint) {
  const Options options = accept({"-t", "/tmp/report", "-S", "8", "-u", "rwx"});
  EXPECT_THAT(options.complaints, ElementsAre(HasSubstr("log facility '8'"), HasSubstr("umask 'rwx'"),
                                              HasSubstr("'/tmp/report': an optional argument is glued")));
  EXPECT_EQ(options.log_facility, std::nullopt);
  EXPECT_EQ(options.umask, std::nullopt);
  EXPECT_THAT(accept({"-S", "local"}).complaints, SizeIs(1));
}

TEST(Options, LogFacilities) {
  EXPECT_EQ(accept({"-S", "3"}).log_facility, LOG_LOCAL3);
  EXPECT_EQ(accept({"-S7"}).log_facility, LOG_LOCAL7);
  EXPECT_EQ(accept({"--log-facility=local0"}).log_facility, LOG_LOCAL0);
  EXPECT_EQ(accept({"-S", "user"}).log_facility, LOG_USER);
}

TEST(Options, UmaskTakesCNotation) {
  EXPECT_EQ(accept({"-u", "022"}).umask, 022u);
  EXPECT_EQ(accept({"-u", "0x1f"}).umask, 037u);
}

TEST(Options, UnknownOptionsAndMissingArgumentsLeaveWithOne) {
  EXPECT_EQ(refuse({"-Z"}).code, 1);
  EXPECT_NE(refuse({"--nonsense"}).err.find("'--nonsense'"), std::string::npos);
  EXPECT_NE(refuse({"-n", "--use-file"}).err.find("'--use-file' needs an argument"), std::string::npos);
}

TEST(Options, WhatIsNotThereSaysSo) {
  EXPECT_EQ(refuse({"-x"}).err, "-x, --snmp: this version has no SNMP\nTry xdirectord --help\n");
  EXPECT_EQ(refuse({"-T"}).code, 1);
  EXPECT_EQ(accept({"-b", "/x/bfd.pid"}).bfd_pid_file, "/x/bfd.pid");
  EXPECT_FALSE(accept({"-B"}).run_bfd);
  accept({"-B"});
}

TEST(Options, VersionAndHelpGoToStandardErrorAndAreNoFailure) {
  EXPECT_EQ(refuse({"-v"}).code, 0);
  EXPECT_NE(refuse({"--version"}).err.find("xdirectord "), std::string::npos);
  EXPECT_NE(refuse({"-h"}).err.find("--use-file=FILE"), std::string::npos);
  EXPECT_EQ(refuse({"-h"}).err.find("--role"), std::string::npos);
}

TEST(Options, SignalNumbersAreForScripts) {
  EXPECT_EQ(refuse({"--signum=RELOAD"}).out, "1\n");
  EXPECT_EQ(refuse({"--signum=JSON"}).out, std::to_string(SIGRTMIN + 2) + "\n");
  EXPECT_EQ(refuse({"--signum=FOO"}).code, 1);
}

TEST(Options, AChildIsStartedWithTheParentsOptions) {
  const auto words = child_words({"xdirectord", "-n", "-l"}, RoleName::checkers, 9, "/sys/fs/bpf/xdirector");
  const auto parsed = parse_options(words);
  const auto& options = std::get<Options>(parsed);
  EXPECT_EQ(options.role, RoleName::checkers);
  EXPECT_EQ(options.channel, 9);
  EXPECT_EQ(options.pins, "/sys/fs/bpf/xdirector");
  EXPECT_TRUE(options.log_console);
}

TEST(Options, EachProcessHasItsOwnLogFile) {
  EXPECT_EQ(log_file_of("/tmp/keepalived.log", "vrrp"), "/tmp/keepalived_vrrp.log");
  EXPECT_EQ(log_file_of("/var/log.d/director", "vrrp"), "/var/log.d/director_vrrp");
}

}  // namespace
}  // namespace xd::daemon
