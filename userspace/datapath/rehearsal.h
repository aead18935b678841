// What the packet path would do with a packet, without doing it: a second copy of the program runs on copies of everything that it
// writes (rings, destinations, flows, counters) and on the very tables that it only reads. Nothing is sent and nothing remembered. Of the flows
// it gets the buckets that the packet's flow and its client's persistence may stand in.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "datapath/datapath.h"
#include "datapath/flows.h"
#include "datapath/program.h"

namespace xd::datapath {

struct Rehearsed {
  int action = 0;                         // XDP_PASS...
  std::string reason, verdict, sentence;  // of the one that was counted
  std::optional<Connection> before;       // the flow that the packet belongs to
  std::optional<Connection> after;        // and as it would be then
  std::vector<std::uint8_t> frame;        // as it would leave
};

class Rehearsal {
 public:
  static Result<Rehearsal> prepare(const Datapath& path);

  // `key` is the frame's. `ifindex`: the interface it comes in by.
  Result<Rehearsed> run(std::span<const std::uint8_t> frame, const xd_flow_key& key, int ifindex);
  // Whether the program that runs in the packet path is this one; nothing when none runs.
  std::optional<bool> is_what_runs() const;

 private:
  Rehearsal(const Datapath& path, Object object) : path_(path), object_(std::move(object)) {}
  int fd_of(std::string_view name) const;
  void bring_bucket(std::uint32_t index);
  void bring_flow(const xd_flow_key& key);
  void bring_template(const xd_flow_key& key);

  const Datapath& path_;
  Object object_;
  xd_info real_info_{};
  std::uint32_t own_mask_ = 0;
};

}  // namespace xd::datapath
