// A VRRP router without a kernel and without time passing by itself: the clock, the links, the wire and the scripts are the test's.
//
//   World world;
//   world.kernel.add_link("eth0") ...
//   world.start(model);
//   world.pass(4s);                       // runs what is due, in its order
//   EXPECT_EQ(world.sent(), ...);
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/fake_netlink.h"
#include "vrrp/router.h"

namespace xd::test {

// What left, in words: "advert 51 priority 100", "garp 192.0.2.100".
class FakeSender final : public vrrp::Sender {
 public:
  struct Sent {
    TimePoint at;
    int index;
    std::string what;
  };

  explicit FakeSender(const TimePoint& clock) : clock_(clock) {}
  void queue_packet(std::uint32_t, int index, const IpAddress& to, std::span<const std::uint8_t> packet) override {
    const auto parsed = vrrp::parse_ipv4_packet(packet);
    const auto* received = std::get_if<vrrp::Received>(&parsed);
    ASSERT_NE(received, nullptr) << std::get<vrrp::Rejection>(parsed).str();
    packets_.push_back({clock_, index,
                        "advert " + std::to_string(received->advert.vrid) + " priority " + std::to_string(received->advert.priority) +
                            (to.is_multicast() ? "" : " to " + to.str()) +
                            (received->advert.checksum == vrrp::ChecksumForm::multicast_pseudo_header ? ", old checksum" : "")});
  }
  void queue_frame(std::uint32_t, int index, std::span<const std::uint8_t> frame) override {
    ASSERT_EQ(frame.size(), 42u);
    in_addr ip;
    std::memcpy(&ip, frame.data() + 28, sizeof ip);
    frames_.push_back({clock_, index, "garp " + IpAddress::v4(ip).str()});
  }
  void flush(const Failure&) override {
    sent.insert(sent.end(), packets_.begin(), packets_.end());
    sent.insert(sent.end(), frames_.begin(), frames_.end());
    packets_.clear();
    frames_.clear();
  }

  std::vector<Sent> sent;

 private:
  const TimePoint& clock_;
  std::vector<Sent> packets_;
  std::vector<Sent> frames_;
};

class FakeTransport final : public vrrp::Transport {
 public:
  vrrp::TransportKind kind_for(const vrrp::Tuning&) const override { return kind; }
  Result<std::unique_ptr<vrrp::Ear>> listen(const vrrp::Tuning& tuning, vrrp::Listener& listener) override {
    if (refuse) return Error{"listen on " + tuning.interface + ": refused by the test"};
    return std::unique_ptr<vrrp::Ear>(std::make_unique<FakeEar>(*this, tuning, listener));
  }
  void drain() override {
    // What waits in the socket when a timeout is about to be believed.
    for (auto& [vrid, heard] : std::exchange(unread, {})) ears.at(vrid)->listener.on_advert(heard, {});
  }

  struct FakeEar final : vrrp::Ear {
    FakeEar(FakeTransport& transport, vrrp::Tuning wanted, vrrp::Listener& to) : owner(transport), tuning(std::move(wanted)), listener(to) {
      owner.ears[tuning.expected.vrid] = this;
    }
    ~FakeEar() override { owner.ears.erase(tuning.expected.vrid); }
    vrrp::TransportKind kind() const override { return own_kind; }
    Status tune(const vrrp::Tuning& wanted) override {
      tuning = wanted;
      return {};
    }
    std::optional<vrrp::Heard> last_heard() override { return owner.noted; }
    bool keeps_down_timer() const override { return own_kind == vrrp::TransportKind::xdp; }
    vrrp::Tally tally() const override { return {}; }

    FakeTransport& owner;
    const vrrp::TransportKind own_kind = owner.kind;
    vrrp::Tuning tuning;
    vrrp::Listener& listener;
  };

