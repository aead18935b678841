// The socket of a probe, with what the checker's connection options ask for.
#pragma once

#include <sys/socket.h>

#include "base/fd.h"
#include "base/result.h"
#include "checkers/outcome.h"
#include "conf/model.h"

namespace xd::checkers {

// Non-blocking, close-on-exec, marked (fwmark), on its interface (bind_if) and bound (bindto, bind_port). Failure is a
// local matter and says nothing about the server.
Result<Fd> open_socket(const conf::CheckConnection& connection, int family, int type = SOCK_STREAM, int protocol = 0);

// How connecting ended (SO_ERROR): an errno, 0: well.
int socket_error(int socket);

// The outcome for an errno of connect(2) or SO_ERROR. 0 is good.
Outcome outcome_of_connect(int code);

}  // namespace xd::checkers
