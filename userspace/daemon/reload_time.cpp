#include "daemon/reload_time.h"

#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "base/log.h"

namespace xd::daemon {

namespace {

using WallClock = std::chrono::system_clock;

// The wall clock may be set: it is looked at again at least this often.
constexpr Duration longest_sleep = 60s;

// "2026-11-22 05:30:00" → the numbers, and how many digits each had.
bool read_numbers(std::string_view text, std::string_view form, std::tm& out) {
  if (text.size() != form.size()) return false;
  std::array<int, 6> values{};  // Y M D h m s
  constexpr std::string_view letters = "YMDhms";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto which = letters.find(form[i]);
    if (which == std::string_view::npos) {
      if (text[i] != form[i]) return false;
      continue;
    }
    if (text[i] < '0' || text[i] > '9') return false;
    values[which] = values[which] * 10 + (text[i] - '0');
  }
  const auto& [year, month, day, hour, minute, second] = values;
  if (hour > 23 || minute > 59 || second > 59) return false;
  out.tm_hour = hour;
  out.tm_min = minute;
  out.tm_sec = second;
  if (form.front() != 'Y') return true;
  if (month < 1 || month > 12 || day < 1 || day > 31) return false;
  out.tm_year = (year < 100 ? year + 2000 : year) - 1900;
  out.tm_mon = month - 1;
  out.tm_mday = day;
  return true;
}

}  // namespace

std::optional<WallClock::time_point> reload_time(std::string_view line, WallClock::time_point now) {
  const bool utc = line.ends_with('Z');
  if (utc) line.remove_suffix(1);
  const std::time_t now_seconds = WallClock::to_time_t(now);
  std::tm when{};
  (utc ? ::gmtime_r : ::localtime_r)(&now_seconds, &when);
  const bool has_date = read_numbers(line, "YYYY-MM-DD hh:mm:ss", when) || read_numbers(line, "YY-MM-DD hh:mm:ss", when);
  if (!has_date && !read_numbers(line, "hh:mm:ss", when)) return std::nullopt;
  const auto moment = [&] {
    std::tm copy = when;
    copy.tm_isdst = -1;
    return WallClock::from_time_t(utc ? ::timegm(&copy) : ::mktime(&copy));
  };
  if (!has_date && moment() <= now) ++when.tm_mday;  // tomorrow
  const auto at = moment();
  return at > now ? std::optional(at) : std::nullopt;
}

ReloadTime::ReloadTime(Loop& loop, std::function<void()> reload)
    : loop_(loop), reload_(std::move(reload)), timer_(loop, [this] { due(); }) {}

void ReloadTime::watch(const conf::ReloadSettings& settings) {
  file_ = settings.time_file;
  repeat_ = settings.repeat;
  events_ = {};
  inotify_.reset();
  if (!file_.empty()) {
    inotify_ = Fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    const std::string folder = std::filesystem::path(file_).parent_path().string();
    constexpr std::uint32_t what = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE;
    if (!inotify_ || ::inotify_add_watch(inotify_.get(), folder.c_str(), what) < 0) {
      log::warning("reload_time_file {}: its folder cannot be watched", file_);
      inotify_.reset();
    } else {
      events_ = loop_.io(inotify_.get(), EPOLLIN, [this](std::uint32_t) { changed(); });
    }
  }
  look();
}

void ReloadTime::changed() {
  alignas(inotify_event) std::array<char, 4096> buffer;
  while (::read(inotify_.get(), buffer.data(), buffer.size()) > 0) {
  }
  look();
}

void ReloadTime::look() {
  const auto before = at_;
  at_.reset();
  timer_.disarm();
  std::ifstream in(file_);
  std::string line;
  if (!file_.empty() && in && std::getline(in, line)) {
    at_ = reload_time(line, WallClock::now());
    if (!at_) log::info("reload_time_file {}: '{}' is no time to come", file_, line);
  }
  if (at_ && at_ != before) log::info("Scheduled reload at {}", line);
  if (!at_ && before) log::info("The scheduled reload is cancelled");
  due();
}

void ReloadTime::due() {
  if (!at_) return;
  const Duration left = std::chrono::duration_cast<Duration>(*at_ - WallClock::now());
  if (left > 0s) return timer_.arm_in(std::min(left, longest_sleep));
  at_.reset();
  if (!repeat_) ::unlink(file_.c_str());
  reload_();
}

}  // namespace xd::daemon
