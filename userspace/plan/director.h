// Brings the tables in line with the services that should be served: decides for each which engine serves it, plans,
// applies, and reports. Logs nothing.
//
// The tables are read at the first serve() and again after a failure or reread(); in between the director goes by what
// it did and looks only at services that differ from the last ones, so that a change of one server among thousands
// costs one step.
//
// A service that another engine serves from now on stays in the one that served it, for the connections that it has there: the packet path's is
// closed, so that what begins a connection is passed, and IPVS's gets weights of 0, which XDP's new connections never meet.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
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
  std::vector<Error> failures;  // what of it did not work
};

class Director {
 public:
  // The tables outlive the director. Null: there is none, and `no_...` says why, as in "this kernel has no IPVS".
  Director(ServiceTable* ipvs, std::string no_ipvs, PacketPath* xdp, std::string no_xdp);

  // What the configuration wants; counts from the next serve(). A service without an entry is automatic.
  void want(Wanted engines);
  // Why a service that is automatic is better left to IPVS, where there is one; counts from the next serve().
  using LeftToIpvs = std::function<std::optional<std::string>(const lvs::Service& service)>;
  void leave_to_ipvs(LeftToIpvs why);
  // Services in IPVS that a former process of ours put there: removed when they are not desired.
  void own(const Owned& keys) { owned_.insert(keys.begin(), keys.end()); }
  const Owned& owned() const { return owned_; }
  // Reads the tables anew at the next serve(): after a reload, or when somebody else may have changed them.
  void reread() { known_ = false; }
  // lvs_flush: at the next serve() everything that IPVS holds counts as ours.
  void flush();

  Report serve(const lvs::Services& desired);
  // Removes all that is ours.
  Report withdraw() { return serve({}); }

 private:
  // Services that are to be looked at now: what each engine should hold of them, and their keys.
  struct Changes {
    std::set<lvs::ServiceKey> keys;
    lvs::Services for_ipvs, for_xdp;
  };

  Status read_tables();
  Serving choose_for(const lvs::ServiceKey& key, const lvs::Services& desired) const;
  Changes changes(const lvs::Services& desired, bool all);
  void serve_ipvs(const Changes& changes, Report& report);
  void serve_xdp(const Changes& changes, Report& report);
  lvs::Services kept_by_ipvs(const Changes& changes);
  void close(const lvs::ServiceKey& key, Report& report);

  ServiceTable* ipvs_;
  PacketPath* xdp_;
  std::string no_ipvs_, no_xdp_;
  Wanted wanted_;
  LeftToIpvs left_to_ipvs_;
  Owned owned_;
  bool flush_ = false;
  bool known_ = false;    // what the tables hold is what the two below say
  bool decided_ = false;  // serving_ and last_ follow wanted_
  lvs::Services ipvs_present_, xdp_present_;
  std::set<lvs::ServiceKey> xdp_closed_;
  lvs::Services last_;
  std::map<lvs::ServiceKey, Serving> serving_;
};

}  // namespace xd::plan
