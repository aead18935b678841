#include "conf/source.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "conf/compile.h"

namespace xd::conf {
namespace {

using ::testing::HasSubstr;

// A folder of its own that goes with the test.
class Disk : public ::testing::Test {
 protected:
  Disk() {
    char name[] = "/tmp/xd-conf-XXXXXX";
    folder_ = mkdtemp(name);
  }
  ~Disk() override { std::filesystem::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }
  Compiled compiled(const std::string& name) {
    DiskReader disk;
    return compile((folder_ / name).string(), disk);
  }
  std::filesystem::path folder_;
};

TEST_F(Disk, BundleCompilesToTheSameWithoutTheDisk) {
  write("keepalived.conf", "include parts/*.conf\ninclude none/*.conf\n");
  std::filesystem::create_directory(folder_ / "parts");
  write("parts/b.conf", "global_defs {\n router_id b\n}\n");
  write("parts/a.conf", "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n include vips.inc\n}\n");
  write("parts/vips.inc", "virtual_ipaddress {\n 192.0.2.1\n}\n");
  const Compiled first = compiled("keepalived.conf");
  ASSERT_EQ(first.model.vrrp_instances.size(), 1u);
  EXPECT_EQ(first.model.vrrp_instances[0].addresses.size(), 1u);
  EXPECT_EQ(first.model.global.router_id, "b");
  std::filesystem::remove_all(folder_);

  auto sources = parse_bundle(serialize(first.sources));
  ASSERT_TRUE(sources.ok());
  EXPECT_EQ(*sources, first.sources);
  BundleReader reader(*sources);
  const Compiled second = compile(reader.root(), reader);
  EXPECT_EQ(second.model, first.model);
  EXPECT_EQ(second.diagnostics.render(), first.diagnostics.render());
}

TEST_F(Disk, ADescriptorGivesTheTextOfOneNameAgainAndAgain) {
  const std::string inherited = write("inherited", "include more.conf\ninclude keepalived.conf\n");
  write("more.conf", "global_defs {\n router_id more\n}\n");
  const std::string name = write("keepalived.conf", "not read\n");
  const int fd = ::open(inherited.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  DescriptorReader reader(name, fd);
  for (int round = 0; round < 2; ++round) {
    const Compiled c = compile(name, reader);
    EXPECT_EQ(c.model.global.router_id, "more");
    EXPECT_THAT(c.diagnostics.render(), HasSubstr("keepalived.conf:2:9: error: keepalived.conf includes itself"));
    EXPECT_EQ(c.diagnostics.all().size(), 1u);
  }
  ::close(fd);
}

TEST_F(Disk, AGlobIsReadAsOneFileInTheOrderOfNames) {
  write("2.conf", "global_defs {\n router_id second\n}\n");
  write("1.conf", "global_defs {\n router_id first\n}\n");
  const Compiled c = compiled("*.conf");
  EXPECT_EQ(c.model.global.router_id, "second");
  EXPECT_EQ(c.sources.files.size(), 2u);
}

TEST_F(Disk, MissingFileIsNoProblemForTheTestAndNotUsable) {
  const Compiled c = compiled("missing.conf");
  EXPECT_FALSE(c.found);
  EXPECT_FALSE(c.usable());
  EXPECT_EQ(config_test_exit_code(c), 0);
  EXPECT_THAT(c.diagnostics.render(), HasSubstr("missing.conf: No such file or directory"));
}

TEST_F(Disk, OnlyRegularFilesThatAreNotProgramsAreRead) {
  ASSERT_EQ(mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  write("program", "#!/bin/sh\n");
  std::filesystem::permissions(folder_ / "program", std::filesystem::perms::owner_all);
  write("keepalived.conf", "include fifo\ninclude program\ninclude /dev/zero\ninclude .\nglobal_defs {\n router_id still_read\n}\n");
  const Compiled c = compiled("keepalived.conf");
  const std::string said = c.diagnostics.render();
  EXPECT_THAT(said, HasSubstr("fifo: not a regular file"));
  EXPECT_THAT(said, HasSubstr("program: is executable"));
  EXPECT_THAT(said, HasSubstr("/dev/zero: not a regular file"));
  EXPECT_EQ(c.model.global.router_id, "still_read");
}

TEST(Bundle, DamagedOnesAreRefused) {
  Sources sources;
  sources.files.push_back({"/a", std::string("text with \0 and \n", 17)});
  sources.patterns.push_back({"/a*", {"/a"}});
  const std::string whole = serialize(sources);
  EXPECT_TRUE(whole.starts_with("xdirector configuration bundle 1\n"));
  EXPECT_EQ(*parse_bundle(whole), sources);
  for (std::size_t length = 0; length < whole.size(); ++length) EXPECT_FALSE(parse_bundle(whole.substr(0, length)).ok()) << length;
  EXPECT_EQ(parse_bundle(whole + "x").error().message, "configuration bundle: not complete");
  EXPECT_EQ(parse_bundle("xdirector configuration bundle 2\n").error().message, "configuration bundle: not one of ours");
}

}  // namespace
}  // namespace xd::conf
