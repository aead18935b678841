// The kernel's side of Sender: one raw socket a family and one packet socket for all interfaces.
#pragma once

#include <cstdint>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "vrrp/transport.h"

namespace xd::vrrp {

class PacketSender final : public Sender {
 public:
  static Result<PacketSender> open();

  void queue_packet(std::uint32_t owner, int index, const IpAddress& to, std::span<const std::uint8_t> packet) override;
  void queue_frame(std::uint32_t owner, int index, std::span<const std::uint8_t> frame) override;
  void flush(const Failure& failure) override;

 private:
  struct Item {
    std::uint32_t owner;
    int index;
    IpAddress to;        // packets only
    std::size_t offset;  // into bytes_
    std::size_t length;
  };
  PacketSender(Fd raw4, Fd raw6, Fd packet) : raw4_(std::move(raw4)), raw6_(std::move(raw6)), packet_(std::move(packet)) {}
  Item keep(std::uint32_t owner, int index, std::span<const std::uint8_t> bytes);
  void send_packets(std::span<const Item> packets, const Failure& failure);
  void send_frames(const Failure& failure);

  Fd raw4_;
  Fd raw6_;  // none on a host without IPv6
  Fd packet_;
  // Kept between flushes, so that steady adverts allocate nothing.
  std::vector<std::uint8_t> bytes_;
  std::vector<Item> packets_;
  std::vector<Item> frames_;
};

}  // namespace xd::vrrp
