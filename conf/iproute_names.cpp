#include "conf/iproute_names.h"

#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

namespace xd::conf {

namespace {

struct Kind {
  const char* file;
  std::uint32_t largest;
};

constexpr std::array<Kind, 6> kinds{{
    {"rt_tables", UINT32_MAX},
    {"rt_protos", 255},
    {"rt_scopes", 255},
    {"rt_dsfield", 255},
    {"rt_realms", 255},
    {"group", 2'147'483'647},
}};

// In C notation: 16, 0x10, 020.
std::optional<std::uint32_t> number(std::string_view word, std::uint32_t largest) {
  int base = 10;
  if (word.starts_with("0x") || word.starts_with("0X")) {
    word.remove_prefix(2);
    base = 16;
  } else if (word.starts_with('0')) {
    base = 8;
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
  if (word.empty() || error != std::errc() || end != word.data() + word.size() || value > largest) return std::nullopt;
  return static_cast<std::uint32_t>(value);
}

using Names = std::map<std::string, std::uint32_t, std::less<>>;

void read_names(const std::filesystem::path& file, std::uint32_t largest, Names& names) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string value, name;
    if (!(words >> value >> name)) continue;
    if (const auto n = number(value, largest)) names.emplace(name, *n);
  }
}

Names read_all(const Kind& kind) {
  Names names;
  for (const char* folder : {"/etc/iproute2", "/usr/share/iproute2"}) {
    const std::filesystem::path file = std::filesystem::path(folder) / kind.file;
    read_names(file, kind.largest, names);
    std::error_code none;
    for (const auto& more : std::filesystem::directory_iterator(file.string() + ".d", none)) {
      if (more.path().extension() == ".conf") read_names(more.path(), kind.largest, names);
    }
  }
  return names;
}

}  // namespace

std::optional<std::uint32_t> iproute_number(NameTable table, std::string_view word) {
  static const std::array<Names, kinds.size()> all = [] {
    std::array<Names, kinds.size()> read;
    for (std::size_t i = 0; i < kinds.size(); ++i) read[i] = read_all(kinds[i]);
    return read;
  }();
  const auto index = static_cast<std::size_t>(table);
  if (const auto found = all[index].find(word); found != all[index].end()) return found->second;
  return number(word, kinds[index].largest);
}

}  // namespace xd::conf
