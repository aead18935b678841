#include "daemon/packet_path.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <variant>

#include "base/log.h"
#include "daemon/ipvs_settings.h"
#include "datapath/datapath.h"
#include "datapath/flows.h"
#include "datapath/vlan_tags.h"
#include "netlink/kernel_netlink.h"

namespace xd::daemon {

namespace {

constexpr Duration sweep_interval = 1s;

datapath::Mode mode_of(conf::XdpMode mode) {
  switch (mode) {
    case conf::XdpMode::native: return datapath::Mode::native;
    case conf::XdpMode::generic: return datapath::Mode::generic;
    case conf::XdpMode::automatic: break;
  }
  return datapath::Mode::automatic;
}

// XDP runs on the link that a VLAN stands on and looks at the tags itself.
const netlink::Link* carrier_of(const netlink::Table& table, const netlink::Link* link) {
  while (link != nullptr && link->kind == netlink::LinkKind::vlan) link = table.link(link->lower);
  return link;
}

}  // namespace

std::set<std::string> needed_interfaces(const conf::Model& model, const std::function<std::string(const IpAddress&)>& interface_to) {
  std::set<std::string> names;
  if (!model.xdirector.interfaces.empty()) {
    for (const auto& interface : model.xdirector.interfaces) names.insert(interface.name);
    return names;
  }
  for (const auto& instance : model.vrrp_instances) {
    names.insert(instance.interface);
    for (const auto* list : {&instance.addresses, &instance.excluded_addresses}) {
      for (const auto& address : *list) names.insert(address.interface);
    }
  }
  for (const auto& service : model.virtual_servers) {
    if (service.key.fwmark == 0) names.insert(interface_to(service.key.address));
    for (const auto& match : service.matches) names.insert(interface_to(match.addresses.address));
    for (const auto& server : service.real_servers) names.insert(interface_to(server.endpoint.address));
  }
  names.erase("");
  return names;
}

struct PacketPath::Impl {
  struct Attached {
    int ifindex = 0;
    Interface shown;
    bool told_of_tags = false;
  };

  explicit Impl(Loop& event_loop) : loop(event_loop) {}

  // Opens what is needed of the kernel, once. False: there is no packet path, and why_not says why.
  bool ready(const conf::Model& model);
  void follow_settings();
  bool drops_entries() const;
  Error none() const { return Error{"there is no packet path in XDP" + (why_not.empty() ? std::string() : ": " + why_not)}; }
  void attach(const conf::Model& model);
  void attach_one(const std::string& name);
  void look_for_tags(const netlink::Link& vlan);
  void changed(const netlink::Change& change);
  std::string interface_to(const IpAddress& address);
  std::set<std::string> needed(const conf::Model& model);

