#include "datapath/watches.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

namespace xd::datapath {
namespace {

std::string name(const xd_watch_key& key) {
  return fmt::format("watch of VRID {} on interface {}{}", key.vrid, key.ifindex, key.vlan == 0 ? "" : fmt::format(" VLAN {}", key.vlan));
}

}  // namespace

struct Watches::Impl {
  Fd watches;
  Fd events;
  Fd program;
  ring_buffer* ring = nullptr;
  const std::function<void(const xd_event&)>* handler = nullptr;  // during drain()

  ~Impl() { ring_buffer__free(ring); }

  static int on_record(void* self, void* record, std::size_t size) {
    const auto* event = static_cast<const xd_event*>(record);
    if (size == sizeof *event && event->version == XD_LAYOUT) (*static_cast<Impl*>(self)->handler)(*event);
    return 0;
  }

  Status order(const char* verb, xd_watch_order& order) {
    LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = &order, .ctx_size_in = sizeof order);
    if (bpf_prog_test_run_opts(program.get(), &options) != 0) return Error::from_errno(fmt::format("{} the {}", verb, name(order.key)));
    const int result = static_cast<int>(options.retval);
    if (result != 0) return Error::from_errno(fmt::format("{} the {}", verb, name(order.key)), -result);
    return {};
  }
};

Watches::Watches(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Watches::Watches(Watches&&) noexcept = default;
Watches& Watches::operator=(Watches&&) noexcept = default;
Watches::~Watches() = default;

Result<Watches> Watches::open(const std::string& pin_dir) {
  const auto open_pin = [&](const char* pin) -> Result<Fd> {
    const std::string path = pin_dir + "/" + pin;
    Fd fd(bpf_obj_get(path.c_str()));
    if (!fd) return Error::from_errno("open the pin " + path);
    return fd;
  };
  auto watches = open_pin("xd_watches");
  if (!watches) return watches.error();
  auto events = open_pin("xd_events");
  if (!events) return events.error();
  auto program = open_pin("xd_watch");
  if (!program) return program.error();
  return adopt(std::move(*watches), std::move(*events), std::move(*program));
}

Result<Watches> Watches::adopt(Fd watches, Fd events, Fd program) {
  auto impl = std::make_unique<Impl>();
  impl->watches = std::move(watches);
  impl->events = std::move(events);
  impl->program = std::move(program);
  impl->ring = ring_buffer__new(impl->events.get(), &Impl::on_record, impl.get(), nullptr);
  if (impl->ring == nullptr) return Error::from_errno("map the ring buffer of VRRP events");
  return Watches(std::move(impl));
}

Status Watches::put(const xd_watch_key& key, const xd_watch_config& config, std::optional<TimePoint> lost_at) {
  xd_watch fresh{};
  fresh.config = config;
  bool created = bpf_map_update_elem(impl_->watches.get(), &key, &fresh, BPF_NOEXIST) == 0;
  // The kernel refills its stock of entries in the background; thousands of instances may be faster for a moment.
  for (int again = 0; !created && errno == ENOMEM && again < 100; ++again) {
    ::usleep(100);
    created = bpf_map_update_elem(impl_->watches.get(), &key, &fresh, BPF_NOEXIST) == 0;
  }
  if (!created && errno != EEXIST) return Error::from_errno("create the " + name(key));
  if (created && !lost_at) return {};

  xd_watch_order order{};
  order.key = key;
  order.orders = created ? 0 : XD_ORDER_CONFIG;
  order.config = config;
  if (lost_at) {
    order.orders |= XD_ORDER_ARM;
    order.deadline = to_ktime(*lost_at);
  }
  return impl_->order("change", order);
}

Status Watches::arm(const xd_watch_key& key, TimePoint lost_at) {
  xd_watch_order order{};
  order.key = key;
  order.orders = XD_ORDER_ARM;
  order.deadline = to_ktime(lost_at);
  Status armed = impl_->order("arm", order);
  // As with entries: the stock is refilled in the background.
  for (int again = 0; !armed && armed.error().code == ENOMEM && again < 3; ++again) {
    ::usleep(100);
    armed = impl_->order("arm", order);
  }
  return armed;
}

Status Watches::remove(const xd_watch_key& key) {
  if (bpf_map_delete_elem(impl_->watches.get(), &key) != 0 && errno != ENOENT) return Error::from_errno("remove the " + name(key));
  return {};
}

std::optional<xd_watch> Watches::look(const xd_watch_key& key) const {
  xd_watch watch{};
  if (bpf_map_lookup_elem(impl_->watches.get(), &key, &watch) != 0) return std::nullopt;
  return watch;
}

std::vector<xd_watch_key> Watches::keys() const {
  std::vector<xd_watch_key> keys;
  xd_watch_key next{};
  for (const xd_watch_key* at = nullptr; bpf_map_get_next_key(impl_->watches.get(), at, &next) == 0; at = &keys.back())
    keys.push_back(next);
  return keys;
}

int Watches::event_fd() const { return ring_buffer__epoll_fd(impl_->ring); }

std::size_t Watches::drain(const std::function<void(const xd_event&)>& handler) {
  impl_->handler = &handler;
  const int count = ring_buffer__consume(impl_->ring);
  impl_->handler = nullptr;
  return count < 0 ? 0 : static_cast<std::size_t>(count);
}

}  // namespace xd::datapath
