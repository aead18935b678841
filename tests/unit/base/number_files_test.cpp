// Files with numbers, in a directory of the test's own, with the loop turned by hand.
#include "base/number_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace xd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Heard = std::vector<std::pair<std::string, std::int64_t>>;

TEST(FileNumber, isTheLeadingOneInCNotation) {
  EXPECT_EQ(parse_file_number("12\n"), 12);
  EXPECT_EQ(parse_file_number(" -7 and more"), -7);
  EXPECT_EQ(parse_file_number("0x10"), 16);
  EXPECT_EQ(parse_file_number("010"), 8);
  EXPECT_EQ(parse_file_number(""), 0);
  EXPECT_EQ(parse_file_number("none"), 0);
  EXPECT_EQ(parse_file_number("2147483647"), 2147483647);
  EXPECT_EQ(parse_file_number("2147483648"), std::nullopt);
  EXPECT_EQ(parse_file_number("99999999999999999999"), std::nullopt);
}

TEST(FileNumber, proc_isNoPlaceForOne) {
  EXPECT_FALSE(unwatchable("/proc/uptime").empty());
  EXPECT_TRUE(unwatchable("/tmp").empty());
}

class NumberFilesTest : public ::testing::Test {
 protected:
  NumberFilesTest() {
    std::string pattern = ::testing::TempDir() + "numbersXXXXXX";
    folder = ::mkdtemp(pattern.data());
    definition = {"F", folder + "/number", std::nullopt, false};
  }
  ~NumberFilesTest() override { std::filesystem::remove_all(folder); }

  void define(bool fresh = true) { problems = files.define({definition}, fresh); }
  void put(const std::string& text) { std::ofstream(definition.path) << text; }
  Heard turn() {
    while (loop.run_once(20ms) && heard.empty() && Clock::now() < deadline) {
    }
    return std::exchange(heard, {});
  }
  // Nothing is heard of what has happened so far.
  Heard settle() {
    for (int i = 0; i < 3; ++i) loop.run_once(5ms);
    return std::exchange(heard, {});
  }

  Loop loop;
  Heard heard;
  std::string folder;
  NumberFiles files{loop, [this](const std::string& name, std::int64_t number) { heard.emplace_back(name, number); }};
  NumberFiles::Definition definition;
  std::vector<std::string> problems;
  TimePoint deadline = Clock::now() + 10s;
};

TEST_F(NumberFilesTest, aWrittenNumberIsHeardOnceAndAMissingFileIsZero) {
  define();
  EXPECT_EQ(files.numbers().at("F"), 0);
  put("5\n");
  EXPECT_THAT(turn(), ElementsAre(std::pair("F", 5)));
  put("7\n");
  EXPECT_THAT(turn(), ElementsAre(std::pair("F", 7))) << "the moment of emptiness between truncation and writing is no 0";
  ::unlink(definition.path.c_str());
  EXPECT_THAT(turn(), ElementsAre(std::pair("F", 0)));
}

TEST_F(NumberFilesTest, aFileThatWasEmptiedHoldsZero) {
  put("5");
  define();
  EXPECT_EQ(files.numbers().at("F"), 5);
  put("");
  EXPECT_THAT(turn(), ElementsAre(std::pair("F", 0)));
}

TEST_F(NumberFilesTest, aFileThatIsReplacedByRenameIsRead) {
  put("1");
  define();
  for (int i = 2; i < 5; ++i) {
    std::ofstream(definition.path + ".new") << i;
    std::filesystem::rename(definition.path + ".new", definition.path);
    EXPECT_THAT(turn(), ElementsAre(std::pair("F", i)));
  }
  put("9");
  EXPECT_THAT(turn(), ElementsAre(std::pair("F", 9))) << "the new file is watched as the old one was";
}

TEST_F(NumberFilesTest, aNumberTooLargeKeepsTheOldOne) {
  put("4");
  define();
  put("99999999999");
  EXPECT_THAT(settle(), IsEmpty());
  EXPECT_EQ(files.numbers().at("F"), 4);
}

TEST_F(NumberFilesTest, aDirectoryThatComesLaterIsFound) {
  definition.path = folder + "/later/number";
  define();
  ::mkdir((folder + "/later").c_str(), 0755);
  put("3");
  EXPECT_THAT(turn(), ElementsAre(std::pair("F", 3)));
  std::filesystem::remove_all(folder + "/later");
  EXPECT_THAT(turn(), ElementsAre(std::pair("F", 0)));
  ::mkdir((folder + "/later").c_str(), 0755);
  put("8");
  EXPECT_THAT(turn(), ElementsAre(std::pair("F", 8)));
}

TEST_F(NumberFilesTest, aSymbolicLinkIsFollowed) {
  const std::string target = folder + "/elsewhere";
  ::mkdir(target.c_str(), 0755);
  std::ofstream(target + "/n") << 1;
  std::filesystem::create_symlink(target + "/n", definition.path);
  define();
  std::ofstream(target + "/n") << 2;
  EXPECT_THAT(turn(), ElementsAre(std::pair("F", 2)));
}

TEST_F(NumberFilesTest, initFileIsMadeWhereItIsMissing) {
  definition.initial = 6;
  define();
  EXPECT_EQ(files.numbers().at("F"), 6);
  put("2");
  EXPECT_THAT(turn(), ElementsAre(std::pair("F", 2)));
  define();
  EXPECT_EQ(files.numbers().at("F"), 2);
  definition.overwrite = true;
  define(false);
  EXPECT_EQ(files.numbers().at("F"), 2) << "a successor of a dead process overwrites nothing";
  definition.initial = 4;
  define();
  EXPECT_EQ(files.numbers().at("F"), 4);
  put("3");
  EXPECT_THAT(turn(), ElementsAre(std::pair("F", 3)));
  define();
  EXPECT_EQ(files.numbers().at("F"), 3) << "nor does a reload";
}

TEST_F(NumberFilesTest, whatCannotBeMadeIsReported) {
  definition.path = folder + "/missing/number";
  definition.initial = 1;
  define();
  EXPECT_THAT(problems, ElementsAre("track_file F: write " + definition.path + ": No such file or directory"));
}

}  // namespace
}  // namespace xd
