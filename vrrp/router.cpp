// One turn of the router: what elections ask for is carried out.
#include "vrrp/router.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "base/log.h"
#include "vrrp/router_parts.h"

namespace xd::vrrp {

namespace {

// Five announcements of each of thousands of addresses are sent in pieces: adverts go in between.
constexpr std::size_t announced_at_once = 256;
constexpr Duration rival_answered_again = 500ms;
// A new master announces its addresses right after its first advert. When it has not by now, it is no new one.
constexpr Duration farewell_delay = 250ms;

std::string in_words(Cause cause, const Instance& instance) {
  switch (cause) {
    case Cause::master_silent: return "Receive advertisement timeout";
    case Cause::master_left: return "Backup received priority 0 advertisement";
    case Cause::better_advert:
      return fmt::format("Master received advert from {} with priority {}, ours {}", instance.state.master.str(),
                         instance.state.master_priority, instance.state.priority);
    default: return std::string(sentence(cause));
  }
}

}  // namespace

Router::Router(RouterPorts ports)
    : ports_(std::move(ports)),
      teller_(ports_.runner, ports_.tell_fifos, ports_.mail),
      scripts_(ports_.runner, ports_.now,
               [this] {
                 Turn turn(*this);
                 reconsider_all();
               }),
      statics_(ports_.netlink),
      settings_(ports_.settings),
      links_(ports_.netlink, settings_),
      filters_(ports_.accept_filter, ports_.report_filter, ports_.netlink) {
  subscription_ = ports_.netlink.subscribe([this](const netlink::Change& change) { on_netlink(change); });
}

Router::~Router() = default;

void Router::in_one_turn(const std::function<void()>& events) {
  Turn turn(*this);
  events();
  keep_time(Which::masters);  // however many follow at once
}

void Router::give(Instance& instance, const Event& event) {
  const Role before = instance.state.role;
  const bool wanted_master = instance.state.wants_master;
  const auto master_before = std::pair(instance.state.master, instance.state.priority);
  const Step step = vrrp::step(instance.election, instance.state, event, ports_.now());
  instance.state = step.next;
  for (const Action action : step.actions) {
    if (action == Action::send_advert) {
      instance.queue_advert(ports_.sender);
    } else if (action == Action::send_priority_zero) {
      instance.queue_priority_zero(ports_.sender);
      log::info("({}) sent 0 priority", instance.conf.name);
    } else {
      todo_.push_back({&instance, action, before, instance.state.cause});
      if (instance.group != nullptr) ++instance.group->todos;
    }
  }
  const bool is_news = instance.state.role != before || master_before != std::pair(instance.state.master, instance.state.priority);
  if (is_news) note_change(instance);
  if (instance.group != nullptr) {
    instance.group->unsettled = true;
    instance.group->to_tell |= is_news;
    if (instance.state.wants_master && !wanted_master) instance.group->ripe = &instance;
  }
  if (instance.state.role != Role::master) return follow(instance);
  to_follow_.push_back(&instance);
  schedule(instance);
}

void Router::note_change(Instance& instance) {
  changed_ = true;
  if (!std::exchange(instance.changed, true)) to_report_.push_back(&instance);
}

void Router::finish() {
  const bool synchronises = others_.global.lvs_sync_daemon && !others_.global.lvs_sync_daemon->instance.empty();
  bool roles_changed = false;
  do {
    while (settle_groups()) {
    }
    flush();
    if (!todo_.empty()) {
      const Todo todo = todo_.front();
      todo_.pop_front();
      if (todo.instance->group != nullptr) --todo.instance->group->todos;
      carry_out(todo);
      keep_time(Which::all);
      roles_changed |= todo.action == Action::become_master || todo.action == Action::become_backup || todo.action == Action::become_fault;
      tell_settled_group(*todo.instance);
    }
    send_due_announcements();
  } while (!todo_.empty());
  flush();
  for (Instance* instance : to_follow_) follow(*instance);
  to_follow_.clear();
  if (roles_changed && !stopped_) filters_.hold_reports(instances_);
  if (synchronises && roles_changed) follow_sync_daemon();
  tell_groups();
  if (std::exchange(changed_, false) && on_change_) on_change_();
}

void Router::carry_out(const Todo& todo) {
  Instance& instance = *todo.instance;
  const auto& name = instance.conf.name;
  switch (todo.action) {
    case Action::become_master: become_master(instance, todo.cause); break;
    case Action::become_backup:
      if (todo.before == Role::master) log::info("({}) {}", name, in_words(todo.cause, instance));
      if (todo.before == Role::master && todo.cause == Cause::better_advert && !instance.election.higher_prio_send_advert) {
        instance.yielded_at = ports_.now();
        instance.farewell_at = instance.yielded_at + farewell_delay;
        schedule(instance);
      }
      log::info("({}) Entering BACKUP STATE{}", name, todo.before == Role::init && !instance.waited ? " (init)" : "");
      leave(instance, todo);
      teller_.tell(instance, Notification::backup);
      break;
    case Action::become_fault:
      log::info("({}) in fault: {}", name, instance.state.faults.str());
      log::info("({}) Entering FAULT STATE{}", name, todo.before == Role::init ? " (init)" : "");
      leave(instance, todo);
      teller_.tell(instance, Notification::fault);
      break;
    case Action::become_init:
      leave(instance, todo);
      if (instance.deleted) teller_.tell_deletion(instance, todo.before);
      break;
    case Action::announce_again: {
      // A flood of lower adverts is not to become one of announcements and scripts.
      const TimePoint now = ports_.now();
      instance.answers_rival = instance.rival_answered == TimePoint{} || now - instance.rival_answered >= rival_answered_again;
      if (!instance.answers_rival) break;
      instance.rival_answered = now;
      const auto again = [&](const Instance& i) { garp_.again(i.id, i.announced(ports_.netlink.table()), i.conf.garp, ports_.now()); };
      if (instance.group == nullptr) return again(instance);
      for (const Instance* member : instance.group->members) again(*member);
      break;
    }
    case Action::tell_lower_priority:
      if (instance.answers_rival) teller_.tell(instance, Notification::master_rx_lower_priority);
      break;
    case Action::tell_priority:
      if (!instance.conf.notify_priority_changes) break;
      teller_.tell(instance, instance.state.role == Role::master ? Notification::master_priority : Notification::backup_priority);
      break;
    case Action::fence: start_fence(instance); break;
    case Action::send_advert:
    case Action::send_priority_zero: break;
  }
}

void Router::become_master(Instance& instance, Cause cause) {
  ++instance.became_master;
  std::vector<std::string> problems;
  filters_.close(instance);
  // The announcements are ready when the addresses are there: others whom these wake are not to come in between.
  announce(instance, instance.conf.garp);
  send_due_announcements();
  instance.addresses.acquire(problems);
  instance.routes.acquire(problems);
  flush();
  // A log can be slow. The network has waited long enough by now.
  log::info("({}) {}", instance.conf.name, in_words(cause, instance));
  log::info("({}) Entering MASTER STATE", instance.conf.name);
  log_problems(instance, problems);
  teller_.tell(instance, Notification::master);
}

void Router::leave(Instance& instance, const Todo& todo) {
  garp_.cancel(instance.id);
  if (todo.before == Role::master) ++instance.released_master;
  std::vector<std::string> problems;
  instance.routes.release(problems);
  instance.addresses.release(problems);
  filters_.open(instance);
  log_problems(instance, problems);
}

// The IPVS sync daemon sends what a master knows of connections, and else listens.
void Router::follow_sync_daemon(bool end) {
  const auto& daemon = others_.global.lvs_sync_daemon;
  if (!ports_.sync_daemon) return;
  const auto it =
      std::find_if(instances_.begin(), instances_.end(), [&](const auto& i) { return daemon && i->conf.name == daemon->instance; });
  if (end || it == instances_.end()) return ports_.sync_daemon(std::nullopt, 0, Role::init);
  ports_.sync_daemon(daemon, (*it)->conf.vrid, (*it)->state.role);
}

void Router::log_problems(const std::vector<std::string>& problems) {
  for (const auto& problem : problems) log::error("{}", problem);
}

// What the kernel is to do differently on the interfaces of this configuration.
void Router::adapt_settings() {
  KernelSettings::Wanted wanted;
  links_.add_settings(wanted);
  if (others_.global.disable_local_igmp) wanted["net/ipv4/igmp_link_local_mcast_reports"] = "0";
  for (const auto& instance : instances_) {
    if (instance->conf.promote_secondaries && !instance->conf.interface.empty())
      wanted["net/ipv4/conf/" + instance->conf.interface + "/promote_secondaries"] = "1";
  }
  std::vector<std::string> problems;
  settings_.become(stopped_ ? KernelSettings::Wanted() : wanted, problems);
  log_problems(problems);
}

void Router::log_problems(const Instance& instance, const std::vector<std::string>& problems) {
  for (const auto& problem : problems) log::error("({}) {}", instance.conf.name, problem);
}

// From now on and as long as it is master.
void Router::announce(Instance& instance, const conf::GarpSettings& settings) {
  const auto& table = ports_.netlink.table();
  garp_.begin(instance.id, instance.announced(table), settings, ports_.now());
  if (instance.conf.garp_extra_if > 0s)
    garp_.keep_known(instance.id, instance.beside_adverts(table), instance.conf.garp_extra_if, ports_.now());
}

// Of who is master already: the network knows where its addresses are.
void Router::refresh_announcements(Instance& instance) {
  auto refresh_only = instance.conf.garp;
  refresh_only.repeat = 0;
  announce(instance, refresh_only);
}

void Router::send_due_announcements() {
  due_announcements_.clear();
  garp_.take_due(ports_.now(), due_announcements_, announced_at_once);
  for (const auto& due : due_announcements_) {
    const auto* link = ports_.netlink.table().link(due.target.index);
    if (link == nullptr || link->mac.is_zero()) continue;  // gone, or a link without Ethernet addresses
    ports_.sender.queue_frame(due.owner, due.target.index, build_announcement(due.target.address, link->mac));
  }
}

void Router::flush() {
  ports_.sender.flush([this](std::uint32_t owner, int error) {
    Instance* instance = index_.with_id(owner);
    if (instance == nullptr || std::exchange(instance->last_send_error, error) == error) return;
    log::warning("({}) cannot send on {}: {}", instance->conf.name, instance->conf.place(), std::strerror(error));
  });
}

void Router::start_fence(Instance& instance) {
  log::info("({}) The master is silent: running the fence {}", instance.conf.name, instance.fence ? instance.fence->str() : "");
  const auto done = [this, &instance](const Runner::Outcome& outcome) {
    Turn turn(*this);
    const auto run = std::move(instance.fencing);
    if (outcome.success) {
      log::info("({}) The fence has succeeded", instance.conf.name);
    } else {
      log::error("({}) The fence has failed ({}): there is no takeover", instance.conf.name, outcome.words);
    }
    give(instance, FenceDone{outcome.success});
  };
  if (!instance.fence) return give(instance, FenceDone{true});  // a reload took it away
  auto run = ports_.runner.check(*instance.fence, instance.election.fence_limit, done);
  if (run) {
    instance.fencing = std::move(*run);
    return;
  }
  log::error("({}) The fence cannot be run: {}: there is no takeover", instance.conf.name, run.error().message);
  give(instance, FenceDone{false});
}

void Router::follow(Instance& instance) {
  if (instance.ear) {
    if (auto status = instance.ear->follow(instance.state); !status) log::error("({}) {}", instance.conf.name, status.error().message);
  }
  schedule(instance);  // at a time that depends on who keeps the down timer
}

}  // namespace xd::vrrp
