#include "support/test_server.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <stdexcept>

namespace xd::test {

namespace {

void must(bool condition, const char* what) {
  if (!condition) throw std::runtime_error(what);
}

Fd listen_on(const char* address, int backlog, Endpoint& endpoint) {
  endpoint = {*IpAddress::parse(address), 0};
  sockaddr_storage storage{};
  socklen_t length = endpoint.to_sockaddr(storage);
  Fd fd(::socket(endpoint.address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  must(::bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), length) == 0, "bind");
  must(::listen(fd.get(), backlog) == 0, "listen");
  must(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&storage), &length) == 0, "getsockname");
  endpoint.port = ntohs(reinterpret_cast<sockaddr_in*>(&storage)->sin_port);  // the same place in both families
  return fd;
}

// A self-signed certificate, made once per test program.
SSL_CTX* tls_context() {
  static SSL_CTX* const context = [] {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("somebody else"), -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    X509_sign(certificate, key, EVP_sha256());
    SSL_CTX* made = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(made, certificate);
    SSL_CTX_use_PrivateKey(made, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return made;
  }();
  return context;
}

}  // namespace

std::string Connection::read_request() {
  std::string text;
  std::array<char, 4096> buffer;
  while (text.find("\r\n\r\n") == std::string::npos) {
    const auto n = tls_ != nullptr ? SSL_read(tls_, buffer.data(), buffer.size()) : ::read(fd_, buffer.data(), buffer.size());
    if (n <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return text;
}

std::string Connection::read_line() {
  std::string text;
  char byte = 0;
  while (!text.ends_with('\n') && ::recv(fd_, &byte, 1, 0) == 1) text += byte;
  return text;
}

bool Connection::write(std::string_view text) {
  while (!text.empty()) {
    const auto n =
        tls_ != nullptr ? SSL_write(tls_, text.data(), static_cast<int>(text.size())) : ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

void Connection::wait_for_close() {
  std::array<char, 4096> buffer;
  while (::read(fd_, buffer.data(), buffer.size()) > 0) {
  }
}

void Connection::reset() {
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

Endpoint Connection::peer() const {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  ::getpeername(fd_, reinterpret_cast<sockaddr*>(&storage), &length);
  return {*IpAddress::from_sockaddr(storage), ntohs(reinterpret_cast<sockaddr_in*>(&storage)->sin_port)};
}

std::string Connection::server_name() const {
  const char* name = SSL_get_servername(tls_, TLSEXT_NAMETYPE_host_name);
  return name != nullptr ? name : "";
}

bool Connection::ends_with_goodbye() {
  std::array<char, 4096> buffer;
  while (SSL_read(tls_, buffer.data(), buffer.size()) > 0) {
  }
  return (SSL_get_shutdown(tls_) & SSL_RECEIVED_SHUTDOWN) != 0;
}

TestServer::TestServer(Behaviour behaviour, Kind kind, const char* address)
    : behaviour_(std::move(behaviour)), kind_(kind), listener_(listen_on(address, 128, endpoint_)) {
  ::signal(SIGPIPE, SIG_IGN);  // SSL_write
  thread_ = std::thread([this] { serve(); });
}

TestServer::~TestServer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    ::shutdown(listener_.get(), SHUT_RDWR);  // wakes accept()
    if (current_ >= 0) ::shutdown(current_, SHUT_RDWR);
  }
  thread_.join();
}

void TestServer::serve() {
  while (true) {
    const Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    {
      const std::lock_guard lock(mutex_);
      if (stopping_ || !fd) return;
      current_ = fd.get();
    }
    SSL* tls = nullptr;
    bool ready = true;
    if (kind_ != Kind::plain) {
      tls = SSL_new(tls_context());
      SSL_set_fd(tls, fd.get());
      if (kind_ == Kind::tls_without_close_notify) SSL_set_quiet_shutdown(tls, 1);
      ready = SSL_accept(tls) == 1;
    }
    if (ready) {
      Connection connection(fd.get(), tls);
      behaviour_(connection);
    }
    if (tls != nullptr) {
      if (ready) SSL_shutdown(tls);
      SSL_free(tls);
    }
    const std::lock_guard lock(mutex_);
    current_ = -1;
  }
}

TestServer::Behaviour TestServer::answering(std::string answer, std::vector<std::string>* requests) {
  return [answer = std::move(answer), requests](Connection& connection) {
    const auto request = connection.read_request();
    if (requests != nullptr) requests->push_back(request);
    connection.write(answer);
  };
}

SilentPort::SilentPort() : listener_(listen_on("127.0.0.1", 0, endpoint_)) {
  // The kernel answers no further SYN once the queue is full.
  for (int i = 0; i < 4; ++i) {
    sockaddr_storage storage{};
    const socklen_t length = endpoint_.to_sockaddr(storage);
    auto& fd = waiting_.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    ::connect(fd.get(), reinterpret_cast<sockaddr*>(&storage), length);
  }
}

}  // namespace xd::test