  Loop& loop;
  std::unique_ptr<netlink::KernelNetlink> netlink;
  netlink::Netlink::Subscription subscription;
  std::optional<datapath::Datapath> path;
  std::string why_not;
  std::map<std::string, conf::XdpInterface> wishes;  // of the xdirector block
  std::map<std::string, Attached> attached;          // also those where it failed: ifindex says which was tried
  std::set<std::string> wanted;
  conf::Xdirector configured;
  PathSettings followed;
  Timer sweep{loop, [this] {
                follow_settings();
                if (auto swept = path->sweep(drops_entries()); !swept)
                  log::warning("Old flows are not forgotten: {}", swept.error().message);
                sweep.arm_in(sweep_interval);
              }};
};

bool PacketPath::Impl::ready(const conf::Model& model) {
  if (path) return true;
  if (!why_not.empty()) return false;
  if (model.vrrp_instances.empty() && model.virtual_servers.empty()) return false;
  // It holds about 70 descriptors and needs more while it starts. With all of them in use there would be no election either.
  constexpr rlim_t descriptors_needed = 256;
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  auto opened = netlink::KernelNetlink::open(loop, netlink::KernelNetlink::Told::links);
  if (files.rlim_cur < descriptors_needed) {
    why_not = fmt::format("a process may have {} descriptors here (ulimit -n), and it needs {}", files.rlim_cur, descriptors_needed);
  } else if (!opened) {
    why_not = opened.error().message;
  } else {
    netlink = std::move(*opened);
    const conf::Xdirector& x = model.xdirector;
    const datapath::Sizes least;
    const datapath::Sizes sizes{.flows = x.flows,
                                .half_open = x.half_open,
                                .services = x.services,
                                .dests = x.real_servers,
                                .ring_slots = std::max(least.ring_slots, 8 * x.services + 16 * x.real_servers)};
    auto created = datapath::Datapath::create(std::string(datapath::default_pin_dir), sizes);
    if (created) {
      path.emplace(std::move(*created));
    } else {
      why_not = created.error().message;
    }
  }
  if (!path) {
    log::warning("There is no packet path in XDP, going on without: {}", why_not);
    return false;
  }
  if (path->adopted()) log::info("The tables of an earlier run under {} are kept", path->pin_dir());
  subscription = netlink->subscribe([this](const netlink::Change& change) { changed(change); });
  sweep.arm_in(sweep_interval);
  return true;
}

// Of net.ipv4.vs.*, which may change at any time, and of the configuration.
void PacketPath::Impl::follow_settings() {
  followed = path_settings(configured, read_setting);
  path->set_behaviour(followed.behaviour);
}

// Numbers of IPVS's sysctl: 0 never, 3 always, 1 and 2 while memory is short, which is fewer free and buffer pages than amemthresh.
bool PacketPath::Impl::drops_entries() const {
  if (followed.drop_entry == 0 || followed.drop_entry == 3) return followed.drop_entry == 3;
  struct sysinfo memory {};
  if (::sysinfo(&memory) != 0) return false;
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return (std::uint64_t{memory.freeram} + memory.bufferram) * memory.mem_unit / page < followed.amemthresh;
}

std::string PacketPath::Impl::interface_to(const IpAddress& address) {
  const auto& table = netlink->table();
  auto hop = netlink->next_hop(address);
  if (!hop) return "";
  int index = hop->index;
  if (hop->local) {  // the route says lo
    const auto own =
        std::find_if(table.addresses.begin(), table.addresses.end(), [&](const auto& a) { return a.prefix.address == address; });
    if (own == table.addresses.end()) return "";
    index = own->index;
  }
  const auto* link = table.link(index);
  return link == nullptr ? "" : link->name;
}

std::set<std::string> PacketPath::Impl::needed(const conf::Model& model) {
  netlink->refresh();
  std::set<std::string> out;
  for (const auto& name : needed_interfaces(model, [this](const IpAddress& address) { return interface_to(address); })) {
    const auto* link = carrier_of(netlink->table(), netlink->table().link(name));
    if (link == nullptr) {
      out.insert(name);  // attached when it comes
    } else if (link->kind != netlink::LinkKind::loopback) {
      out.insert(link->name);
    }
  }
  return out;
}

void PacketPath::Impl::attach(const conf::Model& model) {
  if (!ready(model)) return;
  configured = model.xdirector;
  follow_settings();
  wishes.clear();
  for (const auto& interface : model.xdirector.interfaces) wishes[interface.name] = interface;
  wanted.merge(needed(model));
  for (const auto& name : wanted) attach_one(name);
  for (const auto& [index, link] : netlink->table().links) {
    if (link.kind == netlink::LinkKind::vlan) look_for_tags(link);
  }
}

void PacketPath::Impl::attach_one(const std::string& name) {
  const auto* link = netlink->table().link(name);
  if (link == nullptr) return;
  const auto known = attached.find(name);
  if (known != attached.end() && known->second.ifindex == link->index) return;
  const auto wish = wishes.find(name);
  const conf::XdpInterface settings = wish == wishes.end() ? conf::XdpInterface{} : wish->second;
  auto result = path->attach(link->index, mode_of(settings.mode), settings.run_priority);
  Attached& entry = attached[name];
  entry = {link->index, {name, "", ""}, false};
  if (!result) {
    entry.shown.why = result.error().message;
    log::warning("XDP is not attached to {}, going on without: {}", name, entry.shown.why);
    return;
  }
  entry.shown.mode = result->mode == datapath::Mode::native ? "native" : "generic";
  entry.shown.why = result->note;
  log::info("XDP is attached to {}: {}{}{}{}", name, entry.shown.mode, result->dispatcher ? ", other programs can run beside it" : "",
            result->note.empty() ? "" : "; ", result->note);
}

// A VLAN whose tags do not stand in the frames is served as if it had none, and what is answered leaves without.
void PacketPath::Impl::look_for_tags(const netlink::Link& vlan) {
  const auto* carrier = carrier_of(netlink->table(), &vlan);
  const auto found = carrier == nullptr ? attached.end() : attached.find(carrier->name);
  if (found == attached.end() || found->second.told_of_tags || found->second.shown.mode.empty()) return;
  const std::string cure = datapath::vlan_tags_cure(carrier->name);
  if (cure.empty()) return;
  found->second.told_of_tags = true;
  std::string& why = found->second.shown.why;
  why += (why.empty() ? "" : "; ") + std::string("VLAN tags may be hidden from XDP (") + cure + ")";
  log::warning("{} carries VLAN {}, whose tags may be hidden from XDP: then its packets count as untagged; {}", carrier->name, vlan.name,
               cure);
}

// An interface may come after the daemon, or come back as a new one of the same name.
void PacketPath::Impl::changed(const netlink::Change& change) {
  if (const auto* gone = std::get_if<netlink::LinkGone>(&change)) attached.erase(gone->link.name);
  const auto* link = std::get_if<netlink::LinkChanged>(&change);
  if (link == nullptr) return;
  if (link->link.kind == netlink::LinkKind::vlan) look_for_tags(link->link);
  if (wanted.count(link->link.name) == 0) return;
  const auto* carrier = carrier_of(netlink->table(), netlink->table().link(link->link.name));
  if (carrier == nullptr) return;
  const std::string name = carrier->name;  // a VLAN's name stands there for its carrier
  wanted.insert(name);
  attach_one(name);
}

PacketPath::PacketPath(Loop& loop) : impl_(std::make_unique<Impl>(loop)) {}
PacketPath::~PacketPath() = default;

void PacketPath::attach(const conf::Model& model) { impl_->attach(model); }

void PacketPath::settle(const conf::Model& model) {
  if (!impl_->path) return;
  impl_->wanted = impl_->needed(model);
  for (const int ifindex : impl_->path->attached()) {
    const auto* link = impl_->netlink->table().link(ifindex);
    if (link != nullptr && impl_->wanted.count(link->name) != 0) continue;
    const std::string name = link == nullptr ? "interface " + std::to_string(ifindex) : link->name;
    if (auto detached = impl_->path->detach(ifindex); detached) {
      log::info("XDP is detached from {}", name);
    } else {
      log::warning("XDP stays on {}: {}", name, detached.error().message);
    }
  }
  std::erase_if(impl_->attached, [this](const auto& entry) { return impl_->wanted.count(entry.first) == 0; });
}

void PacketPath::remove() {
  if (!impl_->path) return;
  impl_->sweep.disarm();
  impl_->subscription.reset();
  for (const int ifindex : impl_->path->attached()) {
    if (auto detached = impl_->path->detach(ifindex); !detached)
      log::warning("XDP stays on interface {}: {}", ifindex, detached.error().message);
  }
  // As IPVS's, connections outlive the services, and go on when a next start brings these back.
  bool connections = false;
  (void)datapath::each_connection(*impl_->path, [&](const datapath::Connection&) {
    connections = true;
    return false;
  });
  if (connections) {
    log::info("Connections are kept in {} for the next start", impl_->path->pin_dir());
  } else if (auto unpinned = impl_->path->unpin(); !unpinned) {
    log::warning("{} stays: {}", impl_->path->pin_dir(), unpinned.error().message);
  }
  impl_->attached.clear();
  impl_->path.reset();
}

std::string PacketPath::pin_dir() const { return impl_->path ? impl_->path->pin_dir() : ""; }

std::vector<PacketPath::Interface> PacketPath::interfaces() const {
  std::vector<Interface> out;
  for (const auto& [name, entry] : impl_->attached) out.push_back(entry.shown);
  return out;
}

Result<std::vector<PacketPath::Reason>> PacketPath::reasons() const {
  if (!impl_->path) return impl_->none();
  std::vector<Reason> out;
  for (const auto& reason : impl_->path->reasons()) {
    out.push_back({std::string(reason.word), std::string(reason.verdict), std::string(reason.sentence), reason.packets, reason.bytes});
  }
  return out;
}

Status PacketPath::trace(std::uint32_t one_in) {
  if (!impl_->path) return impl_->none();
  impl_->path->trace(one_in);
  return {};
}

}  // namespace xd::daemon
