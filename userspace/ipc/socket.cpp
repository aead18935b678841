#include "ipc/socket.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "ipc/channel.h"

namespace xd::ipc {

namespace {

constexpr const char* run_directory = "/run/xdirector";
constexpr const char* control_socket_name = "/control.sock";

std::optional<ino_t> inode_of(const char* path) {
  struct stat st {};
  if (::stat(path, &st) != 0) return std::nullopt;
  return st.st_ino;
}

std::string namespace_directory() {
  return std::string(run_directory) + "/netns-" + std::to_string(inode_of("/proc/self/ns/net").value_or(0));
}

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Error{"socket path " + path + " is longer than " + std::to_string(sizeof address.sun_path - 1) + " characters"};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Result<Fd> stream_socket() {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return Error::from_errno("make a local socket");
  return fd;
}

}  // namespace

std::string runtime_directory() {
  const auto own = inode_of("/proc/self/ns/net");
  const auto first = inode_of("/proc/1/ns/net");
  return own == first ? run_directory : namespace_directory();
}

std::string default_control_socket() { return runtime_directory() + control_socket_name; }

std::vector<std::string> possible_control_sockets() {
  std::vector<std::string> paths{default_control_socket()};
  if (const std::string other = namespace_directory() + control_socket_name; other != paths.front()) paths.push_back(other);
  return paths;
}

Status make_runtime_directory(const std::string& path) {
  const std::filesystem::path directory(path);
  std::error_code failed;
  if (directory.has_parent_path()) {
    const mode_t mask = ::umask(022);
    std::filesystem::create_directories(directory.parent_path(), failed);
    ::umask(mask);
    if (failed) return Error{"create " + directory.parent_path().string() + ": " + failed.message(), failed.value()};
  }
  // The daemon's own umask (0177 by default) would take the right to enter it.
  const mode_t mask = ::umask(077);
  const int made = ::mkdir(path.c_str(), 0700);
  ::umask(mask);
  if (made != 0 && errno != EEXIST) return Error::from_errno("create " + path);
  return {};
}

Result<Listener> Listener::open(Loop& loop, const std::string& path, Handler on_connection) {
  auto address = address_of(path);
  if (!address) return std::move(address).error();
  auto fd = stream_socket();
  if (!fd) return std::move(fd).error();
  ::unlink(path.c_str());
  const mode_t mask = ::umask(0177);
  const int bound = ::bind(fd->get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address);
  ::umask(mask);
  if (bound != 0) return Error::from_errno("bind " + path);
  if (::listen(fd->get(), 16) != 0) return Error::from_errno("listen on " + path);
  ::fcntl(fd->get(), F_SETFL, O_NONBLOCK);

  Listener listener;
  listener.path_ = path;
  listener.inode_ = inode_of(path.c_str()).value_or(0);
  listener.fd_ = std::move(*fd);
  listener.io_ = loop.io(listener.fd_.get(), EPOLLIN, [fd = listener.fd_.get(), handler = std::move(on_connection)](std::uint32_t) {
    Fd connection(::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection) return;
    const auto peer = peer_credentials(connection.get());
    if (!peer || (peer->uid != 0 && peer->uid != ::geteuid())) return;
    handler(std::move(connection));
  });
  return listener;
}

Listener::~Listener() {
  if (fd_ && inode_of(path_.c_str()) == inode_) ::unlink(path_.c_str());
}

Result<Fd> connect_to(const std::string& path) {
  auto address = address_of(path);
  if (!address) return std::move(address).error();
  auto fd = stream_socket();
  if (!fd) return std::move(fd).error();
  if (::connect(fd->get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    return Error::from_errno("connect to " + path);
  }
  return fd;
}

Result<ucred> peer_credentials(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return Error::from_errno("read the peer's credentials");
  return peer;
}

Result<std::string> ask(const std::string& path, const std::string& question, Duration limit) {
  auto socket = connect_to(path);
  if (!socket) return std::move(socket).error();
  Loop loop;
  std::optional<Result<std::string>> answer;
  Channel channel(
      loop, std::move(*socket), [&](Message message) { answer = std::move(message.text); },
      [&](const std::string& reason) {
        if (!answer) answer = Error{reason};
      });
  channel.send(question);
  Timer timer(loop, [&] { answer = Error{"no answer within " + std::to_string(static_cast<int>(to_seconds(limit))) + " s", ETIMEDOUT}; });
  timer.arm_in(limit);
  while (!answer && loop.run_once(limit)) {
  }
  return *std::move(answer);
}

}  // namespace xd::ipc
