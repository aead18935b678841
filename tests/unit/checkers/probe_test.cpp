// Probes against real sockets, in a network namespace of their own: servers that are absent, silent, slow, rude and
// endless.
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <thread>

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

TEST_F(TcpCheck, IsGoodWhenTheConnectionStoodForAMoment) {
  TestServer server([](Connection& c) { c.reset(); });
  for (int i = 0; i < 20; ++i) EXPECT_EQ(attempt(tcp(), server.endpoint()).str(), "good");
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
  EXPECT_EQ(request, with_host("GET /a/../b?c=d e HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: HOST\r\n\r\n", endpoint_));
}

TEST_F(RequestTest, With10CAsksToClose) {
  auto checker = http();
  std::get<conf::HttpCheck>(checker.check).protocol = conf::HttpProtocol::http_1_0_close;
  const auto request = request_of(checker);
  EXPECT_EQ(request, with_host("GET / HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: HOST\r\n\r\n", endpoint_));
}

TEST_F(RequestTest, With11AsksToCloseAsWell) {
  auto checker = http();
  std::get<conf::HttpCheck>(checker.check).protocol = conf::HttpProtocol::http_1_1;
  const auto request = request_of(checker);
  EXPECT_EQ(request, with_host("GET / HTTP/1.1\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: HOST\r\n\r\n", endpoint_));
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

TEST_F(AnswerTest, AHeaderWithoutEnd) {
  EXPECT_EQ(judged(http(), "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n").str(), "connection closed early (within the header)");
  EXPECT_EQ(judged(http(), "HTTP/1.0 200 OK\n\nhello").str(), "good (status 200)");
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

// A server for datagrams on loopback that answers one as told.
class DatagramServer {
 public:
  explicit DatagramServer(std::function<std::string(const std::string&)> answer) {
    fd_.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_storage address{};
    socklen_t length = Endpoint{*IpAddress::parse("127.0.0.1"), 0}.to_sockaddr(address);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &length);
    endpoint = {*IpAddress::parse("127.0.0.1"), ntohs(reinterpret_cast<sockaddr_in*>(&address)->sin_port)};
    thread_ = std::thread([this, answer = std::move(answer)] {
      char bytes[2048];
      sockaddr_storage from{};
      socklen_t size = sizeof from;
      const ssize_t n = ::recvfrom(fd_.get(), bytes, sizeof bytes, 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (n < 0) return;
      const std::string say = answer(std::string(bytes, static_cast<std::size_t>(n)));
      if (!say.empty()) ::sendto(fd_.get(), say.data(), say.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
    });
  }
  ~DatagramServer() {
    ::shutdown(fd_.get(), SHUT_RDWR);
    thread_.join();
  }
  Endpoint endpoint;

 private:
  Fd fd_;
  std::thread thread_;
};

class OtherProbes : public ProbeTest {
 protected:
  template <typename Check>
  static conf::Checker of(Check check, Duration timeout = 5s) {
    conf::Checker checker;
    checker.check = std::move(check);
    checker.connection.connect_timeout = timeout;
    return checker;
  }
  Outcome run(const std::string& line, bool dynamic = false, Duration limit = 10s) {
    conf::MiscCheck misc;
    misc.dynamic = dynamic;
    misc.timeout = limit;
    const auto checker = of(misc);
    const Command command{{"/bin/sh", "-c", line}, {}, {}};
    std::optional<Outcome> outcome;
    const auto probe = prober_.start({&checker, {}, 0, &command}, [&](Outcome o) { outcome = std::move(o); });
    while (!outcome) {
      if (!loop_.run_once(30s)) break;
    }
    return *outcome;
  }
};

TEST_F(OtherProbes, udpTakesSilenceForGoodUnlessAReplyIsRequired) {
  conf::UdpCheck udp;
  DatagramServer silent([](const std::string&) { return ""; });
  EXPECT_TRUE(attempt(of(udp, 200ms), silent.endpoint).good());
  udp.require_reply = true;
  DatagramServer deaf([](const std::string&) { return ""; });
  EXPECT_EQ(attempt(of(udp, 200ms), deaf.endpoint).kind, OutcomeKind::read_timeout);
  const Endpoint nobody{*IpAddress::parse("127.0.0.1"), 9};
  EXPECT_EQ(attempt(of(udp), nobody).kind, OutcomeKind::refused) << "an ICMP error is an answer";
}

TEST_F(OtherProbes, udpComparesTheReply) {
  conf::UdpCheck udp;
  udp.require_reply = true;
  udp.payload = {'a', 'b'};
  udp.reply = {'A', 0x00};
  udp.reply_mask = {0xff, 0x00};
  DatagramServer good([](const std::string& heard) { return heard == "ab" ? "AxB" : "?"; });
  EXPECT_TRUE(attempt(of(udp), good.endpoint).good());
  DatagramServer other([](const std::string&) { return "Bx"; });
  EXPECT_EQ(attempt(of(udp), other.endpoint).kind, OutcomeKind::wrong_answer);
  udp.maximum_length = 2;
  DatagramServer longer([](const std::string&) { return "Axx"; });
  EXPECT_EQ(attempt(of(udp), longer.endpoint).str(), "wrong answer (3 bytes)");
}

TEST_F(OtherProbes, udpTakesAnyAnswerOfAnyLengthUnlessDataOrALimitIsAskedFor) {
  conf::UdpCheck udp;
  udp.require_reply = true;
  const auto long_answer = [](const std::string&) { return std::string(300, 'a'); };
  DatagramServer any(long_answer);
  EXPECT_TRUE(attempt(of(udp), any.endpoint).good());
  udp.reply = {'a'};
  udp.reply_mask = {0xff};
  DatagramServer limited(long_answer);
  EXPECT_EQ(attempt(of(udp), limited.endpoint).str(), "wrong answer (300 bytes)");
}

TEST_F(OtherProbes, dnsBelievesAnAnswerToItsOwnQuestion) {
  const conf::DnsCheck dns{conf::DnsType::aaaa, "www.example.org"};
  std::string question;
  const auto answered = [&](int code) {
    return [&question, code](const std::string& heard) {
      question = heard;
      std::string answer = heard;
      answer[2] = static_cast<char>(0x81);
      answer[3] = static_cast<char>(code);
      return answer;
    };
  };
  {
    DatagramServer good(answered(0));
    EXPECT_TRUE(attempt(of(dns), good.endpoint).good());
  }
  EXPECT_EQ(question.substr(12), std::string("\3www\7example\3org\0\0\34\0\1", 21));
  DatagramServer sick(answered(2));
  EXPECT_EQ(attempt(of(dns), sick.endpoint).str(), "wrong answer (SERVFAIL)");
  DatagramServer liar([](const std::string& heard) {
    std::string answer = heard;
    answer[0] = static_cast<char>(answer[0] ^ 1);
    answer[2] = static_cast<char>(0x81);
    return answer;
  });
  EXPECT_EQ(attempt(of(dns, 200ms), liar.endpoint).kind, OutcomeKind::read_timeout);
}

TEST_F(OtherProbes, pingHearsALivingHost) {
  EXPECT_TRUE(attempt(of(conf::PingCheck{}), {*IpAddress::parse("127.0.0.1"), 0}).good());
  EXPECT_TRUE(attempt(of(conf::PingCheck{}), {*IpAddress::parse("::1"), 0}).good());
  EXPECT_FALSE(attempt(of(conf::PingCheck{}, 200ms), {*IpAddress::parse("192.0.2.1"), 0}).good());
}

TEST_F(OtherProbes, miscGoesByTheExitStatus) {
  EXPECT_TRUE(run("exit 0").good());
  EXPECT_FALSE(run("exit 0").weight.has_value());
  EXPECT_EQ(run("exit 1").str(), "program failed (exited with status 1)");
  EXPECT_EQ(run("exit 5").kind, OutcomeKind::script_failed);
  EXPECT_EQ(run("sleep 60", false, 100ms).str(), "program failed (timed out)");
  EXPECT_EQ(run("exit 0", true).weight, Outcome::configured_weight);
  EXPECT_EQ(run("exit 1", true).kind, OutcomeKind::script_failed);
  EXPECT_TRUE(run("exit 52", true).good());
  EXPECT_EQ(run("exit 52", true).weight, 50u);
  EXPECT_EQ(run("kill -9 $$", true).kind, OutcomeKind::script_failed);
}

TEST_F(OtherProbes, smtpSpeaksPolitely) {
  const conf::SmtpCheck smtp{"checker.example"};
  std::string heard;
  TestServer good([&](Connection& c) {
    c.write("220-welcome\r\n220 mail\r\n");
    heard = c.read_line();
    c.write("250 hello\r\n");
    heard += c.read_line();
    c.write("221 bye\r\n");
  });
  EXPECT_TRUE(attempt(of(smtp), good.endpoint()).good());
  EXPECT_EQ(heard, "HELO checker.example\r\nQUIT\r\n");
  TestServer busy([](Connection& c) { c.write("421 too busy\r\n"); });
  EXPECT_EQ(attempt(of(smtp), busy.endpoint()).str(), "wrong answer (421 too busy)");
  EXPECT_EQ(attempt(of(smtp), {*IpAddress::parse("127.0.0.1"), 9}).kind, OutcomeKind::refused);
}

// ---- SNI, close_notify, certificates of ours ----

TEST_F(AnswerTest, TheNameThatTlsAsksForIsConfigured) {
  std::promise<std::string> name;
  auto* asked = &name;
  TestServer server(
      [&](Connection& c) {
        asked->set_value(c.server_name());
        TestServer::answering("HTTP/1.0 200 OK\r\n\r\n")(c);
      },
      TestServer::Kind::tls);
  const auto name_with = [&](auto change) {
    name = {};
    auto checker = https();
    auto& check = std::get<conf::HttpCheck>(checker.check);
    check.virtualhost = "www.example.org";
    change(check);
    EXPECT_EQ(attempt(checker, server.endpoint()).kind, OutcomeKind::good);
    return name.get_future().get();
  };
  EXPECT_EQ(name_with([](auto&) {}), "");
  EXPECT_EQ(name_with([](auto& check) { check.enable_sni = true; }), "www.example.org");
  EXPECT_EQ(name_with([](auto& check) { check.enable_sni = true, check.urls[0].virtualhost = "other.example.org"; }), "other.example.org");
  EXPECT_EQ(name_with([](auto& check) { check.enable_sni = true, check.sni_name = "sni.example.org"; }), "sni.example.org");
  EXPECT_EQ(name_with([](auto& check) { check.enable_sni = true, check.virtualhost = "192.0.2.1"; }), "");
}

TEST_F(AnswerTest, GoodbyeIsSaidWhereTlsComplianceIsAskedFor) {
  for (const bool compliant : {false, true}) {
    std::promise<bool> goodbye;
    TestServer server(
        [&](Connection& c) {
          c.read_request();
          c.write("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
          goodbye.set_value(c.ends_with_goodbye());
        },
        TestServer::Kind::tls);
    conf::HttpUrl url;
    url.tls_compliant = compliant;
    EXPECT_TRUE(attempt(https(url), server.endpoint()).good());
    EXPECT_EQ(goodbye.get_future().get(), compliant);
  }
}

TEST_F(AnswerTest, ACertificateOfOursThatCannotBeReadSaysNothingAboutTheServer) {
  TestServer server(TestServer::answering("HTTP/1.0 200 OK\r\n\r\n"), TestServer::Kind::tls);
  const conf::SslSettings ssl{.password = {}, .ca = {}, .certificate = "/nonexistent/cert.pem", .key = {}};
  const auto checker = https();
  std::optional<Outcome> outcome;
  const auto probe =
      prober_.start({.checker = &checker, .target = server.endpoint(), .ssl = &ssl}, [&](Outcome o) { outcome = std::move(o); });
  while (!outcome && loop_.run_once(30s)) {
  }
  EXPECT_EQ(outcome->kind, OutcomeKind::not_tried);
  EXPECT_NE(outcome->str().find("/nonexistent/cert.pem"), std::string::npos) << outcome->str();
}

// ---- regex ----

TEST_F(AnswerTest, TheBodyMatchesAPattern) {
  const auto with = [&](const std::string& pattern, const std::function<void(conf::HttpRegex&)>& change = {}) {
    conf::HttpRegex regex;
    regex.pattern = pattern;
    if (change) change(regex);
    TestServer server(TestServer::answering("HTTP/1.0 200 OK\r\n\r\nstate: Good\nload: 7\n"));
    conf::HttpUrl url;
    url.regex = std::move(regex);
    return attempt(http(url), server.endpoint()).str();
  };
  EXPECT_EQ(with("load: [0-9]"), "good (status 200)");
  EXPECT_EQ(with("state: good"), "wrong answer (the body does not match 'state: good')");
  EXPECT_EQ(with("STATE: good$", [](auto& r) { r.options = {"caseless", "multiline"}; }), "good (status 200)");
  EXPECT_EQ(with("load", [](auto& r) { r.must_not_match = true; }), "wrong answer (the body matches 'load')");
  EXPECT_EQ(with("error", [](auto& r) { r.must_not_match = true; }), "good (status 200)");
  EXPECT_EQ(with("state", [](auto& r) { r.minimum_offset = 1; }), "wrong answer (the body does not match 'state')");
  EXPECT_EQ(with("load", [](auto& r) { r.maximum_offset = 3; }), "wrong answer (the body does not match 'load')");
  EXPECT_EQ(with("load",
                 [](auto& r) {
                   r.maximum_offset = 12;
                   r.stack_start = 32768;
                   r.stack_maximum = 524288;
                 }),
            "good (status 200)");
  EXPECT_EQ(with("load", [](auto& r) { r.minimum_offset = 500; }), "wrong answer (the body does not match 'load')");
  EXPECT_EQ(with("200 OK"), "wrong answer (the body does not match '200 OK'; the header does)");
  EXPECT_EQ(with("("), "not tried (regex '(': missing closing parenthesis at character 1)");
}

}  // namespace
}  // namespace xd::checkers
