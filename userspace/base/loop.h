// The one place where a process waits: I/O, timers, signals, children and deferred work, over sd-event.
//
// Handlers run one at a time on the thread that called run(). Each registration returns a handle that owns it: destroying
// the handle unregisters, also from inside its own handler. Handles must not outlive the Loop. Timers are exact (1 us) and on
// CLOCK_MONOTONIC; a timer that is due when I/O is ready runs after that I/O, so a message that arrived in time is read before
// its timeout is believed.
#pragma once

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "base/result.h"
#include "base/time.h"

struct sd_event;
struct sd_event_source;

namespace xd {

class Loop {
 public:
  // Owns one registration. Move only; an empty Source owns nothing.
  class Source {
   public:
    Source();
    Source(Source&&) noexcept;
    Source& operator=(Source&&) noexcept;
    Source(const Source&) = delete;
    Source& operator=(const Source&) = delete;
    ~Source();
    explicit operator bool() const { return record_ != nullptr; }
    void reset();

   private:
    friend class Loop;
    friend class Timer;
    struct Record;
    explicit Source(std::unique_ptr<Record> record);
    std::unique_ptr<Record> record_;
  };

  Loop();  // throws std::runtime_error when the kernel gives no epoll descriptor
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // `events` and the handler's argument are EPOLLIN, EPOLLOUT... The descriptor stays the caller's and must outlive the Source.
  Source io(int fd, std::uint32_t events, std::function<void(std::uint32_t ready)> handler);
  void set_io_events(const Source& source, std::uint32_t events);
  // The signal is blocked for the process by this call and delivered here.
  Source signal(int signo, std::function<void(const signalfd_siginfo&)> handler);
  // Called once when the child has died; it has been reaped. si_code, si_status as in waitid(2).
  Source child(pid_t pid, std::function<void(const siginfo_t&)> handler);
  // Called once, at the next turn of the loop.
  Source defer(std::function<void()> handler);
  // Called once, when nothing else is to be done: timers that are due go first. For long work in pieces.
  Source when_idle(std::function<void()> handler);
  // Called before the loop waits again, after all that was due has been handled.
  Source before_wait(std::function<void()> handler);

  // Until exit(); returns its code.
  int run();
  // One turn: waits at most `timeout`, handles what is ready. False once exit() was called.
  bool run_once(Duration timeout);
  void exit(int code);

  // Time of the current turn, read once; handlers see one "now".
  TimePoint now() const;

  sd_event* raw() { return event_; }

 private:
  friend class Timer;
  sd_event* event_ = nullptr;
};

// A one-shot timer that can be armed again and again. Its handler may arm, disarm or destroy it.
class Timer {
 public:
  Timer(Loop& loop, std::function<void()> handler);
  void arm_at(TimePoint at);
  void arm_in(Duration delay);  // from Clock::now()
  void disarm();
  bool armed() const;
  TimePoint due() const { return due_; }  // only while armed

 private:
  Loop* loop_;
  Loop::Source source_;
  TimePoint due_{};
};

}  // namespace xd
