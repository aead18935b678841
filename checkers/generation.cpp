#include "checkers/generation.h"

#include <fmt/format.h>

#include <map>
#include <random>
#include <set>
#include <utility>

#include "base/script.h"
#include "checkers/schedule.h"
#include "checkers/wording.h"

namespace xd::checkers {

namespace {

// DR and TUN leave the packet's port alone, and a firewall mark covers any port (ip_vs_add_dest): the table must say
// so. NAT may send all that has a mark to one port.
Endpoint endpoint_in_table(const lvs::ServiceKey& key, Endpoint server, lvs::Forward forward) {
  if (key.fwmark != 0) {
    if (forward != lvs::Forward::nat) server.port = 0;
  } else if (forward != lvs::Forward::nat || server.port == 0) {
    server.port = key.port;
  }
  return server;
}

Endpoint target_of(const lvs::ServiceKey& key, const conf::RealServer& server, const conf::CheckConnection& connection) {
  const std::uint16_t port = server.endpoint.port != 0 ? server.endpoint.port : key.port;
  return {connection.connect_ip.value_or(server.endpoint.address), connection.connect_port != 0 ? connection.connect_port : port};
}

HealthPolicy policy_of(const conf::Checker& checker) {
  HealthPolicy policy;
  policy.retry = checker.schedule.retry;
  policy.delay_loop = checker.schedule.delay_loop;
  policy.delay_before_retry = checker.schedule.delay_before_retry;
  if (const auto* http = std::get_if<conf::HttpCheck>(&checker.check)) {
    policy.urls = static_cast<unsigned>(http->urls.size());
    policy.fast_recovery = http->fast_recovery;
  }
  policy.first_failure_decides = !std::holds_alternative<conf::SmtpCheck>(checker.check);
  policy.hurries_back = std::holds_alternative<conf::TcpCheck>(checker.check) || std::holds_alternative<conf::SmtpCheck>(checker.check);
  policy.paced_by_start = std::holds_alternative<conf::MiscCheck>(checker.check);
  return policy;
}

class Builder {
 public:
  Builder(Loop& loop, const conf::Model& model, std::function<void(CheckerRun&)> due)
      : loop_(loop),
        model_(model),
        due_(std::move(due)),
        generation_(std::make_unique<Generation>()),
        random_(model.global.daemon.random_seed ? *model.global.daemon.random_seed : std::random_device{}()) {
    generation_->config = model.virtual_servers;
    generation_->ssl = model.ssl;
  }

  Result<std::unique_ptr<Generation>> build() {
    for (const auto& config : generation_->config) {
      auto service = build(config);
      if (!service) return std::move(service).error();
      if (!generation_->by_key.emplace(config.key, service->get()).second) {
        return Error{fmt::format("virtual server {} is there twice", name_of(config.key))};
      }
      generation_->services.push_back(std::move(*service));
    }
    return std::move(generation_);
  }

 private:
  Result<std::unique_ptr<Service>> build(const conf::VirtualServer& config) {
    auto service = std::make_unique<Service>();
    service->config = &config;
    service->quorum_up = script(config.quorum_up);
    service->quorum_down = script(config.quorum_down);
    auto& table = service->table;
    table.scheduler = config.scheduler;
    table.scheduler_flags = config.scheduler_flags;
    table.persistence_seconds = config.persistence_seconds;
    table.persistence_mask = config.persistence_mask;
    table.one_packet = config.one_packet;
    table.persistence_engine = config.persistence_engine;
    auto& pool = service->pool;
    pool.quorum = config.quorum;
    pool.hysteresis = config.hysteresis;

    std::set<Endpoint> seen;
    for (const auto& real : config.real_servers) {
      Member member;
      member.endpoint = endpoint_in_table(config.key, real.endpoint, real.forward);
      member.destination = {real.forward, real.weight, real.upper_threshold, real.lower_threshold, real.tunnel};
      member.inhibit_on_failure = real.inhibit_on_failure;
      if (!seen.insert(member.endpoint).second) {
        generation_->warnings.push_back(fmt::format("VS {}: real server {} is duplicated - removing second rs", name_of(config.key),
                                                    name_of(member.endpoint, config.key.protocol)));
        continue;
      }
      auto server = build(*service, real);
      if (!server) return std::move(server).error();
      member.up = (*server)->healthy();
      (*server)->member = pool.members.size();
      pool.members.push_back(member);
      service->servers.push_back(std::move(*server));
    }
    if (config.sorry_server) {
      Member sorry;
      sorry.endpoint = endpoint_in_table(config.key, config.sorry_server->endpoint, config.sorry_server->forward);
      sorry.destination.forward = config.sorry_server->forward;
      sorry.destination.tunnel = config.sorry_server->tunnel;
      sorry.inhibit_on_failure = config.sorry_server->inhibit;
      pool.sorry = sorry;
    }
    return service;
  }

