// One end of a local connection that carries whole messages, and with a message at most one file descriptor.
//
// On the wire each message is a frame: 8 bytes (length of the text, flags; host byte order, both ends are on one machine)
// and the text. A descriptor travels as SCM_RIGHTS with the first byte of its frame. Nothing here blocks: what the socket does
// not take at once is queued and sent from the loop, in order. The text is JSON everywhere in this project, but a Channel
// does not look into it.
//
// A Channel may be destroyed from inside its own handlers. It must not outlive the Loop.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/loop.h"
#include "base/result.h"

namespace xd::ipc {

struct Message {
  std::string text;
  Fd fd;  // empty: none
};

// Bytes. A peer that sends a longer message, or lets more than `queued` wait unread, is cut off.
struct Limits {
  std::size_t message = 64u << 20;
  std::size_t queued = 128u << 20;
};

class Channel {
 public:
  using MessageHandler = std::function<void(Message)>;
  // Called once, when the peer has gone or broke the rules; `reason` is a sentence fragment. Nothing is received after it.
  using ClosedHandler = std::function<void(const std::string& reason)>;

  // `socket` is a connected AF_UNIX stream socket; it is made non-blocking and close-on-exec.
  Channel(Loop& loop, Fd socket, MessageHandler on_message, ClosedHandler on_closed, Limits limits = {});
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // Queues the message; what the socket takes goes at once. After the end of the connection this does nothing. A failure to
  // send is told by on_closed, from the loop and never from inside send().
  void send(std::string text, Fd fd = {});
  // Waits until all is sent, at most `limit`. For the last words before exit.
  Status flush(Duration limit);
  bool open() const { return socket_.valid(); }
  bool idle() const { return outbox_.empty(); }  // nothing waits to be sent

 private:
  struct Outgoing {
    std::string bytes;  // header and text
    std::size_t sent = 0;
    Fd fd;
  };

  void ready(std::uint32_t events);
  bool receive();     // false: this object may be gone
  bool deliver();     // false: this object may be gone
  Status transmit();  // until the socket is full or nothing is left
  void watch_writable(bool on);
  void close(const std::string& reason);

  Loop& loop_;
  Fd socket_;
  MessageHandler on_message_;
  ClosedHandler on_closed_;
  Limits limits_;
  Loop::Source io_;
  Loop::Source failed_;  // reports a failed send from the loop
  bool writable_watched_ = false;
  std::deque<Outgoing> outbox_;
  std::size_t queued_ = 0;
  std::string inbox_;
  std::deque<Fd> received_fds_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // false once destroyed: handlers may do that
};

// A connected pair of stream sockets, close-on-exec.
Result<std::pair<Fd, Fd>> socket_pair();

}  // namespace xd::ipc
