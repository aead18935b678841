// FIFOs that state changes are written to: made, read, remade and removed.
#include "base/notify_fifo.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace xd {
namespace {

class Fifos : public ::testing::Test {
 protected:
  Fifos() {
    char name[] = "/tmp/xd-fifo-XXXXXX";
    folder = ::mkdtemp(name);
  }
  ~Fifos() override { std::filesystem::remove_all(folder); }

  NotifyFifo::Definition definition() const { return {.path = folder / "pipe", .uid = {}, .gid = {}, .reader = {}}; }
  NotifyFifo::Definition with_reader() const {
    auto out = definition();
    out.reader.words = {"/bin/sh", "-c", "cat \"$0\" > " + (folder / "heard").string()};
    return out;
  }
  std::string heard() const {
    std::ifstream file(folder / "heard");
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void until_done() {
    bool done = false;
    fifos.finish([&] { done = true; });
    while (!done) loop.run_once(1s);
  }

  Loop loop;
  std::filesystem::path folder;
  std::vector<std::string> problems;
  NotifyFifos fifos{loop, [this](const std::string& problem) { problems.push_back(problem); }};
};

TEST_F(Fifos, aReaderHearsEveryLineAndReadsToTheEndWhenWeLeave) {
  fifos.become({with_reader()}, false);
  fifos.write("GROUP \"G1\" MASTER 0\n");
  while (heard().empty()) loop.run_once(1ms);  // it has come up
  for (int i = 0; i < 100; ++i) fifos.write("INSTANCE \"VI_1\" MASTER " + std::to_string(i) + "\n");
  until_done();
  const std::string text = heard();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 101);
  EXPECT_TRUE(text.ends_with("MASTER 99\n"));
  EXPECT_FALSE(std::filesystem::exists(folder / "pipe"));
  EXPECT_TRUE(problems.empty());
}

TEST_F(Fifos, aReloadMakesThemAnew) {
  struct stat before, after;
  fifos.become({definition()}, false);
  ASSERT_EQ(::stat((folder / "pipe").c_str(), &before), 0);
  EXPECT_TRUE(S_ISFIFO(before.st_mode));
  const Fd reader(::open((folder / "pipe").c_str(), O_RDONLY | O_NONBLOCK));
  fifos.become({definition()}, false);
  ASSERT_EQ(::stat((folder / "pipe").c_str(), &after), 0);
  char byte;
  EXPECT_EQ(::read(reader.get(), &byte, 1), 0) << "the old reader sees the end of file";
}

TEST_F(Fifos, whatAReaderMadeBeforeUsIsUsedAndStays) {
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  const Fd reader(::open((folder / "pipe").c_str(), O_RDONLY | O_NONBLOCK));
  fifos.become({definition()}, false);
  fifos.write("VS [192.0.2.1]:tcp:80 UP\n");
  char text[100];
  EXPECT_EQ(::read(reader.get(), text, sizeof text), 25);
  fifos.become({definition()}, false);
  EXPECT_EQ(::read(reader.get(), text, sizeof text), -1) << "a reload is not the end of the file";
  until_done();
  EXPECT_TRUE(std::filesystem::exists(folder / "pipe"));
  fifos.become({definition()}, true);
  until_done();
  EXPECT_FALSE(std::filesystem::exists(folder / "pipe")) << "the process before us made it";
}

TEST_F(Fifos, aFullPipeLosesALineAndSaysSoOnce) {
  fifos.become({definition()}, false);
  const std::string line(1000, 'x');
  for (int i = 0; i < 200; ++i) fifos.write(line + "\n");
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_NE(problems[0].find("is full"), std::string::npos) << problems[0];
}

TEST_F(Fifos, whatIsNoFifoIsLeftAlone) {
  std::ofstream(folder / "pipe") << "precious";
  fifos.become({definition()}, false);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_NE(problems[0].find("is no FIFO"), std::string::npos) << problems[0];
  EXPECT_TRUE(std::filesystem::is_regular_file(folder / "pipe"));
}

TEST_F(Fifos, anotherProcessThatMadeItAnewIsNoticed) {
  fifos.become({definition()}, false);
  NotifyFifos other{loop, [](const std::string&) {}};
  other.become({definition()}, false);
  fifos.become({definition()}, false);
  const Fd reader(::open((folder / "pipe").c_str(), O_RDONLY | O_NONBLOCK));
  other.write("VS [192.0.2.1]:tcp:80 UP\n");
  char text[100];
  EXPECT_EQ(::read(reader.get(), text, sizeof text), 25);
}

}  // namespace
}  // namespace xd
