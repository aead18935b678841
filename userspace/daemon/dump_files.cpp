#include "daemon/dump_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/fd.h"

namespace xd::daemon {

namespace {

conf::DaemonSettings names;  // of them, only what is about dump files counts

constexpr std::string_view data_extension = ".data";

std::string with_instance(std::string path) {
  if (!names.data_use_instance) return path;
  std::string parts;
  for (const auto& part : {names.net_namespace, names.instance}) {
    if (!part.empty()) parts += "." + part;
  }
  const auto dot = path.ends_with(data_extension) ? path.size() - data_extension.size() : path.size();
  return path.insert(dot, parts);
}

}  // namespace

void name_dump_files(const conf::DaemonSettings& settings) { names = settings; }

std::string dump_path(std::string_view name) {
  if (name == "keepalived.stats" && !names.stats_dump_file.empty()) return names.stats_dump_file;
  if (name == "keepalived.json" && !names.json_dump_file.empty()) return names.json_dump_file;
  const bool is_data = name.ends_with(data_extension);
  if (is_data && !names.state_dump_file.empty()) {
    // "_check" of "keepalived_check.data" goes before the extension.
    constexpr std::string_view stem = "keepalived";
    const std::string_view part = name.substr(stem.size(), name.size() - stem.size() - data_extension.size());
    const std::filesystem::path base(names.state_dump_file);
    return with_instance((base.parent_path() / (base.stem().string() + std::string(part) + base.extension().string())).string());
  }
  const char* folder = std::getenv("TMPDIR");
  const std::string path = std::string(folder != nullptr && *folder != '\0' ? folder : "/tmp") + "/" + std::string(name);
  return is_data ? with_instance(path) : path;
}

Status write_dump_file(std::string_view name, std::string_view text) {
  const std::string path = dump_path(name);
  std::string temporary = path + ".XXXXXX";
  const Fd file(::mkostemp(temporary.data(), O_CLOEXEC));  // O_EXCL, mode 0600
  if (!file) return Error::from_errno("write " + path);
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t n = ::write(file.get(), text.data() + at, text.size() - at);
    if (n <= 0) {
      const Error error = Error::from_errno("write " + temporary);
      ::unlink(temporary.c_str());
      return error;
    }
    at += static_cast<std::size_t>(n);
  }
  if (::rename(temporary.c_str(), path.c_str()) == 0) return {};
  const Error error = Error::from_errno("write " + path);
  ::unlink(temporary.c_str());
  return error;
}

}  // namespace xd::daemon
