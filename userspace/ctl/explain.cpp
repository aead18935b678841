#include "ctl/explain.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/time.h"
#include "base/words.h"

namespace xd::ctl {

namespace {

using nlohmann::json;

std::string text(const json& object, const char* key) { return object.value(key, ""); }
std::uint64_t number(const json& object, const char* key) { return object.value(key, std::uint64_t{0}); }
bool flag(const json& object, const char* key) { return object.value(key, false); }
std::string duration(const json& object, const char* key) { return in_words(from_seconds(object.value(key, 0.0))); }

std::string endpoint(const json& object) {
  const auto address = text(object, "address");
  const bool v6 = address.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", address, v6 ? "]" : "", number(object, "port"));
}

std::string priority_words(const json& instance) {
  const auto now = number(instance, "priority"), base = number(instance, "base_priority");
  if (now == base) return fmt::format("{}, as configured", now);
  return fmt::format("{}: {} configured, {}{} by what it tracks", now, base, now < base ? "-" : "+", now < base ? base - now : now - base);
}

std::string master_words(const json& instance) {
  const auto master = text(instance, "master");
  if (text(instance, "state") == "MASTER") return fmt::format("this router{}", master.empty() ? "" : ", " + master);
  if (master.empty()) return "none is known";
  return fmt::format("{} with priority {}", master, number(instance, "master_priority"));
}

std::string server_checks(const json& server) {
  const json checkers = server.value("checkers", json::array());
  if (checkers.empty()) return "  it has no checker, so it counts as up always\n";
  std::string out;
  for (const auto& checker : checkers) {
    out += fmt::format("  {} to {}: ", text(checker, "kind"), text(checker, "target"));
    if (!flag(checker, "has_run")) {
      out += flag(checker, "up") ? "has not run yet, counts as up until it fails\n" : "has not run yet, counts as down until it succeeds\n";
      continue;
    }
    out += flag(checker, "up") ? "up" : "down";
    if (!text(checker, "last_outcome").empty()) out += fmt::format(", the last answer was: {}", text(checker, "last_outcome"));
    if (const auto failed = number(checker, "failures_in_a_row"); failed != 0 && flag(checker, "up"))
      out += fmt::format(", which is failure {} of the {} that take it down", failed, number(checker, "retry") + 1);
    if (checker.contains("seconds_ago") && checker["seconds_ago"].is_number())
      out += fmt::format(" ({} ago)", duration(checker, "seconds_ago"));
    out += fmt::format("; {} runs, {} failed\n", number(checker, "runs"), number(checker, "failures"));
  }
  return out;
}

std::string quorum_words(const json& service) {
  const auto quorum = number(service, "quorum"), hysteresis = number(service, "hysteresis");
  return flag(service, "quorum_up")
             ? fmt::format("live weight {}, quorum {}", number(service, "live_weight"), quorum)
             : fmt::format("live weight {}, its quorum is lost until {}", number(service, "live_weight"), quorum + hysteresis);
}

std::string weight_words(const json& server) {
  if (!flag(server, "up")) return ": it is down, and stays without new connections (inhibit_on_failure)";
  const auto configured = number(server, "weight"), now = number(server, "effective_weight");
  auto out = configured == now ? "" : fmt::format(" ({} is configured, its checkers changed it)", configured);
  return now == 0 ? out + ": no new connections" : out;
}

std::string server_in(const json& service, const json& server) {
  auto out = fmt::format("{} of {}: {} for {}\n", endpoint(server), text(service, "name"), flag(server, "up") ? "up" : "down",
                         duration(server, "seconds_in_state"));
  out += server_checks(server);
  if (flag(service, "suspended")) out += "  nobody is asked now: the virtual server's address is not on this host (ha_suspend)\n";
  const auto weight = number(server, "effective_weight");
  if (flag(server, "in_table")) {
    out += fmt::format("  it is in the table with weight {}{}; {} connections active, {} inactive\n", weight, weight_words(server),
                       number(server, "active"), number(server, "inactive"));
  } else {
    out += "  it is not in the table: ";
    out += !flag(server, "up")           ? "it is down\n"
           : !flag(service, "quorum_up") ? "its virtual server lost its quorum, and the sorry server serves\n"
                                         : "the table is being changed\n";
  }
  return out + fmt::format("  its virtual server is {}; {}\n", text(service, "serving"), quorum_words(service));
}

std::string service_in_full(const json& service) {
  auto out = fmt::format("{}: {}\n  {}\n", text(service, "name"), text(service, "serving"), quorum_words(service));
  if (flag(service, "suspended")) out += "  nobody is asked now: its address is not on this host (ha_suspend)\n";
  for (const auto& server : service.value("servers", json::array())) {
    out += fmt::format("  {} is {} for {}", endpoint(server), flag(server, "up") ? "up" : "down", duration(server, "seconds_in_state"));
    out += flag(server, "in_table") ? fmt::format(", with weight {}", number(server, "effective_weight")) : ", not in the table";
    out += why_down(server) + "\n";
  }
  if (const json sorry = service.value("sorry_server", json()); sorry.is_object())
    out += fmt::format("  {} is the sorry server: it {}\n", endpoint(sorry), flag(sorry, "in_use") ? "serves alone" : "waits");
  return out;
}

}  // namespace

