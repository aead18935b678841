#include "daemon/snapshots.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

// How values of the engines look in JSON; found by nlohmann::json by the namespace of each type.
namespace nlohmann {

template <>
struct adl_serializer<xd::IpAddress> {
  static void to_json(json& j, const xd::IpAddress& address) { j = address.str(); }
  static void from_json(const json& j, xd::IpAddress& address) {
    const auto parsed = xd::IpAddress::parse(j.get<std::string>());
    if (!parsed) throw json::other_error::create(501, "not an address: " + j.dump(), nullptr);
    address = *parsed;
  }
};

template <>
struct adl_serializer<xd::TimePoint> {
  static void to_json(json& j, const xd::TimePoint& time) { j = xd::to_ktime(time); }
  static void from_json(const json& j, xd::TimePoint& time) { time = xd::from_ktime(j.get<std::uint64_t>()); }
};

template <>
struct adl_serializer<xd::Duration> {
  static void to_json(json& j, const xd::Duration& duration) { j = duration.count(); }
  static void from_json(const json& j, xd::Duration& duration) { duration = xd::Duration(j.get<xd::Duration::rep>()); }
};

template <typename T>
struct adl_serializer<std::optional<T>> {
  static void to_json(json& j, const std::optional<T>& value) { j = value ? json(*value) : json(nullptr); }
  static void from_json(const json& j, std::optional<T>& value) { value = j.is_null() ? std::nullopt : std::optional<T>(j.get<T>()); }
};

}  // namespace nlohmann

namespace xd {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Endpoint, address, port)

namespace lvs {
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ServiceKey, address, port, protocol, fwmark, mark_family)
}  // namespace lvs

namespace ipvs {
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Timeouts, tcp, tcp_fin, udp)
}  // namespace ipvs

namespace vrrp {
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Heard, source, priority, interval, at)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Remembered, role, since, priority, last_heard)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(InstanceSnapshot, interface, family, vrid, election, became_master, ah_sequence, ah_sequence_at)
}  // namespace vrrp

namespace checkers {
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Health, up, has_run, failures, url, failed_url)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(CheckerSnapshot, identity, health, weight_asked, why_down)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ServerSnapshot, endpoint, since, checkers)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ServiceSnapshot, key, quorum_up, order, servers)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Snapshot, services)
}  // namespace checkers

namespace daemon {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(CheckersHandover, health, owned, timeouts_before)

namespace {

using nlohmann::json;

template <typename T>
Result<T> decode_as(std::string_view text) {
  try {
    return json::parse(text).get<T>();
  } catch (const json::exception& failed) {
    return Error{std::string("what the earlier process left is not understood: ") + failed.what()};
  }
}

}  // namespace

Parts encode_vrrp(const vrrp::Snapshot& snapshot) {
  Parts parts;
  for (const auto& i : snapshot.instances) {
    parts[fmt::format("{}/{}/{}", i.interface, i.family, i.vrid)] =
        i.gone ? "" : json(i).dump(-1, ' ', false, json::error_handler_t::replace);
  }
  return parts;
}

Result<vrrp::Snapshot> decode_vrrp(const Parts& parts) {
  vrrp::Snapshot snapshot;
  for (const auto& [_, part] : parts) {
    auto instance = decode_as<vrrp::InstanceSnapshot>(part);
    if (!instance) return std::move(instance).error();
    snapshot.instances.push_back(std::move(*instance));
  }
  return snapshot;
}

Parts encode_checkers(const CheckersHandover& handover) {
  return {{"checkers", json(handover).dump(-1, ' ', false, json::error_handler_t::replace)}};
}

Result<CheckersHandover> decode_checkers(const Parts& parts) {
  const auto only = parts.find("checkers");
  if (only == parts.end()) return Error{"what the earlier process left is not understood"};
  return decode_as<CheckersHandover>(only->second);
}

}  // namespace daemon
}  // namespace xd
