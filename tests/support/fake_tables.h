// Tables in memory that behave as kernel IPVS and the packet path do, and note what was asked of them.
#pragma once

#include <cerrno>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "plan/tables.h"

namespace xd::plan {

class FakeIpvs final : public ServiceTable {
 public:
  lvs::Services held;
  std::vector<std::string> calls;                                // "add_destination 10.0.0.1:80"
  std::function<bool(const std::string& call)> fail_with_eperm;  // unset: nothing fails
  int reads = 0;

  Result<lvs::Services> services() override {
    ++reads;
    return held;
  }
  Status add_service(const lvs::ServiceKey& key, const lvs::Service& service) override {
    if (auto status = note("add_service " + key.str()); !status) return status;
    if (held.contains(key)) return Error{"service exists", EEXIST};
    held[key] = service;
    return {};
  }
  Status edit_service(const lvs::ServiceKey& key, const lvs::Service& service) override {
    if (auto status = note("edit_service " + key.str()); !status) return status;
    const auto found = held.find(key);
    if (found == held.end()) return Error{"no such service", ESRCH};
    auto changed = service;
    changed.destinations = found->second.destinations;
    changed.order = found->second.order;
    found->second = changed;
    return {};
  }
  Status remove_service(const lvs::ServiceKey& key) override {
    if (auto status = note("remove_service " + key.str()); !status) return status;
    if (held.erase(key) == 0) return Error{"no such service", ESRCH};
    return {};
  }
  Status add_destination(const lvs::ServiceKey& key, const Endpoint& server, const lvs::Destination& destination) override {
    if (auto status = note("add_destination " + server.str()); !status) return status;
    const auto found = held.find(key);
    if (found == held.end()) return Error{"no such service", ESRCH};
    if (!found->second.destinations.emplace(server, destination).second) return Error{"destination exists", EEXIST};
    found->second.order.push_back(server);
    return {};
  }
  Status edit_destination(const lvs::ServiceKey& key, const Endpoint& server, const lvs::Destination& destination) override {
    if (auto status = note("edit_destination " + server.str()); !status) return status;
    const auto found = held.find(key);
    if (found == held.end()) return Error{"no such service", ESRCH};
    const auto entry = found->second.destinations.find(server);
    if (entry == found->second.destinations.end()) return Error{"no such destination", ENOENT};
    entry->second = destination;
    return {};
  }
  Status remove_destination(const lvs::ServiceKey& key, const Endpoint& server) override {
    if (auto status = note("remove_destination " + server.str()); !status) return status;
    const auto found = held.find(key);
    if (found == held.end()) return Error{"no such service", ESRCH};
    if (found->second.destinations.erase(server) == 0) return Error{"no such destination", ENOENT};
    std::erase(found->second.order, server);
    return {};
  }

 private:
  Status note(const std::string& call) {
    calls.push_back(call);
    if (fail_with_eperm && fail_with_eperm(call)) return Error{call + ": Operation not permitted", EPERM};
    return {};
  }
};

class FakePacketPath final : public PacketPath {
 public:
  lvs::Services held;
  std::vector<std::string> calls;
  std::set<lvs::ServiceKey> full_for;  // put_service fails for these
  std::set<lvs::ServiceKey> closed;

  std::optional<std::string> cannot_serve(const lvs::ServiceKey&, const lvs::Service& service) const override {
    if (service.scheduler == lvs::Scheduler::wlc) return "wlc is not in the packet path yet";
    return std::nullopt;
  }
  Result<lvs::Services> services() override { return held; }
  Status put_service(const lvs::ServiceKey& key, const lvs::Service& service) override {
    calls.push_back("put " + key.str());
    if (full_for.contains(key)) return Error{"put service " + key.str() + ": the table of rings is full", ENOSPC};
    held[key] = service;
    closed.erase(key);
    return {};
  }
  Status remove_service(const lvs::ServiceKey& key) override {
    calls.push_back("remove " + key.str());
    if (held.erase(key) + closed.erase(key) == 0) return Error{"no such service", ENOENT};
    return {};
  }
  Status close_service(const lvs::ServiceKey& key) override {
    calls.push_back("close " + key.str());
    if (held.erase(key) + closed.erase(key) == 0) return Error{"no such service", ENOENT};
    closed.insert(key);
    return {};
  }
  std::set<lvs::ServiceKey> closed_services() override { return closed; }
};

}  // namespace xd::plan
