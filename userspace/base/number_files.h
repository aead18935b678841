// Files that hold a number, watched: track_file of keepalived.conf.
//
// A program, or a person with echo, writes a number into a file; whoever tracks the file hears of it at once (inotify). A missing
// or empty file means 0. Files may be replaced by rename, deleted, and made again, and so may their directory; while the directory
// is missing it is looked for every second. While a file is being written its emptiness is not believed: `echo 5 > file` is one
// change, not two.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/loop.h"
#include "base/result.h"

namespace xd {

// The number at the beginning of a file's text, in C notation (decimal, 0x.., 0..); 0 where there is none. Empty: it does not fit
// into 32 bits.
std::optional<std::int64_t> parse_file_number(std::string_view text);

// Why changes of a file at this path would go unnoticed: inotify knows nothing of what other hosts (NFS) or the kernel (/proc)
// write. Empty: they would not.
std::string unwatchable(const std::string& path);

class NumberFiles {
 public:
  struct Definition {
    std::string name;
    std::string path;
    std::optional<std::int64_t> initial;  // the file is made with this number when it is missing
    bool overwrite = false;               // and written when it is there, the first time it is defined
    bool operator==(const Definition&) const = default;
  };
  using Changed = std::function<void(const std::string& name, std::int64_t number)>;

  // `changed` is called from the loop when the number in a file is another than before. It must not call define().
  NumberFiles(Loop& loop, Changed changed);

  // These and no others from now on, with what they hold at this moment. `fresh`: files are overwritten where that is asked for;
  // false for a process that goes on in the place of an earlier one. What could not be written or watched is reported.
  std::vector<std::string> define(std::vector<Definition> definitions, bool fresh);
  // By name.
  const std::map<std::string, std::int64_t>& numbers() const { return numbers_; }

 private:
  struct File {
    Definition definition;
    std::string folder, base;
    int folder_watch = -1;
    int file_watch = -1;
  };

  void watch(File& file);
  void watch_content(File& file);
  void watch_missing();
  void on_events();
  void read(const File& file, bool while_written);

  Loop& loop_;
  Changed changed_;
  std::vector<File> files_;
  std::map<std::string, std::int64_t> numbers_;
  bool telling_ = false;  // not while define() reads
  Fd inotify_;
  Loop::Source events_;
  Timer retry_;  // folders that are missing
};

}  // namespace xd
