// One piece of long work at a time on a thread of its own, so that the loop keeps answering.
#pragma once

#include <functional>
#include <thread>

#include "base/fd.h"
#include "base/loop.h"
#include "base/result.h"

namespace xd::daemon {

class Background {
 public:
  // What is left to do on the loop's thread with the result.
  using Finish = std::function<void()>;
  using Work = std::function<Finish()>;

  static Result<std::unique_ptr<Background>> create(Loop& loop);
  ~Background();  // waits for work under way and drops its result
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  bool busy() const { return thread_.joinable(); }
  // Only while not busy.
  void run(Work work);

 private:
  Background(Loop& loop, Fd bell);

  Fd bell_;
  Finish finish_;
  std::thread thread_;
  Loop::Source source_;
};

}  // namespace xd::daemon
