// Where configuration text comes from, and everything that was read.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace xd::conf {

struct SourceFile {
  std::string name;  // absolute path
  std::string text;
  bool operator==(const SourceFile&) const = default;
};

// All that one compilation read: the files in order of reading, the root first, and what each pattern matched.
// Compiling it again through a BundleReader gives the same Model without touching the disk; the parent hands it to its
// children so that all processes see one text.
struct Sources {
  std::vector<SourceFile> files;
  std::vector<std::pair<std::string, std::vector<std::string>>> patterns;  // pattern, names it matched
  bool operator==(const Sources&) const = default;
};

std::string serialize(const Sources& sources);
Result<Sources> parse_bundle(std::string_view bundle);

// What the compiler reads through.
class Reader {
 public:
  virtual ~Reader() = default;
  // The names an absolute path or glob (* ? [] {a,b} ~) stands for, sorted. A plain path stands for itself whether it
  // exists or not; a glob without matches gives an empty list.
  virtual Result<std::vector<std::string>> expand(const std::string& pattern) = 0;
  // The whole file. Only regular files that are not executable, at most max_file_size: a FIFO or /dev/zero is an error.
  virtual Result<std::string> read(const std::string& name) = 0;
  // A relative path made absolute.
  virtual std::string absolute(const std::string& name) = 0;
};

inline constexpr std::size_t max_file_size = 64u << 20;

// What is left to read of an open file; `name` is for errors.
Result<std::string> read_rest(int fd, const std::string& name);

class DiskReader : public Reader {
 public:
  Result<std::vector<std::string>> expand(const std::string& pattern) override;
  Result<std::string> read(const std::string& name) override;
  std::string absolute(const std::string& name) override;
};

// The same, but the text of one name comes from an open file that can be read again from its beginning.
class DescriptorReader : public DiskReader {
 public:
  // `fd` stays the caller's.
  DescriptorReader(const std::string& name, int fd) : name_(absolute(name)), fd_(fd) {}
  Result<std::vector<std::string>> expand(const std::string& pattern) override;
  Result<std::string> read(const std::string& name) override;

 private:
  std::string name_;
  int fd_;
};

// Files held in memory: a bundle from the parent, or a test's own. A pattern that was not recorded matches itself.
class BundleReader : public Reader {
 public:
  explicit BundleReader(Sources sources) : sources_(std::move(sources)) {}
  Result<std::vector<std::string>> expand(const std::string& pattern) override;
  Result<std::string> read(const std::string& name) override;
  std::string absolute(const std::string& name) override { return name; }
  // What to give to compile(): the pattern that was read first.
  std::string root() const;

 private:
  Sources sources_;
};

}  // namespace xd::conf
