// Links whose drivers do not tell the kernel when their carrier goes (linkbeat_use_polling, linkbeat_interfaces): they are asked once a
// second, as keepalived does.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/loop.h"
#include "conf/model.h"

namespace xd::vrrp {

// Whom a configuration wants polled: those it lists; all that its instances use; those of some instances.
std::vector<conf::Linkbeat> polled_links(const conf::Model& model);

class LinkPoller {
 public:
  using Changed = std::function<void(const std::string& name, bool up)>;
  LinkPoller(Loop& loop, Changed changed);

  // These and no others from now on, asked at this moment. Returns what is worth telling.
  std::vector<std::string> define(const std::vector<conf::Linkbeat>& links);
  std::map<std::string, bool> up() const;

 private:
  struct Link {
    conf::Linkbeat::Way way;  // the one that works; automatic: none has yet
    bool up = false;
  };
  void poll();
  bool ask(const std::string& name, Link& link) const;
  std::optional<bool> ask_by(conf::Linkbeat::Way way, const std::string& name) const;

  Changed changed_;
  Fd socket_;
  std::map<std::string, Link> links_;
  Timer timer_;
};

}  // namespace xd::vrrp
