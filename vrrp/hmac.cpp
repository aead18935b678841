#include "vrrp/hmac.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/fd.h"

namespace xd::vrrp {

namespace {

constexpr std::uint8_t hmac_sha256 = 1;
constexpr std::size_t key_id_at = 1, reserved_at = 2, sequence_at = 4, seal_at = 12, seal_size = 16;
constexpr std::size_t version_at = 0, vrid_at = 1, count_at = 3, checksum_at = 6, smallest_message = 8;
constexpr std::size_t shortest_key = 32, longest_key = 64;

using Seal = std::array<std::uint8_t, seal_size>;

std::uint64_t get(std::span<const std::uint8_t> bytes) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8u | byte;
  return value;
}

// False: this OpenSSL cannot.
bool seal_of(std::span<const std::uint8_t> message, std::span<const std::uint8_t> trailer, const IpAddress& source, const std::string& key,
             Seal& out) {
  std::vector<std::uint8_t> covered(20);
  covered[0] = source.is_v6() ? 6 : 4;
  covered[1] = message[version_at] >> 4u;
  covered[2] = message[vrid_at];
  std::copy_n(source.data(), source.size(), &covered[4]);
  const std::size_t begin = covered.size();
  covered.insert(covered.end(), message.begin(), message.end());
  std::fill_n(&covered[begin + checksum_at], 2, std::uint8_t{0});
  covered.insert(covered.end(), trailer.begin(), trailer.begin() + seal_at);
  covered.resize(covered.size() + seal_size);
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), covered.data(), covered.size(), digest.data(), &length) == nullptr)
    return false;
  std::copy_n(digest.begin(), seal_size, out.begin());
  return true;
}

std::size_t ip_header_size(int family) { return family == AF_INET ? 20 : 40; }

Result<std::string> read_key(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return Error::from_errno("key file " + path);
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) return Error::from_errno("key file " + path);
  if (!S_ISREG(st.st_mode)) return Error{"key file " + path + ": not a regular file"};
  std::array<char, 256> text;
  const ssize_t size = ::read(fd.get(), text.data(), text.size());
  if (size < 0) return Error::from_errno("key file " + path);
  std::string key(text.data(), static_cast<std::size_t>(size));
  while (!key.empty() && (key.back() == '\n' || key.back() == '\r')) key.pop_back();
  if (key.size() < shortest_key || key.size() > longest_key)
    return Error{"key file " + path + ": a key has 32 to 64 bytes, this one " +
                 (static_cast<std::size_t>(size) == text.size() ? "more" : std::to_string(key.size()))};
  return key;
}

}  // namespace

Result<HmacKeys> HmacKeys::load(const conf::AuthHmac& conf) {
  HmacKeys out;
  for (const auto& key : conf.keys) {
    if (key.file.empty()) {
      out.keys_[key.id] = key.secret;
      continue;
    }
    auto text = read_key(key.file);
    if (!text) return std::move(text).error();
    out.keys_[key.id] = std::move(*text);
  }
  return out;
}

const std::string* HmacKeys::find(std::uint8_t id) const {
  const auto it = keys_.find(id);
  return it == keys_.end() ? nullptr : &it->second;
}

std::string key_file_problem(const std::string& path) {
  const auto key = read_key(path);
  return key ? std::string() : key.error().message;
}

bool HmacReplay::take(const IpAddress& sender, std::uint64_t sequence) {
  const auto known = std::find_if(senders_.begin(), senders_.end(), [&](const Sender& s) { return s.address == sender; });
  if (known != senders_.end()) {
    if (static_cast<std::int64_t>(sequence - known->last) <= 0) return false;
    senders_.erase(known);
  } else if (senders_.size() >= most_) {
    senders_.erase(senders_.begin());
  }
  senders_.push_back({sender, sequence});
  return true;
}

Duration realtime_now() {
  timespec ts{};
  ::clock_gettime(CLOCK_REALTIME, &ts);
  return std::chrono::seconds{ts.tv_sec} + std::chrono::nanoseconds{ts.tv_nsec};
}

