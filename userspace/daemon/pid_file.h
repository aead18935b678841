// A pid file that is also the lock of its process: whoever holds the lock runs, whatever number an old file shows.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace xd::daemon {

class PidFile {
 public:
  // Writes our pid. Error::code is EEXIST when another process runs: it holds the lock (an open file description lock, gone
  // with the process), or it is a keepalived, which does not lock, whose pid is in the file.
  static Result<PidFile> claim(const std::string& path);
  PidFile() = default;
  PidFile(PidFile&&) = default;
  PidFile& operator=(PidFile&&) = delete;
  ~PidFile();  // removes the file

 private:
  std::string path_;
  Fd fd_;
};

}  // namespace xd::daemon
