#include "vrrp/statics.h"

#include "base/log.h"

namespace xd::vrrp {

namespace {

void log_problems(const std::vector<std::string>& problems) {
  for (const auto& problem : problems) log::error("static: {}", problem);
}

}  // namespace

void StaticObjects::become(const conf::Model& model) {
  std::vector<std::string> problems;
  conf::VrrpInstance owner;
  owner.interface = model.global.default_interface;
  owner.excluded_addresses = model.static_addresses;
  addresses_.define(owner, problems);
  routes_.define(model.static_routes, model.static_rules, problems);
  addresses_.acquire(problems);
  routes_.acquire(problems);
  log_problems(problems);
}

void StaticObjects::release() {
  std::vector<std::string> problems;
  routes_.release(problems);
  addresses_.release(problems);
  log_problems(problems);
}

void StaticObjects::on_change(const netlink::Change& change) {
  bool is_missing = false;
  if (const auto* address = std::get_if<netlink::AddressGone>(&change)) is_missing = addresses_.lost(*address);
  if (const auto* route = std::get_if<netlink::RouteGone>(&change)) is_missing = routes_.lost(*route);
  if (const auto* rule = std::get_if<netlink::RuleGone>(&change)) is_missing = routes_.lost(*rule);
  if (is_missing) restore();
}

void StaticObjects::restore() {
  std::vector<std::string> problems;
  const bool addresses = addresses_.restore(nullptr, problems);
  const bool routes = routes_.restore(problems);
  if (addresses || routes) log::info("Restoring deleted static addresses, routes or rules");
  log_problems(problems);
}

}  // namespace xd::vrrp
