// Names that iproute2 gives to numbers: routing tables, protocols, scopes, DS fields, realms, interface groups.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace xd::conf {

enum class NameTable : std::uint8_t { tables, protocols, scopes, ds_fields, realms, groups };

// A table is a file FILE and the files FILE.d/*.conf in two folders, of which the first that has a name counts. It is read when it is
// first asked for.
class IprouteNames {
 public:
  // For tables that have not been read yet.
  std::string etc_folder = "/etc/iproute2", usr_folder = "/usr/share/iproute2";

  // The number behind a name, or the number itself (decimal, hexadecimal behind 0x, octal behind 0) when it is at most the largest
  // that the table can hold.
  std::optional<std::uint32_t> number(NameTable table, std::string_view word);

 private:
  using Names = std::map<std::string, std::uint32_t, std::less<>>;
  std::array<std::optional<Names>, 6> tables_;
};

}  // namespace xd::conf
