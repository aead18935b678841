#include "base/number_files.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <utility>

namespace xd {

namespace {

constexpr Duration look_again = 1s;
constexpr std::uint32_t folder_events = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr std::uint32_t file_events = IN_CLOSE_WRITE | IN_MODIFY;

std::pair<std::string, std::string> split(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

std::optional<std::string> content(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::array<char, 128> text{};
  const ssize_t length = ::read(file.get(), text.data(), text.size());
  return std::string(text.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
}

Status write_number(const std::string& path, std::int64_t number, bool overwrite) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | (overwrite ? O_TRUNC : O_EXCL), 0644));
  if (!file && errno == EEXIST) return {};
  const std::string text = std::to_string(number) + "\n";
  if (file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size())) return {};
  return Error::from_errno("write " + path);
}

}  // namespace

std::optional<std::int64_t> parse_file_number(std::string_view text) {
  const std::string copy(text);
  errno = 0;
  const long number = std::strtol(copy.c_str(), nullptr, 0);
  if (errno == ERANGE || number < INT_MIN || number > INT_MAX) return std::nullopt;
  return number;
}

std::string unwatchable(const std::string& path) {
  struct statfs where {};
  if (::statfs(path.c_str(), &where) != 0 && ::statfs(split(path).first.c_str(), &where) != 0) return {};
  switch (static_cast<unsigned long>(where.f_type)) {
    case PROC_SUPER_MAGIC: return "changes in /proc are not announced";
    case SYSFS_MAGIC: return "changes in /sys are not announced";
    case NFS_SUPER_MAGIC: return "changes by other hosts (NFS) are not announced";
    case FUSE_SUPER_MAGIC: return "changes behind a FUSE file system are not announced";
    default: return {};
  }
}

NumberFiles::NumberFiles(Loop& loop, Changed changed)
    : loop_(loop), changed_(std::move(changed)), retry_(loop, [this] { watch_missing(); }) {}

std::vector<std::string> NumberFiles::define(std::vector<Definition> definitions, bool fresh) {
  std::vector<std::string> problems;
  const auto old = std::exchange(files_, {});
  std::map<std::string, std::int64_t> known;
  for (Definition& definition : definitions) {
    const bool is_new = std::none_of(old.begin(), old.end(), [&](const File& f) { return f.definition == definition; });
    if (definition.initial) {
      const auto written = write_number(definition.path, *definition.initial, definition.overwrite && is_new && fresh);
      if (!written) problems.push_back("track_file " + definition.name + ": " + written.error().message);
    }
    const auto before = is_new ? numbers_.end() : numbers_.find(definition.name);
    known[definition.name] = before == numbers_.end() ? 0 : before->second;
    auto [folder, base] = split(definition.path);
    files_.push_back({std::move(definition), std::move(folder), std::move(base)});
  }
  numbers_ = std::move(known);
  retry_.disarm();
  events_.reset();
  inotify_.reset();
  if (files_.empty()) return problems;
  inotify_.reset(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify_) {
    problems.push_back(Error::from_errno("track_file: watch files").message);
  } else {
    events_ = loop_.io(inotify_.get(), EPOLLIN, [this](std::uint32_t) { on_events(); });
  }
  telling_ = false;
  for (File& file : files_) watch(file);
  telling_ = true;
  return problems;
}

void NumberFiles::watch(File& file) {
  // Before reading: a change in between is an event.
  if (inotify_) file.folder_watch = ::inotify_add_watch(inotify_.get(), file.folder.c_str(), folder_events);
  if (file.folder_watch < 0 && !retry_.armed()) retry_.arm_in(look_again);
  watch_content(file);
  read(file, false);
}

// The file itself: where the path is a symbolic link, it is written to in another directory.
void NumberFiles::watch_content(File& file) {
  if (inotify_) file.file_watch = ::inotify_add_watch(inotify_.get(), file.definition.path.c_str(), file_events);
}

void NumberFiles::watch_missing() {
  for (File& file : files_) {
    if (file.folder_watch < 0) watch(file);
  }
}

void NumberFiles::on_events() {
  alignas(inotify_event) std::array<char, 8192> buffer;
  for (;;) {
    const ssize_t length = ::read(inotify_.get(), buffer.data(), buffer.size());
    if (length <= 0) return;
    for (ssize_t at = 0; at < length;) {
      const auto& event = *reinterpret_cast<const inotify_event*>(buffer.data() + at);
      at += static_cast<ssize_t>(sizeof event + event.len);
      const bool overflow = (event.mask & IN_Q_OVERFLOW) != 0;
      for (File& file : files_) {
        const bool folder_gone = event.wd == file.folder_watch && (event.mask & (IN_IGNORED | IN_MOVE_SELF | IN_DELETE_SELF)) != 0;
        if (folder_gone || overflow) {
          if (folder_gone) file.folder_watch = -1;
          watch(file);
        } else if (event.wd == file.folder_watch && event.len > 0 && file.base == event.name) {
          watch_content(file);
          read(file, false);
        } else if (event.wd == file.file_watch && (event.mask & file_events) != 0) {
          read(file, (event.mask & IN_CLOSE_WRITE) == 0);
        }
      }
    }
  }
}

void NumberFiles::read(const File& file, bool while_written) {
  const auto text = content(file.definition.path);
  if (while_written && text && text->empty()) return;
  const auto number = text ? parse_file_number(*text) : 0;
  auto& known = numbers_[file.definition.name];
  if (!number || *number == known) return;
  known = *number;
  if (telling_) changed_(file.definition.name, *number);
}

}  // namespace xd
