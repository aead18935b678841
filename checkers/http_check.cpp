#include "checkers/http_check.h"

#include <fmt/core.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "checkers/body_pattern.h"
#include "checkers/socket.h"

namespace xd::checkers {

namespace {

struct CurlDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
template <typename T>
using Owned = std::unique_ptr<T, CurlDeleter>;

bool accepts(const conf::HttpUrl& url, long status) {
  if (url.status_codes.empty()) return status >= 200 && status <= 299;
  return std::any_of(url.status_codes.begin(), url.status_codes.end(),
                     [status](const conf::StatusRange& range) { return status >= range.first && status <= range.last; });
}

std::string hex(const std::array<std::uint8_t, 16>& bytes) {
  std::string text;
  for (const auto byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

class HttpProbe final : public Probe {
 public:
  HttpProbe(CurlLoop& curl, const conf::HttpCheck& check, const conf::HttpUrl& url, const conf::CheckConnection& connection,
            const conf::SslSettings* ssl, const Endpoint& target, ProbeDone done)
      : curl_(curl),
        url_(url),
        connection_(connection),
        target_(target),
        done_(std::move(done)),
        silence_(curl.loop(),
                 [this] {
                   give_up({OutcomeKind::read_timeout, 0, ""});
                 }),
        whole_(curl.loop(),
               [this] {
                 give_up({OutcomeKind::read_timeout, 0, "the answer did not end"});
               }),
        easy_(curl_easy_init()) {
    if (url.digest) {
      md5_.reset(EVP_MD_CTX_new());
      if (EVP_DigestInit_ex(md5_.get(), EVP_md5(), nullptr) != 1) {
        refuse("this system's OpenSSL has no MD5");
        return;
      }
    }
    if (url.regex) {
      auto compiled = BodyPattern::compile(*url.regex);
      if (!compiled) {
        refuse(compiled.error().message);
        return;
      }
      pattern_.emplace(std::move(*compiled));
    }
    ask(check);
    if (check.tls) ask_tls(check, ssl);
    whole_.arm_in(std::max<Duration>(longest_attempt, 10 * connection.connect_timeout));
    curl_.add(easy_.get(), [this](CURLcode code) { finish(outcome(code)); });
  }

  ~HttpProbe() override { curl_.remove(easy_.get()); }

 private:
  template <typename T>
  void set(CURLoption option, T value) {
    curl_easy_setopt(easy_.get(), option, value);
  }

  void refuse(std::string why) {
    refusal_ = curl_.loop().defer([this, why = std::move(why)] { finish({OutcomeKind::not_tried, 0, why}); });
  }

  void header(const std::string& line) { headers_.reset(curl_slist_append(headers_.release(), line.c_str())); }

  void ask(const conf::HttpCheck& check) {
    const auto& virtualhost = url_.virtualhost.empty() ? check.virtualhost : url_.virtualhost;
    for (const auto* own : {"Host:", "Accept:"}) header(own);  // without a value: curl leaves out its own
    if (check.protocol != conf::HttpProtocol::http_1_0) header("Connection: close");
    // In keepalived's place, the last one. curl's would be the first.
    header("Host: " + (virtualhost.empty() ? target_.str() : virtualhost));
    const bool is_1_1 = check.protocol == conf::HttpProtocol::http_1_1;

    set(CURLOPT_URL, fmt::format("{}://{}/", check.tls ? "https" : "http", target_.str()).c_str());
    set(CURLOPT_REQUEST_TARGET, url_.path.c_str());  // as written in the file, not normalised
    set(CURLOPT_HTTP_VERSION, is_1_1 ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_1_0);
    set(CURLOPT_HTTPHEADER, headers_.get());
    set(CURLOPT_USERAGENT, "KeepAliveClient");
    set(CURLOPT_PROXY, "");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_FORBID_REUSE, 1L);
    set(CURLOPT_HTTP_TRANSFER_DECODING, 0L);
    set(CURLOPT_SSL_VERIFYPEER, 0L);
    set(CURLOPT_SSL_VERIFYHOST, 0L);
    set(CURLOPT_SSL_ENABLE_ALPN, 0L);
    set(CURLOPT_CAINFO, nullptr);  // not read for nothing
    set(CURLOPT_CAPATH, nullptr);
    set(CURLOPT_SSL_CTX_FUNCTION, &HttpProbe::on_tls);
    set(CURLOPT_ERRORBUFFER, error_.data());
    const auto limit = std::chrono::ceil<std::chrono::milliseconds>(connection_.connect_timeout);
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::max<std::int64_t>(limit.count(), 1)));
    set(CURLOPT_OPENSOCKETFUNCTION, &HttpProbe::on_open);
    set(CURLOPT_OPENSOCKETDATA, this);
    set(CURLOPT_PREREQFUNCTION, &HttpProbe::on_connected);
    set(CURLOPT_PREREQDATA, this);
    set(CURLOPT_HEADERFUNCTION, &HttpProbe::on_header);
    set(CURLOPT_HEADERDATA, this);
    set(CURLOPT_WRITEFUNCTION, &HttpProbe::on_body);
    set(CURLOPT_WRITEDATA, this);
  }

