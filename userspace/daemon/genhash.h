// genhash: the MD5 of a page, as the `digest` of HTTP_GET and SSL_GET wants it. `xdirectord -T ...`, or a link named genhash to the daemon.
//
// The options are those of keepalived's genhash. The page is asked for by the checker itself, so that what is printed here is what will be
// compared there. Whatever the server's status, the body that came is what counts.
#pragma once

#include <string>
#include <vector>

namespace xd::daemon {

// `words` is a whole command line.
bool asks_for_genhash(const std::vector<std::string>& words);

// Exit status: 0 the digest is on standard output; 1 a wrong command line, or no page.
int genhash(const std::vector<std::string>& words);

}  // namespace xd::daemon
