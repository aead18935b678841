// Brings the tables in line with the services that should be served: decides for each which engine serves it, plans, applies,
// and reports. Logs nothing.
//
// The tables are read at the first serve() and again after a failure or reread(); in between the director goes by what it did,
// so that a change of one server costs one step and no dump of the table.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "plan/engine_choice.h"
#include "plan/plan.h"
#include "plan/tables.h"

namespace xd::plan {

struct Report {
  std::map<lvs::ServiceKey, Serving> serving;  // of every desired service
  std::vector<Step> ipvs_steps;                // what was planned, in order
  std::vector<Step> xdp_steps;
  std::vector<Error> failures;                 // what of it did not work
};

class Director {
 public:
  // The tables outlive the director. Null: there is none, and `no_...` says why, as in "this kernel has no IPVS".
  Director(ServiceTable* ipvs, std::string no_ipvs, PacketPath* xdp, std::string no_xdp);

  // What the configuration wants; counts from the next serve(). A service without an entry is automatic.
  void want(Wanted engines) { wanted_ = std::move(engines); }
  // Services in IPVS that a former process of ours put there: removed when they are not desired.
  void own(const Owned& keys) { owned_.insert(keys.begin(), keys.end()); }
  const Owned& owned() const { return owned_; }
  // Reads the tables anew at the next serve(): after a reload, or when somebody else may have changed them.
  void reread();
  // lvs_flush: at the next serve() everything that IPVS holds counts as ours.
  void flush() { flush_ = true; }

  Report serve(const lvs::Services& desired);
  // Removes all that is ours.
  Report withdraw() { return serve({}); }

 private:
  void serve_ipvs(const lvs::Services& desired, Report& report);
  void serve_xdp(const lvs::Services& desired, Report& report);

  ServiceTable* ipvs_;
  PacketPath* xdp_;
  std::string no_ipvs_, no_xdp_;
  Wanted wanted_;
  Owned owned_;
  bool flush_ = false;
  std::optional<lvs::Services> ipvs_present_, xdp_present_;
};

}  // namespace xd::plan
