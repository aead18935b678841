#include "vrrp/advert.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "vrrp/timing.h"

namespace xd::vrrp {
namespace {

constexpr std::size_t header_size = 8;
constexpr std::size_t auth_size = 8;
constexpr std::size_t checksum_at = 6;
constexpr std::uint8_t type_advertisement = 1;
constexpr std::size_t ipv4_header_size = 20;
constexpr std::size_t ipv6_header_size = 40;

std::size_t address_size(int family) { return family == AF_INET ? 4 : 16; }

// The Internet checksum's running sum (RFC 1071); every part but the last must have an even length.
class Sum {
 public:
  Sum& add(std::span<const std::uint8_t> bytes) {
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) total_ += (bytes[i] << 8u) | bytes[i + 1];
    if (bytes.size() % 2 != 0) total_ += bytes.back() << 8u;
    return *this;
  }
  Sum& add(const IpAddress& address) { return add({address.data(), address.size()}); }
  Sum& add(std::uint16_t value) {
    total_ += value;
    return *this;
  }
  std::uint16_t folded() const {
    std::uint64_t sum = total_;
    while (sum >> 16u != 0) sum = (sum & 0xffffu) + (sum >> 16u);
    return static_cast<std::uint16_t>(sum);
  }
  std::uint16_t checksum() const { return static_cast<std::uint16_t>(~folded()); }
  bool valid() const { return folded() == 0xffff; }

