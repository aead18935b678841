// What is served here: kernel IPVS and the packet path's maps, read directly, with or without a daemon.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "datapath/datapath.h"
#include "ipvs/ipvs.h"

namespace xd::ctl {

struct Tables {
  std::optional<ipvs::Table> ipvs;
  std::optional<datapath::Datapath> path;

  // Of this network namespace. The error when it has neither.
  static Result<Tables> open();

  // Both as one table: a service that both engines hold is there once, with the sum of what they counted. With `rates`, what the
  // packet path forwarded is observed for a second; IPVS keeps rates itself.
  // With `persistent`, the packet path's whole flow table is read for the number of persistent clients.
  Result<std::vector<ipvs::ServiceEntry>> services(bool rates, bool persistent);
};

}  // namespace xd::ctl
