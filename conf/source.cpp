#include "conf/source.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/fd.h"

namespace xd::conf {

namespace {

// A bundle is a header line and, for each file and pattern, sizes in decimal followed by the bytes themselves, so that
// no byte of a name or text needs escaping.
constexpr std::string_view bundle_header = "xdirector configuration bundle 1\n";

void put(std::string& out, std::string_view bytes) {
  out += std::to_string(bytes.size());
  out += '\n';
  out += bytes;
}

class BundleCursor {
 public:
  explicit BundleCursor(std::string_view rest) : rest_(rest) {}

  bool number(std::size_t& value) {
    const auto end = rest_.find('\n');
    if (end == std::string_view::npos) return false;
    const auto [stop, error] = std::from_chars(rest_.data(), rest_.data() + end, value);
    if (error != std::errc{} || stop != rest_.data() + end) return false;
    rest_.remove_prefix(end + 1);
    return true;
  }
  bool bytes(std::string& out) {
    std::size_t size = 0;
    if (!number(size) || size > rest_.size()) return false;
    out.assign(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return true;
  }
  bool at_end() const { return rest_.empty(); }
  std::size_t left() const { return rest_.size(); }

 private:
  std::string_view rest_;
};

bool is_glob(std::string_view pattern) { return pattern.find_first_of("*?[{~") != std::string_view::npos; }

}  // namespace

std::string serialize(const Sources& sources) {
  std::string out(bundle_header);
  out += std::to_string(sources.files.size()) + '\n';
  for (const SourceFile& f : sources.files) {
    put(out, f.name);
    put(out, f.text);
  }
  out += std::to_string(sources.patterns.size()) + '\n';
  for (const auto& [pattern, names] : sources.patterns) {
    put(out, pattern);
    out += std::to_string(names.size()) + '\n';
    for (const std::string& n : names) put(out, n);
  }
  return out;
}

Result<Sources> parse_bundle(std::string_view bundle) {
  const Error broken{"configuration bundle: not complete", 0};
  if (!bundle.starts_with(bundle_header)) return Error{"configuration bundle: not one of ours", 0};
  BundleCursor cursor(bundle.substr(bundle_header.size()));
  Sources sources;
  std::size_t count = 0;
  if (!cursor.number(count) || count > cursor.left()) return broken;
  for (; count > 0; --count) {
    SourceFile& f = sources.files.emplace_back();
    if (!cursor.bytes(f.name) || !cursor.bytes(f.text)) return broken;
  }
  if (!cursor.number(count) || count > cursor.left()) return broken;
  for (; count > 0; --count) {
    auto& [pattern, names] = sources.patterns.emplace_back();
    std::size_t matches = 0;
    if (!cursor.bytes(pattern) || !cursor.number(matches) || matches > cursor.left()) return broken;
    for (; matches > 0; --matches) {
      if (!cursor.bytes(names.emplace_back())) return broken;
    }
  }
  if (!cursor.at_end()) return broken;
  return sources;
}

Result<std::string> read_rest(int fd, const std::string& name) {
  std::string text;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::from_errno(name);
    if (n == 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
    if (text.size() > max_file_size) return Error{name + ": larger than 64 MiB", 0};
  }
}

Result<std::vector<std::string>> DiskReader::expand(const std::string& pattern) {
  if (!is_glob(pattern)) return std::vector<std::string>{pattern};
  glob_t found{};
  const int rc = glob(pattern.c_str(), GLOB_BRACE | GLOB_TILDE, nullptr, &found);
  std::vector<std::string> names;
  if (rc == 0) names.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  if (rc == GLOB_NOSPACE) return Error::from_errno(pattern, ENOMEM);
  std::erase_if(names, [](const std::string& n) { return std::filesystem::is_directory(n); });
  return names;
}

Result<std::string> DiskReader::read(const std::string& name) {
  // O_NONBLOCK: opening a FIFO without a writer must not wait.
  const Fd fd(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return Error::from_errno(name);
  struct stat st {};
  if (fstat(fd.get(), &st) != 0) return Error::from_errno(name);
  if (!S_ISREG(st.st_mode)) return Error{name + ": not a regular file", 0};
  // keepalived refuses these too: a script named by mistake must not be read as configuration.
  if (st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) return Error{name + ": is executable, so it is no configuration file (chmod -x)", 0};
  return read_rest(fd.get(), name);
}

std::string DiskReader::absolute(const std::string& name) {
  std::error_code ignored;
  auto path = std::filesystem::absolute(name, ignored);
  return ignored ? name : path.lexically_normal().string();
}

Result<std::vector<std::string>> DescriptorReader::expand(const std::string& pattern) {
  if (pattern == name_) return std::vector<std::string>{name_};
  return DiskReader::expand(pattern);
}

Result<std::string> DescriptorReader::read(const std::string& name) {
  if (name != name_) return DiskReader::read(name);
  if (::lseek(fd_, 0, SEEK_SET) < 0) return Error::from_errno(name);
  return read_rest(fd_, name);
}

Result<std::vector<std::string>> BundleReader::expand(const std::string& pattern) {
  for (const auto& [recorded, names] : sources_.patterns) {
    if (recorded == pattern) return names;
  }
  return is_glob(pattern) ? std::vector<std::string>{} : std::vector<std::string>{pattern};
}

Result<std::string> BundleReader::read(const std::string& name) {
  for (const SourceFile& f : sources_.files) {
    if (f.name == name) return f.text;
  }
  return Error{name + ": " + "No such file or directory", ENOENT};
}

std::string BundleReader::root() const {
  if (!sources_.patterns.empty()) return sources_.patterns.front().first;
  return sources_.files.empty() ? std::string{} : sources_.files.front().name;
}

}  // namespace xd::conf
