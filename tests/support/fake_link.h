// Routers of one VRID on a link that exists only here: virtual time, delay, loss, directions that can be cut, processes
// that can be frozen. Finds split brain and gaps without a network and without waiting.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "vrrp/election.h"

namespace xd::vrrp::testing {

class FakeLink {
 public:
  struct Node {
    std::string name;
    InstanceConfig config;
    State state;
    std::optional<Heard> last_heard;  // what the kernel noted, also while the process is frozen
    bool frozen = false;
    bool dead = false;
    std::vector<std::pair<TimePoint, Event>> missed;  // while frozen: delivered on thawing
    std::vector<std::pair<TimePoint, Action>> log;
  };

  explicit FakeLink(unsigned seed = 1) : random_(seed) {}

  Duration delay_min = 50us;
  Duration delay_max = 200us;
  double loss = 0;
  // Does the kernel note the last advert (XDP watch), or does the process only know what it reads (raw socket)?
  bool kernel_notes = true;

  std::size_t add(std::string node_name, InstanceConfig config, std::uint8_t priority) {
    Node node;
    node.name = std::move(node_name);
    node.config = config;
    node.state = initial_state(config, priority);
    nodes_.push_back(std::move(node));
    return nodes_.size() - 1;
  }

  Node& node(std::size_t i) { return nodes_[i]; }
  TimePoint now() const { return now_; }

  void give(std::size_t i, const Event& event) { deliver(i, event); }
  void start_all() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) give(i, Start{});
  }
  void cut(std::size_t from, std::size_t to, bool is_cut = true) { cut_[{from, to}] = is_cut; }
  void freeze(std::size_t i) { nodes_[i].frozen = true; }
  // What lay in the queues is read first, then the timer that is long due is looked at, as Loop does it.
  void thaw(std::size_t i) {
    Node& n = nodes_[i];
    n.frozen = false;
    for (auto& [at, event] : std::exchange(n.missed, {})) deliver(i, event);
  }
  void kill(std::size_t i) { nodes_[i].dead = true; }

  void run_for(Duration time) {
    run_until(now_ + time, [] { return false; });
  }
  // Returns whether `done` came true within `limit`.
  bool run_until(TimePoint limit, const std::function<bool()>& done) {
    while (!done()) {
      const auto next = next_moment();
      if (!next || *next > limit) {
        advance(limit);
        return done();
      }
      advance(*next);
      while (!flights_.empty() && flights_.begin()->first <= now_) {
        const Flight flight = flights_.begin()->second;
        flights_.erase(flights_.begin());
        land(flight);
      }
      for (std::size_t i = 0; i < nodes_.size(); ++i) {
        const Node& n = nodes_[i];
        if (!n.frozen && !n.dead && n.state.due && *n.state.due <= now_) deliver(i, Timeout{kernel_notes ? n.last_heard : std::nullopt});
      }
    }
    return true;
  }

  std::vector<std::string> masters() const {
    std::vector<std::string> names;
    for (const Node& n : nodes_)
      if (n.state.role == Role::master && !n.dead) names.push_back(n.name);
    return names;
  }
  // The longest stretch with more than one master, and with none (since the first), so far.
  Duration longest_overlap() const { return longest_overlap_; }
  Duration longest_gap() const { return longest_gap_; }
  void forget_history() { overlap_ = gap_ = longest_overlap_ = longest_gap_ = 0s; }

 private:
  struct Flight {
    std::size_t to;
    Heard heard;
  };

  std::optional<TimePoint> next_moment() const {
    std::optional<TimePoint> next;
    if (!flights_.empty()) next = flights_.begin()->first;
    for (const Node& n : nodes_)
      if (!n.frozen && !n.dead && n.state.due && (!next || *n.state.due < *next)) next = std::max(*n.state.due, now_);
    return next;
  }

  void advance(TimePoint to) {
    const std::size_t count = masters().size();
    seen_master_ |= count > 0;
    overlap_ = count > 1 ? overlap_ + (to - now_) : 0s;
    gap_ = count == 0 && seen_master_ ? gap_ + (to - now_) : 0s;
    longest_overlap_ = std::max(longest_overlap_, overlap_);
    longest_gap_ = std::max(longest_gap_, gap_);
    now_ = to;
  }

  void land(const Flight& flight) {
    Node& n = nodes_[flight.to];
    if (n.dead) return;
    Heard heard = flight.heard;
    heard.at = now_;
    if (heard.priority != 0 && keeps_backup(n.config, n.state, heard)) n.last_heard = heard;
    if (n.frozen)
      n.missed.emplace_back(now_, AdvertHeard{heard});
    else
      deliver(flight.to, AdvertHeard{heard});
  }

  void deliver(std::size_t i, const Event& event) {
    Node& n = nodes_[i];
    const Step s = step(n.config, n.state, event, now_);
    n.state = s.next;
    for (const Action action : s.actions) {
      n.log.emplace_back(now_, action);
      if (action == Action::send_advert) send(i, n.state.role == Role::master ? n.state.priority : s.next.priority);
      if (action == Action::send_priority_zero) send(i, 0);
    }
  }

  void send(std::size_t from, std::uint8_t priority) {
    std::uniform_int_distribution<Duration::rep> delay(delay_min.count(), delay_max.count());
    std::bernoulli_distribution lost(loss);
    for (std::size_t to = 0; to < nodes_.size(); ++to) {
      if (to == from || cut_[{from, to}] || lost(random_)) continue;
      const Heard heard{nodes_[from].config.source, priority, nodes_[from].config.interval, {}};
      flights_.emplace(now_ + Duration{delay(random_)}, Flight{to, heard});
    }
  }

  std::mt19937 random_;
  TimePoint now_ = TimePoint{} + 1000s;
  std::vector<Node> nodes_;
  std::multimap<TimePoint, Flight> flights_;
  std::map<std::pair<std::size_t, std::size_t>, bool> cut_;
  Duration overlap_ = 0s, gap_ = 0s, longest_overlap_ = 0s, longest_gap_ = 0s;
  bool seen_master_ = false;
};

}  // namespace xd::vrrp::testing
