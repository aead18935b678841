#include "datapath/vlan_tags.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>
#include <string_view>

#include "base/fd.h"

namespace xd::datapath {

namespace {

template <typename Command>
bool ask(const std::string& device, Command& command) {
  const Fd socket_fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  if (!socket_fd || device.size() >= sizeof(request.ifr_name)) return false;
  std::memcpy(request.ifr_name, device.c_str(), device.size() + 1);
  request.ifr_data = reinterpret_cast<char*>(&command);
  return ioctl(socket_fd.get(), SIOCETHTOOL, &request) == 0;
}

}  // namespace

std::string vlan_tags_cure(const std::string& device) {
  ethtool_drvinfo info{};
  info.cmd = ETHTOOL_GDRVINFO;
  // What veth itself is set to changes nothing, and the other end's name may be of another namespace.
  if (ask(device, info) && std::string_view(info.driver) == "veth") return "at its other end: ethtool -K DEVICE txvlan off";
  ethtool_value flags{};
  flags.cmd = ETHTOOL_GFLAGS;
  if (!ask(device, flags) || (flags.data & ETH_FLAG_RXVLAN) == 0) return "";
  return "ethtool -K " + device + " rxvlan off";
}

}  // namespace xd::datapath
