// Netlink over the kernel's routing netlink family, in the network namespace of the calling thread at open().
#pragma once

#include <memory>
#include <vector>

#include "base/loop.h"
#include "netlink/netlink.h"
#include "netlink/socket.h"

namespace xd::netlink {

class KernelNetlink final : public Netlink {
 public:
  // Who only acts on links is not woken by thousands of addresses that move, or by a routing daemon that loads a full table. The rest of
  // his table is what refresh() read last.
  enum class Told { everything, links };

  // Reads the whole table before it returns.
  static Result<std::unique_ptr<KernelNetlink>> open(Loop& loop, Told told = Told::everything);
  void refresh();

  const Table& table() const override { return table_; }
  Subscription subscribe(Observer observer) override;
  Status add_address(const Address& address) override;
  Status remove_address(const Address& address) override;
  Status add_link(const NewLink& link) override;
  Status remove_link(int index) override;
  Status set_up(int index) override;
  Status add_route(const Route& route, bool replace) override;
  Status remove_route(const Route& route) override;
  Status add_rule(const PolicyRule& rule) override;
  Status remove_rule(const PolicyRule& rule) override;
  Result<NextHop> next_hop(const IpAddress& to) override;
  Status resolve(int index, const IpAddress& address) override;

  // Room for events that wait, and for answers (base/receive_queue.h).
  Status set_event_queue(std::uint32_t bytes, bool force) { return events_.set_queue(bytes, force); }
  Status set_answer_queue(std::uint32_t bytes, bool force) { return requests_.set_queue(bytes, force); }
  // How often the table was read anew after an overflow.
  std::uint64_t resyncs() const { return resyncs_; }

 private:
  KernelNetlink(Loop& loop, RequestSocket requests, EventSocket events);
  Status read(Table& into);
  Status change(const Message& request, const std::string& what);
  int index_of(const std::string& interface) const;
  void drain();
  void resync();
  void enter(Change change);
  void tell();
  std::string interface_name(int index) const;

  Loop& loop_;
  RequestSocket requests_;
  EventSocket events_;
  Table table_;
  std::vector<std::weak_ptr<Observer>> observers_;
  std::vector<Change> untold_;
  Loop::Source readable_;
  Loop::Source telling_;
  Timer again_;  // a resync that failed is tried again
  std::uint64_t resyncs_ = 0;
};

}  // namespace xd::netlink
