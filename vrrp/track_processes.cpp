#include "vrrp/track_processes.h"

#include <fcntl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <optional>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/receive_queue.h"
#include "base/result.h"

namespace xd::vrrp {

namespace {

constexpr Duration look_again = 1s;
constexpr ino_t first_pid_namespace = 0xEFFFFFFC;  // PROC_PID_INIT_INO
constexpr int receive_buffer = 1 << 20;
constexpr int answer_limit_ms = 500;

// In a message: netlink header, connector header, event.
constexpr std::size_t event_at = NLMSG_HDRLEN + sizeof(cn_msg);

// What can happen to a process. <linux/cn_proc.h> has the values within proc_event, since Linux 6.7 beside it: a member finds both.
struct Happened : proc_event {
  static constexpr std::uint32_t forked = PROC_EVENT_FORK, executed = PROC_EVENT_EXEC, renamed = PROC_EVENT_COMM, ended = PROC_EVENT_EXIT;
};

// Of events, only beginnings, changes and ends are of interest: what else happens on a busy host wakes nobody.
void filter(const Fd& socket) {
  constexpr auto what = static_cast<std::uint32_t>(event_at + offsetof(proc_event, what));
  const auto is = [](std::uint32_t event, std::uint8_t to_accept) {
    return sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(event), to_accept, 0);
  };
  std::array program{sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, what),
                     is(Happened::forked, 4),
                     is(Happened::executed, 3),
                     is(Happened::renamed, 2),
                     is(Happened::ended, 1),
                     sock_filter BPF_STMT(BPF_RET | BPF_K, 0),
                     sock_filter BPF_STMT(BPF_RET | BPF_K, 0xffff)};
  const sock_fprog code{static_cast<unsigned short>(program.size()), program.data()};
  // Without it there is more to read, that is all.
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_ATTACH_FILTER, &code, sizeof code);
}

Result<Fd> open_in_this_network() {
  Fd socket(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR));
  if (!socket) return Error::from_errno("open a connector socket");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = CN_IDX_PROC;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return Error::from_errno("bind to process events");
  return socket;
}

Status order(const Fd& socket) {
  constexpr std::uint32_t operation = PROC_CN_MCAST_LISTEN;
  std::array<char, event_at + sizeof operation> message{};
  nlmsghdr netlink{};
  netlink.nlmsg_len = message.size();
  netlink.nlmsg_type = NLMSG_DONE;
  cn_msg connector{};
  connector.id = {CN_IDX_PROC, CN_VAL_PROC};
  connector.len = sizeof operation;
  std::memcpy(message.data(), &netlink, sizeof netlink);
  std::memcpy(message.data() + NLMSG_HDRLEN, &connector, sizeof connector);
  std::memcpy(message.data() + event_at, &operation, sizeof operation);
  if (::send(socket.get(), message.data(), message.size(), 0) < 0) return Error::from_errno("ask for process events");
  // The kernel says yes, or nothing at all.
  pollfd wait{socket.get(), POLLIN, 0};
  if (::poll(&wait, 1, answer_limit_ms) == 1) return {};
  return Error{"the kernel does not answer for process events"};
}

// On a thread of its own: a thread that has entered another network namespace does not come back.
Result<Fd> open_in_first_network() {
  Result<Fd> out = Error{"not tried"};
  std::thread([&out] {
    const Fd network(::open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC));
    if (!network || ::setns(network.get(), CLONE_NEWNET) != 0) {
      out = Error::from_errno("enter the network namespace of process 1");
    } else {
      out = open_in_this_network();
    }
  }).join();
  return out;
}

