#include "base/loop.h"

#include <systemd/sd-event.h>

#include <csignal>
#include <cstring>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>

namespace xd {

namespace {

// 0 would mean sd-event's default of 250 ms.
constexpr std::uint64_t timer_accuracy_us = 1;

[[noreturn]] void fail(const char* what, int r) { throw std::runtime_error(std::string("event loop: ") + what + ": " + std::strerror(-r)); }

void check(const char* what, int r) {
  if (r < 0) fail(what, r);
}

// Rounded up: a timer never fires before its time.
std::uint64_t to_us(TimePoint at) {
  const auto ns = at.time_since_epoch().count();
  return ns <= 0 ? 0 : (static_cast<std::uint64_t>(ns) + 999) / 1000;
}

}  // namespace

struct Loop::Source::Record {
  using IoHandler = std::function<void(std::uint32_t)>;
  using SignalHandler = std::function<void(const signalfd_siginfo&)>;
  using ChildHandler = std::function<void(const siginfo_t&)>;
  using PlainHandler = std::function<void()>;

  sd_event_source* source = nullptr;
  // Shared so that a handler may destroy its own registration while it runs.
  using Handler = std::variant<PlainHandler, IoHandler, SignalHandler, ChildHandler>;
  std::shared_ptr<Handler> handler;

  template <typename Kind, typename... Args>
  static int call(void* userdata, Args&&... args) {
    const auto keep = static_cast<Record*>(userdata)->handler;
    std::get<Kind> (*keep)(std::forward<Args>(args)...);
    return 0;
  }

  template <typename Kind>
  static std::unique_ptr<Record> make(Kind handler) {
    auto record = std::make_unique<Record>();
    record->handler = std::make_shared<Handler>(std::move(handler));
    return record;
  }

  ~Record() {
    if (source == nullptr) return;
    sd_event_source_set_enabled(source, SD_EVENT_OFF);
    sd_event_source_unref(source);
  }
};

Loop::Source::Source() = default;
Loop::Source::Source(std::unique_ptr<Record> record) : record_(std::move(record)) {}
Loop::Source::Source(Source&&) noexcept = default;
Loop::Source& Loop::Source::operator=(Source&&) noexcept = default;
Loop::Source::~Source() = default;
void Loop::Source::reset() { record_.reset(); }

Loop::Loop() { check("create", sd_event_new(&event_)); }
Loop::~Loop() { sd_event_unref(event_); }

Loop::Source Loop::io(int fd, std::uint32_t events, std::function<void(std::uint32_t)> handler) {
  using Record = Source::Record;
  auto record = Record::make(Record::IoHandler(std::move(handler)));
  const auto dispatch = [](sd_event_source*, int, std::uint32_t ready, void* userdata) {
    return Record::call<Record::IoHandler>(userdata, ready);
  };
  check("watch descriptor", sd_event_add_io(event_, &record->source, fd, events, dispatch, record.get()));
  return Source(std::move(record));
}

void Loop::set_io_events(const Source& source, std::uint32_t events) {
  check("change watched events", sd_event_source_set_io_events(source.record_->source, events));
}

Loop::Source Loop::signal(int signo, std::function<void(const signalfd_siginfo&)> handler) {
  using Record = Source::Record;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signo);
  check("block signal", -::pthread_sigmask(SIG_BLOCK, &set, nullptr));
  auto record = Record::make(Record::SignalHandler(std::move(handler)));
  const auto dispatch = [](sd_event_source*, const signalfd_siginfo* info, void* userdata) {
    return Record::call<Record::SignalHandler>(userdata, *info);
  };
  check("watch signal", sd_event_add_signal(event_, &record->source, signo, dispatch, record.get()));
  return Source(std::move(record));
}

