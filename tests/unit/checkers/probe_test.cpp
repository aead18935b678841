// Probes against real sockets, in a network namespace of their own: servers that are absent, silent, slow, rude and
// endless.
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <future>
#include <memory>
#include <optional>

#include "checkers/http_check.h"
#include "checkers/network_prober.h"
#include "checkers/tcp_check.h"
#include "support/private_network.h"
#include "support/test_server.h"

namespace xd::checkers {
namespace {

using test::Connection;
using test::SilentPort;
using test::TestServer;

[[maybe_unused]] const auto* const network = ::testing::AddGlobalTestEnvironment(new test::PrivateNetwork);

class ProbeTest : public ::testing::Test {
 protected:
  // One attempt, waited for. The outcome must not come from within start().
  Outcome attempt(const conf::Checker& checker, const Endpoint& target, unsigned url = 0) {
    std::optional<Outcome> outcome;
    const auto probe = prober_.start({&checker, target, url}, [&](Outcome o) { outcome = std::move(o); });
    EXPECT_FALSE(outcome.has_value());
    while (!outcome) {
      if (!loop_.run_once(30s)) break;
    }
    return *outcome;
  }

  static conf::Checker tcp(Duration timeout = 5s) {
    conf::Checker checker;
    checker.connection.connect_timeout = timeout;
    return checker;
  }
  static conf::Checker http(conf::HttpUrl url = {}, Duration timeout = 5s) {
    conf::HttpCheck check;
    check.urls.push_back(std::move(url));
    conf::Checker checker;
    checker.check = check;
    checker.connection.connect_timeout = timeout;
    return checker;
  }
  static conf::Checker https(conf::HttpUrl url = {}, Duration timeout = 5s) {
    auto checker = http(std::move(url), timeout);
    std::get<conf::HttpCheck>(checker.check).tls = true;
    return checker;
  }

