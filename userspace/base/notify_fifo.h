// A named pipe that state changes are written to, one line each, and the program that reads it.
//
// Writing never waits: a line that does not fit into a full pipe is lost, and the loss is reported. The pipe is opened for reading
// as well, so lines written before a reader comes are kept for it, as far as a pipe holds them.
//
// Two processes may write to one pipe (notify_fifo hears VRRP and LVS events): one of them makes it anew at a reload, and the
// other notices before its next line that the path leads elsewhere.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/loop.h"
#include "base/process.h"
#include "base/result.h"
#include "base/time.h"

namespace xd {

class NotifyFifo {
 public:
  struct Definition {
    std::string path;
    std::optional<uid_t> uid;  // owner; unset: ours
    std::optional<gid_t> gid;
    Command reader;  // the path is appended; no words: none is started
  };

  // Opens nothing and starts nothing.
  NotifyFifo(Loop& loop, Definition definition) : loop_(loop), definition_(std::move(definition)) {}
  ~NotifyFifo();  // closes the pipe: a reader sees the end of file, and where it goes on all the same, SIGTERM
  NotifyFifo(const NotifyFifo&) = delete;
  NotifyFifo& operator=(const NotifyFifo&) = delete;

  // Makes the pipe (mode 0644 less the umask, keepalived's 0600), or takes the one that is there: its reader may have made it and
  // wait at it. Then starts the reader. `inherited`: a pipe that is there is ours, a process before us made it. What is at the
  // path and is no FIFO stays, and is an error.
  Status open(bool inherited);
  // `line` ends with a newline.
  Status write(std::string_view line);
  // The pipe is closed, and taken off the disk if we made it; one that has it open reads what is left.
  void close();
  // The pipe, if we did not make it; we write to it no more. Who holds it keeps its readers from the end of the file.
  Fd take_pipe_of_others();

  // The reader, while it lives.
  std::optional<pid_t> reader() const { return reader_; }
  const std::string& path() const { return definition_.path; }

 private:
  Status make();
  Status start_reader();

  Loop& loop_;
  Definition definition_;
  Fd pipe_;
  bool is_ours_ = false;
  std::optional<pid_t> reader_;
  Loop::Source reader_ends_;
};

// The FIFOs of one process over its configurations. What goes wrong is given to `report` in a sentence, the same trouble once.
class NotifyFifos {
 public:
  NotifyFifos(Loop& loop, std::function<void(const std::string&)> report);
  ~NotifyFifos();

  // These and no others from now on. The old ones leave: their readers get the end of file, and SIGTERM where that does not end
  // them.
  void become(std::vector<NotifyFifo::Definition> definitions, bool inherited);
  bool empty() const { return fifos_.empty(); }
  void write(const std::string& line);
  // No more lines: the FIFOs go, their readers read what is left. `done` is called once, later, when they have ended, after half
  // a second at the latest.
  void finish(std::function<void()> done);

 private:
  void leave();
  void look_after();

  Loop& loop_;
  std::function<void(const std::string&)> report_;
  std::vector<std::unique_ptr<NotifyFifo>> fifos_;
  std::vector<std::unique_ptr<NotifyFifo>> leaving_;  // closed; waiting for their readers
  TimePoint leave_by_{};
  std::string last_problem_;
  std::function<void()> done_;
  Timer timer_;
};

// "root", "root" → owner of a pipe; empty words: unset.
Result<std::pair<std::optional<uid_t>, std::optional<gid_t>>> fifo_owner(const std::string& user, const std::string& group);

}  // namespace xd
