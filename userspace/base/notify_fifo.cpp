#include "base/notify_fifo.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

namespace xd {

namespace {

constexpr Duration readers_limit = 500ms;
constexpr Duration look_again = 10ms;

}  // namespace

NotifyFifo::~NotifyFifo() {
  pipe_.reset();
  reader_ends_.reset();
  if (reader_) ::kill(-*reader_, SIGTERM);
}

Status NotifyFifo::open(bool inherited) {
  is_ours_ = inherited;
  if (auto made = make(); !made) return made;
  return start_reader();
}

Status NotifyFifo::make() {
  const char* path = definition_.path.c_str();
  struct stat there;
  if (::lstat(path, &there) == 0 && !S_ISFIFO(there.st_mode))
    return Error{definition_.path + " exists and is no FIFO; remove it or name another path", EEXIST};
  if (::mkfifo(path, 0644) == 0) {
    is_ours_ = true;
    const uid_t uid = definition_.uid.value_or(static_cast<uid_t>(-1));
    const gid_t gid = definition_.gid.value_or(static_cast<gid_t>(-1));
    if (::lchown(path, uid, gid) != 0) return Error::from_errno("change the owner of FIFO " + definition_.path);
  } else if (errno != EEXIST) {
    return Error::from_errno("make FIFO " + definition_.path);
  }
  pipe_ = Fd(::open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
  if (!pipe_) return Error::from_errno("open FIFO " + definition_.path);
  // Somebody may have put another thing there between the two calls.
  if (::fstat(pipe_.get(), &there) != 0 || !S_ISFIFO(there.st_mode)) {
    pipe_.reset();
    return Error{definition_.path + " is no FIFO", EEXIST};
  }
  return {};
}

Status NotifyFifo::start_reader() {
  if (definition_.reader.words.empty() || reader_) return {};
  Command command = definition_.reader;
  command.words.push_back(definition_.path);
  auto pid = spawn(command);
  if (!pid) return std::move(pid).error();
  reader_ = *pid;
  reader_ends_ = loop_.child(*pid, [this](const siginfo_t&) { reader_.reset(); });
  return {};
}

Status NotifyFifo::write(std::string_view line) {
  struct stat ours, there;
  const bool same = pipe_ && ::fstat(pipe_.get(), &ours) == 0 && ::stat(definition_.path.c_str(), &there) == 0 &&
                    ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
  if (!same) {
    if (auto made = make(); !made) return made;
  }
  // A line is shorter than PIPE_BUF: all of it goes, or nothing.
  if (::write(pipe_.get(), line.data(), line.size()) >= 0) return {};
  if (errno == EAGAIN) return Error{"FIFO " + definition_.path + " is full, its reader does not keep up: a line is lost", EAGAIN};
  return Error::from_errno("write to FIFO " + definition_.path);
}

Fd NotifyFifo::take_pipe_of_others() { return is_ours_ ? Fd() : std::move(pipe_); }

void NotifyFifo::close() {
  struct stat ours, there;
  const bool same = is_ours_ && pipe_ && ::fstat(pipe_.get(), &ours) == 0 && ::lstat(definition_.path.c_str(), &there) == 0 &&
                    ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
  if (same) ::unlink(definition_.path.c_str());
  pipe_.reset();
}

NotifyFifos::NotifyFifos(Loop& loop, std::function<void(const std::string&)> report)
    : loop_(loop), report_(std::move(report)), timer_(loop, [this] { look_after(); }) {}

NotifyFifos::~NotifyFifos() = default;

void NotifyFifos::become(std::vector<NotifyFifo::Definition> definitions, bool inherited) {
  // Whoever made a FIFO himself and reads it is not to see its end when only our configuration changes.
  std::vector<Fd> read_on;
  for (const auto& fifo : fifos_) read_on.push_back(fifo->take_pipe_of_others());
  leave();
  for (auto& definition : definitions) {
    auto fifo = std::make_unique<NotifyFifo>(loop_, std::move(definition));
    if (auto opened = fifo->open(inherited); !opened) report_(opened.error().message);
    fifos_.push_back(std::move(fifo));
  }
}

void NotifyFifos::write(const std::string& line) {
  for (const auto& fifo : fifos_) {
    const auto written = fifo->write(line);
    const std::string problem = written ? std::string() : written.error().message;
    if (!problem.empty() && problem != last_problem_) report_(problem);
    if (!problem.empty() || fifos_.size() == 1) last_problem_ = problem;
  }
}

void NotifyFifos::finish(std::function<void()> done) {
  leave();
  done_ = std::move(done);
  timer_.arm_in(Duration::zero());
}

void NotifyFifos::leave() {
  for (auto& fifo : fifos_) {
    fifo->close();
    if (fifo->reader()) leaving_.push_back(std::move(fifo));
  }
  fifos_.clear();
  if (leaving_.empty()) return;
  leave_by_ = Clock::now() + readers_limit;
  timer_.arm_in(look_again);
}

void NotifyFifos::look_after() {
  std::erase_if(leaving_, [late = Clock::now() >= leave_by_](const auto& fifo) { return late || !fifo->reader(); });
  if (!leaving_.empty()) return timer_.arm_in(look_again);
  if (const auto done = std::exchange(done_, nullptr)) done();
}

Result<std::pair<std::optional<uid_t>, std::optional<gid_t>>> fifo_owner(const std::string& user, const std::string& group) {
  std::pair<std::optional<uid_t>, std::optional<gid_t>> owner;
  if (!user.empty()) {
    const passwd* entry = ::getpwnam(user.c_str());
    if (entry == nullptr) return Error{"there is no user " + user};
    owner = {entry->pw_uid, entry->pw_gid};
  }
  if (!group.empty()) {
    const ::group* entry = ::getgrnam(group.c_str());
    if (entry == nullptr) return Error{"there is no group " + group};
    owner.second = entry->gr_gid;
  }
  return owner;
}

}  // namespace xd
