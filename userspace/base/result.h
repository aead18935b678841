// A value or the reason why there is none.
//
// Functions that can fail for reasons outside the program (a file, the kernel, a peer) return Result<T>; they do not log and
// do not throw. The edge that can act on the failure logs it once. Error::message is a whole sentence fragment that names the
// object and the cure where there is one: "add destination 10.0.0.7:80 to 192.0.2.10:80/tcp: no such service".
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace xd {

struct Error {
  std::string message;
  int code = 0;  // errno value, or 0 when no system call is behind it

  // "what: strerror(code)"; code defaults to the current errno.
  static Error from_errno(std::string what);
  static Error from_errno(std::string what, int code);
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}      // NOLINT(google-explicit-constructor): return value;
  Result(Error error) : state_(std::move(error)) {}  // NOLINT(google-explicit-constructor): return error;

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // Only on a successful result.
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  // By value, so that `for (auto& x : *f())` walks something that lives.
  T value() && { return std::get<0>(std::move(state_)); }
  T operator*() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // Only on a failed one.
  Error& error() & { return std::get<1>(state_); }
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), failed_(true) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return !failed_; }
  explicit operator bool() const { return ok(); }
  Error& error() & { return error_; }
  const Error& error() const& { return error_; }
  Error&& error() && { return std::move(error_); }

 private:
  Error error_;
  bool failed_ = false;
};

using Status = Result<void>;

}  // namespace xd
