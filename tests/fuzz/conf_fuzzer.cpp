// Any bytes are a configuration: the compiler must say what it thinks of them, and a model that it calls usable must
// survive being printed and compiled again.
//
//   cmake -S . -B build-fuzz -G Ninja -DXD_FUZZ=ON -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++
//   cmake --build build-fuzz --target conf_fuzzer && build-fuzz/tests/fuzz/conf_fuzzer CORPUS conf/samples
//   tests/conf/errors
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "conf/compile.h"
#include "conf/print.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  xd::conf::Options options;
  options.host_name = "director";
  const std::string text(reinterpret_cast<const char*>(data), size);
  const xd::conf::Compiled compiled = xd::conf::compile_text("/fuzz.conf", text, options);
  (void)compiled.diagnostics.render();
  if (!compiled.usable()) return 0;
  const std::string printed = xd::conf::print(compiled.model);
  if (xd::conf::compile_text("/printed.conf", printed, options).model != compiled.model) {
    std::fprintf(stderr, "the printed model means something else:\n%s", printed.c_str());
    std::abort();
  }
  return 0;
}