Result<Fd> open_events() {
  struct stat space {};
  if (::stat("/proc/self/ns/pid", &space) == 0 && space.st_ino != first_pid_namespace)
    return Error{"this is not the first pid namespace, whose process numbers events have"};
  auto socket = open_in_this_network();
  if (!socket || !order(*socket)) {
    socket = open_in_first_network();
    if (!socket) return socket;
    if (auto ordered = order(*socket); !ordered) return std::move(ordered).error();
  }
  filter(*socket);
  ::setsockopt(socket->get(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof receive_buffer);
  return socket;
}

std::string content(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string out;
  std::array<char, 4096> piece;
  for (ssize_t n; file && (n = ::read(file.get(), piece.data(), piece.size())) > 0;) out.append(piece.data(), static_cast<std::size_t>(n));
  return out;
}

// Nothing: it is gone, or a zombie.
std::optional<SeenProcess> process_of(pid_t pid, bool words) {
  const std::string folder = "/proc/" + std::to_string(pid);
  // "7 (name) S ...": the name may hold anything, a parenthesis too.
  const std::string stat = content(folder + "/stat");
  const auto open = stat.find('('), close = stat.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close + 2 >= stat.size()) return std::nullopt;
  if (stat[close + 2] == 'Z' || stat[close + 2] == 'X') return std::nullopt;
  SeenProcess out{stat.substr(open + 1, close - open - 1), {}};
  if (!words) return out;
  const std::string line = content(folder + "/cmdline");
  for (std::size_t at = 0; at < line.size();) {
    const auto end = std::min(line.find('\0', at), line.size());
    out.words.push_back(line.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

}  // namespace

std::map<pid_t, SeenProcess> running_processes(bool words) {
  std::map<pid_t, SeenProcess> out;
  std::error_code ignored;  // of one that ends while we look
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ptr != name.data() + name.size()) continue;
    if (auto process = process_of(pid, words)) out.emplace(pid, std::move(*process));
  }
  return out;
}

ProcessTracker::ProcessTracker(Loop& loop, Changed changed)
    : loop_(loop), changed_(std::move(changed)), delays_(loop, [this] { tell(); }), look_(loop, [this] {
        count_all();
        look_.arm_in(look_again);
      }) {}

std::vector<std::string> ProcessTracker::define(std::vector<conf::TrackProcess> rules, const conf::SocketBuffer& queue) {
  std::vector<std::string> remarks;
  counts_.define(std::move(rules));
  look_.disarm();
  delays_.disarm();
  if (counts_.empty()) {
    events_.reset();
    socket_.reset();
    return remarks;
  }
  if (!socket_) {
    auto socket = open_events();
    if (socket) {
      socket_ = std::move(*socket);
      events_ = loop_.io(socket_.get(), EPOLLIN, [this](std::uint32_t) { on_events(); });
    } else {
      remarks.push_back("track_process: " + socket.error().message + "; /proc is looked at every second instead");
    }
  }
  if (!socket_) {
    look_.arm_in(look_again);
  } else if (auto set = set_receive_queue(socket_.get(), queue.bytes, queue.force, "process events"); !set) {
    remarks.push_back(set.error().message);
  }
  counts_.see_all(running_processes(counts_.needs_words()), Clock::now());
  return remarks;
}

void ProcessTracker::on_events() {
  alignas(nlmsghdr) std::array<char, 8192> buffer;
  bool lost = false;
  for (;;) {
    const ssize_t length = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (length < 0 && errno == ENOBUFS) {
      lost = true;
      continue;
    }
    if (length <= 0) break;
    if (static_cast<std::size_t>(length) >= event_at + sizeof(proc_event)) on_event(buffer.data() + event_at);
  }
  if (lost) {
    log::info("track_process: process events were lost, counting anew");
    counts_.see_all(running_processes(counts_.needs_words()), Clock::now());
  }
  tell();
}

void ProcessTracker::on_event(const void* at) {
  proc_event event;
  std::memcpy(&event, at, sizeof event);
  const auto& data = event.event_data;
  switch (std::uint32_t{event.what}) {
    case Happened::forked:
      if (data.fork.child_pid == data.fork.child_tgid) look_at(data.fork.child_pid);
      break;
    case Happened::executed: look_at(data.exec.process_tgid); break;
    case Happened::renamed:
      if (data.comm.process_pid == data.comm.process_tgid) look_at(data.comm.process_pid);
      break;
    case Happened::ended:
      if (data.exit.process_pid == data.exit.process_tgid) counts_.gone(data.exit.process_pid, Clock::now());
      break;
    default: break;
  }
}

void ProcessTracker::look_at(pid_t pid) {
  if (const auto process = process_of(pid, counts_.needs_words())) counts_.see(pid, *process, Clock::now());
}

void ProcessTracker::count_all() {
  counts_.see_all(running_processes(counts_.needs_words()), Clock::now());
  tell();
}

void ProcessTracker::tell() {
  for (const std::string& name : counts_.take_changes(Clock::now())) {
    const bool up = counts_.up().at(name);
    log::info("Process {} {}", name, up ? "has quorum" : "has lost quorum");
    changed_(name, up);
  }
  if (const auto next = counts_.next()) {
    delays_.arm_at(*next);
  } else {
    delays_.disarm();
  }
}

}  // namespace xd::vrrp
