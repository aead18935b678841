// One RFC, two readers: vrrp/advert.cpp for the raw socket, bpf/advert.bpf.h for the kernel. Of any bytes they must think the same,
// and what the codec reads it must be able to write.
//
// Input: which instance listens and how the checksum is mended; who sends, and to whom; the TTL; the VRRP message.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "advert_kernel.h"
#include "vrrp/advert.h"
#include "vrrp/election.h"
#include "vrrp/watch.h"

extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() { return "quarantine_size_mb=16:malloc_context_size=8"; }

namespace xd::vrrp {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint8_t vrid = 51;
constexpr std::size_t message_at = 20;

IpAddress ip(const char* text) { return *IpAddress::parse(text); }

const IpAddress we = ip("192.0.2.20");
const IpAddress group = ip("224.0.0.18");
const std::array senders{ip("192.0.2.1"), ip("192.0.2.100"), ip("192.0.2.77"), we};

conf::VrrpInstance instance(int version) {
  conf::VrrpInstance out;
  out.version = version;
  out.vrid = vrid;
  for (const char* vip : {"192.0.2.10", "192.0.2.11"}) out.addresses.emplace_back().prefix = {ip(vip), 32};
  return out;
}

struct Listener {
  Expected expected;
  xd_watch_config config;
};

Listener listener(const conf::VrrpInstance& instance, bool check_source = false) {
  Listener out;
  out.expected = expected_of(instance);
  out.expected.check_unicast_source |= check_source;
  InstanceConfig config{};
  config.source = we;
  out.config = watch_config(out.expected, config, State{});
  return out;
}

const std::vector<Listener>& listeners() {
  static const std::vector<Listener> all = [] {
    auto password = instance(2);
    password.authentication.type = conf::AuthType::pass;
    password.authentication.data = {'s', 'e', 'c', 'r', 'e', 't', 0, 0};
    auto careless = instance(2);
    careless.skip_check_adv_addr = true;
    auto as_v2 = instance(3);
    as_v2.checksum_as_v2 = true;
    auto unicast = instance(3);
    unicast.unicast_peers = {senders[0], senders[1]};
    auto unicast_v2 = instance(2);
    unicast_v2.unicast_peers = {senders[0]};
    return std::vector<Listener>{listener(instance(2)), listener(password), listener(careless),      listener(instance(3)),
                                 listener(as_v2),       listener(unicast),  listener(unicast, true), listener(unicast_v2, true)};
  }();
  return all;
}

// Random bytes have a right checksum once in 65,536 times.
void mend(Bytes& packet, ChecksumForm form) {
  std::uint32_t sum = 0;
  const auto add = [&](std::span<const std::uint8_t> bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) sum += i % 2 == 0 ? static_cast<unsigned>(bytes[i]) << 8u : bytes[i];
  };
  const auto message = std::span{packet}.subspan(message_at);
  if (message.size() < 8) return;
  message[6] = message[7] = 0;
  add(message);
  if (form != ChecksumForm::message_only) {
    add({&packet[12], 4});
    if (form == ChecksumForm::pseudo_header) {
      add({&packet[16], 4});
    } else {
      add({group.data(), 4});
    }
    sum += ip_protocol + static_cast<std::uint32_t>(message.size());
  }
  while (sum >> 16u != 0) sum = (sum & 0xffffu) + (sum >> 16u);
  message[6] = static_cast<std::uint8_t>(~sum >> 8u);
  message[7] = static_cast<std::uint8_t>(~sum);
}

[[noreturn]] void disagree(const char* what, const std::string& codec, const std::string& kernel) {
  std::fprintf(stderr, "%s: the codec says %s, the kernel half %s\n", what, codec.c_str(), kernel.c_str());
  std::abort();
}

std::string named(int reject) { return reject == XD_REJECT_COUNT ? "believed" : std::string(name(static_cast<Reject>(reject))); }

void run(std::span<const std::uint8_t> input) {
  if (input.size() < 3) return;
  const Listener& who = listeners()[input[0] % 8u];
  const unsigned mending = input[0] >> 3u & 3u;
  const IpAddress& source = senders[input[1] & 3u];
  const IpAddress destination = input[1] & 4u ? we : input[1] & 8u ? ip("224.0.0.19") : group;
  const std::uint8_t ttl = input[1] & 16u ? input[2] : 255;
  const auto message = input.subspan(3);

  Bytes packet(message_at + message.size());
  packet[0] = 0x45;
  packet[2] = static_cast<std::uint8_t>(packet.size() >> 8u);
  packet[3] = static_cast<std::uint8_t>(packet.size());
  packet[8] = ttl;
  packet[9] = ip_protocol;
  std::copy_n(source.data(), 4, &packet[12]);
  std::copy_n(destination.data(), 4, &packet[16]);
  std::copy(message.begin(), message.end(), packet.begin() + message_at);
  // The watch is looked up by VRID, so the kernel half only judges adverts that have the right one.
  if (message.size() > 1) packet[message_at + 1] = vrid;
  if (mending > 0) mend(packet, static_cast<ChecksumForm>(mending - 1));

  unsigned kernel_remarks = 0;
  const int kernel = xd_judge_advert(packet.data(), packet.size(), &who.config, &kernel_remarks);

  const auto parsed = parse_ipv4_packet(packet);
  if (const auto* rejection = std::get_if<Rejection>(&parsed)) {
    if (static_cast<int>(rejection->reason) != kernel) disagree("malformed", std::string(name(rejection->reason)), named(kernel));
    return;
  }
  const Received& received = std::get<Received>(parsed);
  Bytes written(encoded_size(received.advert));
  if (encode(received.advert, received.carrier, written) != written.size()) disagree("encode", "no size", "-");
  const auto again = parse(written, received.carrier);
  if (!std::holds_alternative<Advert>(again) || std::get<Advert>(again) != received.advert)
    disagree("written and read again", "another advert", "-");

  const auto judged = acceptable(received.advert, received.carrier, who.expected, we);
  if (const auto* rejection = std::get_if<Rejection>(&judged)) {
    if (static_cast<int>(rejection->reason) != kernel) disagree("not acceptable", std::string(name(rejection->reason)), named(kernel));
    return;
  }
  if (kernel != XD_REJECT_COUNT) disagree("acceptable", "believed", named(kernel));
  const Remarks remarks = std::get<Remarks>(judged);
  const unsigned ours = (remarks.addresses_differ ? unsigned{XD_REMARK_ADDRESSES} : 0) |
                        (remarks.interval_differs ? unsigned{XD_REMARK_INTERVAL} : 0) |
                        (remarks.checksum_differs ? unsigned{XD_REMARK_CHECKSUM} : 0);
  if (ours != (kernel_remarks & ((1u << XD_REMARK_COUNT) - 1))) disagree("remarks", std::to_string(ours), std::to_string(kernel_remarks));
}

}  // namespace
}  // namespace xd::vrrp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  xd::vrrp::run({data, size});
  return 0;
}
