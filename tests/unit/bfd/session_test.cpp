// RFC 5880 walked through: the checks of 6.8.6 on packets, the state table, timers and poll sequences.
#include "bfd/session.h"

#include <gtest/gtest.h>

#include <vector>

namespace xd::bfd {
namespace {

using S = SessionState;

Packet heard(S state, std::uint32_t your = 7) {
  Packet p;
  p.state = state;
  p.multiplier = 3;
  p.my_discriminator = 99;
  p.your_discriminator = your;
  p.desired_min_tx = 100'000;
  p.required_min_rx = 50'000;
  return p;
}

std::vector<std::uint8_t> bytes_of(const Packet& p) {
  const auto bytes = encode(p);
  return {bytes.begin(), bytes.end()};
}

Reject reject(const std::vector<std::uint8_t>& bytes) {
  const auto parsed = parse(bytes);
  const auto* reason = std::get_if<Reject>(&parsed);
  return reason != nullptr ? *reason : static_cast<Reject>(reject_count);
}

TEST(BfdPacket, survivesItsBytes) {
  Packet p = heard(S::init);
  p.diagnostic = Diagnostic::neighbor_signaled_down;
  p.poll = p.demand = true;
  const auto parsed = parse(bytes_of(p));
  ASSERT_TRUE(std::holds_alternative<Packet>(parsed));
  EXPECT_EQ(std::get<Packet>(parsed), p);
}

TEST(BfdPacket, isDiscardedAsTheRfcSays) {
  const auto good = bytes_of(heard(S::up));
  const auto with = [&](std::size_t at, std::uint8_t value) {
    auto bytes = good;
    bytes[at] = value;
    return reject(bytes);
  };
  EXPECT_EQ(with(0, 2 << 5), Reject::version);
  EXPECT_EQ(with(0, 0), Reject::version);
  EXPECT_EQ(reject({good.begin(), good.begin() + 23}), Reject::too_short);
  EXPECT_EQ(reject({}), Reject::too_short);
  EXPECT_EQ(with(3, 23), Reject::too_short);
  EXPECT_EQ(with(1, good[1] | 0x04), Reject::too_short) << "24 bytes have no room for authentication";
  EXPECT_EQ(with(3, 25), Reject::bad_length);
  EXPECT_EQ(with(2, 0), Reject::zero_multiplier);
  EXPECT_EQ(with(1, good[1] | 0x01), Reject::multipoint);
  auto nobody = heard(S::up);
  nobody.my_discriminator = 0;
  EXPECT_EQ(reject(bytes_of(nobody)), Reject::zero_my_discriminator);
  EXPECT_EQ(reject(bytes_of(heard(S::up, 0))), Reject::zero_your_discriminator);
  EXPECT_EQ(reject(bytes_of(heard(S::init, 0))), Reject::zero_your_discriminator);
  EXPECT_TRUE(std::holds_alternative<Packet>(parse(bytes_of(heard(S::down, 0)))));
  EXPECT_TRUE(std::holds_alternative<Packet>(parse(bytes_of(heard(S::admin_down, 0)))));
  auto password = good;
  password.resize(28);
  password[3] = 28;
  password[1] |= 0x04;
  EXPECT_EQ(reject(password), Reject::authentication);
  auto longer = good;
  longer.resize(40);
  EXPECT_TRUE(std::holds_alternative<Packet>(parse(longer))) << "what follows the packet does not matter";
}

class BfdSession : public ::testing::Test {
 protected:
  Session::Step hear(S state) { return session.receive(heard(state), now); }
  void bring(S state) {
    if (state == S::init) hear(S::down);
    if (state == S::up) hear(S::init);
    ASSERT_EQ(session.state(), state);
  }
  // Until `until`: what was sent, and when.
  std::vector<Packet> pass(Duration span) {
    std::vector<Packet> sent;
    const TimePoint until = now + span;
    while (session.next() && *session.next() <= until) {
      now = *session.next();
      if (auto step = session.run(now); step.packet) sent.push_back(*step.packet);
    }
    now = until;
    return sent;
  }

