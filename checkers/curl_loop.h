// libcurl's multi interface driven by the Loop: curl says which descriptors and which time it waits for, the Loop calls
// it when they are due. Transfers run side by side without threads.
#pragma once

#include <curl/curl.h>

#include <functional>
#include <map>

#include "base/loop.h"

namespace xd::checkers {

class CurlLoop {
 public:
  explicit CurlLoop(Loop& loop);  // throws std::runtime_error when libcurl does not start
  ~CurlLoop();                    // all transfers must be gone
  CurlLoop(const CurlLoop&) = delete;
  CurlLoop& operator=(const CurlLoop&) = delete;

  // Called once from the loop, never from within add(), when the transfer ended by itself. The handle is then already
  // removed and may be cleaned up inside.
  using Done = std::function<void(CURLcode)>;
  void add(CURL* easy, Done done);
  // Stops a transfer; its Done is not called. Not from inside a callback of curl.
  void remove(CURL* easy);

  Loop& loop() { return loop_; }

 private:
  static int on_socket(CURL* easy, curl_socket_t fd, int what, void* self, void* socket);
  static int on_timer(CURLM* multi, long timeout_ms, void* self);
  void act(curl_socket_t fd, int what);
  void collect();

  Loop& loop_;
  CURLM* multi_;
  Timer timer_;
  std::map<curl_socket_t, Loop::Source> sockets_;
  std::map<CURL*, Done> transfers_;
};

}  // namespace xd::checkers
