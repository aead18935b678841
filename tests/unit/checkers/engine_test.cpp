// The engine with probes whose outcomes the test decides: what happens to tables, logs and scripts.
#include "checkers/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/log.h"

namespace xd::checkers {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

Endpoint at(const char* address) { return {*IpAddress::parse(address), 80}; }
const Endpoint web1 = at("10.0.0.1"), web2 = at("10.0.0.2"), web3 = at("10.0.0.3"), sorry = at("10.0.0.9");

lvs::ServiceKey www() {
  lvs::ServiceKey key;
  key.address = *IpAddress::parse("192.0.2.10");
  key.port = 80;
  return key;
}

const Outcome good{};
const Outcome refused{OutcomeKind::refused, 0, ""};

// Probes wait here until the test says how they end.
class ManualProber final : public Prober {
 public:
  std::unique_ptr<Probe> start(const ProbeRequest& request, ProbeDone done) override {
    auto probe = std::make_unique<Waiting>(*this, request.target);
    waiting[request.target] = std::move(done);
    return probe;
  }
  std::map<Endpoint, ProbeDone> waiting;

 private:
  struct Waiting final : Probe {
    Waiting(ManualProber& owner, const Endpoint& target) : owner_(owner), target_(target) {}
    ~Waiting() override { owner_.waiting.erase(target_); }
    ManualProber& owner_;
    Endpoint target_;
  };
};

conf::Checker tcp_check(unsigned retry = 0) {
  conf::Checker checker;
  checker.schedule.delay_loop = 1ms;
  checker.schedule.delay_before_retry = 1ms;
  checker.schedule.warmup = 0s;
  checker.schedule.retry = retry;
  return checker;
}

conf::RealServer real_server(const Endpoint& endpoint, unsigned retry = 0) {
  conf::RealServer server;
  server.endpoint = endpoint;
  server.checkers = {tcp_check(retry)};
  return server;
}

conf::Model model_of(std::vector<conf::RealServer> servers) {
  conf::VirtualServer virtual_server;
  virtual_server.key = www();
  virtual_server.scheduler = lvs::Scheduler::rr;
  virtual_server.real_servers = std::move(servers);
  conf::Model model;
  model.global.script_user = "root";
  model.virtual_servers = {virtual_server};
  return model;
}

class EngineTest : public ::testing::Test {
 protected:
  EngineTest() { make(); }

  void make() {
    auto prober = std::make_unique<ManualProber>();
    prober_ = prober.get();
    engine_ = std::make_unique<Engine>(loop_, std::move(prober), [this](const lvs::Services& services) {
      desired_ = services;
      ++published_;
    });
  }

  void load(const conf::Model& model) {
    const auto status = engine_->prepare(model);
    ASSERT_TRUE(status.ok()) << status.error().message;
    engine_->commit();
  }

  // Waits until the server is probed, and ends the attempt.
  void answer(const Endpoint& server, const Outcome& outcome) {
    const auto deadline = Clock::now() + 30s;
    while (!prober_->waiting.contains(server)) {
      ASSERT_LT(Clock::now(), deadline) << server.str() << " is not probed";
      loop_.run_once(10ms);
    }
    const auto done = prober_->waiting[server];
    done(outcome);
    turn();
  }

  // What was put off to the next turn.
  void turn() {
    for (int i = 0; i < 3; ++i) loop_.run_once(0s);
  }

  // What is logged while `act` runs. Before log::start() lines go to stderr.
  template <typename Act>
  std::string log_of(const Act& act) {
    ::testing::internal::CaptureStderr();
    act();
    return ::testing::internal::GetCapturedStderr();
  }

  std::vector<Endpoint> table() const { return desired_.at(www()).order; }
  std::uint32_t weight(const Endpoint& server) const { return desired_.at(www()).destinations.at(server).weight; }
  ServiceStatus status() const { return engine_->status().services.at(0); }

