// The operator's socket: one JSON object as question, one as answer.
//
//   {"question": "status"}   → {"ok": true, "daemon": {...}, "processes": [...], "instances": [...], "services": [...], ...}
//   {"question": "reasons"}  → {"ok": true, "reasons": [{"name": "...", "packets": N}, ...]}
//   {"question": "configuration"} → {"ok": true, "files": [{"name", "text"}], "patterns": [{"pattern", "names"}], "config_id",
//                                   "xdirector_file"}: all that was read for what runs now
//   {"question": "trace", "one_in": N} → {"ok": true}: one packet in N is told in xd_samples as long as the connection lasts
//   anything else            → {"ok": false, "error": "..."}
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "base/loop.h"
#include "base/result.h"
#include "ipc/channel.h"
#include "ipc/socket.h"

namespace xd::daemon {

class Control {
 public:
  using Reply = std::function<void(std::string answer)>;
  using Asker = std::uint64_t;  // a connection; numbers are not used again
  using Handler = std::function<void(const std::string& question, Asker asker, Reply reply)>;
  using Gone = std::function<void(Asker asker)>;

  // A Reply may be called later, once; when the asker has gone by then nothing happens. `gone` is called when an asker's connection ends
  // before this object does.
  static Result<std::unique_ptr<Control>> open(Loop& loop, const std::string& path, Handler handler, Gone gone);
  const std::string& path() const { return path_; }

 private:
  Control(std::string path, Handler handler, Gone gone) : path_(std::move(path)), handler_(std::move(handler)), gone_(std::move(gone)) {}
  void welcome(Loop& loop, Fd connection);

  std::string path_;
  Handler handler_;
  Gone gone_;
  Asker last_asker_ = 0;
  std::list<std::shared_ptr<ipc::Channel>> askers_;
  std::optional<ipc::Listener> listener_;
};

}  // namespace xd::daemon
