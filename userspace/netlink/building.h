// What the files that turn values into routing netlink messages, and back, have in common.
#pragma once

#include <netlink/attr.h>

#include <array>
#include <cstring>
#include <new>
#include <optional>
#include <string>
#include <type_traits>

#include "netlink/messages.h"

namespace xd::netlink {

template <int Max>
using Attributes = std::array<nlattr*, Max + 1>;

// The attributes behind a message's fixed part; none when the message is too short for that.
template <typename Fixed, int Max>
std::optional<Attributes<Max>> attributes(const nlmsghdr* header) {
  Attributes<Max> out{};
  // libnl takes the header without const, but only reads it.
  if (nlmsg_parse(const_cast<nlmsghdr*>(header), sizeof(Fixed), out.data(), Max, nullptr) < 0) return std::nullopt;
  return out;
}

template <typename Fixed>
const Fixed& fixed(const nlmsghdr* header) {
  return *static_cast<const Fixed*>(nlmsg_data(header));
}

inline std::optional<IpAddress> address_of(const nlattr* attribute, int family) {
  if (attribute == nullptr) return std::nullopt;
  if (family == AF_INET && nla_len(attribute) == sizeof(in_addr)) {
    in_addr a;
    std::memcpy(&a, nla_data(attribute), sizeof a);
    return IpAddress::v4(a);
  }
  if (family == AF_INET6 && nla_len(attribute) == sizeof(in6_addr)) {
    in6_addr a;
    std::memcpy(&a, nla_data(attribute), sizeof a);
    return IpAddress::v6(a);
  }
  return std::nullopt;
}

// Requests are small and libnl allocates a page for each: an append that does not fit is a mistake in the caller.
inline Message request(int type, int flags) {
  Message message(nlmsg_alloc_simple(type, NLM_F_REQUEST | flags));
  if (!message) throw std::bad_alloc();
  return message;
}

template <typename Fixed>
void append(const Message& message, const Fixed& part) {
  if (nlmsg_append(message.get(), const_cast<Fixed*>(&part), sizeof part, NLMSG_ALIGNTO) < 0) throw std::bad_alloc();
}

inline void put(const Message& message, int type, const void* data, std::size_t length) {
  if (nla_put(message.get(), type, static_cast<int>(length), data) < 0) throw std::bad_alloc();
}

inline void put(const Message& message, int type, const IpAddress& address) { put(message, type, address.data(), address.size()); }

inline void put(const Message& message, int type, const std::string& name) { put(message, type, name.c_str(), name.size() + 1); }

template <typename Number>
requires std::is_integral_v<Number>
void put(const Message& message, int type, Number number) { put(message, type, &number, sizeof number); }

// The attributes that are put while it lives stand inside one of this type.
class Nest {
 public:
  Nest(const Message& message, int type, int flags = 0) : message_(message), start_(nla_nest_start(message.get(), type | flags)) {
    if (start_ == nullptr) throw std::bad_alloc();
  }
  ~Nest() { nla_nest_end(message_.get(), start_); }
  Nest(const Nest&) = delete;
  Nest& operator=(const Nest&) = delete;

 private:
  const Message& message_;
  nlattr* start_;
};

}  // namespace xd::netlink
