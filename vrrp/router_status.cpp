// For others to see: snapshots, findings, the state of instances.
#include <algorithm>
#include <span>
#include <utility>

#include "vrrp/router_parts.h"

namespace xd::vrrp {

namespace {

// Trouble that was not seen for this long has ended.
Duration still_going_on(const Instance& instance) { return std::max<Duration>(4 * instance.election.interval, 5s); }

InstanceSnapshot snapshot_of(const Instance& i, TimePoint now) {
  Remembered remembered{i.state.role, i.state.since, i.state.priority, std::nullopt};
  if (i.state.heard_at && !i.state.master.is_unset() && i.state.role == Role::backup) {
    remembered.last_heard = Heard{i.state.master, i.state.master_priority, i.state.master_interval, *i.state.heard_at};
  }
  return {i.conf.place(), i.conf.family, i.conf.vrid, remembered, i.became_master, i.ah_sequence, now, false};
}

}  // namespace

Snapshot Router::snapshot() const {
  Snapshot out;
  for (const auto& i : instances_) out.instances.push_back(snapshot_of(*i, ports_.now()));
  return out;
}

Snapshot Router::changes(std::size_t most) {
  Snapshot out{std::exchange(gone_, {})};
  while (!to_report_.empty() && out.instances.size() < most) {
    Instance& instance = *to_report_.front();
    to_report_.pop_front();
    instance.changed = false;
    out.instances.push_back(snapshot_of(instance, ports_.now()));
  }
  return out;
}

std::vector<Finding> Router::findings(const Instance& instance) const {
  Findings all = instance.findings;
  // A steady master wakes nobody: what is remarkable about it holds until it is another.
  if (instance.state.role == Role::backup && !instance.state.master.is_unset() && instance.last_remarks.addresses_differ)
    all.note(Trouble::other_addresses, instance.state.master.str(), {}, ports_.now());
  return all.current(ports_.now(), still_going_on(instance));
}

std::array<std::size_t, role_count> Router::roles() const {
  std::array<std::size_t, role_count> out{};
  for (const auto& i : instances_) ++out[static_cast<std::size_t>(i->state.role)];
  return out;
}

std::vector<InstanceStatus> Router::status(std::size_t first, std::size_t most) const {
  std::vector<InstanceStatus> out;
  first = std::min(first, instances_.size());
  for (const auto& i : std::span(instances_).subspan(first, std::min(most, instances_.size() - first))) {
    InstanceStatus s;
    s.name = i->conf.name;
    s.interface = i->conf.way();
    s.vrid = i->conf.vrid;
    s.version = i->conf.version;
    s.family = i->conf.family;
    if (i->group != nullptr) s.sync_group = i->group->conf.name;
    s.role = i->state.role;
    s.cause = i->state.cause;
    s.since = i->state.since;
    s.base_priority = i->conf.priority;
    s.priority = i->state.priority;
    s.advert_interval = i->election.interval;
    s.master = i->state.master;
    s.master_priority = i->state.master_priority;
    if (i->ear) s.transport = i->ear->kind();
    for (const auto& entry : i->addresses.entries())
      (entry.excluded ? s.excluded_addresses : s.addresses).push_back(entry.conf.prefix.str());
    for (std::uint32_t bit = 1; bit != 0; bit <<= 1) {
      if ((i->state.faults.bits() & bit) != 0) s.faults.emplace_back(sentence(static_cast<Fault>(bit)));
    }
    s.findings = findings(*i);
    if (i->waiting) s.faults.emplace_back("waits for the first result of its scripts");
    s.adverts_sent = i->adverts_sent;
    s.priority_zero_sent = i->priority_zero_sent;
    s.rival_adverts = i->rival_adverts;
    if (!i->rival.is_unset() && ports_.now() - i->rival_heard < 3 * i->election.interval) s.rival = i->rival;
    s.became_master = i->became_master;
    s.released_master = i->released_master;
    const Tally tally = i->ear ? i->ear->tally() : Tally{};
    s.adverts_received = tally.received;
    s.priority_zero_received = tally.priority_zero;
    for (std::size_t r = 0; r < tally.rejected.size(); ++r) {
      if (tally.rejected[r] != 0) s.rejects.push_back({std::string(vrrp::name(static_cast<Reject>(r))), tally.rejected[r]});
    }
    for (std::size_t form = 0; form < tally.forms.size(); ++form) {
      if (tally.forms[form] != 0) s.checksums.push_back({std::string(vrrp::name(static_cast<ChecksumForm>(form))), tally.forms[form]});
    }
    out.push_back(std::move(s));
  }
  return out;
}

}  // namespace xd::vrrp
