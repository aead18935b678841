// Packets that the running program tells of, while somebody traces: what each was and why it met its verdict.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "datapath/datapath.h"
#include "datapath/flows.h"

namespace xd::datapath {

// What a frame's first bytes say.
struct SeenPacket {
  std::uint8_t protocol = 0;
  std::uint8_t tcp_flags = 0;
  Endpoint from, to;  // ports are 0 for what is neither TCP, UDP nor SCTP, and for later fragments
};
// Nothing when it is not IP, or too little of it is there. Pure.
std::optional<SeenPacket> read_head(std::span<const std::uint8_t> frame);

struct Sample {
  std::int64_t at = 0;  // ns since 1970
  int ifindex = 0;
  std::uint32_t length = 0;  // of the frame
  std::string_view reason, verdict;
  std::optional<SeenPacket> packet;
  std::optional<Connection> connection;  // of the packet's flow, if it has one now
};

// The reading end of xd_samples. There is one reader at a time: the daemon sees to that.
class Samples {
 public:
  using Each = std::function<void(const Sample&)>;
  static Result<std::unique_ptr<Samples>> open(const Datapath& path, Each each);  // `path` must outlive it
  int fd() const { return ring_buffer__epoll_fd(ring_.get()); }                   // readable when there are some
  void read() { ring_buffer__consume(ring_.get()); }
  std::uint32_t lost() const;  // since the trace began

 private:
  struct Free {
    void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
  };
  Samples(const Datapath& path, Each each);
  void take(const xd_sample& sample);

  const Datapath& path_;
  Each each_;
  std::vector<ReasonCount> reasons_;
  std::int64_t clock_offset_ = 0;  // from the kernel's time to that of the day
  std::unique_ptr<ring_buffer, Free> ring_;
};

}  // namespace xd::datapath