std::string why_down(const json& server) {
  const json checkers = server.value("checkers", json::array());
  for (const auto& checker : checkers) {
    if (flag(checker, "up")) continue;
    const auto outcome = text(checker, "last_outcome");
    return fmt::format(": {}{}{}", text(checker, "kind"), outcome.empty() ? "" : " ", outcome);
  }
  return "";
}

std::optional<std::string> explain_instance(const json& status, const std::string& name) {
  for (const auto& instance : status.value("instances", json::array())) {
    if (text(instance, "name") != name) continue;
    auto out =
        fmt::format("{} is {} on {} (VRID {}, version {}) for {}: {}\n", name, text(instance, "state"), text(instance, "interface"),
                    number(instance, "vrid"), number(instance, "version"), duration(instance, "seconds_in_state"), text(instance, "cause"));
    out += fmt::format("  priority {}\n  master: {}\n", priority_words(instance), master_words(instance));
    for (const auto& fault : instance.value("faults", json::array())) out += fmt::format("  {}\n", fault.get<std::string>());
    if (const auto group = text(instance, "sync_group"); !group.empty())
      out += fmt::format("  it changes state together with sync group {}\n", group);
    out += fmt::format("  adverts every {}, heard by {}: {} sent, {} received; became master {} times\n",
                       duration(instance, "advert_interval"), text(instance, "transport"), number(instance, "adverts_sent"),
                       number(instance, "adverts_received"), number(instance, "became_master"));
    if (const auto rival = text(instance, "rival"); !rival.empty()) out += fmt::format("  two masters: {} sends adverts as well\n", rival);
    const json rejected = instance.value("rejected", json::object());  // items() refers to it
    for (const auto& [reason, count] : rejected.items())
      out += fmt::format("  {} adverts were not believed: {}\n", count.get<std::uint64_t>(), reason);
    return out;
  }
  return std::nullopt;
}

std::optional<std::string> explain_server(const json& status, const std::string& wanted) {
  std::string out;
  for (const auto& service : status.value("services", json::array())) {
    for (const auto& server : service.value("servers", json::array())) {
      if (endpoint(server) == wanted || text(server, "address") == wanted) out += server_in(service, server);
    }
    const json sorry = service.value("sorry_server", json());
    if (sorry.is_object() && (endpoint(sorry) == wanted || text(sorry, "address") == wanted))
      out += fmt::format("{} is the sorry server of {}: {}\n", endpoint(sorry), text(service, "name"),
                         flag(sorry, "in_use") ? "it serves, because the quorum is lost" : "it waits");
  }
  if (out.empty()) return std::nullopt;
  return out;
}

std::optional<std::string> explain_service(const json& status, const std::string& wanted) {
  std::string out;
  for (const auto& service : status.value("services", json::array())) {
    if (text(service, "name") == wanted || endpoint(service) == wanted || text(service, "address") == wanted)
      out += service_in_full(service);
  }
  if (out.empty()) return std::nullopt;
  return out;
}

std::string explainable(const json& status) {
  std::string out;
  for (const auto& instance : status.value("instances", json::array())) out += " " + text(instance, "name");
  for (const auto& service : status.value("services", json::array())) {
    out += " " + text(service, "name");
    for (const auto& server : service.value("servers", json::array())) out += " " + endpoint(server);
  }
  return out.empty() ? "there is neither an instance nor a virtual server" : "there are" + out;
}

}  // namespace xd::ctl
