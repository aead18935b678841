#include "base/result.h"

#include <cerrno>
#include <system_error>

namespace xd {

Error Error::from_errno(std::string what) { return from_errno(std::move(what), errno); }

Error Error::from_errno(std::string what, int code) { return Error{std::move(what) + ": " + std::generic_category().message(code), code}; }

}  // namespace xd
