#include "ipvs/ipvs.h"

#include <linux/genetlink.h>
#include <linux/ip_vs.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/network_namespace.h"
#include "base/process.h"
#include "base/receive_queue.h"
#include "ipvs/message.h"

namespace xd::ipvs {

namespace {

struct SocketDeleter {
  void operator()(nl_sock* socket) const { nl_socket_free(socket); }
};
struct MessageDeleter {
  void operator()(nl_msg* msg) const { nlmsg_free(msg); }
};
using Socket = std::unique_ptr<nl_sock, SocketDeleter>;
using Message = std::unique_ptr<nl_msg, MessageDeleter>;

// The program that the kernel itself calls for a module.
std::string module_loader() {
  std::ifstream setting("/proc/sys/kernel/modprobe");
  std::string path;
  return std::getline(setting, path) && !path.empty() ? path : "modprobe";
}

void load_module() {
  const auto pid = spawn({{module_loader(), "-q", "--", "ip_vs"}, {}, {}});
  if (!pid) return;  // there is none: the family stays unknown and open() says so
  int status = 0;
  while (::waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
  }
}

const char* name(SyncRole role) { return role == SyncRole::master ? "master" : "backup"; }

// The kernel's refusals in IPVS's own terms.
std::string meaning(int code, bool of_destination) {
  switch (code) {
    case EEXIST: return of_destination ? "destination exists already" : "service exists already";
    case ESRCH: return "no such service";
    case ENOENT: return of_destination ? "no such destination" : "scheduler not available in this kernel";
    default: return {};
  }
}

Error refusal(std::string request, int code, bool of_destination) {
  if (auto words = meaning(code, of_destination); !words.empty()) return Error{std::move(request) + ": " + words, code};
  return Error::from_errno(std::move(request), code);
}

}  // namespace

struct Table::Impl {
  Socket socket;
  int family = 0;

  Message request(int command, int flags) const {
    Message msg(nlmsg_alloc());
    genlmsg_put(msg.get(), NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, flags, static_cast<std::uint8_t>(command), IPVS_GENL_VERSION);
    return msg;
  }

  // Sends and waits for the acknowledgement or the end of the dump. Returns an errno, 0 for success.
  int transact(Message msg, const std::function<void(nlattr** attributes)>& each = {}) {
    if (const int sent = nl_send_auto(socket.get(), msg.get()); sent < 0) return EIO;

    struct Reception {
      const std::function<void(nlattr**)>* each;
      int error = 0;
      bool finished = false;
    } reception{&each};
    std::unique_ptr<nl_cb, decltype(&nl_cb_put)> callbacks(nl_cb_alloc(NL_CB_CUSTOM), &nl_cb_put);
    nl_cb_set(
        callbacks.get(), NL_CB_VALID, NL_CB_CUSTOM,
        [](nl_msg* answer, void* arg) {
          auto& r = *static_cast<Reception*>(arg);
          std::array<nlattr*, IPVS_CMD_ATTR_MAX + 1> attributes{};
          if (*r.each && genlmsg_parse(nlmsg_hdr(answer), 0, attributes.data(), IPVS_CMD_ATTR_MAX, nullptr) == 0) {
            (*r.each)(attributes.data());
          }
          return static_cast<int>(NL_OK);
        },
        &reception);
    const auto finish = [](nl_msg*, void* arg) {
      static_cast<Reception*>(arg)->finished = true;
      return static_cast<int>(NL_STOP);
    };
    nl_cb_set(callbacks.get(), NL_CB_FINISH, NL_CB_CUSTOM, finish, &reception);
    nl_cb_set(callbacks.get(), NL_CB_ACK, NL_CB_CUSTOM, finish, &reception);
    nl_cb_err(
        callbacks.get(), NL_CB_CUSTOM,
        [](sockaddr_nl*, nlmsgerr* error, void* arg) {
          auto& r = *static_cast<Reception*>(arg);
          r.error = -error->error;
          r.finished = true;
          return static_cast<int>(NL_STOP);
        },
        &reception);
    while (!reception.finished) {
      if (const int r = nl_recvmsgs(socket.get(), callbacks.get()); r < 0 && !reception.finished) return EIO;
    }
    return reception.error;
  }

  template <typename Fill>
  Status change(int command, std::string what, bool of_destination, Fill fill) {
    auto msg = request(command, NLM_F_ACK);
    fill(msg.get());
    if (const int code = transact(std::move(msg)); code != 0) return refusal(std::move(what), code, of_destination);
    return {};
  }

