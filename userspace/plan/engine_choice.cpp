#include "plan/engine_choice.h"

#include "conf/mark_match.h"

namespace xd::plan {

std::string Serving::str() const {
  if (!xdp && !ipvs) return "not served: " + why;
  std::string text = "served by ";
  if (xdp) {
    text += ipvs ? "xdp, ipvs behind it" : "xdp";
  } else {
    text += why.empty() ? "ipvs" : "ipvs only: " + why;
  }
  return ends_with.empty() ? text : text + "; earlier connections end in " + ends_with;
}

Serving choose(conf::Engine wanted, const std::optional<std::string>& no_xdp, const std::optional<std::string>& no_ipvs) {
  Serving serving;
  serving.xdp = wanted != conf::Engine::ipvs && !no_xdp;
  serving.ipvs = wanted != conf::Engine::xdp && !no_ipvs;
  if (!serving.xdp && wanted != conf::Engine::ipvs) serving.why = *no_xdp;
  if (!serving.xdp && !serving.ipvs && wanted != conf::Engine::xdp) {
    serving.why += (serving.why.empty() ? "" : "; ") + *no_ipvs;
  }
  return serving;
}

Wanted wanted_engines(const conf::Model& model) {
  Wanted wanted;
  for (const auto& server : model.virtual_servers) {
    wanted[server.key] = server.engine != conf::Engine::automatic ? server.engine : model.xdirector.engine;
  }
  return wanted;
}

std::map<lvs::ServiceKey, std::set<lvs::ServiceKey>> mark_matches(const conf::Model& model) {
  std::map<lvs::ServiceKey, std::set<lvs::ServiceKey>> matches;
  for (const auto& server : model.virtual_servers) {
    for (const auto& match : server.matches) matches[server.key].merge(conf::keys_of(match));
  }
  return matches;
}

std::map<lvs::ServiceKey, std::uint32_t> rate_limits(const conf::Model& model) {
  std::map<lvs::ServiceKey, std::uint32_t> limits;
  for (const auto& server : model.virtual_servers) {
    if (server.rate_limit != 0) limits[server.key] = server.rate_limit;
  }
  return limits;
}

}  // namespace xd::plan
