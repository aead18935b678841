// HTTP_GET and SSL_GET: one attempt asks for one URL.
//
// Requests are those of keepalived: HTTP/1.0, with "Connection: close" (1.0C), or 1.1 with it; agent KeepAliveClient;
// Host is the virtualhost, else address:port. Good is: an answer in HTTP whose status is in the configured set and
// whose body has the configured MD5 and matches the configured pattern. As genhash does, the digest is computed over the body as it came, chunk headers
// included, and over at most content-length of it. Redirects are not followed, certificates are not verified, no proxy
// of the environment is used. A body that ends before its content-length is judged by what came.
//
// TLS: a certificate of ours is shown when the SSL block names one. The name asked for (SNI) is sni_name, else the virtualhost. Without
// tls_compliant the connection ends without close_notify.
//
// connect_timeout limits the connection with its TLS handshake, and then each silence of the server. The body is held in memory
// for a pattern only: with neither it nor a digest it is read up to `body_glance`, which is enough to be polite; else up to
// `body_limit`. An attempt may last `longest_attempt`, or ten times connect_timeout if that is more.
#pragma once

#include <cstdint>
#include <memory>

#include "checkers/curl_loop.h"
#include "checkers/probe.h"

namespace xd::checkers {

inline constexpr std::uint64_t body_glance = 1u << 20;
inline constexpr std::uint64_t body_limit = 64u << 20;
inline constexpr Duration longest_attempt = 120s;

std::unique_ptr<Probe> start_http_check(CurlLoop& curl, const conf::HttpCheck& check, const conf::HttpUrl& url,
                                        const conf::CheckConnection& connection, const conf::SslSettings* ssl, const Endpoint& target,
                                        ProbeDone done);

}  // namespace xd::checkers
