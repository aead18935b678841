// Names that iproute2 gives to numbers: routing tables, protocols, scopes, DS fields, realms, interface groups.
//
// Read from /etc/iproute2 and /usr/share/iproute2 (a file FILE and the files FILE.d/*.conf), the first that has the name.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace xd::conf {

enum class NameTable : std::uint8_t { tables, protocols, scopes, ds_fields, realms, groups };

// The number behind a name, or the number itself (decimal, or hexadecimal behind 0x) when it is at most the largest that
// the table can hold.
std::optional<std::uint32_t> iproute_number(NameTable table, std::string_view word);

}  // namespace xd::conf
