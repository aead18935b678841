// The pattern (PCRE2) that the body of an answer must match, or must not: regex of keepalived.conf.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "conf/model.h"

namespace xd::checkers {

class BodyPattern {
 public:
  // The error says what is wrong with the pattern, and where.
  static Result<BodyPattern> compile(const conf::HttpRegex& config);

  BodyPattern(BodyPattern&&) noexcept;
  ~BodyPattern();

  // Nothing when the body is good, else why not.
  std::string objection(std::string_view body) const;

 private:
  struct Impl;
  explicit BodyPattern(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace xd::checkers