  Result<std::vector<std::pair<lvs::ServiceKey, lvs::Service>>> dump_services() {
    std::vector<std::pair<lvs::ServiceKey, lvs::Service>> found;
    const int code = transact(request(IPVS_CMD_GET_SERVICE, NLM_F_DUMP), [&found](nlattr** attributes) {
      if (auto service = get_service(attributes[IPVS_CMD_ATTR_SERVICE])) found.push_back(std::move(*service));
    });
    if (code != 0) return Error::from_errno("list IPVS services", code);
    return found;
  }

  // In the kernel's order: last added first.
  Result<std::vector<DestinationEntry>> dump_destinations(const lvs::ServiceKey& key) {
    std::vector<DestinationEntry> found;
    auto msg = request(IPVS_CMD_GET_DEST, NLM_F_DUMP);
    put_service_key(msg.get(), key);
    const int code = transact(std::move(msg), [&](nlattr** attributes) {
      if (auto destination = get_destination(attributes[IPVS_CMD_ATTR_DEST], key.family())) found.push_back(*destination);
    });
    // A service that went between the two requests has no destinations.
    if (code != 0 && code != ESRCH) return Error::from_errno("list destinations of " + key.str(), code);
    return found;
  }
};

Table::Table(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Table::Table(Table&&) noexcept = default;
Table& Table::operator=(Table&&) noexcept = default;
Table::~Table() = default;

namespace {
std::string namespace_path;  // empty: ours
}

void Table::open_in(std::string path) { namespace_path = std::move(path); }

Result<Table> Table::open() {
  std::optional<InNetworkNamespace> elsewhere;
  if (!namespace_path.empty()) {
    auto entered = InNetworkNamespace::enter(namespace_path);
    if (!entered) return std::move(entered).error();
    elsewhere.emplace(std::move(*entered));
  }
  auto impl = std::make_unique<Impl>();
  impl->socket.reset(nl_socket_alloc());
  if (!impl->socket || genl_connect(impl->socket.get()) < 0) return Error::from_errno("open a generic netlink socket");
  impl->family = genl_ctrl_resolve(impl->socket.get(), IPVS_GENL_NAME);
  if (impl->family < 0) {
    load_module();
    impl->family = genl_ctrl_resolve(impl->socket.get(), IPVS_GENL_NAME);
  }
  if (impl->family < 0) return Error{"this kernel has no IPVS (module ip_vs is not there)", ENOPROTOOPT};
  return Table(std::move(impl));
}

Status Table::set_answer_queue(std::uint32_t bytes, bool force) {
  return set_receive_queue(nl_socket_get_fd(impl_->socket.get()), bytes, force, "the answers of IPVS");
}

Result<lvs::Services> Table::services() {
  auto found = impl_->dump_services();
  if (!found) return std::move(found).error();
  lvs::Services services;
  for (auto& [key, service] : *found) {
    auto destinations = impl_->dump_destinations(key);
    if (!destinations) return std::move(destinations).error();
    for (auto entry = destinations->rbegin(); entry != destinations->rend(); ++entry) {
      service.destinations.emplace(entry->server, entry->destination);
      service.order.push_back(entry->server);
    }
    services.emplace(key, std::move(service));
  }
  return services;
}

Result<Counters> Table::counters() {
  auto found = impl_->dump_services();
  if (!found) return std::move(found).error();
  Counters counters;
  for (const auto& [key, service] : *found) {
    auto destinations = impl_->dump_destinations(key);
    if (!destinations) return std::move(destinations).error();
    auto& of_service = counters[key];
    for (const auto& entry : *destinations) of_service.emplace(entry.server, entry.counters);
  }
  return counters;
}

Result<std::vector<ServiceEntry>> Table::list() {
  std::vector<ServiceEntry> services;
  const int code = impl_->transact(impl_->request(IPVS_CMD_GET_SERVICE, NLM_F_DUMP), [&services](nlattr** attributes) {
    nlattr* at = attributes[IPVS_CMD_ATTR_SERVICE];
    if (auto service = get_service(at)) services.push_back({service->first, std::move(service->second), get_traffic(at), {}});
  });
  if (code != 0) return Error::from_errno("list IPVS services", code);
  for (auto& service : services) {
    auto destinations = impl_->dump_destinations(service.key);
    if (!destinations) return std::move(destinations).error();
    service.destinations = std::move(*destinations);
  }
  return services;
}

Result<Info> Table::info() {
  Info info;
  // Its attributes have numbers of their own.
  const int code = impl_->transact(impl_->request(IPVS_CMD_GET_INFO, NLM_F_ACK), [&info](nlattr** attributes) {
    if (nlattr* version = attributes[IPVS_INFO_ATTR_VERSION]) info.version = nla_get_u32(version);
    if (nlattr* size = attributes[IPVS_INFO_ATTR_CONN_TAB_SIZE]) info.table_size = nla_get_u32(size);
  });
  if (code != 0) return Error::from_errno("ask IPVS for its version", code);
  return info;
}

Result<Timeouts> Table::timeouts() {
  Timeouts timeouts;
  const int code = impl_->transact(impl_->request(IPVS_CMD_GET_CONFIG, NLM_F_ACK), [&timeouts](nlattr** attributes) {
    const auto read = [attributes](int at) { return attributes[at] != nullptr ? nla_get_u32(attributes[at]) : 0; };
    timeouts = {read(IPVS_CMD_ATTR_TIMEOUT_TCP), read(IPVS_CMD_ATTR_TIMEOUT_TCP_FIN), read(IPVS_CMD_ATTR_TIMEOUT_UDP)};
  });
  if (code != 0) return Error::from_errno("read IPVS timeouts", code);
  return timeouts;
}

Status Table::set_timeouts(const Timeouts& timeouts) {
  return impl_->change(IPVS_CMD_SET_CONFIG, "set IPVS timeouts", false, [&](nl_msg* msg) { put_timeouts(msg, timeouts); });
}

Result<std::vector<SyncDaemon>> Table::sync_daemons() {
  std::vector<SyncDaemon> daemons;
  const int code = impl_->transact(impl_->request(IPVS_CMD_GET_DAEMON, NLM_F_DUMP), [&daemons](nlattr** attributes) {
    if (auto daemon = get_sync_daemon(attributes[IPVS_CMD_ATTR_DAEMON])) daemons.push_back(std::move(*daemon));
  });
  if (code != 0) return Error::from_errno("list IPVS sync daemons", code);
  return daemons;
}

Status Table::start_sync_daemon(const SyncDaemon& daemon) {
  auto msg = impl_->request(IPVS_CMD_NEW_DAEMON, NLM_F_ACK);
  put_sync_daemon(msg.get(), daemon);
  if (const int code = impl_->transact(std::move(msg)); code != 0)
    return Error::from_errno(std::string("start the IPVS sync ") + name(daemon.role) + " on " + daemon.interface, code);
  return {};
}

Status Table::stop_sync_daemon(SyncRole role) {
  auto msg = impl_->request(IPVS_CMD_DEL_DAEMON, NLM_F_ACK);
  put_sync_role(msg.get(), role);
  if (const int code = impl_->transact(std::move(msg)); code != 0)
    return Error::from_errno(std::string("stop the IPVS sync ") + name(role), code);
  return {};
}

Status Table::add_service(const lvs::ServiceKey& key, const lvs::Service& service) {
  return impl_->change(IPVS_CMD_NEW_SERVICE, "add service " + key.str(), false, [&](nl_msg* msg) { put_service(msg, key, service); });
}

Status Table::edit_service(const lvs::ServiceKey& key, const lvs::Service& service) {
  return impl_->change(IPVS_CMD_SET_SERVICE, "change service " + key.str(), false, [&](nl_msg* msg) { put_service(msg, key, service); });
}

Status Table::remove_service(const lvs::ServiceKey& key) {
  return impl_->change(IPVS_CMD_DEL_SERVICE, "remove service " + key.str(), false, [&](nl_msg* msg) { put_service_key(msg, key); });
}

Status Table::add_destination(const lvs::ServiceKey& key, const Endpoint& server, const lvs::Destination& destination) {
  return impl_->change(IPVS_CMD_NEW_DEST, "add destination " + server.str() + " to " + key.str(), true, [&](nl_msg* msg) {
    put_service_key(msg, key);
    put_destination(msg, server, destination);
  });
}

Status Table::edit_destination(const lvs::ServiceKey& key, const Endpoint& server, const lvs::Destination& destination) {
  return impl_->change(IPVS_CMD_SET_DEST, "change destination " + server.str() + " of " + key.str(), true, [&](nl_msg* msg) {
    put_service_key(msg, key);
    put_destination(msg, server, destination);
  });
}

Status Table::remove_destination(const lvs::ServiceKey& key, const Endpoint& server) {
  return impl_->change(IPVS_CMD_DEL_DEST, "remove destination " + server.str() + " from " + key.str(), true, [&](nl_msg* msg) {
    put_service_key(msg, key);
    put_destination_key(msg, server);
  });
}

}  // namespace xd::ipvs
