// How one attempt of a checker ended.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace xd::checkers {

enum class OutcomeKind {
  good,
  refused,          // a reset answered the SYN
  unreachable,      // no route, or an ICMP error said so
  connect_timeout,  // no answer to the SYN, or no end of the TLS handshake, in time
  connect_failed,   // any other error while connecting
  tls_failed,       // the handshake broke off
  read_timeout,     // connected, then nothing more came in time
  closed_early,     // the connection ended before a complete answer
  no_answer,        // it ended before any byte of an answer
  bad_answer,       // bytes came, but not the protocol's
  bad_status,       // value: the HTTP status
  digest_mismatch,  // the body is another one than configured
  body_too_large,   // more bytes than a digest is computed over
  wrong_answer,     // an answer of the protocol, but not the one that is good
  script_failed,    // the program said no, ran too long, or could not be started
  not_tried,        // a local reason, which says nothing about the server: no socket, address to bind not ours
};

// A sentence fragment for each kind: "timed out while connecting".
std::string_view sentence(OutcomeKind kind);

struct Outcome {
  OutcomeKind kind = OutcomeKind::good;
  int value = 0;       // HTTP status of bad_status and good HTTP checks
  std::string detail;  // what the system or the library said, or what was found; may be empty
  // Good, and the real server is to have this weight from now on (misc_dynamic).
  std::optional<std::uint32_t> weight = std::nullopt;
  std::string digest = {};  // MD5 of the body in hexadecimal; empty: none was asked for, or the answer did not come to it
  static constexpr std::uint32_t configured_weight = UINT32_MAX;

  bool good() const { return kind == OutcomeKind::good; }
  std::string str() const;  // "bad status 503", "could not connect (Permission denied)"
};

}  // namespace xd::checkers
