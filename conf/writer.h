// Statements as text, for the parts of print.cpp.
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <utility>

#include "base/time.h"
#include "conf/model.h"
#include "conf/quoting.h"
#include "conf/values.h"

namespace xd::conf {

inline std::string time_of(Duration d) {
  const long long microseconds = d.count() / 1000;
  std::string out = std::to_string(microseconds / 1'000'000);
  if (const long long rest = microseconds % 1'000'000) {
    out += fmt::format(".{:06}", rest);
    while (out.back() == '0') out.pop_back();
  }
  return out;
}

inline std::string_view yes_no(bool on) { return on ? "true" : "false"; }

// Lines, indented by the blocks that are open.
class Writer {
 public:
  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    out_.append(4 * depth_, ' ');
    out_ += fmt::format(format, std::forward<Args>(args)...);
    out_ += '\n';
  }
  template <typename... Args>
  void open(fmt::format_string<Args...> format, Args&&... args) {
    line("{} {{", fmt::format(format, std::forward<Args>(args)...));
    ++depth_;
  }
  void close() {
    --depth_;
    line("}}");
  }
  void script(std::string_view keyword, const Script& s) {
    if (!s) return;
    std::string user = s.user.empty() ? "" : " " + word(s.user);
    if (!s.group.empty()) user += " " + word(s.group);
    line("{} \"{}\"{}", keyword, join_command(s.words), user);
  }
  void flag(std::string_view keyword, bool on) {
    if (on) line("{}", keyword);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
  std::size_t depth_ = 0;
};

}  // namespace xd::conf