  Loop loop_;
  ManualProber* prober_ = nullptr;
  std::unique_ptr<Engine> engine_;
  lvs::Services desired_;
  int published_ = 0;
};

TEST_F(EngineTest, ServersBeginInTheTableInFileOrderBeforeAnyCheck) {
  load(model_of({real_server(web2), real_server(web1)}));
  EXPECT_THAT(table(), ElementsAre(web2, web1));
  EXPECT_EQ(published_, 1);
}

TEST_F(EngineTest, AServerThatFailsLeavesAndComesBackLast) {
  load(model_of({real_server(web1), real_server(web2)}));
  const auto down = log_of([&] { answer(web1, refused); });
  EXPECT_THAT(down, HasSubstr("TCP_CHECK on service [10.0.0.1]:tcp:80 failed: connection refused."));
  EXPECT_THAT(down, HasSubstr("Removing service [10.0.0.1]:tcp:80 from VS [192.0.2.10]:tcp:80"));
  EXPECT_THAT(table(), ElementsAre(web2));
  const auto up = log_of([&] { answer(web1, good); });
  EXPECT_THAT(up, HasSubstr("TCP connection to [10.0.0.1]:tcp:80 success."));
  EXPECT_THAT(up, HasSubstr("Adding service [10.0.0.1]:tcp:80 to VS [192.0.2.10]:tcp:80"));
  EXPECT_THAT(table(), ElementsAre(web2, web1));
}

TEST_F(EngineTest, RetriesPassBeforeAServerThatWasSeenUpLeaves) {
  load(model_of({real_server(web1, 2), real_server(web2)}));
  answer(web1, good);
  answer(web1, refused);
  answer(web1, refused);
  EXPECT_THAT(table(), ElementsAre(web1, web2));
  const auto log = log_of([&] { answer(web1, refused); });
  EXPECT_THAT(log, HasSubstr("TCP_CHECK on service [10.0.0.1]:tcp:80 failed after 2 retries"));
  EXPECT_THAT(table(), ElementsAre(web2));
}

TEST_F(EngineTest, SingleFailuresAreLoggedOnDemand) {
  auto server = real_server(web1, 5);
  server.checkers[0].schedule.log_all_failures = true;
  load(model_of({server}));
  answer(web1, good);
  EXPECT_THAT(log_of([&] { answer(web1, refused); }), HasSubstr("TCP connection to [10.0.0.1]:tcp:80 failed"));
}

TEST_F(EngineTest, AnAttemptThatCouldNotBeMadeChangesNothing) {
  load(model_of({real_server(web1)}));
  const auto log = log_of([&] { answer(web1, {OutcomeKind::not_tried, 0, "bind to 192.0.2.7:0: Cannot assign requested address"}); });
  EXPECT_THAT(log, HasSubstr("TCP socket: bind to 192.0.2.7:0: Cannot assign requested address. Rescheduling."));
  EXPECT_THAT(table(), ElementsAre(web1));
  EXPECT_EQ(status().servers[0].checkers[0].runs, 0u);
}

TEST_F(EngineTest, AllCheckersOfAServerMustBeUp) {
  auto server = real_server(web1);
  server.checkers.push_back(tcp_check());
  server.checkers[1].connection.connect_port = 8080;
  const Endpoint second{web1.address, 8080};
  load(model_of({server, real_server(web2)}));
  answer(web1, refused);
  answer(second, refused);
  answer(web1, good);
  EXPECT_THAT(table(), ElementsAre(web2));
  answer(second, good);
  EXPECT_THAT(table(), ElementsAre(web2, web1));
}

TEST_F(EngineTest, AServerWithoutCheckersIsUp) {
  auto server = real_server(web1);
  server.checkers.clear();
  load(model_of({server}));
  EXPECT_THAT(table(), ElementsAre(web1));
}

TEST_F(EngineTest, WithAlphaAServerServesOnlyAfterAGoodCheck) {
  auto server = real_server(web1);
  server.checkers[0].schedule.alpha = true;
  load(model_of({server, real_server(web2)}));
  EXPECT_THAT(table(), ElementsAre(web2));
  answer(web1, refused);
  EXPECT_THAT(table(), ElementsAre(web2));
  answer(web1, good);
  EXPECT_THAT(table(), ElementsAre(web2, web1));
}

TEST_F(EngineTest, AnInhibitedServerStaysWithWeightZero) {
  auto server = real_server(web1);
  server.inhibit_on_failure = true;
  server.weight = 3;
  load(model_of({server, real_server(web2)}));
  EXPECT_THAT(log_of([&] { answer(web1, refused); }), HasSubstr("Disabling service [10.0.0.1]:tcp:80 of VS"));
  EXPECT_THAT(table(), ElementsAre(web1, web2));
  EXPECT_EQ(weight(web1), 0u);
  EXPECT_EQ(status().servers[0].effective_weight, 0u);
  EXPECT_TRUE(status().servers[0].in_table);
  answer(web1, good);
  EXPECT_EQ(weight(web1), 3u);
}

TEST_F(EngineTest, TheSorryServerStepsInWhenTheQuorumIsLost) {
  auto model = model_of({real_server(web1), real_server(web2), real_server(web3)});
  model.virtual_servers[0].quorum = 2;
  model.virtual_servers[0].sorry_server = conf::SorryServer{sorry, lvs::Forward::nat, false};
  load(model);
  answer(web1, refused);
  EXPECT_THAT(table(), ElementsAre(web2, web3));
  const auto lost = log_of([&] { answer(web2, refused); });
  EXPECT_THAT(lost, HasSubstr("Lost quorum 2-0=2 > 1 for VS [192.0.2.10]:tcp:80"));
  EXPECT_THAT(lost, HasSubstr("Adding sorry server [10.0.0.9]:tcp:80 to VS [192.0.2.10]:tcp:80"));
  EXPECT_THAT(lost, HasSubstr("Removing alive servers from the pool for VS [192.0.2.10]:tcp:80"));
  EXPECT_THAT(table(), ElementsAre(sorry));
  EXPECT_TRUE(status().sorry->in_use);
  const auto gained = log_of([&] { answer(web2, good); });
  EXPECT_THAT(gained, HasSubstr("Gained quorum 2+0=2 <= 2 for VS [192.0.2.10]:tcp:80"));
  EXPECT_THAT(gained, HasSubstr("Removing sorry server [10.0.0.9]:tcp:80 from VS [192.0.2.10]:tcp:80"));
  EXPECT_THAT(table(), ElementsAre(web2, web3));
}

TEST_F(EngineTest, WithAlphaAServiceBeginsWithItsSorryServer) {
  auto server = real_server(web1);
  server.checkers[0].schedule.alpha = true;
  auto model = model_of({server});
  model.virtual_servers[0].sorry_server = conf::SorryServer{sorry, lvs::Forward::nat, false};
  EXPECT_THAT(log_of([&] { load(model); }), HasSubstr("Starting with quorum down 1+0=1 > 0"));
  EXPECT_THAT(table(), ElementsAre(sorry));
}

TEST_F(EngineTest, DirectRoutingTakesThePortOfTheService) {
  auto server = real_server({web1.address, 8080});
  server.forward = lvs::Forward::dr;
  load(model_of({server}));
  EXPECT_THAT(table(), ElementsAre(web1));
  answer({web1.address, 8080}, good);  // the check goes where it was told to
}

// ---- scripts ----

class ScriptTest : public EngineTest {
 protected:
  ScriptTest() : folder_(std::filesystem::temp_directory_path() / ("xd-engine-test-" + std::to_string(::getpid()))) {
    std::filesystem::create_directory(folder_);
  }
  ~ScriptTest() override { std::filesystem::remove_all(folder_); }