  Result<std::unique_ptr<Server>> build(Service& service, const conf::RealServer& config) {
    auto server = std::make_unique<Server>();
    server->service = &service;
    server->config = &config;
    server->notify_up = script(config.notify_up);
    server->notify_down = script(config.notify_down);
    server->since = Clock::now();
    for (const auto& checker : config.checkers) {
      auto run = std::make_unique<CheckerRun>(loop_, due_);
      run->server = server.get();
      run->config = &checker;
      run->target = target_of(service.config->key, config, checker.connection);
      run->identity = identity(checker, run->target);
      if (const auto* misc = std::get_if<conf::MiscCheck>(&checker.check)) {
        run->command = script(misc->script);
        if (!run->command) continue;
      }
      if (const auto* file = std::get_if<conf::FileCheck>(&checker.check)) run->file = rule_of(*file, model_.track_files);
      run->policy = policy_of(checker);
      run->health = initial_health(checker.schedule.alpha);
      if (std::holds_alternative<conf::HttpCheck>(checker.check) && run->policy.urls == 0) {
        return Error{fmt::format("virtual server {}: {} of real server {} has no url", name_of(service.config->key), kind_of(checker),
                                 name_of(config.endpoint, service.config->key.protocol))};
      }
      run->next = Clock::now() + start_delay(checker.schedule, uniform_(random_));
      server->checkers.push_back(std::move(run));
    }
    return server;
  }

  std::optional<Command> script(const conf::Script& config) {
    if (!config) return std::nullopt;
    auto command = script_command(config.words, config.user, config.group, model_.global.script_user, model_.global.script_group);
    if (command) return std::move(*command);
    generation_->warnings.push_back(command.error().message + " - script disabled");
    return std::nullopt;
  }

