#include "plan/apply_datapath.h"

#include <cerrno>
#include <set>
#include <utility>

namespace xd::plan {

std::map<lvs::ServiceKey, Error> carry_out(PacketPath& path, const std::vector<Step>& steps, const lvs::Services& desired) {
  std::map<lvs::ServiceKey, Error> refused;
  std::set<lvs::ServiceKey> touched;
  for (const auto& step : steps) touched.insert(step.key);
  for (const auto& key : touched) {
    const auto wanted = desired.find(key);
    auto status = wanted == desired.end() ? path.remove_service(key) : path.put_service(key, wanted->second);
    const bool gone_already = wanted == desired.end() && !status && status.error().code == ENOENT;
    if (!status && !gone_already) refused.emplace(key, std::move(status).error());
  }
  return refused;
}

}  // namespace xd::plan
