// What arrives: adverts by the interface and by heartbeat links, other masters, announcements of our addresses.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "vrrp/router_parts.h"
#include "vrrp/timing.h"

namespace xd::vrrp {

namespace {

constexpr Duration reject_told_again = 60s;
constexpr Duration rival_told_again = 60s;
constexpr Duration claim_may_precede = 1s;

// What on the way could keep adverts from arriving.
std::string filterable(const Instance& instance) {
  return instance.conf.unicast_peers.empty() ? "multicast (" + instance.multicast_group.str() + ")" : "unicast adverts";
}

}  // namespace

int link_index_of(const Instance& instance, const netlink::Table& table) {
  if (instance.conf.link.kind == conf::VirtualLink::Kind::none) return 0;
  const auto* link = table.link(instance.conf.link.name);
  return link != nullptr ? link->index : 0;
}

// What an instance's ear reports.
class Router::Ears final : public Listener {
 public:
  Ears(Router& router, Instance& instance) : router_(router), instance_(instance) {}

  void on_advert(const Heard& heard, const Remarks& remarks) override {
    Turn turn(router_);
    if (remarks.any() && remarks != instance_.last_remarks) tell(heard, remarks);
    instance_.last_remarks = remarks;
    note(heard, remarks);
    if (instance_.learn_checksum(heard.source, remarks.checksum)) {
      const bool is_old = remarks.checksum == ChecksumForm::multicast_pseudo_header;
      log::info("({}) Setting unicast VRRPv3 checksum for {} to {} version", instance_.conf.name, heard.source.str(),
                is_old ? "old" : "new");
    }
    router_.give(instance_, AdvertHeard{heard});
    const State& state = instance_.state;
    if (state.role == Role::master && heard.priority != priority_released && heard.source != state.master)
      router_.note_rival(instance_, heard);
  }

  void on_rejected(const IpAddress& source, const Rejection& rejection) override {
    if (is_telling(rejection.reason))
      instance_.findings.note(Trouble::refused, source.str(), std::string(sentence(rejection.reason)), router_.ports_.now());
    // Anybody on the link can send these: one line a minute for each reason.
    const TimePoint now = router_.ports_.now();
    const auto [told, is_new] = instance_.reject_told.try_emplace(rejection.reason, now);
    if (!is_new && now - told->second < reject_told_again) return;
    told->second = now;
    log::warning("({}) ignores adverts from {}: {}", instance_.conf.name, source.str(),
                 rejection.value == 0 ? std::string(sentence(rejection.reason)) : rejection.str());
  }

  void on_master_down() override {
    Turn turn(router_);
    router_.time_out(instance_);
  }

 private:
  // Refusals of what a misconfigured peer sends; the rest is noise, or an attack.
  static bool is_telling(Reject reason) {
    switch (reason) {
      case Reject::ttl:
      case Reject::checksum:
      case Reject::own_source:
      case Reject::too_short:
      case Reject::length:
      case Reject::type: return false;
      default: return true;
    }
  }

  void note(const Heard& heard, const Remarks& remarks) {
    const TimePoint now = router_.ports_.now();
    if (remarks.addresses_differ) instance_.findings.note(Trouble::other_addresses, heard.source.str(), {}, now);
    if (remarks.interval_differs)
      instance_.findings.note(Trouble::other_interval, heard.source.str(),
                              fmt::format("{:g} s, ours every {:g} s", to_seconds(heard.interval), to_seconds(instance_.election.interval)),
                              now);
  }

  void tell(const Heard& heard, const Remarks& remarks) const {
    const auto& name = instance_.conf.name;
    const auto from = heard.source.str();
    if (remarks.addresses_differ) log::warning("({}) adverts from {} name other virtual addresses than ours", name, from);
    if (remarks.interval_differs)
      log::info("({}) adverts from {} come every {} s, ours every {} s", name, from, to_seconds(heard.interval),
                to_seconds(instance_.election.interval));
    if (remarks.checksum_differs) log::info("({}) adverts from {} have another form of checksum than ours", name, from);
  }

