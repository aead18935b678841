#include "vrrp/linkbeat.h"

#include <linux/ethtool.h>
#include <linux/mii.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace xd::vrrp {

namespace {

using Way = conf::Linkbeat::Way;

constexpr Duration pause = 1s;

ifreq request_for(const std::string& name) {
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  return request;
}

// The status register of the transceiver keeps a loss until it has been read: the second reading is the present.
std::optional<bool> ask_mii(int socket, const std::string& name) {
  ifreq request = request_for(name);
  mii_ioctl_data registers{};
  std::memcpy(&request.ifr_ifru, &registers, sizeof registers);
  if (::ioctl(socket, SIOCGMIIPHY, &request) != 0) return std::nullopt;
  for (int reading = 0; reading < 2; ++reading) {
    std::memcpy(&registers, &request.ifr_ifru, sizeof registers);
    registers.reg_num = MII_BMSR;
    std::memcpy(&request.ifr_ifru, &registers, sizeof registers);
    if (::ioctl(socket, SIOCGMIIREG, &request) != 0) return std::nullopt;
  }
  std::memcpy(&registers, &request.ifr_ifru, sizeof registers);
  return (registers.val_out & BMSR_LSTATUS) != 0;
}

std::optional<bool> ask_ethtool(int socket, const std::string& name) {
  ethtool_value value{ETHTOOL_GLINK, 0};
  ifreq request = request_for(name);
  request.ifr_data = reinterpret_cast<char*>(&value);
  if (::ioctl(socket, SIOCETHTOOL, &request) != 0) return std::nullopt;
  return value.data != 0;
}

std::optional<bool> ask_ioctl(int socket, const std::string& name) {
  ifreq request = request_for(name);
  if (::ioctl(socket, SIOCGIFFLAGS, &request) != 0) return std::nullopt;
  return (request.ifr_flags & IFF_RUNNING) != 0;
}

}  // namespace

std::vector<conf::Linkbeat> polled_links(const conf::Model& model) {
  std::vector<conf::Linkbeat> out = model.linkbeats;
  const auto add = [&out](const std::string& name) {
    const bool known = std::any_of(out.begin(), out.end(), [&](const auto& l) { return l.interface == name; });
    if (!known && !name.empty()) out.push_back({name, Way::automatic});
  };
  for (const auto& instance : model.vrrp_instances) {
    if (model.linkbeat_use_polling || instance.linkbeat_use_polling) add(instance.interface);
    if (!model.linkbeat_use_polling) continue;
    for (const auto& track : instance.track_interfaces) add(track.name);
  }
  return out;
}

LinkPoller::LinkPoller(Loop& loop, Changed changed) : changed_(std::move(changed)), timer_(loop, [this] { poll(); }) {}

std::vector<std::string> LinkPoller::define(const std::vector<conf::Linkbeat>& links) {
  std::vector<std::string> remarks;
  links_.clear();
  timer_.disarm();
  if (links.empty()) return remarks;
  if (!socket_) socket_ = Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  for (const auto& wanted : links) {
    Link& link = links_[wanted.interface];
    link.way = wanted.way;
    link.up = ask(wanted.interface, link);
    if (wanted.way != Way::automatic && link.way != wanted.way && link.way != Way::automatic)
      remarks.push_back("linkbeat_interfaces: " + wanted.interface + " cannot be asked that way; another is used");
  }
  timer_.arm_in(pause);
  return remarks;
}

std::map<std::string, bool> LinkPoller::up() const {
  std::map<std::string, bool> out;
  for (const auto& [name, link] : links_) out[name] = link.up;
  return out;
}

std::optional<bool> LinkPoller::ask_by(Way way, const std::string& name) const {
  switch (way) {
    case Way::mii: return ask_mii(socket_.get(), name);
    case Way::ethtool: return ask_ethtool(socket_.get(), name);
    case Way::ioctl: return ask_ioctl(socket_.get(), name);
    case Way::automatic: break;
  }
  return std::nullopt;
}

// The way that worked, else the first that does. An interface that answers nobody is not there.
bool LinkPoller::ask(const std::string& name, Link& link) const {
  for (const Way way : {link.way, Way::mii, Way::ethtool, Way::ioctl}) {
    if (const auto up = ask_by(way, name)) {
      link.way = way;
      return *up;
    }
  }
  return false;
}

void LinkPoller::poll() {
  timer_.arm_in(pause);
  std::vector<std::pair<std::string, bool>> changes;
  for (auto& [name, link] : links_) {
    const bool up = ask(name, link);
    if (up != link.up) changes.emplace_back(name, up);
    link.up = up;
  }
  for (const auto& [name, up] : changes) changed_(name, up);
}

}  // namespace xd::vrrp
