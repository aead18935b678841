// The tables of this machine behind the faces that the executors know.
#pragma once

#include "datapath/datapath.h"
#include "ipvs/ipvs.h"
#include "plan/tables.h"

namespace xd::plan {

class IpvsServiceTable final : public ServiceTable {
 public:
  explicit IpvsServiceTable(ipvs::Table& table) : table_(table) {}
  Result<lvs::Services> services() override { return table_.services(); }
  Status add_service(const lvs::ServiceKey& key, const lvs::Service& service) override { return table_.add_service(key, service); }
  Status edit_service(const lvs::ServiceKey& key, const lvs::Service& service) override { return table_.edit_service(key, service); }
  Status remove_service(const lvs::ServiceKey& key) override { return table_.remove_service(key); }
  Status add_destination(const lvs::ServiceKey& key, const Endpoint& server, const lvs::Destination& destination) override {
    return table_.add_destination(key, server, destination);
  }
  Status edit_destination(const lvs::ServiceKey& key, const Endpoint& server, const lvs::Destination& destination) override {
    return table_.edit_destination(key, server, destination);
  }
  Status remove_destination(const lvs::ServiceKey& key, const Endpoint& server) override { return table_.remove_destination(key, server); }

 private:
  ipvs::Table& table_;
};

class XdpPacketPath final : public PacketPath {
 public:
  explicit XdpPacketPath(datapath::Datapath& path) : path_(path) {}
  std::optional<std::string> cannot_serve(const lvs::ServiceKey& key, const lvs::Service& service) const override {
    return path_.cannot_serve(key, service);
  }
  Result<lvs::Services> services() override { return path_.services(); }
  Status put_service(const lvs::ServiceKey& key, const lvs::Service& service) override { return path_.put_service(key, service); }
  Status remove_service(const lvs::ServiceKey& key) override { return path_.remove_service(key); }
  Status close_service(const lvs::ServiceKey& key) override { return path_.close_service(key); }
  std::set<lvs::ServiceKey> closed_services() override {
    std::set<lvs::ServiceKey> closed;
    for (const auto& [key, service] : path_.closed_services()) closed.insert(key);
    return closed;
  }

 private:
  datapath::Datapath& path_;
};

}  // namespace xd::plan