  Router& router_;
  Instance& instance_;
};

// What arrives by a heartbeat link.
class Router::HeartbeatEars final : public Listener {
 public:
  HeartbeatEars(Router& router, Instance& instance, HeartbeatWay& way) : router_(router), instance_(instance), way_(way) {}
  void on_advert(const Heard& heard, const Remarks&) override {
    Turn turn(router_);
    router_.hear_heartbeat(instance_, way_, heard);
  }
  void on_rejected(const IpAddress& source, const Rejection& rejection) override { instance_.listener->on_rejected(source, rejection); }
  void on_master_down() override {}

 private:
  Router& router_;
  Instance& instance_;
  HeartbeatWay& way_;
};

std::unique_ptr<Listener> Router::ears_of(Instance& instance) { return std::make_unique<Ears>(*this, instance); }

std::unique_ptr<Listener> Router::ears_of(Instance& instance, HeartbeatWay& way) {
  return std::make_unique<HeartbeatEars>(*this, instance, way);
}

// Two masters hear each other: one of them is us. Said once a minute, with what to look at.
void Router::note_rival(Instance& instance, const Heard& heard) {
  const TimePoint now = ports_.now();
  ++instance.rival_adverts;
  instance.rival = heard.source;
  instance.rival_heard = now;
  instance.findings.note(Trouble::two_masters, heard.source.str(), filterable(instance), now);
  if (instance.rival_told != TimePoint{} && now - instance.rival_told < rival_told_again) return;
  instance.rival_told = now;
  log::info("({}) Received advert from {} with lower priority {}, ours {}", instance.conf.name, heard.source.str(), heard.priority,
            instance.state.priority);
  log::warning(
      "({}) two masters: {} sends adverts of virtual router {} on {} as well. If it goes on, it does not hear or believe ours: "
      "look for filtered {}, another password or interval there, or a foreign router with this virtual_router_id",
      instance.conf.name, heard.source.str(), instance.conf.vrid, instance.conf.place(), filterable(instance));
}

// Whoever took over from us has announced the addresses by now. If nobody has, the other was master all along: a split has healed, and
// it does not know that clients were sending to us. An advert of ours, lower than its own, tells it: it answers and announces again,
// as keepalived does.
void Router::say_farewell(Instance& instance) {
  instance.farewell_at.reset();
  if (instance.state.role != Role::backup || instance.state.master.is_unset()) return;
  if (instance.claimed_at + claim_may_precede >= instance.yielded_at) return;
  log::info("({}) {} was master as well and has not announced the addresses: a last advert makes it do so", instance.conf.name,
            instance.state.master.str());
  instance.queue_advert(ports_.sender);
}

void Router::hear_claim(const Claim& claim) {
  if (!index_.is_vip(claim.address)) return;
  for (const auto& [index, link] : ports_.netlink.table().links) {
    // Our own, come back by another port. A virtual MAC is the other routers' as well.
    if (link.mac == claim.mac && link.kind != netlink::LinkKind::macvlan) return;
  }
  const TimePoint now = ports_.now();
  for (Instance* instance : index_.with_address(claim.address)) {
    const TimePoint before = std::exchange(instance->claimed_at, now);
    // A new master's announcement can be read before its advert. Only who goes on beside us is worth a word.
    const bool goes_on = before > instance->state.since && now - before > instance->election.interval / 2;
    if (instance->state.role != Role::master || !goes_on) continue;
    instance->findings.note(Trouble::foreign_claim, claim.mac.str(), claim.address.str(), now);
    if (instance->claim_told != TimePoint{} && now - instance->claim_told < rival_told_again) continue;
    instance->claim_told = now;
    log::warning("({}) {} is announced by {} while we are master: another host has this address, or another master does not hear us",
                 instance->conf.name, claim.address.str(), claim.mac.str());
  }
}

// A backup whose transport is not what it would be now: the XDP program was taken off its interface.
bool Router::is_deaf(Instance& instance) const {
  return instance.ear && instance.state.role == Role::backup && instance.ear->kind() == TransportKind::xdp &&
         ports_.transport.kind_for(instance.tuning()) != TransportKind::xdp;
}

// The index of the link that its adverts go by, 0: any; none: it is not there.
std::optional<int> Router::way_of(const Instance& instance) const {
  if (instance.conf.way().empty()) return 0;
  const auto* link = ports_.netlink.table().link(instance.conf.way());
  if (link == nullptr) return std::nullopt;
  return link->index;
}

bool Router::can_listen(const Instance& instance) const {
  const auto* link = ports_.netlink.table().link(instance.conf.way());
  return instance.conf.way().empty() || (link != nullptr && link->usable());
}

void Router::listen(Instance& instance) {
  instance.ear.reset();
  const auto index = way_of(instance);
  if (!index) return;
  instance.index = *index;
  instance.link_index = link_index_of(instance, ports_.netlink.table());
  auto ear = ports_.transport.listen(instance.tuning(), *instance.listener);
  if (!ear) return log::error("({}) {}", instance.conf.name, ear.error().message);
  instance.ear = std::move(*ear);
}

// Their links and addresses may have come or gone.
void Router::look_at_heartbeats(Instance& instance) {
  for (auto& way : instance.heartbeats) {
    const bool changed = way->look(ports_.netlink.table(), instance.conf.family);
    if (changed) {
      instance.packets_changed();
      way->ear.reset();
    }
    if (!way->usable()) continue;
    if (way->ear) {
      if (auto status = way->ear->tune(way->tuning(instance.tuning())); !status)
        log::error("({}) {}", instance.conf.name, status.error().message);
      continue;
    }
    auto ear = ports_.transport.listen(way->tuning(instance.tuning()), *way->listener);
    if (ear) {
      way->ear = std::move(*ear);
    } else {
      log::error("({}) heartbeat: {}", instance.conf.name, ear.error().message);
    }
  }
}

void Router::look_at_heartbeats(const std::string& interface) {
  for (auto& instance : instances_) {
    const auto by = [&](const auto& way) { return way->conf.interface == interface; };
    if (std::any_of(instance->heartbeats.begin(), instance->heartbeats.end(), by)) look_at_heartbeats(*instance);
  }
}

void Router::hear_heartbeat(Instance& instance, HeartbeatWay& way, const Heard& heard) {
  const TimePoint now = ports_.now();
  const State& state = instance.state;
  const Duration patience =
      master_down_interval(instance.election.version, state.priority, state.master_interval, instance.election.down_timer_adverts);
  const TimePoint last = std::max(state.heard_at.value_or(state.since), state.since);
  if (state.role == Role::backup && heard.priority != priority_released && now - last > patience)
    instance.findings.note(Trouble::link_silent, heard.source.str(),
                           fmt::format("by {}, and not by {}", way.conf.interface, instance.conf.place()), now);
  give(instance, HeartbeatHeard{heard, way.source});
}

void Router::tune(Instance& instance) {
  instance.link_index = link_index_of(instance, ports_.netlink.table());
  if (way_of(instance) != instance.index) instance.ear.reset();  // another VRF
  if (!instance.ear || instance.ear->kind() != ports_.transport.kind_for(instance.tuning())) {
    listen(instance);
  } else if (auto status = instance.ear->tune(instance.tuning()); !status) {
    log::error("({}) {}", instance.conf.name, status.error().message);
  }
  follow(instance);
}

void Router::choose_source(Instance& instance) {
  const auto source = vrrp::choose_source(instance.conf, ports_.netlink.table(), [this](const IpAddress& ip) { return index_.is_vip(ip); });
  if (source.value_or(IpAddress()) == instance.election.source) return;
  instance.election.source = source.value_or(IpAddress());
  if (instance.state.role == Role::master) instance.state.master = instance.election.source;
  instance.packets_changed();
}

}  // namespace xd::vrrp
