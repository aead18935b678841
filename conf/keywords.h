// Every keyword of keepalived.conf, as data: where it may stand, what it takes, what it means.
//
// The parser, the hints, the manual page, completion and `xdirector conf keywords` all come from this table. A keyword
// is obeyed when the model builder has a rule for it (conf/builder.h); one without a rule is known, checked for its
// argument and reported as having no effect yet.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

namespace xd::conf {

// What may enclose statements. The last few are no blocks of their own: options of a line, or sets that several blocks
// share.
enum class Block : std::uint8_t {
  none,
  root,
  global_defs,
  track_group,
  vrrp_sync_group,
  garp_group,
  vrrp_instance,
  authentication,
  auth_hmac,
  vrrp_script,
  vrrp_track_process,
  ssl,
  virtual_server,
  real_server,
  misc_check,
  smtp_check,
  smtp_host,
  tcp_check,
  ping_check,
  udp_check,
  http_get,
  http_url,
  ssl_get,
  ssl_url,
  dns_check,
  file_check,
  bfd_check,
  bfd_instance,
  track_file,
  xdirector,
  xdirector_interface,
  xdirector_virtual_server,
  xdirector_heartbeat,
  check_connection,  // set: every checker that connects
  check_schedule,    // set: every checker
  address_entry,     // options of a line in virtual_ipaddress
  route_entry,       // ... in virtual_routes
  rule_entry,        // ... in virtual_rules
  group_entry,       // ... in virtual_server_group
  count,
};

struct BlockInfo {
  Block block;
  std::string_view path;  // "virtual_server/real_server/TCP_CHECK"; empty for root
  Block shares[2];        // blocks and sets whose keywords it takes as well
};

const BlockInfo& info(Block block);
// "virtual_server/real_server/TCP_CHECK" and the like; Block::none when there is none.
Block block_by_path(std::string_view path);

enum class Arg : std::uint8_t {
  flag,          // nothing
  boolean,       // true on yes, false off no; nothing means true
  integer,       // minimum..maximum
  seconds,       // decimal, to the microsecond
  milliseconds,  // decimal
  text,          // one word; maximum 1: with more words the line is ignored
  address,       // IPv4 or IPv6
  address4,
  address6,
  interface,     // name of a link
  command,       // program with arguments in one (quoted) word, then user and group
  choice,        // one of the words of `form`
  words,         // any number; the rule reads them itself
  block,         // { statements }
  named_block,   // word { statements }
  keyed_block,   // one or more words { statements }
  values,        // { one entry per line }
  named_values,  // word { one entry per line }
  option,        // of an entry line
};

inline constexpr std::int64_t no_limit = std::numeric_limits<std::int64_t>::max();

struct Argument {
  Arg kind;
  bool optional = false;     // may be left out
  std::int64_t minimum = 0;  // of a number; microseconds for seconds and milliseconds
  std::int64_t maximum = no_limit;
  Block opens = Block::none;  // the block that it begins
  bool lenient = false;       // left out, it costs the line only; where it is not, keepalived stops reading there
};

struct Keyword {
  Block block;
  std::string_view name;
  Argument argument;
  std::string_view form;      // arguments, as the manual shows them
  std::string_view fallback;  // default, in words
  std::string_view since;     // first release of keepalived that has it when newer than 2.2.7, or the build option it needs
  std::string_view help;
};

// All rows, in the manual's order.
std::span<const Keyword> keywords();
// Those of one block, the shared sets included, in order.
std::vector<const Keyword*> keywords(Block block);
// nullptr: unknown there.
const Keyword* find_keyword(Block block, std::string_view name);
// Blocks that know the name, for "stands in vrrp_instance, not here".
std::vector<Block> blocks_with(std::string_view name);

}  // namespace xd::conf