 private:
  std::uint64_t total_ = 0;
};

const IpAddress& old_pseudo_destination() {
  static const IpAddress group = *IpAddress::parse("224.0.0.18");
  return group;
}

Sum pseudo_header(ChecksumForm form, const Carrier& carrier, std::size_t length) {
  if (form == ChecksumForm::message_only) return {};
  const bool group = form == ChecksumForm::multicast_pseudo_header;
  return Sum{}
      .add(carrier.source)
      .add(group ? old_pseudo_destination() : carrier.destination)
      .add(static_cast<std::uint16_t>(length))
      .add(ip_protocol);
}

void put16(std::uint8_t* at, unsigned value) {
  at[0] = static_cast<std::uint8_t>(value >> 8u);
  at[1] = static_cast<std::uint8_t>(value);
}

unsigned get16(const std::uint8_t* at) { return (at[0] << 8u) | at[1]; }

IpAddress read_address(int family, const std::uint8_t* at) {
  if (family == AF_INET) {
    in_addr a{};
    std::memcpy(&a, at, sizeof a);
    return IpAddress::v4(a);
  }
  in6_addr a{};
  std::memcpy(&a, at, sizeof a);
  return IpAddress::v6(a);
}

std::optional<ChecksumForm> checksum_form(std::span<const std::uint8_t> message, std::span<const std::uint8_t> behind, int version,
                                          const Carrier& carrier) {
  constexpr std::array v2_forms{ChecksumForm::message_only};
  constexpr std::array v3_forms{ChecksumForm::pseudo_header, ChecksumForm::message_only, ChecksumForm::multicast_pseudo_header};
  constexpr std::array v6_forms{ChecksumForm::pseudo_header};
  const std::span<const ChecksumForm> forms = carrier.source.is_v6() ? std::span<const ChecksumForm>{v6_forms}
                                              : version == 2         ? std::span<const ChecksumForm>{v2_forms}
                                                                     : std::span<const ChecksumForm>{v3_forms};
  if (carrier.source.is_v4()) behind = {};
  for (const ChecksumForm form : forms)
    if (pseudo_header(form, carrier, message.size() + behind.size()).add(message).add(behind).valid()) return form;
  return std::nullopt;
}

// conf::Authentication as the header has it. v3 knows none.
std::uint8_t auth_type_of(const conf::VrrpInstance& instance) {
  if (instance.version != 2 || instance.family != AF_INET) return 0;
  switch (instance.authentication.type) {
    case conf::AuthType::none: return 0;
    case conf::AuthType::pass: return 1;
    case conf::AuthType::ah: return 2;
  }
  return 0;
}

std::array<std::uint8_t, 8> auth_data_of(const conf::VrrpInstance& instance) {
  return auth_type_of(instance) == 1 ? instance.authentication.data : std::array<std::uint8_t, 8>{};
}

ChecksumForm checksum_form_of(const conf::VrrpInstance& instance) {
  if (instance.family == AF_INET6) return ChecksumForm::pseudo_header;
  if (instance.version == 3 && !instance.unicast_peers.empty() && instance.old_unicast_checksum == conf::OldChecksum::always)
    return ChecksumForm::multicast_pseudo_header;
  return instance.version == 2 || instance.checksum_as_v2 ? ChecksumForm::message_only : ChecksumForm::pseudo_header;
}

std::vector<IpAddress> addresses_of(const conf::VrrpInstance& instance) {
  std::vector<IpAddress> addresses;
  for (const conf::VirtualAddress& vip : instance.addresses) addresses.push_back(vip.prefix.address);
  return addresses;
}

// In constant time: how much of a password was right must not show in how long we took.
bool same_secret(const std::array<std::uint8_t, 8>& a, const std::array<std::uint8_t, 8>& b) {
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned>(a[i] ^ b[i]);
  return difference == 0;
}

bool same_addresses(std::vector<IpAddress> a, std::vector<IpAddress> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

struct RejectText {
  std::string_view name;
  std::string_view sentence;
};

#define XD_REJECT_TEXT(NAME, word, sentence) {#word, sentence},
constexpr std::array<RejectText, reject_count> reject_texts{{XD_REJECTS(XD_REJECT_TEXT) XD_RAW_REJECTS(XD_REJECT_TEXT)}};
#undef XD_REJECT_TEXT

}  // namespace

// ---- Sending
// ----------------------------------------------------------------------------------------------------------

std::string_view name(ChecksumForm form) {
  switch (form) {
    case ChecksumForm::message_only: return "message_only";
    case ChecksumForm::pseudo_header: return "pseudo_header";
    case ChecksumForm::multicast_pseudo_header: break;
  }
  return "multicast_pseudo_header";
}

Advert advert_of(const conf::VrrpInstance& instance, std::uint8_t priority) {
  return Advert{.version = instance.version,
                .family = instance.family,
                .vrid = instance.vrid,
                .priority = priority,
                .interval = wire_interval(instance.version, instance.advert_interval),
                .addresses = addresses_of(instance),
                .auth_type = auth_type_of(instance),
                .auth_data = auth_data_of(instance),
                .checksum = checksum_form_of(instance)};
}

std::size_t expected_size(int version, int family, std::size_t addresses) {
  return header_size + addresses * address_size(family) + (version == 2 && family == AF_INET ? auth_size : 0);
}

std::size_t encoded_size(const Advert& advert) { return expected_size(advert.version, advert.family, advert.addresses.size()); }

std::size_t encode(const Advert& advert, const Carrier& carrier, std::span<std::uint8_t> out) {
  const std::size_t size = encoded_size(advert);
  if (out.size() < size || advert.addresses.size() > 255) return 0;
  out = out.first(size);
  std::fill(out.begin(), out.end(), std::uint8_t{0});
  out[0] = static_cast<std::uint8_t>(advert.version << 4u | type_advertisement);
  out[1] = advert.vrid;
  out[2] = advert.priority;
  out[3] = static_cast<std::uint8_t>(advert.addresses.size());
  if (advert.version == 2) {
    out[4] = advert.auth_type;
    out[5] = static_cast<std::uint8_t>(advert.interval / 1s);
    if (advert.family == AF_INET) std::copy(advert.auth_data.begin(), advert.auth_data.end(), out.end() - auth_size);
  } else {
    put16(&out[4], static_cast<unsigned>(advert.interval / 10ms) & 0x0fffu);
  }
  std::uint8_t* at = out.data() + header_size;
  for (const IpAddress& address : advert.addresses) at = std::copy_n(address.data(), address_size(advert.family), at);
  put_checksum(out, {}, advert.checksum, carrier);
  return size;
}

void put_checksum(std::span<std::uint8_t> message, std::span<const std::uint8_t> behind, ChecksumForm form, const Carrier& carrier) {
  put16(&message[checksum_at], 0);
  put16(&message[checksum_at], pseudo_header(form, carrier, message.size() + behind.size()).add(message).add(behind).checksum());
}

std::vector<std::uint8_t> build_ipv4_packet(const Advert& advert, const Carrier& carrier, std::uint16_t id) {
  std::vector<std::uint8_t> packet(ipv4_header_size + encoded_size(advert));
  packet[0] = 0x45;
  packet[1] = 0xc0;  // internetwork control
  put16(&packet[2], static_cast<unsigned>(packet.size()));
  packet[8] = carrier.ttl;
  packet[9] = ip_protocol;
  std::copy_n(carrier.source.data(), 4, &packet[12]);
  std::copy_n(carrier.destination.data(), 4, &packet[16]);
  encode(advert, carrier, std::span{packet}.subspan(ipv4_header_size));
  set_ipv4_id(packet, id);
  return packet;
}

std::vector<std::uint8_t> build_ipv6_packet(const Advert& advert, const Carrier& carrier) {
  std::vector<std::uint8_t> packet(ipv6_header_size + encoded_size(advert));
  put16(&packet[0], 0x6c00);  // version 6, traffic class 0xc0
  put16(&packet[4], static_cast<unsigned>(packet.size() - ipv6_header_size));
  packet[6] = ip_protocol;
  packet[7] = carrier.ttl;
  std::copy_n(carrier.source.data(), 16, &packet[8]);
  std::copy_n(carrier.destination.data(), 16, &packet[24]);
  encode(advert, carrier, std::span{packet}.subspan(ipv6_header_size));
  return packet;
}

void set_ipv4_id(std::span<std::uint8_t> packet, std::uint16_t id) {
  put16(&packet[4], id);
  put16(&packet[10], 0);
  put16(&packet[10], Sum{}.add(packet.first(ipv4_header_size)).checksum());
}

// ---- Receiving
// --------------------------------------------------------------------------------------------------------

std::string_view name(Reject reason) { return reject_texts[static_cast<std::size_t>(reason)].name; }
std::string_view sentence(Reject reason) { return reject_texts[static_cast<std::size_t>(reason)].sentence; }

std::string Rejection::str() const { return fmt::format("{} ({})", sentence(reason), value); }

std::variant<Advert, Rejection> parse(std::span<const std::uint8_t> message, const Carrier& carrier, std::span<const std::uint8_t> behind) {
  if (message.size() < header_size) return Rejection{Reject::too_short, static_cast<std::uint32_t>(message.size())};
  if (carrier.destination.is_multicast() && carrier.ttl != 255) return Rejection{Reject::ttl, carrier.ttl};

  Advert advert;
  advert.family = carrier.source.family();
  advert.version = message[0] >> 4u;
  advert.vrid = message[1];
  advert.priority = message[2];
  const std::size_t count = message[3];
  if (advert.version != 2 && advert.version != 3) return Rejection{Reject::version, static_cast<std::uint32_t>(advert.version)};
  if ((message[0] & 0x0fu) != type_advertisement) return Rejection{Reject::type, message[0] & 0x0fu};
  if (advert.vrid == 0) return Rejection{Reject::vrid_zero};
  if (message.size() != expected_size(advert.version, advert.family, count))
    return Rejection{Reject::length, static_cast<std::uint32_t>(message.size())};

  if (advert.version == 2) {
    advert.auth_type = message[4];
    advert.interval = message[5] * Duration{1s};
    if (advert.family == AF_INET) std::copy_n(message.end() - auth_size, auth_size, advert.auth_data.begin());
  } else {
    advert.interval = (get16(&message[4]) & 0x0fffu) * Duration{10ms};
  }
  if (advert.interval == 0s) return Rejection{Reject::interval_zero};

  const auto form = checksum_form(message, behind, advert.version, carrier);
  if (!form) return Rejection{Reject::checksum, get16(&message[checksum_at])};
  advert.checksum = *form;

  for (std::size_t i = 0; i < count; ++i)
    advert.addresses.push_back(read_address(advert.family, message.data() + header_size + i * address_size(advert.family)));
  return advert;
}

std::variant<Ipv4Payload, Rejection> ipv4_payload(std::span<const std::uint8_t> packet) {
  const auto too_short = Rejection{Reject::too_short, static_cast<std::uint32_t>(packet.size())};
  if (packet.size() < ipv4_header_size) return too_short;
  const std::size_t header = (packet[0] & 0x0fu) * std::size_t{4};
  const std::size_t total = get16(&packet[2]);
  if (header < ipv4_header_size || total < header || total > packet.size()) return too_short;
  return Ipv4Payload{packet.subspan(header, total - header),
                     {read_address(AF_INET, &packet[12]), read_address(AF_INET, &packet[16]), packet[8]}};
}

std::variant<Received, Rejection> parse_ipv4_packet(std::span<const std::uint8_t> packet) {
  const auto opened = ipv4_payload(packet);
  if (const auto* rejection = std::get_if<Rejection>(&opened)) return *rejection;
  const auto& [payload, carrier] = std::get<Ipv4Payload>(opened);
  auto parsed = parse(payload, carrier);
  if (const auto* rejection = std::get_if<Rejection>(&parsed)) return *rejection;
  return Received{std::get<Advert>(std::move(parsed)), carrier};
}

Expected expected_of(const conf::VrrpInstance& instance) {
  std::vector<IpAddress> peers;
  std::vector<conf::UnicastPeer> limits;
  for (const conf::UnicastPeer& peer : instance.unicast_peers) {
    peers.push_back(peer.address);
    if (peer.has_limits()) limits.push_back(peer);
  }
  // As in keepalived, limits are of no use against a sender that is not listed: with them only the listed are heard.
  // Nor is there a place for the sequence number of one that is not.
  const bool check_source = instance.check_unicast_src || !limits.empty() || static_cast<bool>(instance.auth_hmac);
  return Expected{.version = instance.version,
                  .family = instance.family,
                  .vrid = instance.vrid,
                  .auth_type = auth_type_of(instance),
                  .auth_data = auth_data_of(instance),
                  .hmac = static_cast<bool>(instance.auth_hmac),
                  .interval = wire_interval(instance.version, instance.advert_interval),
                  .unicast = !instance.unicast_peers.empty(),
                  .check_unicast_source = check_source,
                  .unicast_sources = std::move(peers),
                  .ttl_limits = std::move(limits),
                  .addresses = addresses_of(instance),
                  .check_addresses = !instance.skip_check_adv_addr,
                  .checksum = checksum_form_of(instance)};
}

std::variant<Remarks, Rejection> acceptable(const Advert& advert, const Carrier& carrier, const Expected& expected,
                                            const IpAddress& own_source) {
  if (advert.vrid != expected.vrid) return Rejection{Reject::other_vrid, advert.vrid};
  if (advert.family != expected.family) return Rejection{Reject::other_family, static_cast<std::uint32_t>(advert.family)};
  if (advert.version != expected.version) return Rejection{Reject::other_version, static_cast<std::uint32_t>(advert.version)};
  if (advert.version == 2) {
    if (advert.auth_type != expected.auth_type) return Rejection{Reject::auth_type, advert.auth_type};
    if (expected.auth_type == 1 && !same_secret(advert.auth_data, expected.auth_data)) return Rejection{Reject::auth_data};
    if (advert.interval != expected.interval) return Rejection{Reject::other_interval, static_cast<std::uint32_t>(advert.interval / 1s)};
  }
  if (carrier.destination.is_multicast() == expected.unicast) return Rejection{Reject::other_destination};
  if (expected.unicast && expected.check_unicast_source &&
      std::find(expected.unicast_sources.begin(), expected.unicast_sources.end(), carrier.source) == expected.unicast_sources.end())
    return Rejection{Reject::unicast_source};
  for (const conf::UnicastPeer& peer : expected.ttl_limits) {
    if (peer.address == carrier.source && (carrier.ttl < peer.min_ttl || carrier.ttl > peer.max_ttl))
      return Rejection{Reject::peer_ttl, carrier.ttl};
  }
  if (carrier.source == own_source) return Rejection{Reject::own_source};

  return Remarks{.addresses_differ = expected.check_addresses && !same_addresses(advert.addresses, expected.addresses),
                 .interval_differs = advert.interval != expected.interval,
                 .checksum_differs = advert.checksum != expected.checksum,
                 .checksum = advert.checksum};
}

}  // namespace xd::vrrp
