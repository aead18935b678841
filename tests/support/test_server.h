// A TCP server on loopback whose behaviour is a function of the test: called in the server's own thread for each
// connection, one after another. Blocking reads and writes there end when the test ends.
#pragma once

#include <openssl/ssl.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "base/ip.h"

namespace xd::test {

class Connection {
 public:
  Connection(int fd, SSL* tls) : fd_(fd), tls_(tls) {}
  // Up to the empty line that ends an HTTP request; shorter when the peer went away.
  std::string read_request();
  // With its newline.
  std::string read_line();
  // False when the peer went away.
  bool write(std::string_view text);
  // Until the peer closes, or the test ends.
  void wait_for_close();
  // Closes with a reset instead of a FIN.
  void reset();
  Endpoint peer() const;
  std::string server_name() const;  // that TLS was asked for (SNI)
  // TLS: reads until the peer goes; whether it said goodbye (close_notify).
  bool ends_with_goodbye();

 private:
  int fd_;
  SSL* tls_;
};

class TestServer {
 public:
  using Behaviour = std::function<void(Connection&)>;
  enum class Kind { plain, tls, tls_without_close_notify };

  explicit TestServer(Behaviour behaviour, Kind kind = Kind::plain, const char* address = "127.0.0.1");
  ~TestServer();
  Endpoint endpoint() const { return endpoint_; }

  // Answers every request with `answer`; keeps the requests.
  static Behaviour answering(std::string answer, std::vector<std::string>* requests = nullptr);

 private:
  void serve();

  Behaviour behaviour_;
  Kind kind_;
  Endpoint endpoint_;
  Fd listener_;
  std::mutex mutex_;
  bool stopping_ = false;
  int current_ = -1;  // the connection that is served
  std::thread thread_;
};

// A port where nothing answers, not even with a reset: a listener whose queue is full.
class SilentPort {
 public:
  SilentPort();
  Endpoint endpoint() const { return endpoint_; }

 private:
  Endpoint endpoint_;
  Fd listener_;
  std::vector<Fd> waiting_;
};

}  // namespace xd::test