  std::map<std::uint8_t, FakeEar*> ears;  // one interface in these tests, so by VRID
  std::vector<std::pair<std::uint8_t, vrrp::Heard>> unread;
  std::optional<vrrp::Heard> noted;                     // as an XDP watch would
  vrrp::TransportKind kind = vrrp::TransportKind::raw;  // of ears to come
  bool refuse = false;
};

class FakeRunner final : public vrrp::Runner {
 public:
  struct Checking {
    Command command;
    Done done;
    bool* destroyed;
  };
  struct FakeRun final : Run {
    explicit FakeRun(FakeRunner& runner, std::size_t number) : owner(runner), id(number) {}
    ~FakeRun() override { owner.running.erase(id); }
    FakeRunner& owner;
    std::size_t id;
  };

  Result<std::unique_ptr<Run>> check(const Command& command, Duration, Done done) override {
    const auto id = ++last_id_;
    running[id] = {command.str(), std::move(done)};
    ++started;
    return std::unique_ptr<Run>(std::make_unique<FakeRun>(*this, id));
  }
  Status fire(const Command& command) override {
    fired.push_back(command.str());
    return {};
  }
  // The running scripts whose command contains `word` end with this status.
  void finish(const std::string& word, int status) {
    for (auto& [id, entry] : std::map(running)) {
      if (entry.first.find(word) != std::string::npos) entry.second({status == 0, "exited with status " + std::to_string(status)});
    }
  }

  std::map<std::size_t, std::pair<std::string, Done>> running;
  std::vector<std::string> fired;
  int started = 0;

 private:
  std::size_t last_id_ = 0;
};

struct World {
  TimePoint clock{1000s};
  FakeNetlink kernel;
  FakeTransport wire;
  FakeSender sender{clock};
  FakeRunner scripts;
  std::map<std::string, bool> gates;
  int gates_closed = 0;
  int changes = 0;
  std::string fifo;                             // what the FIFOs heard
  std::map<std::string, std::string> settings;  // below /proc/sys, those that a test cares for
  std::unique_ptr<vrrp::Router> router = make_router();

  std::unique_ptr<vrrp::Router> make_router() {
    auto made = std::make_unique<vrrp::Router>(
        vrrp::RouterPorts{.netlink = kernel,
                          .transport = wire,
                          .sender = sender,
                          .runner = scripts,
                          .now = [this] { return clock; },
                          .set_gate =
                              [this](const IpAddress& ip, bool ours) {
                                gates[ip.str()] = ours;
                                if (!ours) ++gates_closed;
                                return Status();
                              },
                          .forget_gate =
                              [this](const IpAddress& ip) {
                                gates.erase(ip.str());
                                return Status();
                              },
                          .settings = {.read = [this](const std::string& name) -> std::optional<std::string> {
                                         if (!settings.contains(name)) return std::nullopt;
                                         return settings.at(name);
                                       },
                                       .write =
                                           [this](const std::string& name, const std::string& value) {
                                             settings[name] = value;
                                             return Status();
                                           }},
                          .tell_fifos = [this](const std::string& line) { fifo += line; }});
    made->on_change([this] { ++changes; });
    return made;
  }

  void configure(const conf::Model& model) {
    const auto status = router->prepare(model);
    ASSERT_TRUE(status) << status.error().message;
    router->commit();
    kernel.deliver();
  }

  // Lets time pass; whatever is due happens at its own time.
  void pass(Duration span) {
    const TimePoint until = clock + span;
    while (const auto next = router->next()) {
      if (*next > until) break;
      clock = std::max(clock, *next);
      router->run();
      kernel.deliver();
    }
    clock = until;
  }

  void hear(std::uint8_t vrid, const std::string& from, std::uint8_t priority, Duration interval = 1s) {
    wire.ears.at(vrid)->listener.on_advert({*IpAddress::parse(from), priority, interval, clock}, {});
    kernel.deliver();
  }

  vrrp::InstanceStatus status(const std::string& name) const {
    const auto all = router->status();
    const auto it = std::find_if(all.begin(), all.end(), [&](const auto& s) { return s.name == name; });
    return it == all.end() ? vrrp::InstanceStatus{} : *it;
  }
  vrrp::Role role(const std::string& name) const { return status(name).role; }

  // What was sent since the last call.
  std::vector<std::string> sent() {
    std::vector<std::string> out;
    for (const auto& s : std::exchange(sender.sent, {})) out.push_back(s.what);
    return out;
  }
};

}  // namespace xd::test
