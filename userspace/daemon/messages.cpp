#include "daemon/messages.h"

#include <nlohmann/json.hpp>

#include <array>
#include <type_traits>

namespace xd::daemon {

namespace {

using nlohmann::json;

// In the order of Words.
constexpr std::array<std::string_view, std::variant_size_v<Words>> names{"hello",     "alive", "configure", "prepared", "commit",
                                                                         "committed", "abort", "snapshot",  "summary",  "ask-status",
                                                                         "status",    "stop",  "stopped"};

// Each message's fields, once for both directions: `io` either writes them into the JSON or reads them out of it.
template <typename Io, typename T>
void fields(Io& io, T& words) {
  using Kind = std::remove_const_t<T>;
  if constexpr (std::is_same_v<Kind, Alive>) {
    io("orphan", words.orphan);
  } else if constexpr (std::is_same_v<Kind, Commit>) {
    io("generation", words.generation);
    io("parts", words.handover.parts);
    io("alive_until", words.handover.alive_until);
  } else if constexpr (std::is_same_v<Kind, Prepared>) {
    io("generation", words.generation);
    io("ok", words.ok);
    io("why", words.why);
  } else if constexpr (std::is_same_v<Kind, Configure> || std::is_same_v<Kind, Committed> || std::is_same_v<Kind, Abort>) {
    io("generation", words.generation);
  } else if constexpr (std::is_same_v<Kind, Snapshot>) {
    io("changed", words.changed);
  } else if constexpr (std::is_same_v<Kind, Summary>) {
    io("words", words.words);
  } else if constexpr (std::is_same_v<Kind, AskStatus>) {
    io("id", words.id);
  } else if constexpr (std::is_same_v<Kind, StatusAnswer>) {
    io("id", words.id);
    io("json", words.json);
    io("last", words.last);
  } else if constexpr (std::is_same_v<Kind, Stop>) {
    io("quietly", words.quietly);
  }
}

struct Writer {
  json& to;
  template <typename T>
  void operator()(const char* name, const T& value) {
    to[name] = value;
  }
  void operator()(const char* name, const TimePoint& value) { to[name] = to_ktime(value); }
};

struct FieldReader {
  const json& from;
  template <typename T>
  void operator()(const char* name, T& value) {
    from.at(name).get_to(value);
  }
  void operator()(const char* name, TimePoint& value) { value = from_ktime(from.at(name).get<std::uint64_t>()); }
};

template <std::size_t index = 0>
Words read(std::string_view type, const json& from) {
  if constexpr (index == std::variant_size_v<Words>) {
    throw json::other_error::create(501, "unknown message", nullptr);
  } else {
    if (type != names[index]) return read<index + 1>(type, from);
    std::variant_alternative_t<index, Words> words;
    FieldReader io{from};
    fields(io, words);
    return words;
  }
}

}  // namespace

std::string encode(const Words& words) {
  json out{{"type", names[words.index()]}};
  Writer io{out};
  std::visit([&io](const auto& kind) { fields(io, kind); }, words);
  // Text from the system (a strange file name in a reason) need not be UTF-8.
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<Words> decode(std::string_view text) {
  try {
    const json from = json::parse(text);
    return read(from.at("type").get<std::string>(), from);
  } catch (const json::exception& failed) {
    return Error{std::string("a message between the processes is not understood: ") + failed.what()};
  }
}

}  // namespace xd::daemon
