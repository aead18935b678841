#include "checkers/outcome.h"

#include <fmt/core.h>

namespace xd::checkers {

std::string_view sentence(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::good: return "good";
    case OutcomeKind::refused: return "connection refused";
    case OutcomeKind::unreachable: return "unreachable";
    case OutcomeKind::connect_timeout: return "timed out while connecting";
    case OutcomeKind::connect_failed: return "could not connect";
    case OutcomeKind::tls_failed: return "TLS handshake failed";
    case OutcomeKind::read_timeout: return "timed out while reading";
    case OutcomeKind::closed_early: return "connection closed early";
    case OutcomeKind::no_answer: return "closed without an answer";
    case OutcomeKind::bad_answer: return "answer is not HTTP";
    case OutcomeKind::bad_status: return "bad status";
    case OutcomeKind::digest_mismatch: return "digest mismatch";
    case OutcomeKind::body_too_large: return "body too large for a digest";
    case OutcomeKind::wrong_answer: return "wrong answer";
    case OutcomeKind::script_failed: return "program failed";
    case OutcomeKind::not_tried: return "not tried";
  }
  return "?";
}

std::string Outcome::str() const {
  auto text = std::string(sentence(kind));
  if (value != 0) text += good() ? fmt::format(" (status {})", value) : fmt::format(" {}", value);
  if (!detail.empty()) text += fmt::format(" ({})", detail);
  return text;
}

}  // namespace xd::checkers