  Loop loop_;
  NetworkProber prober_{loop_};
};

Endpoint closed_port() {
  Endpoint endpoint;
  {
    endpoint = TestServer([](Connection&) {}).endpoint();
  }
  return endpoint;
}

std::array<std::uint8_t, 16> md5(std::string_view text) {
  std::array<std::uint8_t, 16> digest{};
  EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_md5(), nullptr);
  return digest;
}

conf::HttpUrl with_digest(std::string_view body) {
  conf::HttpUrl url;
  url.digest = md5(body);
  return url;
}

// ---- TCP_CHECK ----

using TcpCheck = ProbeTest;

TEST_F(TcpCheck, IsGoodWhenTheConnectionStands) {
  TestServer server([](Connection& c) { c.wait_for_close(); });
  EXPECT_EQ(attempt(tcp(), server.endpoint()).str(), "good");
}

TEST_F(TcpCheck, WorksOverIPv6) {
  TestServer server([](Connection& c) { c.wait_for_close(); }, TestServer::Kind::plain, "::1");
  EXPECT_TRUE(attempt(tcp(), server.endpoint()).good());
}

TEST_F(TcpCheck, IsRefused) { EXPECT_EQ(attempt(tcp(), closed_port()).kind, OutcomeKind::refused); }

TEST_F(TcpCheck, TimesOutWhileConnecting) {
  SilentPort silent;
  const auto start = Clock::now();
  EXPECT_EQ(attempt(tcp(50ms), silent.endpoint()).kind, OutcomeKind::connect_timeout);
  EXPECT_GE(Clock::now() - start, 50ms);
}

TEST_F(TcpCheck, ServersWithoutARouteAreUnreachable) {
  EXPECT_EQ(attempt(tcp(), {*IpAddress::parse("192.0.2.1"), 80}).str(), "unreachable (Network is unreachable)");
}

TEST_F(TcpCheck, ComesFromTheAddressPortAndInterfaceItIsBoundTo) {
  std::promise<Endpoint> peer;
  TestServer server([&](Connection& c) { peer.set_value(c.peer()); });
  auto checker = tcp();
  checker.connection.bind_ip = IpAddress::parse("127.0.0.7");
  checker.connection.bind_port = 40123;
  checker.connection.bind_interface = "lo";
  checker.connection.fwmark = 7;
  EXPECT_TRUE(attempt(checker, server.endpoint()).good());
  EXPECT_EQ(peer.get_future().get().str(), "127.0.0.7:40123");
}

TEST_F(TcpCheck, AnAddressThatIsNotOursSaysNothingAboutTheServer) {
  TestServer server([](Connection&) {});
  auto checker = tcp();
  checker.connection.bind_ip = IpAddress::parse("192.0.2.7");
  const auto outcome = attempt(checker, server.endpoint());
  EXPECT_EQ(outcome.str(), "not tried (bind to 192.0.2.7:0: Cannot assign requested address)");
}

TEST_F(TcpCheck, ACancelledAttemptSaysNothing) {
  SilentPort silent;
  const auto checker = tcp(10ms);
  bool called = false;
  auto probe = prober_.start({&checker, silent.endpoint(), 0}, [&](Outcome) { called = true; });
  probe.reset();
  loop_.run_once(50ms);
  EXPECT_FALSE(called);
}

// ---- the request ----

class RequestTest : public ProbeTest {
 protected:
  std::string request_of(const conf::Checker& checker, const char* address = "127.0.0.1") {
    std::vector<std::string> requests;
    {
      TestServer server(TestServer::answering("HTTP/1.0 200 OK\r\n\r\n", &requests), TestServer::Kind::plain, address);
      endpoint_ = server.endpoint().str();
      EXPECT_TRUE(attempt(checker, server.endpoint()).good());
    }
    return requests.at(0);
  }
  // What request_of() must be: the address of its server stands for HOST.
  static std::string with_host(std::string request, const std::string& host) { return request.replace(request.find("HOST"), 4, host); }
  std::string endpoint_;
};

TEST_F(RequestTest, IsKeepaliveds10ByDefault) {
  conf::HttpUrl url;
  url.path = "/a/../b?c=d e";
  const auto request = request_of(http(url));
  EXPECT_EQ(request, with_host("GET /a/../b?c=d e HTTP/1.0\r\nHost: HOST\r\nUser-Agent: KeepAliveClient\r\n\r\n", endpoint_));
}

TEST_F(RequestTest, With10CAsksToClose) {
  auto checker = http();
  std::get<conf::HttpCheck>(checker.check).protocol = conf::HttpProtocol::http_1_0_close;
  const auto request = request_of(checker);
  EXPECT_EQ(request, with_host("GET / HTTP/1.0\r\nHost: HOST\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\n\r\n", endpoint_));
}

TEST_F(RequestTest, With11AsksToCloseAsWell) {
  auto checker = http();
  std::get<conf::HttpCheck>(checker.check).protocol = conf::HttpProtocol::http_1_1;
  const auto request = request_of(checker);
  EXPECT_EQ(request, with_host("GET / HTTP/1.1\r\nHost: HOST\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\n\r\n", endpoint_));
}

TEST_F(RequestTest, HostIsTheUrlsVirtualhostThenTheCheckersThenTheAddress) {
  auto checker = http();
  auto& check = std::get<conf::HttpCheck>(checker.check);
  check.virtualhost = "www.example.org";
  EXPECT_NE(request_of(checker).find("\r\nHost: www.example.org\r\n"), std::string::npos);
  check.urls[0].virtualhost = "shop.example.org";
  EXPECT_NE(request_of(checker).find("\r\nHost: shop.example.org\r\n"), std::string::npos);
  EXPECT_NE(request_of(http(), "::1").find("\r\nHost: " + endpoint_ + "\r\n"), std::string::npos);
  EXPECT_EQ(endpoint_.substr(0, 6), "[::1]:");
}

TEST_F(RequestTest, IgnoresTheProxyOfTheEnvironment) {
  ::setenv("http_proxy", "http://192.0.2.1:3128", 1);
  request_of(http());
  ::unsetenv("http_proxy");
}

// ---- the answer ----

class AnswerTest : public ProbeTest {
 protected:
  Outcome judged(const conf::Checker& checker, std::string answer) {
    TestServer server(TestServer::answering(std::move(answer)));
    return attempt(checker, server.endpoint());
  }
  Outcome judged(const conf::Checker& checker, TestServer::Behaviour behaviour, TestServer::Kind kind = TestServer::Kind::plain) {
    TestServer server(std::move(behaviour), kind);
    return attempt(checker, server.endpoint());
  }
};

TEST_F(AnswerTest, AnyStatusOf2xxIsGoodByDefault) {
  EXPECT_EQ(judged(http(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").str(), "good (status 200)");
  EXPECT_EQ(judged(http(), "HTTP/1.1 204 No Content\r\n\r\n").str(), "good (status 204)");
  EXPECT_EQ(judged(http(), "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy").str(), "bad status 503");
}

TEST_F(AnswerTest, RedirectsAreNotFollowed) {
  EXPECT_EQ(judged(http(), "HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n").str(), "bad status 302");
}

TEST_F(AnswerTest, TheConfiguredStatusesReplaceTheDefault) {
  conf::HttpUrl url;
  url.status_codes = {{301, 302}, {404, 404}};
  EXPECT_TRUE(judged(http(url), "HTTP/1.0 302 Found\r\n\r\n").good());
  EXPECT_TRUE(judged(http(url), "HTTP/1.0 404 Not Found\r\n\r\ngone").good());
  EXPECT_EQ(judged(http(url), "HTTP/1.0 200 OK\r\n\r\n").str(), "bad status 200");
}

TEST_F(AnswerTest, TheDigestIsThatOfTheBody) {
  EXPECT_TRUE(judged(http(with_digest("hello")), "HTTP/1.0 200 OK\r\n\r\nhello").good());
  EXPECT_EQ(judged(http(with_digest("hello")), "HTTP/1.0 200 OK\r\n\r\nhullo").str(),
            "digest mismatch (it is 54bf43965e2bbaa20c22c22ca7b4e9c7)");
}

TEST_F(AnswerTest, TheDigestEndsAtContentLength) {
  EXPECT_TRUE(judged(http(with_digest("hello")), "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello and more").good());
}

TEST_F(AnswerTest, TheDigestCoversChunkHeadersAsGenhashDoes) {
  auto checker = http(with_digest("5\r\nhello\r\n0\r\n\r\n"));
  std::get<conf::HttpCheck>(checker.check).protocol = conf::HttpProtocol::http_1_1;
  EXPECT_TRUE(judged(checker, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n").good());
}

TEST_F(AnswerTest, ABodyThatEndsEarlyIsJudgedByWhatCame) {
  const auto outcome = judged(http(), "HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\nhello");
  EXPECT_EQ(outcome.str(), "good (status 200) (the body ended after 5 bytes, before its content-length)");
  EXPECT_EQ(judged(http(with_digest("hello world")), "HTTP/1.0 200 OK\r\nContent-Length: 11\r\n\r\nhello").kind,
            OutcomeKind::digest_mismatch);
}

TEST_F(AnswerTest, NoAnswerAtAll) {
  EXPECT_EQ(judged(http(), [](Connection& c) { c.read_request(); }).kind, OutcomeKind::no_answer);
}

TEST_F(AnswerTest, AResetInTheMiddle) {
  const auto outcome = judged(http(), [](Connection& c) {
    c.read_request();
    c.write("HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\nhel");
    c.reset();
  });
  EXPECT_EQ(outcome.kind, OutcomeKind::closed_early);
}

TEST_F(AnswerTest, Garbage) {
  EXPECT_EQ(judged(http(), "SSH-2.0-OpenSSH_9.2\r\n").kind, OutcomeKind::bad_answer);
  EXPECT_EQ(judged(http(), std::string("\0\1\2\3\r\n\r\n", 8)).kind, OutcomeKind::bad_answer);
  EXPECT_EQ(judged(http(), "HTTP/1.0 200 OK\r\nX: " + std::string(400'000, 'x') + "\r\n\r\n").kind, OutcomeKind::bad_answer);
}

TEST_F(AnswerTest, ASilentServerTimesOutWhileReading) {
  EXPECT_EQ(judged(http({}, 50ms), [](Connection& c) { c.read_request(), c.wait_for_close(); }).kind, OutcomeKind::read_timeout);
}

TEST_F(AnswerTest, AServerThatStopsInTheMiddleTimesOutWhileReading) {
  const auto outcome = judged(http({}, 50ms), [](Connection& c) {
    c.read_request();
    c.write("HTTP/1.0 200 OK\r\n\r\nhel");
    c.wait_for_close();
  });
  EXPECT_EQ(outcome.kind, OutcomeKind::read_timeout);
}

TEST_F(AnswerTest, ASlowServerThatKeepsSendingIsGood) {
  const auto outcome = judged(http(with_digest("0123456789"), 200ms), [](Connection& c) {
    c.read_request();
    c.write("HTTP/1.0 200 OK\r\n\r\n");
    for (const char* byte : {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}) {
      std::this_thread::sleep_for(50ms);
      c.write(byte);
    }
  });
  EXPECT_EQ(outcome.str(), "good (status 200)");
}

TEST_F(AnswerTest, AnEndlessBodyIsGoodEnoughWithoutADigestAndTooLargeWithOne) {
  const auto endless = [](Connection& c) {
    c.read_request();
    c.write("HTTP/1.0 200 OK\r\n\r\n");
    const std::string lump(1u << 16, 'x');
    while (c.write(lump)) {
    }
  };
  EXPECT_EQ(judged(http(), endless).str(), "good (status 200)");
  EXPECT_EQ(judged(http(with_digest("x")), endless).kind, OutcomeKind::body_too_large);
}

TEST_F(AnswerTest, WebServersThatAreNotThere) {
  EXPECT_EQ(attempt(http(), closed_port()).str(), "connection refused");
  SilentPort silent;
  EXPECT_EQ(attempt(http({}, 50ms), silent.endpoint()).str(), "timed out while connecting");
  EXPECT_EQ(attempt(http(), {*IpAddress::parse("192.0.2.1"), 80}).kind, OutcomeKind::unreachable);
  TestServer server([](Connection&) {});
  auto checker = http();
  checker.connection.bind_ip = IpAddress::parse("192.0.2.7");
  EXPECT_EQ(attempt(checker, server.endpoint()).kind, OutcomeKind::not_tried);
}

TEST_F(AnswerTest, EachUrlIsAnAttemptOfItsOwn) {
  auto checker = http();
  auto& urls = std::get<conf::HttpCheck>(checker.check).urls;
  urls.push_back({.path = "/second", .virtualhost = "", .digest = {}, .status_codes = {}, .regex = {}, .tls_compliant = false});
  std::vector<std::string> requests;
  {
    TestServer server(TestServer::answering("HTTP/1.0 200 OK\r\n\r\n", &requests));
    attempt(checker, server.endpoint(), 1);
  }
  EXPECT_EQ(requests.at(0).substr(0, 12), "GET /second ");
}

// ---- SSL_GET ----

TEST_F(AnswerTest, CertificatesAreNotVerified) {
  EXPECT_EQ(judged(https(with_digest("hello")), TestServer::answering("HTTP/1.0 200 OK\r\n\r\nhello"), TestServer::Kind::tls).str(),
            "good (status 200)");
}

TEST_F(AnswerTest, TlsThatEndsWithoutCloseNotifyJustEnds) {
  EXPECT_EQ(
      judged(https(with_digest("hello")), TestServer::answering("HTTP/1.0 200 OK\r\n\r\nhello"), TestServer::Kind::tls_without_close_notify)
          .str(),
      "good (status 200)");
}

TEST_F(AnswerTest, APlainServerFailsTheHandshake) {
  EXPECT_EQ(judged(https(), TestServer::Behaviour([](Connection& c) { c.write("HTTP/1.0 400 Bad Request\r\n\r\n"); })).kind,
            OutcomeKind::tls_failed);
}

TEST_F(AnswerTest, AHandshakeThatIsNotAnsweredTimesOutWhileConnecting) {
  EXPECT_EQ(judged(https({}, 100ms), TestServer::Behaviour([](Connection& c) { c.wait_for_close(); })).kind, OutcomeKind::connect_timeout);
}

// ---- many at once ----

TEST_F(AnswerTest, AHundredAttemptsRunSideBySideAndSomeAreCancelled) {
  TestServer server(TestServer::answering("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi"));
  const auto checker = http();
  std::vector<std::unique_ptr<Probe>> probes(100);
  int good = 0;
  for (std::size_t i = 0; i < probes.size(); ++i) {
    probes[i] = prober_.start({&checker, server.endpoint(), 0}, [&, i](Outcome outcome) {
      good += outcome.good() ? 1 : 0;
      probes[i].reset();  // from inside its own callback
    });
  }
  for (std::size_t i = 0; i < probes.size(); i += 4) probes[i].reset();
  const auto deadline = Clock::now() + 30s;
  while (good < 75 && Clock::now() < deadline) loop_.run_once(1s);
  EXPECT_EQ(good, 75);
}

}  // namespace
}  // namespace xd::checkers
