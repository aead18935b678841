// Any bytes are a configuration: the compiler must say what it thinks of them, and a model that it calls usable must
// survive being printed and compiled again. No file is touched, so that thousands of texts a second are tried.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "conf/compile.h"
#include "conf/difference.h"
#include "conf/print.h"

// Nobody frees and uses again across 16 MiB in one run: a larger quarantine only costs page faults.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() { return "quarantine_size_mb=16:malloc_context_size=8:allocator_may_return_null=0"; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  xd::conf::Options options;
  options.host_name = "director";
  options.config_id = "fuzz";
  options.most_expanded = 4 << 10;  // a hundred bytes can ask for all that is allowed, which is no use here
  const std::string text(reinterpret_cast<const char*>(data), size);
  const xd::conf::Compiled compiled = xd::conf::compile_text("/fuzz.conf", text, options);
  (void)compiled.diagnostics.render();
  if (!compiled.usable()) return 0;
  static const xd::conf::Model empty = xd::conf::compile_text("/empty.conf", "", options).model;
  if (compiled.model == empty) return 0;
  const std::string printed = xd::conf::print(compiled.model);
  const xd::conf::Compiled again = xd::conf::compile_text("/printed.conf", printed, options);
  if (again.model != compiled.model) {
    std::fprintf(stderr, "the printed model means something else:\n%s", printed.c_str());
    std::abort();
  }
  if (!xd::conf::difference(compiled.model, again.model).empty()) {
    std::fprintf(stderr, "a model differs from itself:\n%s", printed.c_str());
    std::abort();
  }
  return 0;
}
