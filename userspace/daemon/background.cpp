#include "daemon/background.h"

#include <malloc.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

#include "base/turns.h"

namespace xd::daemon {

Result<std::unique_ptr<Background>> Background::create(Loop& loop) {
  // What a thread allocates comes from an arena of its own. That gives its end back to the kernel when so many bytes are free, and by
  // nothing else: malloc_trim() leaves it alone, and left to itself the number grows with what is freed.
  constexpr int free_bytes_at_end = 256 * 1024;
  ::mallopt(M_TRIM_THRESHOLD, free_bytes_at_end);
  Fd bell(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!bell) return Error::from_errno("make an event descriptor");
  return std::unique_ptr<Background>(new Background(loop, std::move(bell)));
}

Background::Background(Loop& loop, Fd bell)
    : bell_(std::move(bell)), source_(loop.io(bell_.get(), EPOLLIN, [this](std::uint32_t) {
        std::uint64_t rings = 0;
        (void)!::read(bell_.get(), &rings, sizeof rings);
        thread_.join();
        const Finish finish = std::exchange(finish_, nullptr);
        finish();  // may start the next work
      })) {}

Background::~Background() {
  if (thread_.joinable()) thread_.join();
}

void Background::run(Work work) {
  thread_ = std::thread([this, work = std::move(work)] {
    ask_for_turns_of(0s);
    finish_ = work();
    const std::uint64_t one = 1;
    (void)!::write(bell_.get(), &one, sizeof one);
  });
}

}  // namespace xd::daemon
