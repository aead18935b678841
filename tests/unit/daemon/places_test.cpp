// What pid files, dump files and processes are called, and when a reload in a file is due.
#include "daemon/places.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "daemon/dump_files.h"
#include "daemon/reload_time.h"

namespace xd::daemon {
namespace {

TEST(Places, AnInstanceOrANamespaceMovesPidFilesAndNamesThem) {
  conf::DaemonSettings settings;
  settings.use_pid_dir = true;
  EXPECT_EQ(settle({}, settings).pid_file, "/run/keepalived/keepalived.pid");
  settings.instance = "foo";
  EXPECT_EQ(settle({}, settings).vrrp_pid_file, "/run/keepalived/vrrp_foo.pid");
  EXPECT_EQ(settle({}, settings).log_suffix, "_foo");
  settings.net_namespace = "red";
  EXPECT_EQ(settle({}, settings).bfd_pid_file, "/run/keepalived/bfd_red_foo.pid");
  Options given;
  given.network_namespace = "blue";
  given.pid_file = "/x/y.pid";
  EXPECT_EQ(settle(given, settings).pid_file, "/x/y.pid") << "the command line goes first";
  EXPECT_EQ(settle(given, settings).checkers_pid_file, "/run/keepalived/checkers_blue_foo.pid");
}

TEST(Places, ChildrenHearOfThem) {
  conf::DaemonSettings settings;
  settings.instance = "foo";
  settings.net_namespace_ipvs = "";
  const auto options = settle({}, settings);
  const auto words = child_words(settled_words({"xdirectord"}, options, settings, "/proc/1/fd/5"), RoleName::bfd, 3, "");
  const auto parsed = parse_options(words);
  const auto& child = std::get<Options>(parsed);
  EXPECT_EQ(child.bfd_pid_file, "/run/keepalived/bfd_foo.pid");
  EXPECT_EQ(child.log_suffix, "_foo");
  EXPECT_EQ(child.ipvs_namespace, "/proc/1/fd/5");
}

TEST(Places, TitlesAreOursUnlessAskedFor) {
  conf::DaemonSettings settings;
  EXPECT_EQ(title_of(RoleName::vrrp, settings), "xdirectord_vrrp");
  settings.process_name = "aaa";
  EXPECT_EQ(title_of(RoleName::bfd, settings), "aaa") << "a child has its parent's";
  settings.process_names = true;
  EXPECT_EQ(title_of(RoleName::checkers, settings), "keepalived_ipvs");
  settings.checker.name = "bbb";
  EXPECT_EQ(title_of(RoleName::checkers, settings), "bbb");
  EXPECT_EQ(title_of(std::nullopt, settings), "aaa");
}

TEST(Places, DumpFilesMayHaveOtherNames) {
  ::setenv("TMPDIR", "/t", 1);
  conf::DaemonSettings settings;
  name_dump_files(settings);
  EXPECT_EQ(dump_path("keepalived_check.data"), "/t/keepalived_check.data");
  settings.instance = "foo";
  settings.data_use_instance = true;
  name_dump_files(settings);
  EXPECT_EQ(dump_path("keepalived_check.data"), "/t/keepalived_check.foo.data");
  EXPECT_EQ(dump_path("keepalived.stats"), "/t/keepalived.stats");
  settings.state_dump_file = "/d/state.data";
  settings.json_dump_file = "/d/my.json";
  name_dump_files(settings);
  EXPECT_EQ(dump_path("keepalived_parent.data"), "/d/state_parent.foo.data");
  EXPECT_EQ(dump_path("keepalived.data"), "/d/state.foo.data");
  EXPECT_EQ(dump_path("keepalived.json"), "/d/my.json");
  name_dump_files({});
  ::unsetenv("TMPDIR");
}

TEST(Places, WhatAReloadCannotChange) {
  conf::DaemonSettings a, b;
  EXPECT_EQ(unchangeable(a, b), "");
  b.net_namespace = "red";
  EXPECT_EQ(unchangeable(a, b), "net_namespace");
}

TEST(ReloadTime, IsReadExactlyAsItIsWritten) {
  using namespace std::chrono;
  const system_clock::time_point now{seconds{1'795'000'000}};  // 2026-11-18 11:06:40 UTC
  EXPECT_EQ(reload_time("11:06:41Z", now), now + 1s);
  EXPECT_EQ(reload_time("11:06:40Z", now), now + 24h) << "tomorrow";
  EXPECT_EQ(reload_time("2026-11-18 12:06:40Z", now), now + 1h);
  EXPECT_EQ(reload_time("26-11-19 11:06:40Z", now), now + 24h);
  for (const char* wrong : {"", "11:06", "11:06:41 Z", " 11:06:41Z", "25:00:00Z", "2026-11-18 11:06:39Z", "2026-13-18 11:06:41Z"})
    EXPECT_FALSE(reload_time(wrong, now)) << wrong;
}

}  // namespace
}  // namespace xd::daemon
