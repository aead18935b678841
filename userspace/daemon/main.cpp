// xdirectord: one binary, three processes. The parent starts it again with a role for each child.
#include <cstdio>
#include <exception>
#include <string>
#include <variant>
#include <vector>

#include "daemon/genhash.h"
#include "daemon/load.h"
#include "daemon/options.h"
#include "daemon/parent.h"
#include "daemon/role_process.h"

int main(int argc, char** argv) try {
  using namespace xd::daemon;
  const std::vector<std::string> words(argv, argv + argc);
  if (asks_for_genhash(words)) return genhash(words);
  auto parsed = parse_options(words);
  if (const auto* leave = std::get_if<Leave>(&parsed)) {
    std::fputs(leave->out.c_str(), stdout);
    std::fputs(leave->err.c_str(), stderr);
    return leave->code;
  }
  auto& options = std::get<Options>(parsed);
  if (options.role) return run_role(options);
  for (const auto& complaint : options.complaints) std::fprintf(stderr, "xdirectord: %s; going on without\n", complaint.c_str());
  if (auto kept = keep_configuration(options); !kept) {
    std::fprintf(stderr, "%s\n", kept.error().message.c_str());
    return 1;
  }
  if (options.test) return test_configuration(options);
  return run_parent(options, words);
} catch (const std::exception& failed) {
  std::fprintf(stderr, "xdirectord: %s\n", failed.what());
  return 70;  // internal error, as keepalived counts
}