Loop::Source Loop::child(pid_t pid, std::function<void(const siginfo_t&)> handler) {
  using Record = Source::Record;
  // sd-event wants SIGCHLD blocked, also where it waits by pidfd.
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  check("block SIGCHLD", -::pthread_sigmask(SIG_BLOCK, &set, nullptr));
  auto record = Record::make(Record::ChildHandler(std::move(handler)));
  const auto dispatch = [](sd_event_source*, const siginfo_t* info, void* userdata) {
    return Record::call<Record::ChildHandler>(userdata, *info);
  };
  check("watch child", sd_event_add_child(event_, &record->source, pid, WEXITED, dispatch, record.get()));
  return Source(std::move(record));
}

Loop::Source Loop::defer(std::function<void()> handler) {
  using Record = Source::Record;
  auto record = Record::make(Record::PlainHandler(std::move(handler)));
  const auto dispatch = [](sd_event_source*, void* userdata) { return Record::call<Record::PlainHandler>(userdata); };
  check("defer", sd_event_add_defer(event_, &record->source, dispatch, record.get()));
  return Source(std::move(record));
}

Loop::Source Loop::when_idle(std::function<void()> handler) {
  Source source = defer(std::move(handler));
  check("set priority", sd_event_source_set_priority(source.record_->source, SD_EVENT_PRIORITY_IDLE));
  return source;
}

Loop::Source Loop::before_wait(std::function<void()> handler) {
  using Record = Source::Record;
  auto record = Record::make(Record::PlainHandler(std::move(handler)));
  const auto dispatch = [](sd_event_source*, void* userdata) { return Record::call<Record::PlainHandler>(userdata); };
  check("add post source", sd_event_add_post(event_, &record->source, dispatch, record.get()));
  return Source(std::move(record));
}

int Loop::run() {
  const int r = sd_event_loop(event_);
  if (r < 0) fail("run", r);
  return r;
}

bool Loop::run_once(Duration timeout) {
  const auto us = timeout.count() <= 0 ? 0 : (static_cast<std::uint64_t>(timeout.count()) + 999) / 1000;
  check("run once", sd_event_run(event_, us));
  return sd_event_get_state(event_) != SD_EVENT_FINISHED;
}

void Loop::exit(int code) { check("exit", sd_event_exit(event_, code)); }

TimePoint Loop::now() const {
  std::uint64_t us = 0;
  check("now", sd_event_now(event_, CLOCK_MONOTONIC, &us));
  return TimePoint{std::chrono::microseconds{us}};
}

Timer::Timer(Loop& loop, std::function<void()> handler) : loop_(&loop) {
  using Record = Loop::Source::Record;
  auto record = Record::make(Record::PlainHandler(std::move(handler)));
  const auto dispatch = [](sd_event_source*, std::uint64_t, void* userdata) { return Record::call<Record::PlainHandler>(userdata); };
  check("add timer",
        sd_event_add_time(loop_->event_, &record->source, CLOCK_MONOTONIC, UINT64_MAX, timer_accuracy_us, dispatch, record.get()));
  check("set timer priority", sd_event_source_set_priority(record->source, SD_EVENT_PRIORITY_NORMAL + 10));
  check("disarm timer", sd_event_source_set_enabled(record->source, SD_EVENT_OFF));
  source_ = Loop::Source(std::move(record));
}

void Timer::arm_at(TimePoint at) {
  due_ = at;
  check("arm timer", sd_event_source_set_time(source_.record_->source, to_us(at)));
  check("enable timer", sd_event_source_set_enabled(source_.record_->source, SD_EVENT_ONESHOT));
}

void Timer::arm_in(Duration delay) { arm_at(Clock::now() + delay); }

void Timer::disarm() { check("disarm timer", sd_event_source_set_enabled(source_.record_->source, SD_EVENT_OFF)); }

bool Timer::armed() const {
  int enabled = SD_EVENT_OFF;
  check("timer state", sd_event_source_get_enabled(source_.record_->source, &enabled));
  return enabled != SD_EVENT_OFF;
}

}  // namespace xd
