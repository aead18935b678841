#include "checkers/curl_loop.h"

#include <sys/epoll.h>

#include <stdexcept>
#include <utility>

namespace xd::checkers {

namespace {

CURLM* start_curl() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  CURLM* multi = started == CURLE_OK ? curl_multi_init() : nullptr;
  if (multi == nullptr) throw std::runtime_error("libcurl does not start");
  return multi;
}

std::uint32_t epoll_events(int what) {
  switch (what) {
    case CURL_POLL_IN: return EPOLLIN;
    case CURL_POLL_OUT: return EPOLLOUT;
    case CURL_POLL_INOUT: return EPOLLIN | EPOLLOUT;
    default: return 0;
  }
}

}  // namespace

CurlLoop::CurlLoop(Loop& loop) : loop_(loop), multi_(start_curl()), timer_(loop, [this] { act(CURL_SOCKET_TIMEOUT, 0); }) {
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &CurlLoop::on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &CurlLoop::on_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
}

CurlLoop::~CurlLoop() { curl_multi_cleanup(multi_); }

void CurlLoop::add(CURL* easy, Done done) {
  transfers_.emplace(easy, std::move(done));
  curl_multi_add_handle(multi_, easy);  // asks for a timeout of 0: the transfer begins at the next turn
}

void CurlLoop::remove(CURL* easy) {
  if (transfers_.erase(easy) != 0) curl_multi_remove_handle(multi_, easy);
}

int CurlLoop::on_socket(CURL*, curl_socket_t fd, int what, void* self, void*) {
  auto& that = *static_cast<CurlLoop*>(self);
  if (what == CURL_POLL_REMOVE) {
    that.sockets_.erase(fd);
    return 0;
  }
  const auto known = that.sockets_.find(fd);
  if (known != that.sockets_.end()) {
    that.loop_.set_io_events(known->second, epoll_events(what));
    return 0;
  }
  that.sockets_.emplace(fd, that.loop_.io(fd, epoll_events(what), [&that, fd](std::uint32_t ready) {
    // Errors and hang-ups show as readiness: curl finds out by reading and writing.
    const bool broken = (ready & (EPOLLERR | EPOLLHUP)) != 0;
    const bool in = broken || (ready & EPOLLIN) != 0;
    const bool out = broken || (ready & EPOLLOUT) != 0;
    that.act(fd, (in ? CURL_CSELECT_IN : 0) | (out ? CURL_CSELECT_OUT : 0));
  }));
  return 0;
}

int CurlLoop::on_timer(CURLM*, long timeout_ms, void* self) {
  auto& timer = static_cast<CurlLoop*>(self)->timer_;
  if (timeout_ms < 0) {
    timer.disarm();
  } else {
    timer.arm_in(std::chrono::milliseconds{timeout_ms});
  }
  return 0;
}

void CurlLoop::act(curl_socket_t fd, int what) {
  int running = 0;
  curl_multi_socket_action(multi_, fd, what, &running);
  collect();
}

void CurlLoop::collect() {
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* const easy = message->easy_handle;
    const CURLcode code = message->data.result;  // the message goes with the handle
    const auto transfer = transfers_.find(easy);
    const auto done = std::move(transfer->second);
    transfers_.erase(transfer);
    curl_multi_remove_handle(multi_, easy);
    done(code);
  }
}

}  // namespace xd::checkers
