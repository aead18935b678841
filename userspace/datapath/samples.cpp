#include "datapath/samples.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <time.h>

#include <algorithm>
#include <cstring>

#include "base/fd.h"
#include "datapath/bpf_map.h"

namespace xd::datapath {

namespace {

std::uint32_t read16(std::span<const std::uint8_t> bytes, std::size_t at) { return bytes[at] << 8u | bytes[at + 1]; }

template <typename Raw>
Raw raw_address(std::span<const std::uint8_t> bytes, std::size_t at) {
  Raw raw{};
  std::memcpy(&raw, &bytes[at], sizeof raw);
  return raw;
}

bool has_ports(std::uint8_t protocol) { return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP; }

std::int64_t nanoseconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

}  // namespace

std::optional<SeenPacket> read_head(std::span<const std::uint8_t> frame) {
  std::size_t at = 12;
  if (frame.size() < at + 2) return std::nullopt;
  while ((read16(frame, at) == 0x8100 || read16(frame, at) == 0x88a8) && frame.size() >= at + 6) at += 4;
  const std::uint32_t type = read16(frame, at);
  at += 2;
  SeenPacket packet;
  bool later_fragment = false;
  if (type == 0x0800 && frame.size() >= at + 20) {
    packet.protocol = frame[at + 9];
    packet.from.address = IpAddress::v4(raw_address<in_addr>(frame, at + 12));
    packet.to.address = IpAddress::v4(raw_address<in_addr>(frame, at + 16));
    later_fragment = (read16(frame, at + 6) & 0x1fff) != 0;
    at += std::max<std::size_t>((frame[at] & 15u) * 4, 20);
  } else if (type == 0x86dd && frame.size() >= at + 40) {
    packet.protocol = frame[at + 6];
    packet.from.address = IpAddress::v6(raw_address<in6_addr>(frame, at + 8));
    packet.to.address = IpAddress::v6(raw_address<in6_addr>(frame, at + 24));
    at += 40;
    const auto is_extension = [](std::uint8_t p) {
      return p == IPPROTO_HOPOPTS || p == IPPROTO_ROUTING || p == IPPROTO_DSTOPTS || p == IPPROTO_FRAGMENT;
    };
    while (is_extension(packet.protocol) && !later_fragment && frame.size() >= at + 8) {
      const bool fragment = packet.protocol == IPPROTO_FRAGMENT;
      if (fragment) later_fragment = (read16(frame, at + 2) & 0xfff8) != 0;
      packet.protocol = frame[at];
      at += fragment ? 8 : 8 + frame[at + 1] * std::size_t{8};
    }
  } else {
    return std::nullopt;
  }
  if (!has_ports(packet.protocol) || later_fragment || frame.size() < at + 4) return packet;
  packet.from.port = static_cast<std::uint16_t>(read16(frame, at));
  packet.to.port = static_cast<std::uint16_t>(read16(frame, at + 2));
  if (packet.protocol == IPPROTO_TCP && frame.size() > at + 13) packet.tcp_flags = frame[at + 13];
  return packet;
}

Samples::Samples(const Datapath& path, Each each)
    : path_(path),
      each_(std::move(each)),
      reasons_(path.reasons()),
      clock_offset_(nanoseconds(CLOCK_REALTIME) - nanoseconds(CLOCK_MONOTONIC)) {}

Result<std::unique_ptr<Samples>> Samples::open(const Datapath& path, Each each) {
  std::unique_ptr<Samples> samples(new Samples(path, std::move(each)));
  const auto take = [](void* context, void* data, std::size_t size) {
    if (size >= sizeof(xd_sample)) static_cast<Samples*>(context)->take(*static_cast<const xd_sample*>(data));
    return 0;
  };
  samples->ring_.reset(ring_buffer__new(path.map_fd("xd_samples"), take, samples.get(), nullptr));
  if (!samples->ring_) return Error::from_errno("read xd_samples");
  return samples;
}

void Samples::take(const xd_sample& sample) {
  Sample out;
  out.at = static_cast<std::int64_t>(sample.at) + clock_offset_;
  out.ifindex = static_cast<int>(sample.ifindex);
  out.length = sample.length;
  if (sample.reason < reasons_.size()) {
    out.reason = reasons_[sample.reason].word;
    out.verdict = reasons_[sample.reason].verdict;
  }
  out.packet = read_head({sample.head, std::min<std::size_t>(sample.captured, sizeof sample.head)});
  if (out.packet) {
    const auto key = flow_key(out.packet->protocol, out.packet->from, out.packet->to);
    out.connection = find_connection([this](std::string_view name) { return path_.map_fd(name); }, key);
  }
  each_(out);
}

std::uint32_t Samples::lost() const {
  const auto filter = SharedArray<xd_filter>::map(Fd(fcntl(path_.map_fd("xd_filter"), F_DUPFD_CLOEXEC, 0)), 1);
  return filter ? (*filter)[0].lost : 0;
}

}  // namespace xd::datapath
