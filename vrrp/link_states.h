// Which interfaces count as up: what the kernel says of a link, or for those that are polled (vrrp/linkbeat.h) what their driver says,
// and only when it has lasted (interface_up_down_delays).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "conf/model.h"
#include "netlink/netlink.h"

namespace xd::vrrp {

class LinkStates {
 public:
  // Delays of interfaces that had none begin with what is so now.
  void configure(const std::vector<conf::LinkDelay>& delays, const netlink::Table& table);
  // Who is polled and what was found, in place of what was polled before.
  void set_polled(std::map<std::string, bool> polled) { polled_ = std::move(polled); }
  bool is_polled(const std::string& name) const { return polled_.contains(name); }
  void note_poll(const std::string& name, bool up) { polled_[name] = up; }

  bool up(const std::string& name, const netlink::Link* link) const;
  // The link, or what is polled of it, may have changed. True: up() has.
  bool look(const std::string& name, const netlink::Link* link, TimePoint now);

  // When run() has something to do.
  std::optional<TimePoint> next() const;
  // Changes that have lasted count from now on; returns the names of their interfaces.
  std::vector<std::string> run(TimePoint now);

 private:
  struct Settling {
    Duration down{}, up{};        // how long it must last
    bool counts = false;          // as up
    std::optional<TimePoint> at;  // when the other state will have lasted
  };
  bool is_up_now(const std::string& name, const netlink::Link* link) const;

  std::map<std::string, bool> polled_;
  std::map<std::string, Settling> settling_;
};

}  // namespace xd::vrrp