  conf::Script note(const std::string& word) {
    conf::Script script;
    script.words = {"/bin/sh", "-c", "echo " + word + " >>" + (folder_ / "notes").string()};
    script.user = "root";
    return script;
  }
  std::string notes() const {
    std::ifstream file(folder_ / "notes");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  void expect_notes(const std::string& text) {
    const auto deadline = Clock::now() + 30s;
    while (notes().size() < text.size() && Clock::now() < deadline) loop_.run_once(10ms);
    EXPECT_EQ(notes(), text);
  }

  std::filesystem::path folder_;
};

TEST_F(ScriptTest, TellsEveryChangeOfAServerAndOfTheQuorum) {
  auto server = real_server(web1);
  server.notify_up = note("web1-up");
  server.notify_down = note("web1-down");
  auto model = model_of({server, real_server(web2)});
  load(model);
  answer(web1, good);  // nobody is told what was assumed
  answer(web1, refused);
  expect_notes("web1-down\n");
  answer(web1, good);
  expect_notes("web1-down\nweb1-up\n");
}

TEST_F(ScriptTest, QuorumScriptsRun) {
  auto model = model_of({real_server(web1)});
  model.virtual_servers[0].quorum_up = note("quorum-up");
  model.virtual_servers[0].quorum_down = note("quorum-down");
  EXPECT_THAT(log_of([&] { load(model); }), HasSubstr("Gained quorum 1+0=1 <= 1 for VS [192.0.2.10]:tcp:80"));
  expect_notes("quorum-up\n");  // at the start as well: it may be what announces the address
  load(model);
  answer(web1, refused);
  expect_notes("quorum-up\nquorum-down\n");
  answer(web1, good);
  expect_notes("quorum-up\nquorum-down\nquorum-up\n");
}

TEST_F(ScriptTest, OmegaRunsTheDownScriptsAtTheEnd) {
  auto server = real_server(web1);
  server.notify_down = note("down");
  auto model = model_of({server});
  load(model);
  engine_->stop();
  make();
  model.virtual_servers[0].omega = true;
  load(model);
  EXPECT_THAT(log_of([&] { engine_->stop(); }), HasSubstr("Shutting down service [10.0.0.1]:tcp:80 from VS [192.0.2.10]:tcp:80"));
  expect_notes("down\n");
}

TEST_F(ScriptTest, AScriptOfAnUnknownUserIsToldAndDisabled) {
  auto server = real_server(web1);
  server.notify_down = note("down");
  server.notify_down.user = "no-such-user";
  EXPECT_THAT(log_of([&] { load(model_of({server})); }), HasSubstr("there is no user no-such-user - script disabled"));
  answer(web1, refused);
  EXPECT_EQ(notes(), "");
}

// ---- reload ----

TEST_F(ScriptTest, ARemovedServerIsSaidGoodbye) {
  auto server = real_server(web2);
  server.notify_down = note("web2-down");
  load(model_of({real_server(web1), server}));
  const auto log = log_of([&] { load(model_of({real_server(web1)})); });
  EXPECT_THAT(log, HasSubstr("service [10.0.0.2]:tcp:80 no longer exist"));
  EXPECT_THAT(log, HasSubstr("Removing service [10.0.0.2]:tcp:80 from VS [192.0.2.10]:tcp:80"));
  EXPECT_THAT(table(), ElementsAre(web1));
  expect_notes("web2-down\n");
}

using ReloadTest = EngineTest;

TEST_F(ReloadTest, AServerThatIsDownStaysDownAlsoWithAnotherScheduleOrWeight) {
  load(model_of({real_server(web1), real_server(web2)}));
  answer(web1, refused);
  auto server = real_server(web1, 7);
  server.weight = 5;
  const auto log = log_of([&] { load(model_of({server, real_server(web2)})); });
  EXPECT_THAT(log, HasSubstr("Changing weight from 1 to 5 for inactive service [10.0.0.1]:tcp:80 of VS"));
  EXPECT_THAT(table(), ElementsAre(web2));
  EXPECT_EQ(status().servers[0].checkers[0].last_outcome, "connection refused");
  EXPECT_EQ(status().servers[0].checkers[0].failures, 1u);
}

TEST_F(ReloadTest, TheWeightThatAProgramAsksForStaysWhateverTheFileSays) {
  auto server = real_server(web1);
  load(model_of({server}));
  answer(web1, {OutcomeKind::good, 0, "", 22});
  server.weight = 8;
  load(model_of({server}));
  EXPECT_EQ(weight(web1), 22u);
  answer(web1, {OutcomeKind::good, 0, "", Outcome::configured_weight});
  EXPECT_EQ(weight(web1), 8u);
}

TEST_F(ReloadTest, AnotherSorryServerTakesThePlaceOfTheOneInUse) {
  auto model = model_of({real_server(web1)});
  model.virtual_servers[0].sorry_server = conf::SorryServer{sorry, lvs::Forward::nat, false};
  load(model);
  answer(web1, refused);
  model.virtual_servers[0].sorry_server->endpoint = web3;
  const auto log = log_of([&] { load(model); });
  EXPECT_THAT(log, HasSubstr("Removing sorry server [10.0.0.9]:tcp:80 from VS"));
  EXPECT_THAT(log, HasSubstr("Adding sorry server [10.0.0.3]:tcp:80 to VS"));
  EXPECT_THAT(table(), ElementsAre(web3));
}

TEST_F(ReloadTest, AChangedCheckerPutsADownServerBackUntilItFails) {
  load(model_of({real_server(web1), real_server(web2)}));
  answer(web1, refused);
  auto server = real_server(web1, 5);
  server.checkers[0].connection.connect_timeout = 1s;
  EXPECT_THAT(log_of([&] { load(model_of({server, real_server(web2)})); }), HasSubstr("Adding service [10.0.0.1]:tcp:80 to VS"));
  EXPECT_THAT(table(), ElementsAre(web2, web1));
  answer(web1, refused);  // retries do not count before it was seen up
  EXPECT_THAT(table(), ElementsAre(web2));
}

TEST_F(ReloadTest, WithAlphaAChangedCheckerLeavesADownServerDownAndAnUpServerUp) {
  load(model_of({real_server(web1), real_server(web2)}));
  answer(web1, refused);
  answer(web2, good);
  std::vector<conf::RealServer> servers{real_server(web1), real_server(web2)};
  for (auto& server : servers) {
    server.checkers[0].connection.connect_timeout = 1s;
    server.checkers[0].schedule.alpha = true;
  }
  load(model_of(servers));
  EXPECT_THAT(table(), ElementsAre(web2));
}

TEST_F(ReloadTest, NewServersComeLastWhateverTheirPlaceInTheFile) {
  load(model_of({real_server(web2)}));
  load(model_of({real_server(web1), real_server(web2), real_server(web3)}));
  EXPECT_THAT(table(), ElementsAre(web2, web1, web3));
}

TEST_F(ReloadTest, ABrokenConfigurationLeavesTheRunningOneAlone) {
  load(model_of({real_server(web1)}));
  auto broken = model_of({real_server(web2)});
  broken.virtual_servers[0].real_servers[0].checkers[0].check = conf::HttpCheck{};
  const auto prepared = engine_->prepare(broken);
  ASSERT_FALSE(prepared.ok());
  EXPECT_EQ(prepared.error().message, "virtual server [192.0.2.10]:tcp:80: HTTP_GET of real server [10.0.0.2]:tcp:80 has no url");
  engine_->abort();
  answer(web1, refused);
  EXPECT_THAT(table(), IsEmpty());
}

TEST_F(ReloadTest, APreparedGenerationThatIsAbortedLeavesNoTrace) {
  load(model_of({real_server(web1)}));
  ASSERT_TRUE(engine_->prepare(model_of({real_server(web2)})).ok());
  engine_->abort();
  answer(web1, refused);
  answer(web1, good);
  EXPECT_THAT(table(), ElementsAre(web1));
  EXPECT_FALSE(prober_->waiting.contains(web2));
}

TEST_F(ReloadTest, ASorryServerThatArrivesWhileTheQuorumIsLostStepsIn) {
  auto model = model_of({real_server(web1)});
  load(model);
  answer(web1, refused);
  EXPECT_THAT(table(), IsEmpty());
  model.virtual_servers[0].sorry_server = conf::SorryServer{sorry, lvs::Forward::nat, false};
  EXPECT_THAT(log_of([&] { load(model); }), HasSubstr("Adding sorry server [10.0.0.9]:tcp:80"));
  EXPECT_THAT(table(), ElementsAre(sorry));
}

TEST_F(ReloadTest, ASorryServerThatGoesWhileItServesGivesThePlaceBack) {
  auto model = model_of({real_server(web1), real_server(web2)});
  model.virtual_servers[0].quorum = 2;
  model.virtual_servers[0].sorry_server = conf::SorryServer{sorry, lvs::Forward::nat, false};
  load(model);
  answer(web1, refused);
  EXPECT_THAT(table(), ElementsAre(sorry));
  model.virtual_servers[0].sorry_server.reset();
  EXPECT_THAT(log_of([&] { load(model); }), HasSubstr("Removing sorry server [10.0.0.9]:tcp:80 from VS"));
  EXPECT_THAT(table(), ElementsAre(web2));
}

TEST_F(ReloadTest, AVirtualServerThatGoesIsNamed) {
  load(model_of({real_server(web1)}));
  EXPECT_THAT(log_of([&] { load(conf::Model{}); }), HasSubstr("Removing Virtual Server [192.0.2.10]:tcp:80"));
  EXPECT_TRUE(desired_.empty());
}

// ---- a process that takes over ----

TEST_F(EngineTest, ANewProcessGoesOnWhereTheOldOneStopped) {
  auto model = model_of({real_server(web1), real_server(web2), real_server(web3)});
  load(model);
  answer(web1, refused);
  answer(web2, refused);
  answer(web1, good);
  answer(web3, {OutcomeKind::good, 0, "", 22});  // as a misc_dynamic program does
  const auto before = desired_;
  const auto snapshot = engine_->snapshot();
  EXPECT_THAT(table(), ElementsAre(web3, web1));
  EXPECT_EQ(weight(web3), 22u);

  make();
  desired_.clear();
  engine_->resume(snapshot);
  const auto log = log_of([&] { load(model); });
  EXPECT_EQ(desired_, before);
  EXPECT_THAT(log, Not(HasSubstr("Removing")));
  EXPECT_EQ(engine_->snapshot(), snapshot);
  EXPECT_EQ(status().servers[1].checkers[0].last_outcome, "connection refused");
  answer(web2, good);
  EXPECT_THAT(table(), ElementsAre(web3, web1, web2));
}

// ---- what is observed: files, sessions, addresses ----

class ObservedTest : public ScriptTest {
 protected:
  void write(const std::string& text) { std::ofstream(folder_ / "number") << text; }
  // A server whose FILE_CHECK has this weight; none: what the track_file says.
  conf::Model with_file(std::optional<int> weight) {
    auto server = real_server(web1);
    server.weight = 10;
    server.checkers = {conf::Checker{.check = conf::FileCheck{.track_file = "number", .weight = weight}, .connection = {}, .schedule = {}}};
    auto model = model_of({server, real_server(web2)});
    model.track_files = {{.name = "number", .path = (folder_ / "number").string(), .weight = 1, .weight_reverse = false, .initial = {}}};
    return model;
  }
  template <typename Condition>
  void wait(const Condition& condition) {
    const auto deadline = Clock::now() + 30s;
    while (!condition() && Clock::now() < deadline) loop_.run_once(10ms);
    EXPECT_TRUE(condition());
  }
};

TEST_F(ObservedTest, AFilesNumberTakesAServerOut) {
  write("1\n");
  load(with_file(0));
  EXPECT_THAT(table(), ElementsAre(web2));
  write("0\n");
  wait([this] { return table().size() == 2; });
  EXPECT_THAT(log_of([&] {
                write("7\n");
                wait([this] { return table().size() == 1; });
              }),
              HasSubstr("FILE_CHECK on service [10.0.0.1]:tcp:80 failed: wrong answer (the number is 7)"));
}

TEST_F(ObservedTest, AFilesNumberChangesAServersWeight) {
  write("5\n");
  load(with_file(2));
  EXPECT_EQ(weight(web1), 20u);
  write("-3\n");
  wait([this] { return weight(web1) == 4; });
  load(with_file(1));  // a reload looks at once
  EXPECT_EQ(weight(web1), 7u);
}

TEST_F(ObservedTest, ABfdSessionTakesAServerOut) {
  auto server = real_server(web1);
  server.checkers = {conf::Checker{.check = conf::BfdCheck{"neighbour"}, .connection = {}, .schedule = {}}};
  load(model_of({server, real_server(web2)}));
  EXPECT_EQ(table().size(), 2u);
  engine_->observe_bfds({{"neighbour", true}, {"other", false}});
  turn();
  EXPECT_EQ(table().size(), 2u);
  engine_->observe_bfds({{"neighbour", false}});
  turn();
  EXPECT_THAT(table(), ElementsAre(web2));
  load(model_of({server, real_server(web2)}));  // what was told stays known
  EXPECT_THAT(table(), ElementsAre(web2));
  engine_->observe_bfds({{"neighbour", true}});
  turn();
  EXPECT_THAT(table(), ElementsAre(web2, web1));
}

TEST_F(ObservedTest, WithHaSuspendChecksRunOnlyWhereTheAddressIs) {
  bool here = false;
  engine_->observe_addresses([&](const IpAddress&) { return here; });
  auto model = model_of({real_server(web1)});
  model.virtual_servers[0].ha_suspend = true;
  load(model);
  for (int i = 0; i < 20; ++i) loop_.run_once(5ms);
  EXPECT_TRUE(prober_->waiting.empty());
  here = true;
  EXPECT_THAT(log_of([&] { engine_->observe_addresses([&](const IpAddress&) { return here; }); }),
              HasSubstr("Activating healthchecker for service [10.0.0.1]:tcp:80 for VS [192.0.2.10]:tcp:80"));
  answer(web1, refused);
  EXPECT_THAT(table(), IsEmpty());
  here = false;
  engine_->observe_addresses([&](const IpAddress&) { return here; });
  EXPECT_TRUE(prober_->waiting.empty());
  EXPECT_THAT(table(), IsEmpty());  // what is believed stays
}

TEST_F(ObservedTest, TheFirstStateIsToldOnDemand) {
  auto server = real_server(web1);
  server.notify_up = note("up");
  server.notify_down = note("down");
  auto model = model_of({server});
  model.global.rs_init_notifies = true;
  load(model);
  expect_notes("up\n");
  model.virtual_servers[0].real_servers.push_back(server);
  model.virtual_servers[0].real_servers[1].endpoint = web2;
  model.virtual_servers[0].real_servers[1].checkers[0].schedule.alpha = true;
  load(model);
  expect_notes("up\ndown\n");
  answer(web2, refused);
  answer(web1, refused);
  expect_notes("up\ndown\ndown\n");
}

TEST_F(EngineTest, ManyChangesInOneTurnArePublishedOnce) {
  load(model_of({real_server(web1), real_server(web2), real_server(web3)}));
  while (prober_->waiting.size() < 3) loop_.run_once(10ms);
  const auto before = published_;
  for (const auto& server : {web1, web2, web3}) {
    const auto done = prober_->waiting[server];
    done(refused);
  }
  turn();
  EXPECT_EQ(published_, before + 1);
  EXPECT_THAT(table(), IsEmpty());
}

TEST_F(EngineTest, StatusTellsTheCheckersStory) {
  load(model_of({real_server(web1), real_server(web2)}));
  answer(web1, good);
  answer(web1, refused);
  const auto now = status();
  EXPECT_EQ(now.live_weight, 1u);
  EXPECT_TRUE(now.quorum_up);
  const auto& server = now.servers.at(0);
  EXPECT_FALSE(server.up);
  EXPECT_FALSE(server.in_table);
  const auto& checker = server.checkers.at(0);
  EXPECT_EQ(checker.kind, "TCP_CHECK");
  EXPECT_EQ(checker.target, web1);
  EXPECT_EQ(checker.runs, 2u);
  EXPECT_EQ(checker.failures, 1u);
  EXPECT_EQ(checker.last_outcome, "connection refused");
  EXPECT_TRUE(checker.last_time.has_value());
}

}  // namespace
}  // namespace xd::checkers
