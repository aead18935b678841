#include "base/loop.h"

#include <sys/resource.h>

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <memory>
#include <optional>

#include "base/fd.h"
#include "base/process.h"

namespace xd {
namespace {

struct Pipe {
  Fd read_end, write_end;
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
  }
};

TEST(Loop, AMessageThatIsThereIsReadBeforeAnExpiredTimerIsBelieved) {
  Loop loop;
  Pipe pipe;
  std::string order;
  Timer timer(loop, [&] { order += 'T'; });
  auto io = loop.io(pipe.read_end.get(), EPOLLIN, [&](std::uint32_t) {
    char c = 0;
    ASSERT_EQ(::read(pipe.read_end.get(), &c, 1), 1);
    order += c;
  });
  timer.arm_at(Clock::now() - 1s);
  ASSERT_EQ(::write(pipe.write_end.get(), "m", 1), 1);
  while (order.size() < 2) ASSERT_TRUE(loop.run_once(5s));
  EXPECT_EQ(order, "mT");
}

TEST(Loop, WorkForIdleTimesWaitsForTimersThatAreDue) {
  Loop loop;
  std::string order;
  Timer timer(loop, [&] { order += 'T'; });
  auto work = loop.when_idle([&] { order += 'w'; });
  timer.arm_at(Clock::now() - 1s);
  while (order.size() < 2) ASSERT_TRUE(loop.run_once(5s));
  EXPECT_EQ(order, "Tw");
}

TEST(Loop, AHandlerMayDestroyItsOwnRegistration) {
  Loop loop;
  auto timer = std::make_unique<std::unique_ptr<Timer>>();
  int calls = 0;
  *timer = std::make_unique<Timer>(loop, [&] {
    timer->reset();
    ++calls;
  });
  (*timer)->arm_at(Clock::now());
  while (calls == 0) ASSERT_TRUE(loop.run_once(5s));
  loop.run_once(0s);
  EXPECT_EQ(calls, 1);
}

TEST(Loop, ATimerNeverFiresBeforeItsTime) {
  Loop loop;
  TimePoint fired{};
  Timer timer(loop, [&] { fired = Clock::now(); });
  const auto due = Clock::now() + 3ms + 1ns;
  timer.arm_at(due);
  while (fired == TimePoint{}) ASSERT_TRUE(loop.run_once(5s));
  EXPECT_GE(fired, due);
}

TEST(RunningCommand, TellsTheExitStatus) {
  Loop loop;
  std::optional<RunningCommand::Outcome> outcome;
  auto command = RunningCommand::start(loop, {{"/bin/sh", "-c", "exit 3"}, {}, {}}, 5s, [&](auto o) { outcome = o; });
  ASSERT_TRUE(command.ok());
  while (!outcome) ASSERT_TRUE(loop.run_once(5s));
  EXPECT_EQ(outcome->exit_status(), 3);
  EXPECT_EQ(describe_exit(outcome->info), "exited with status 3");
}

TEST(RunningCommand, HasTheLimitOfDescriptorsThatThisProcessWasStartedWith) {
  rlimit before{}, now{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  raise_file_limit();
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &now), 0);
  EXPECT_GE(now.rlim_cur, std::min<rlim_t>(before.rlim_max, 65536));
  Loop loop;
  std::optional<RunningCommand::Outcome> outcome;
  const std::string test = "test \"$(ulimit -n)\" = " + (before.rlim_cur == RLIM_INFINITY ? "unlimited" : std::to_string(before.rlim_cur));
  auto command = RunningCommand::start(loop, {{"/bin/sh", "-c", test}, {}, {}}, 5s, [&](auto o) { outcome = o; });
  ASSERT_TRUE(command.ok());
  while (!outcome) ASSERT_TRUE(loop.run_once(5s));
  EXPECT_TRUE(outcome->success()) << test;
  restore_file_limit();
}

TEST(RunningCommand, StopsWhatTakesTooLong) {
  Loop loop;
  std::optional<RunningCommand::Outcome> outcome;
  auto command = RunningCommand::start(loop, {{"/bin/sleep", "100"}, {}, {}}, 10ms, [&](auto o) { outcome = o; });
  ASSERT_TRUE(command.ok());
  while (!outcome) ASSERT_TRUE(loop.run_once(5s));
  EXPECT_TRUE(outcome->timed_out);
  EXPECT_FALSE(outcome->success());
}

TEST(RunningCommand, TellsAtOnceOfOneThatIgnoresSigterm) {
  Loop loop;
  int overdue = 0;
  std::optional<RunningCommand::Outcome> outcome;
  auto command = RunningCommand::start(
      loop, {{"/bin/sh", "-c", "trap '' TERM; sleep 100"}, {}, {}}, 10ms, [&](auto o) { outcome = o; }, [&] { ++overdue; });
  ASSERT_TRUE(command.ok());
  while (overdue == 0) ASSERT_TRUE(loop.run_once(5s));
  EXPECT_FALSE(outcome);
  // Destroying it kills it, and waits for nothing.
  const pid_t pid = (*command)->pid();
  command->reset();
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) == 0 && info.si_pid != pid) continue;
  const auto another = RunningCommand::start(loop, {{"/bin/true"}, {}, {}}, 5s, [](auto) {});
  EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT), -1) << "the next start reaps it";
}

TEST(RunningCommand, AProgramThatCannotBeExecutedIsAnError) {
  Loop loop;
  auto command = RunningCommand::start(loop, {{"/nonexistent/program"}, {}, {}}, 5s, [](auto) {});
  ASSERT_FALSE(command.ok());
  EXPECT_EQ(command.error().message, "run /nonexistent/program: No such file or directory");
}

}  // namespace
}  // namespace xd
