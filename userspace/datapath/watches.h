// The kernel's watch over VRRP adverts (bpf/advert.bpf.h) as the vrrp process holds it: one watch per instance on an
// interface that carries the XDP program. A watch hears adverts and notices a silent master also while no process
// looks; what the election must know comes as an event.
//
// Watches live in a pinned map and outlive this object and its process: whoever opens them next finds who was heard
// last, and takes away with keys() and remove() what is no longer configured. One process writes. Nothing here logs.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"
#include "bpf/xdirector.h"

namespace xd::datapath {

class Watches {
 public:
  // What Datapath::create() pinned there.
  static Result<Watches> open(const std::string& pin_dir);
  // The maps xd_watches and xd_events and the program xd_watch.
  static Result<Watches> adopt(Fd watches, Fd events, Fd program);

  Watches(Watches&&) noexcept;
  Watches& operator=(Watches&&) noexcept;
  ~Watches();

  // Creates the watch or changes it in place: what it has heard stays. With `lost_at` the timer is armed as well.
  Status put(const xd_watch_key& key, const xd_watch_config& config, std::optional<TimePoint> lost_at = std::nullopt);
  // From now on the master counts as lost at `lost_at`, or later by what is heard (after master_down_interval() of
  // silence). That is told by XD_EVENT_MASTER_DOWN, again after each further interval. Only while the watch's role is
  // backup.
  Status arm(const xd_watch_key& key, TimePoint lost_at);
  Status remove(const xd_watch_key& key);  // none there: not an error

  // Whom it heard, and its counters. Empty: no such watch.
  std::optional<xd_watch> look(const xd_watch_key& key) const;
  std::vector<xd_watch_key> keys() const;

  // Readable while events wait.
  int event_fd() const;
  // Hands out what waits, oldest first; the handler may call any method but drain(). Returns how many there were.
  // Events of removed watches may still come; events of another layout are skipped.
  std::size_t drain(const std::function<void(const xd_event&)>& handler);

 private:
  struct Impl;
  explicit Watches(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace xd::datapath