  TimePoint now{100s};
  SessionConfig config{.min_tx = 20ms, .idle_tx = 1s, .min_rx = 30ms, .multiplier = 5};
  double jitter = 1.0;
  Session session{config, 7, [this] { return jitter; }, now};
};

struct Row {
  S local, heard, next;
};

TEST_F(BfdSession, followsTheStateTable) {
  constexpr Row table[] = {
      {S::down, S::admin_down, S::down}, {S::down, S::down, S::init}, {S::down, S::init, S::up}, {S::down, S::up, S::down},
      {S::init, S::admin_down, S::down}, {S::init, S::down, S::init}, {S::init, S::init, S::up}, {S::init, S::up, S::up},
      {S::up, S::admin_down, S::down},   {S::up, S::down, S::down},   {S::up, S::init, S::up},   {S::up, S::up, S::up},
  };
  for (const Row& row : table) {
    session = Session(
        config, 7, [] { return 1.0; }, now);
    bring(row.local);
    const auto step = hear(row.heard);
    EXPECT_EQ(session.state(), row.next) << name(row.local) << " hears " << name(row.heard);
    EXPECT_EQ(step.state_changed, row.next != row.local);
    EXPECT_EQ(step.packet.has_value(), row.next != row.local) << "a change is told at once";
    if (row.next == S::down && row.local != S::down) {
      EXPECT_EQ(session.diagnostic(), Diagnostic::neighbor_signaled_down);
    }
  }
}

TEST_F(BfdSession, threeWayHandshakeOfTwo) {
  Session other(
      config, 8, [] { return 0.5; }, now);
  auto first = session.run(*session.next());
  ASSERT_TRUE(first.packet);
  EXPECT_EQ(first.packet->your_discriminator, 0u);
  auto second = other.receive(*first.packet, now);
  ASSERT_TRUE(second.packet);
  EXPECT_EQ(second.packet->state, S::init);
  auto third = session.receive(*second.packet, now);
  EXPECT_EQ(session.state(), S::up);
  ASSERT_TRUE(third.packet);
  EXPECT_TRUE(third.packet->poll) << "it asks for its faster rate";
  auto fourth = other.receive(*third.packet, now);
  EXPECT_EQ(other.state(), S::up);
  ASSERT_TRUE(fourth.answer);
  EXPECT_TRUE(fourth.answer->final);
  EXPECT_FALSE(fourth.answer->poll) << "never both";
}

TEST_F(BfdSession, doesNotSendFasterThanASecondBeforeItIsUp) {
  config.idle_tx = 100ms;
  session = Session(
      config, 7, [] { return 1.0; }, now);
  EXPECT_EQ(pass(10s).size(), 10u);
}

TEST_F(BfdSession, sendsAtTheSlowerOfBothWishesWithJitter) {
  bring(S::up);
  EXPECT_EQ(session.transmit_interval(), 50ms) << "the neighbour's min_rx";
  EXPECT_EQ(*session.next() - now, 50ms);
  jitter = 0;
  hear(S::up);
  session.run(*session.next());
  EXPECT_EQ(pass(0ms).size(), 0u);
  config.multiplier = 1;
  session = Session(
      config, 7, [] { return 1.0; }, now);
  EXPECT_EQ(*session.next() - now, 900ms) << "90 % at most with a multiplier of 1";
}

TEST_F(BfdSession, isDownAfterTheDetectionTimeOfTheNeighboursMultiplier) {
  bring(S::up);
  EXPECT_EQ(session.detection_time(), 300ms) << "3 times its desired 100 ms, slower than our min_rx";
  const TimePoint last = now;
  while (session.state() == S::up) {
    now = *session.next();
    session.run(now);
  }
  EXPECT_EQ(now - last, 300ms);
  EXPECT_EQ(session.diagnostic(), Diagnostic::detection_time_expired);
  EXPECT_EQ(session.remote().discriminator, 0u);
}

TEST_F(BfdSession, forgetsTheDiscriminatorOfASilentNeighbourAlsoWhileDown) {
  bring(S::up);
  hear(S::admin_down);
  EXPECT_EQ(session.remote().discriminator, 99u);
  pass(400ms);
  EXPECT_EQ(session.remote().discriminator, 0u);
}

TEST_F(BfdSession, answersAPollAtOnceAndEndsItsOwnWithTheAnswer) {
  bring(S::up);
  auto poll = heard(S::up);
  poll.poll = true;
  const auto step = session.receive(poll, now);
  ASSERT_TRUE(step.answer);
  EXPECT_TRUE(step.answer->final);
  const auto sent = pass(60ms);
  ASSERT_FALSE(sent.empty());
  EXPECT_TRUE(sent.front().poll);
  auto final = heard(S::up);
  final.final = true;
  session.receive(final, now);
  for (const Packet& p : pass(120ms)) EXPECT_FALSE(p.poll);
}

TEST_F(BfdSession, aPassiveOneIsSilentUntilItHears) {
  config.passive = true;
  session = Session(
      config, 7, [] { return 1.0; }, now);
  EXPECT_TRUE(pass(10s).empty());
  EXPECT_TRUE(hear(S::down).packet);
  EXPECT_EQ(session.state(), S::init);
}

TEST_F(BfdSession, sendsNothingToANeighbourThatWantsNothing) {
  bring(S::up);
  auto deaf = heard(S::up);
  deaf.required_min_rx = 0;
  session.receive(deaf, now);
  EXPECT_TRUE(pass(200ms).empty());
}

TEST_F(BfdSession, sendsNothingRegularInDemandMode) {
  bring(S::up);
  auto demand = heard(S::up);
  demand.demand = demand.final = true;
  session.receive(demand, now);
  EXPECT_TRUE(pass(200ms).empty());
}

TEST_F(BfdSession, slowsDownOnlyWhenTheNeighbourHasConfirmed) {
  bring(S::up);
  auto final = heard(S::up);
  final.final = true;
  final.required_min_rx = 1;
  session.receive(final, now);
  EXPECT_EQ(session.transmit_interval(), 20ms);
  config.min_tx = 500ms;
  session.reconfigure(config, now);
  EXPECT_EQ(session.transmit_interval(), 20ms);
  session.receive(final, now);
  EXPECT_EQ(session.transmit_interval(), 500ms);
}

TEST_F(BfdSession, goesOnAfterItsProcessWasReplaced) {
  bring(S::up);
  const Remote remote = session.remote();
  session = Session(
      config, 7, [] { return 1.0; }, now);
  session.resume(S::up, remote, now);
  EXPECT_EQ(session.state(), S::up);
  EXPECT_EQ(session.next(), now) << "it speaks at once";
  EXPECT_EQ(session.run(now).packet->your_discriminator, 99u);
}

TEST_F(BfdSession, saysFarewell) {
  bring(S::up);
  EXPECT_EQ(session.farewell().state, S::admin_down);
  EXPECT_EQ(session.farewell().diagnostic, Diagnostic::administratively_down);
}

}  // namespace
}  // namespace xd::bfd