  void ask_tls(const conf::HttpCheck& check, const conf::SslSettings* ssl) {
    // curl takes the name from the URL, and the way from CONNECT_TO. An address is no name (RFC 6066).
    const auto& virtualhost = url_.virtualhost.empty() ? check.virtualhost : url_.virtualhost;
    const auto& name = check.sni_name.empty() ? virtualhost : check.sni_name;
    if (check.enable_sni && !name.empty() && !IpAddress::parse(name) && name.find_first_of(":/@?# ") == std::string::npos) {
      set(CURLOPT_URL, fmt::format("https://{}:{}/", name, target_.port).c_str());
      way_.reset(curl_slist_append(nullptr, ("::" + target_.str()).c_str()));
      set(CURLOPT_CONNECT_TO, way_.get());
    }
    set(CURLOPT_SSL_CTX_DATA, this);
    if (ssl == nullptr) return;
    if (!ssl->certificate.empty()) set(CURLOPT_SSLCERT, ssl->certificate.c_str());
    if (!ssl->key.empty()) set(CURLOPT_SSLKEY, ssl->key.c_str());
    if (!ssl->password.empty()) set(CURLOPT_KEYPASSWD, ssl->password.c_str());
    if (!ssl->ca.empty()) set(CURLOPT_CAINFO, ssl->ca.c_str());
  }

  // ---- what curl calls ----

  static curl_socket_t on_open(void* self, curlsocktype, curl_sockaddr* address) {
    auto& that = *static_cast<HttpProbe*>(self);
    auto fd = open_socket(that.connection_, address->family);
    if (fd) return fd->release();
    that.verdict_ = Outcome{OutcomeKind::not_tried, 0, fd.error().message};
    return CURL_SOCKET_BAD;
  }

  // Many servers end TLS without close_notify; an answer without content-length then just ends.
  static CURLcode on_tls(CURL*, void* context, void* self) {
    SSL_CTX_set_options(static_cast<SSL_CTX*>(context), SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_quiet_shutdown(static_cast<SSL_CTX*>(context), static_cast<HttpProbe*>(self)->url_.tls_compliant ? 0 : 1);
    return CURLE_OK;
  }

  // The connection stands, its TLS included; the request goes out now.
  static int on_connected(void* self, char*, char*, int, int) {
    auto& that = *static_cast<HttpProbe*>(self);
    that.connected_ = true;
    that.silence_.arm_in(that.connection_.connect_timeout);
    return CURL_PREREQFUNC_OK;
  }

  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* self) {
    auto& that = *static_cast<HttpProbe*>(self);
    that.silence_.arm_in(that.connection_.connect_timeout);
    const std::string_view line(data, size);
    that.header_is_whole_ = line == "\r\n" || line == "\n";
    if (that.pattern_) that.header_ += line;
    return size;
  }

  // A return value other than `size` ends the transfer.
  static std::size_t on_body(char* data, std::size_t, std::size_t size, void* self) {
    auto& that = *static_cast<HttpProbe*>(self);
    that.silence_.arm_in(that.connection_.connect_timeout);
    that.body_bytes_ += size;
    if (!accepts(that.url_, that.status())) {
      that.verdict_ = that.judge();
      return 0;
    }
    if (that.md5_) EVP_DigestUpdate(that.md5_.get(), data, size);
    if (that.pattern_) that.body_.append(data, size);
    if (that.md5_ || that.pattern_) {
      if (that.body_bytes_ <= body_limit) return size;
      that.verdict_ = Outcome{OutcomeKind::body_too_large, 0, fmt::format("more than {} bytes", body_limit)};
      return 0;
    }
    if (that.body_bytes_ < body_glance) return size;
    that.verdict_ = that.judge();
    return 0;
  }