  Loop& loop_;
  const conf::Model& model_;
  std::function<void(CheckerRun&)> due_;
  std::unique_ptr<Generation> generation_;
  std::mt19937 random_;
  std::uniform_real_distribution<double> uniform_{0.0, 1.0};
};

Server* find_server(const Service& service, const Endpoint& endpoint) {
  for (const auto& server : service.servers) {
    if (service.member(*server).endpoint == endpoint) return server.get();
  }
  return nullptr;
}

// Pairs of checkers of the same identity; each is used once.
template <typename Pasts, typename Take>
void pair_up(Server& server, const Pasts& pasts, const Take& take) {
  std::multimap<std::string_view, const typename Pasts::value_type*> left;
  const auto identity_of = [](const auto& past) -> std::string_view {
    if constexpr (requires { past->identity; }) {
      return past->identity;
    } else {
      return past.identity;
    }
  };
  for (const auto& past : pasts) left.emplace(identity_of(past), &past);
  for (auto& run : server.checkers) {
    const auto found = left.find(run->identity);
    take(*run, found == left.end() ? nullptr : found->second);
    if (found != left.end()) left.erase(found);
  }
}

bool was_up(const ServerSnapshot& past) {
  for (const auto& checker : past.checkers) {
    if (!checker.health.up) return false;
  }
  return true;
}

}  // namespace

CheckerRun::CheckerRun(Loop& loop, std::function<void(CheckerRun&)> due) : timer(loop, [this, due = std::move(due)] { due(*this); }) {}

bool Server::healthy() const {
  for (const auto& checker : checkers) {
    if (!checker->health.up) return false;
  }
  return true;
}

std::uint32_t Server::weight() const {
  std::int64_t change = 0;
  for (const auto& checker : checkers) {
    change += checker->weight_change;
    if (checker->weight_asked) change += std::int64_t{*checker->weight_asked} - config->weight;
  }
  return changed_weight(config->weight, change);
}

Result<std::unique_ptr<Generation>> Generation::build(Loop& loop, const conf::Model& model, std::function<void(CheckerRun&)> due) {
  return Builder(loop, model, std::move(due)).build();
}

Service* Generation::find(const lvs::ServiceKey& key) const {
  const auto found = by_key.find(key);
  return found == by_key.end() ? nullptr : found->second;
}

void Generation::inherit(const Snapshot& past) {
  std::map<lvs::ServiceKey, const ServiceSnapshot*> known;
  for (const auto& service : past.services) known.emplace(service.key, &service);
  for (auto& service : services) {
    const auto found = known.find(service->config->key);
    if (found == known.end()) continue;
    const auto& before = *found->second;
    service->inherited = true;
    std::map<Endpoint, const ServerSnapshot*> servers;
    for (const auto& server : before.servers) servers.emplace(server.endpoint, &server);
    for (auto& server : service->servers) {
      const auto same = servers.find(service->member(*server).endpoint);
      if (same == servers.end()) continue;
      server->inherited = true;
      const bool up_before = was_up(*same->second);
      pair_up(*server, same->second->checkers, [&](CheckerRun& run, const CheckerSnapshot* checker) {
        if (checker != nullptr) {
          run.health = checker->health;
          run.weight_asked = checker->weight_asked;
          run.last_outcome = checker->why_down;
        } else {
          run.health.up = up_before || !run.config->schedule.alpha;
        }
      });
      service->member(*server).up = server->healthy();
      service->member(*server).destination.weight = server->weight();
      if (up_before == server->healthy()) server->since = same->second->since;
    }
    service->pool.quorum_up = before.quorum_up;
    service->pool.order = before.order;
  }
}

void Generation::inherit_running(const Generation& old, TimePoint now) {
  for (auto& service : services) {
    const auto* past = old.find(service->config->key);
    if (past == nullptr) continue;
    for (auto& server : service->servers) {
      const auto* before = find_server(*past, service->member(*server).endpoint);
      if (before == nullptr) continue;
      pair_up(*server, before->checkers, [&](CheckerRun& run, const std::unique_ptr<CheckerRun>* same) {
        if (same == nullptr) return;
        const auto& was = **same;
        run.last_outcome = was.last_outcome;
        run.last_time = was.last_time;
        run.runs = was.runs;
        run.failures = was.failures;
        run.next = due_after_reload(run.config->schedule, was.next, now);
      });
    }
  }
}

Snapshot Generation::snapshot() const {
  Snapshot out;
  for (const auto& service : services) {
    auto& to = out.services.emplace_back();
    to.key = service->config->key;
    to.quorum_up = service->pool.quorum_up;
    to.order = service->pool.order;
    for (const auto& server : service->servers) {
      auto& entry = to.servers.emplace_back();
      entry.endpoint = service->member(*server).endpoint;
      entry.since = server->since;
      for (const auto& run : server->checkers)
        entry.checkers.push_back({run->identity, run->health, run->weight_asked, run->health.up ? "" : run->last_outcome});
    }
  }
  return out;
}

std::string identity(const conf::Checker& checker, const Endpoint& target) {
  const auto& connection = checker.connection;
  const auto* http = std::get_if<conf::HttpCheck>(&checker.check);
  auto text = fmt::format("{} {}", http != nullptr ? "GET" : kind_of(checker), target.str());
  if (connection.bind_ip) text += " bindto " + connection.bind_ip->str();
  if (!connection.bind_interface.empty()) text += " bind_if " + connection.bind_interface;
  if (connection.fwmark != 0) text += fmt::format(" fwmark {}", connection.fwmark);
  text += fmt::format(" connect_timeout {}", to_seconds(connection.connect_timeout));
  if (const auto* smtp = std::get_if<conf::SmtpCheck>(&checker.check)) text += " helo_name " + smtp->helo_name;
  if (const auto* dns = std::get_if<conf::DnsCheck>(&checker.check)) text += fmt::format(" type {}", static_cast<int>(dns->type));
  if (const auto* misc = std::get_if<conf::MiscCheck>(&checker.check)) {
    for (const auto& word : misc->script.words) text += " '" + word + "'";
    text += fmt::format(" dynamic {}", misc->dynamic);
  }
  if (const auto* file = std::get_if<conf::FileCheck>(&checker.check)) text += " track_file " + file->track_file;
  if (const auto* bfd = std::get_if<conf::BfdCheck>(&checker.check)) text += " name " + bfd->name;
  if (http != nullptr) {
    if (http->enable_sni) text += " sni_name '" + http->sni_name + "'";
    text += fmt::format(" virtualhost '{}'", http->virtualhost);
    for (const auto& url : http->urls) {
      text += fmt::format(" url '{}' virtualhost '{}'", url.path, url.virtualhost);
      if (const auto& regex = url.regex) {
        text += fmt::format(" regex{} '{}' {} {}-{}", regex->must_not_match ? "_no_match" : "", regex->pattern,
                            fmt::join(regex->options, " "), regex->minimum_offset, regex->maximum_offset.value_or(UINT32_MAX));
      }
      if (url.digest) {
        text += " digest ";
        for (const auto byte : *url.digest) text += fmt::format("{:02x}", byte);
      }
      for (const auto& range : url.status_codes) text += fmt::format(" status {}-{}", range.first, range.last);
    }
  }
  return text;
}

}  // namespace xd::checkers
