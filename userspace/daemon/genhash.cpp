#include "daemon/genhash.h"

#include <netdb.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>

#include "base/loop.h"
#include "base/result.h"
#include "checkers/http_check.h"

namespace xd::daemon {

namespace {

struct Request {
  std::string server;
  std::uint16_t port = 0;
  double timeout = 5;  // seconds
  bool verbose = false;
  conf::HttpCheck check;
  conf::HttpUrl url;
  conf::CheckConnection connection;
};

Result<IpAddress> resolve(const std::string& server) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int code = ::getaddrinfo(server.c_str(), nullptr, &hints, &found); code != 0) {
    return Error{server + ": " + ::gai_strerror(code)};
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, &::freeaddrinfo);
  char text[NI_MAXHOST];
  const int code = ::getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof(text), nullptr, 0, NI_NUMERICHOST);
  const auto address = code == 0 ? IpAddress::parse(text) : std::nullopt;
  if (!address) return Error{server + ": has no address of IPv4 or IPv6"};
  return *address;
}

// The page's digest is wanted, whatever it is and whatever the server calls it.
checkers::Outcome fetch(Request& request, const Endpoint& target) {
  request.url.digest.emplace();
  request.url.status_codes = {{100, 999}};
  Loop loop;
  checkers::CurlLoop curl(loop);
  checkers::Outcome outcome;
  const auto probe =
      checkers::start_http_check(curl, request.check, request.url, request.connection, nullptr, target, [&](checkers::Outcome ended) {
        outcome = std::move(ended);
        loop.exit(0);
      });
  loop.run();
  return outcome;
}

}  // namespace

bool asks_for_genhash(const std::vector<std::string>& words) {
  if (words.empty()) return false;
  if (words[0].substr(words[0].rfind('/') + 1) == "genhash") return true;
  return words.size() > 1 && (words[1] == "-T" || words[1] == "--genhash");
}

int genhash(const std::vector<std::string>& words) {
  Request request;
  CLI::App app("Prints the MD5 of a page, for `digest` in HTTP_GET and SSL_GET.\n");
  app.name("genhash");
  app.add_option("-s,--server", request.server, "name or address of the server")->required();
  app.add_option("-p,--port", request.port, "its port")->required()->check(CLI::Range(1, 65535));
  app.add_option("-u,--url", request.url.path, "path of the page")->required();
  app.add_flag("-S,--use-ssl", request.check.tls, "over TLS, as SSL_GET does");
  app.add_flag("-I,--use-sni", request.check.enable_sni, "name the virtual host in the TLS handshake");
  app.add_option("-V,--use-virtualhost", request.check.virtualhost, "Host of the request (the address and port)");
  const std::map<std::string, conf::HttpProtocol> protocols{
      {"1.0", conf::HttpProtocol::http_1_0}, {"1.0c", conf::HttpProtocol::http_1_0_close}, {"1.1", conf::HttpProtocol::http_1_1}};
  app.add_option("-P,--protocol", request.check.protocol, "1.0, 1.0c (with Connection: close) or 1.1")
      ->transform(CLI::CheckedTransformer(protocols, CLI::ignore_case));
  app.add_option("-m,--fwmark", request.connection.fwmark, "firewall mark of the packets");
  app.add_option("-t,--timeout", request.timeout, "seconds to connect, and of each silence (5)")->check(CLI::Range(0.001, 3600.0));
  app.add_flag("-v,--verbose", request.verbose, "also the time that the answer took");
  const auto first = words.begin() + (words.size() > 1 && (words[1] == "-T" || words[1] == "--genhash") ? 2 : 1);
  std::vector<std::string> arguments(first, words.end());
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& stop) {
    return app.exit(stop) == 0 ? 0 : 1;
  }

  const auto address = resolve(request.server);
  if (!address) {
    std::fprintf(stderr, "genhash: %s\n", address.error().message.c_str());
    return 1;
  }
  const Endpoint target{*address, request.port};
  request.connection.connect_timeout = from_seconds(request.timeout);
  const TimePoint began = Clock::now();
  const auto outcome = fetch(request, target);
  if (outcome.digest.empty()) {
    std::fprintf(stderr, "genhash: %s: %s\n", target.str().c_str(), outcome.str().c_str());
    return 1;
  }
  if (request.verbose) {
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began);
    std::printf("Global response time for [%s] = %lld usecs\n", request.url.path.c_str(), static_cast<long long>(took.count()));
  }
  std::printf("%s\n", outcome.digest.c_str());
  return 0;
}

}  // namespace xd::daemon
