#include "vrrp/xdp_transport.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "vrrp/watch.h"

namespace xd::vrrp {

namespace {

IpAddress source_of(const xd_heard& heard) {
  in6_addr source;
  std::memcpy(&source, heard.source, sizeof source);
  return IpAddress::v6(source);
}

// The program hears on the interface itself, also what a link with the virtual MAC takes away behind it: the group is joined there.
Tuning on_interface(Tuning tuning) {
  tuning.link_index = 0;
  return tuning;
}

}  // namespace

bool xdp_hears(const netlink::Table& table, const netlink::Link& link) {
  using netlink::LinkKind;
  if (link.kind != LinkKind::other && link.kind != LinkKind::veth && link.kind != LinkKind::dummy) return false;
  return std::none_of(table.links.begin(), table.links.end(),
                      [&](const auto& entry) { return entry.second.kind == LinkKind::vlan && entry.second.lower == link.index; });
}

class XdpTransport::XdpEar final : public Ear {
 public:
  XdpEar(XdpTransport& transport, const Tuning& tuning, Listener& listener, std::unique_ptr<Ear> membership)
      : transport_(transport), tuning_(tuning), listener_(listener), membership_(std::move(membership)) {
    transport_.ears_[key()] = this;
  }
  ~XdpEar() override {
    const auto place = transport_.ears_.find(key());
    if (place != transport_.ears_.end() && place->second == this) transport_.ears_.erase(place);
  }

  xd_watch_key key() const { return key_of(tuning_); }

  TransportKind kind() const override { return TransportKind::xdp; }
  bool keeps_down_timer() const override { return armed_for_.has_value(); }

  Status tune(const Tuning& tuning) override {
    if (tuning.group != tuning_.group) {
      auto membership = transport_.raw_.join(on_interface(tuning));
      if (!membership) return std::move(membership).error();
      membership_ = std::move(*membership);
    }
    tuning_ = tuning;
    return state_ ? follow(*state_) : Status();
  }

  Status follow(const State& state) override {
    const auto config = watch_config(tuning_.expected, tuning_.election, state);
    const bool is_known = known_ && std::memcmp(&config, &*known_, sizeof config) == 0;
    const auto lost_at = state.role == Role::backup ? state.due : std::nullopt;
    state_ = state;
    if (!is_known) {
      if (auto status = transport_.watches_.put(key(), config); !status) return status;
      known_ = config;
    } else if (lost_at == armed_for_) {
      return {};
    }
    armed_for_ = lost_at;
    if (!lost_at) return {};
    if (auto status = transport_.watches_.arm(key(), *lost_at); !status) {
      // A kernel that makes timers without waiting for memory may have none for the moment, with thousands at once. Then our own
      // timer counts, as it does with raw sockets, and the next step tries again.
      armed_for_.reset();
      if (status.error().code != ENOMEM) return status;
    }
    return {};
  }

  std::optional<Heard> last_heard() override {
    const auto watch = transport_.watches_.look(key());
    return watch ? heard_of(watch->seen) : std::nullopt;
  }

  Tally tally() const override {
    static_assert(XD_REJECT_COUNT <= reject_count);  // the first are the same
    Tally tally;
    if (const auto watch = transport_.watches_.look(key())) {
      tally.received = watch->adverts;
      tally.priority_zero = watch->zeros;
      std::copy(std::begin(watch->rejects), std::end(watch->rejects), tally.rejected.begin());
      // The program counts what has another form than ours; whoever sends that keeps to one form.
      constexpr int differing = 2;  // XD_REMARK_CHECKSUM's bit
      static_assert(XD_REMARK_CHECKSUM == 1 << differing);
      const std::uint64_t others = watch->remarks[differing];
      const auto ours = tuning_.expected.checksum;
      tally.forms[static_cast<std::size_t>(ours)] = watch->adverts - std::min<std::uint64_t>(others, watch->adverts);
      for (const auto* heard : {&watch->seen, &watch->ignored}) {
        const auto remarks = remarks_of(*heard, ours);
        if (remarks.checksum_differs) {
          tally.forms[static_cast<std::size_t>(remarks.checksum)] = others;
          break;
        }
      }
    }
    return tally;
  }

  void take(const xd_event& event) {
    switch (event.type) {
      case XD_EVENT_MASTER_DOWN: listener_.on_master_down(); break;
      case XD_EVENT_REJECTED:
        if (event.reject < XD_REJECT_COUNT) listener_.on_rejected(source_of(event.heard), {static_cast<Reject>(event.reject), 0});
        break;
      default:
        if (const auto heard = heard_of(event.heard)) listener_.on_advert(*heard, remarks_of(event.heard, tuning_.expected.checksum));
    }
  }

 private:
  XdpTransport& transport_;
  Tuning tuning_;
  Listener& listener_;
  std::unique_ptr<Ear> membership_;
  std::optional<State> state_;
  std::optional<xd_watch_config> known_;  // what the kernel was told last
  std::optional<TimePoint> armed_for_;
};

XdpTransport::XdpTransport(Loop& loop, datapath::Watches& watches, RawTransport& raw, Together together) : watches_(watches), raw_(raw) {
  readable_ =
      loop.io(watches_.event_fd(), EPOLLIN, [this, together = std::move(together)](std::uint32_t) { together([this] { drain(); }); });
}

XdpTransport::~XdpTransport() = default;

xd_watch_key XdpTransport::key_of(const Tuning& tuning) {
  xd_watch_key key{};
  key.ifindex = static_cast<__u32>(tuning.index);
  key.family = static_cast<__u8>(tuning.expected.family);
  key.vrid = tuning.expected.vrid;
  return key;
}

Result<std::unique_ptr<Ear>> XdpTransport::listen(const Tuning& tuning, Listener& listener) {
  auto membership = raw_.join(on_interface(tuning));
  if (!membership) return std::move(membership).error();
  auto ear = std::make_unique<XdpEar>(*this, tuning, listener, std::move(*membership));
  // A watch that an earlier process left has heard somebody and stays as it is until the state is known.
  if (!watches_.look(ear->key())) {
    const auto config = watch_config(tuning.expected, tuning.election, State{});
    if (auto status = watches_.put(ear->key(), config); !status) return std::move(status).error();
  }
  return std::unique_ptr<Ear>(std::move(ear));
}

void XdpTransport::drain() {
  watches_.drain([this](const xd_event& event) { take(event); });
}

void XdpTransport::take(const xd_event& event) {
  const auto it = ears_.find(event.watch);
  if (it != ears_.end()) it->second->take(event);
}

void XdpTransport::remove_unused() {
  for (const auto& key : watches_.keys()) {
    // One that stays costs a timer that finds nobody: it is taken away at the next commit.
    if (!ears_.contains(key)) (void)watches_.remove(key);
  }
}

}  // namespace xd::vrrp
