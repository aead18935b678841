#include "conf/iproute_names.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <span>
#include <sstream>
#include <string>

#include "conf/values.h"

namespace xd::conf {

namespace {

struct Name {
  const char* name;
  std::uint32_t number;
};

// What every kernel means, on a host without iproute2 too.
constexpr Name tables[] = {{"local", 255}, {"main", 254}, {"default", 253}};
constexpr Name protocols[] = {{"kernel", 2}, {"boot", 3}, {"static", 4}, {"ra", 9}, {"dhcp", 16}, {"keepalived", 18}};
constexpr Name scopes[] = {{"global", 0}, {"site", 200}, {"link", 253}, {"host", 254}, {"nowhere", 255}};

struct Kind {
  const char* file;
  std::uint32_t largest;
  std::span<const Name> known = {};
};

constexpr std::array<Kind, 6> kinds{{
    {"rt_tables", UINT32_MAX, tables},
    {"rt_protos", 255, protocols},
    {"rt_scopes", 255, scopes},
    {"rt_dsfield", 255},
    {"rt_realms", 255},
    {"group", 2'147'483'647},
}};

using Names = std::map<std::string, std::uint32_t, std::less<>>;

void read_file(const std::filesystem::path& file, std::uint32_t largest, Names& names) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string value, name;
    if (!(words >> value >> name)) continue;
    if (const auto n = parse_c_notation(value, largest)) names.emplace(name, *n);
  }
}

void read_names(const std::filesystem::path& file, std::uint32_t largest, Names& names) {
  read_file(file, largest, names);
  std::error_code none;
  for (const auto& more : std::filesystem::directory_iterator(file.string() + ".d", none)) {
    if (more.path().extension() == ".conf") read_file(more.path(), largest, names);
  }
}

}  // namespace

std::optional<std::uint32_t> IprouteNames::number(NameTable table, std::string_view word) {
  const Kind& kind = kinds[static_cast<std::size_t>(table)];
  auto& names = tables_[static_cast<std::size_t>(table)];
  if (!names) {
    names.emplace();
    for (const std::string& folder : {etc_folder, usr_folder}) read_names(std::filesystem::path(folder) / kind.file, kind.largest, *names);
    for (const Name& known : kind.known) names->emplace(known.name, known.number);
  }
  if (const auto found = names->find(word); found != names->end()) return found->second;
  return parse_c_notation(word, kind.largest);
}

}  // namespace xd::conf
