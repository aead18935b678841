// The files that the dump signals leave for operators and exporters, at keepalived's places: $TMPDIR, or else /tmp.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "conf/model_daemon.h"

namespace xd::daemon {

// state_dump_file, stats_dump_file, json_dump_file, data_use_instance: of this process from now on.
void name_dump_files(const conf::DaemonSettings& settings);
// Where "keepalived_check.data" is written.
std::string dump_path(std::string_view name);

// Puts `text` there at once, readable by us alone: whoever opens `name` ("keepalived.stats") finds the old text or the new one. The
// text goes to a new file first, never through a link that somebody else left in /tmp.
Status write_dump_file(std::string_view name, std::string_view text);

}  // namespace xd::daemon