std::uint64_t next_hmac_sequence(std::uint64_t last, Duration realtime) {
  const auto seconds = static_cast<std::uint64_t>(realtime / 1s);
  const auto fraction = static_cast<std::uint64_t>((realtime % 1s).count()) * 65536 / 1'000'000'000;
  const std::uint64_t clock = (seconds & 0xffffffffu) << 32u | fraction << 16u;
  return static_cast<std::int64_t>(clock - last) > 0 ? clock : last + 1;
}

void append_hmac_trailer(std::vector<std::uint8_t>& packet, int family) {
  packet.resize(packet.size() + hmac_trailer_size);
  const std::size_t length = family == AF_INET ? packet.size() : packet.size() - ip_header_size(family);
  const std::size_t at = family == AF_INET ? 2 : 4;
  packet[at] = static_cast<std::uint8_t>(length >> 8u);
  packet[at + 1] = static_cast<std::uint8_t>(length);
}

void seal_hmac_packet(std::span<std::uint8_t> packet, const Carrier& carrier, std::uint8_t key_id, const std::string& key,
                      std::uint64_t sequence) {
  const auto payload = packet.subspan(ip_header_size(carrier.source.family()));
  const auto message = payload.first(payload.size() - hmac_trailer_size);
  const auto trailer = payload.last(hmac_trailer_size);
  trailer[0] = hmac_sha256;
  trailer[key_id_at] = key_id;
  for (std::size_t i = 0; i < 8; ++i) trailer[sequence_at + i] = static_cast<std::uint8_t>(sequence >> (56 - 8 * i));
  Seal seal{};
  seal_of(message, trailer, carrier.source, key, seal);
  std::copy(seal.begin(), seal.end(), trailer.begin() + seal_at);
  if (carrier.source.is_v6()) put_checksum(message, trailer, ChecksumForm::pseudo_header, carrier);
}

HmacPolicy policy_of(const conf::AuthHmac& conf) {
  return {conf.mode == conf::AuthHmac::Mode::enforce, conf.monotonic ? std::nullopt : std::optional(conf.time_window)};
}

std::variant<Opened, Rejection> open_hmac(std::span<const std::uint8_t> payload, const IpAddress& source, const HmacKeys& keys,
                                          const HmacPolicy& policy, HmacReplay& replay, Duration realtime) {
  if (payload.size() < smallest_message) return Rejection{Reject::too_short, static_cast<std::uint32_t>(payload.size())};
  const std::size_t message_size = expected_size(payload[version_at] >> 4u, source.family(), payload[count_at]);
  if (payload.size() != message_size + hmac_trailer_size) {
    if (policy.required) return Rejection{Reject::hmac_missing};
    return Opened{payload, {}};
  }
  const auto message = payload.first(message_size);
  const auto trailer = payload.subspan(message_size);
  if (trailer[0] != hmac_sha256 || get(trailer.subspan(reserved_at, 2)) != 0) return Rejection{Reject::hmac_form, trailer[0]};
  const std::uint64_t sequence = get(trailer.subspan(sequence_at, 8));
  // Before the costly part: it only refuses.
  if (policy.window) {
    const auto apart = static_cast<std::int32_t>(static_cast<std::uint32_t>(realtime / 1s) - static_cast<std::uint32_t>(sequence >> 32u));
    const auto seconds = apart < 0 ? -std::int64_t{apart} : std::int64_t{apart};
    if (seconds > *policy.window / 1s) return Rejection{Reject::hmac_stale, static_cast<std::uint32_t>(seconds)};
  }
  const std::string* key = keys.find(trailer[key_id_at]);
  if (key == nullptr) return Rejection{Reject::hmac_key, trailer[key_id_at]};
  Seal expected{};
  if (!seal_of(message, trailer, source, *key, expected) || CRYPTO_memcmp(expected.data(), &trailer[seal_at], seal_size) != 0)
    return Rejection{Reject::hmac_data};
  if (!replay.take(source, sequence)) return Rejection{Reject::hmac_replay};
  return Opened{message, trailer};
}

}  // namespace xd::vrrp
