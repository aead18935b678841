// The difference between the services that should be served and those a table holds, as steps. Pure: planning reads
// nothing and changes nothing; executors (plan/apply_ipvs.h, plan/apply_datapath.h) do the steps, and a dry run prints
// them.
//
// Order: new services and destinations come before anything is taken away, so that no service is without a destination
// in between that it need not be without. Destinations are added in lvs::Service::order, since IPVS's rr turns on it.
// The order alone is no difference: a table that holds the right destinations in another order is left as it is.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/lvs.h"

namespace xd::plan {

enum class StepKind { add_service, edit_service, add_destination, edit_destination, remove_destination, remove_service };

std::string_view name(StepKind kind);  // "add service"

struct Step {
  StepKind kind = StepKind::add_service;
  lvs::ServiceKey key;
  // Of service steps: the settings wanted (add, edit) and held (edit); their destinations are empty.
  lvs::Service service;
  lvs::Service service_before;
  // Of destination steps.
  Endpoint endpoint;
  lvs::Destination destination;
  lvs::Destination destination_before;

  // One sentence: "edit destination 10.0.0.2:80 of 192.0.2.10:80/tcp: weight 3 to 0".
  std::string str() const;
  bool operator==(const Step&) const = default;
};

// The services that this daemon programmed. A service that is present, not desired and not owned belongs to somebody
// else and is left alone; one that is desired is ours from now on, with all its destinations.
using Owned = std::set<lvs::ServiceKey>;

std::vector<Step> plan(const lvs::Services& desired, const lvs::Services& present, const Owned& owned);

}  // namespace xd::plan