  // ---- what it means ----

  long status() const {
    long status = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    return status;
  }

  // Of an answer that ended or was enough.
  Outcome judge() {
    if (!header_is_whole_) return {OutcomeKind::closed_early, 0, "within the header"};
    const auto code = static_cast<int>(status());
    if (!accepts(url_, code)) return {OutcomeKind::bad_status, code, ""};
    if (md5_) {
      std::array<std::uint8_t, 16> digest{};
      EVP_DigestFinal_ex(md5_.get(), digest.data(), nullptr);
      digest_ = hex(digest);
      if (digest != *url_.digest) return {OutcomeKind::digest_mismatch, 0, "it is " + digest_};
    }
    if (pattern_) {
      if (auto objection = pattern_->objection(body_); !objection.empty()) {
        // keepalived finds it there when both come in one packet: whoever relied on that is to see why it no longer works.
        if (!url_.regex->must_not_match && pattern_->objection(header_).empty()) objection += "; the header does";
        return {OutcomeKind::wrong_answer, 0, std::move(objection)};
      }
    }
    return {OutcomeKind::good, code, ""};
  }

  Outcome outcome(CURLcode code) {
    if (verdict_) return *std::move(verdict_);
    const std::string said = error_[0] != '\0' ? error_.data() : curl_easy_strerror(code);
    switch (code) {
      case CURLE_OK: return judge();
      case CURLE_PARTIAL_FILE: {
        auto result = judge();
        if (result.detail.empty()) result.detail = fmt::format("the body ended after {} bytes, before its content-length", body_bytes_);
        return result;
      }
      case CURLE_COULDNT_CONNECT: {
        long os_error = 0;
        curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &os_error);
        return os_error != 0 ? outcome_of_connect(static_cast<int>(os_error)) : Outcome{OutcomeKind::connect_failed, 0, said};
      }
      case CURLE_OPERATION_TIMEDOUT: return {connected_ ? OutcomeKind::read_timeout : OutcomeKind::connect_timeout, 0, ""};
      case CURLE_SSL_CONNECT_ERROR: return {OutcomeKind::tls_failed, 0, said};
      case CURLE_SSL_CERTPROBLEM:
      case CURLE_SSL_CACERT_BADFILE: return {OutcomeKind::not_tried, 0, "SSL: " + said};  // of ours, from the SSL block
      case CURLE_GOT_NOTHING: return {OutcomeKind::no_answer, 0, ""};
      case CURLE_SEND_ERROR:
      case CURLE_RECV_ERROR: return {connected_ ? OutcomeKind::closed_early : OutcomeKind::connect_failed, 0, said};
      default: return {connected_ ? OutcomeKind::bad_answer : OutcomeKind::connect_failed, 0, said};
    }
  }

  void give_up(Outcome outcome) {
    curl_.remove(easy_.get());
    finish(std::move(outcome));
  }

  void finish(Outcome outcome) {
    silence_.disarm();
    whole_.disarm();
    outcome.digest = digest_;
    const auto done = std::move(done_);  // may destroy this object
    done(std::move(outcome));
  }

  CurlLoop& curl_;
  const conf::HttpUrl& url_;
  const conf::CheckConnection& connection_;
  Endpoint target_;
  ProbeDone done_;
  Timer silence_;
  Timer whole_;
  Loop::Source refusal_;
  Owned<curl_slist> headers_, way_;
  Owned<EVP_MD_CTX> md5_;
  std::optional<BodyPattern> pattern_;
  std::string header_, body_;  // for the pattern
  std::string digest_;         // of a body that was judged
  std::array<char, CURL_ERROR_SIZE> error_{};
  Owned<CURL> easy_;  // before what it points to goes

  bool connected_ = false;
  bool header_is_whole_ = false;
  std::uint64_t body_bytes_ = 0;
  std::optional<Outcome> verdict_;  // reached before the transfer ended
};

}  // namespace

std::unique_ptr<Probe> start_http_check(CurlLoop& curl, const conf::HttpCheck& check, const conf::HttpUrl& url,
                                        const conf::CheckConnection& connection, const conf::SslSettings* ssl, const Endpoint& target,
                                        ProbeDone done) {
  return std::make_unique<HttpProbe>(curl, check, url, connection, ssl, target, std::move(done));
}

}  // namespace xd::checkers
