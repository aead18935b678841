// Attaching the entry program to interfaces: by libxdp's dispatcher where the kernel has it, else plainly. Attachments have
// no owner process: they stay until detached.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "datapath/datapath.h"
#include "datapath/program.h"

struct xdp_program;

namespace xd::datapath {

class Attacher {
 public:
  // `long_fd`: xd_long, which generic mode needs beside xd_entry. `fd_of` gives the maps. xd_entry itself is loaded here, once as the
  // dispatcher wants it and once as it is attached plainly (the types of the programs differ), each when it is first needed.
  Attacher(int long_fd, std::function<int(std::string_view)> fd_of, const Sizes& sizes);
  ~Attacher();
  Attacher(const Attacher&) = delete;

  Result<Attachment> attach(int ifindex, Mode mode, std::optional<unsigned> run_priority);
  static Status detach(int ifindex);
  // The program that is attached plainly.
  Result<int> plain_fd();
  // Whether xd_entry, of this or an earlier run, is attached there.
  static bool attached(int ifindex);
  static std::uint32_t mtu_of(int ifindex);
  // Whether frames that come in there may carry checksums that their sender left to the device: those of this host or its hypervisor.
  static bool checksums_are_partial(int ifindex);

 private:
  Result<Attachment> attach_in_best_mode(int ifindex, std::optional<unsigned> run_priority);
  Result<Attachment> attach_in(int ifindex, Mode mode, std::optional<unsigned> run_priority);
  // xd_entry on our maps, not loaded yet.
  Result<Object> open_entry();
  Status attach_plain(int ifindex, Mode mode);
  Status attach_by_dispatcher(int ifindex, Mode mode, std::optional<unsigned> run_priority);

  struct Extension;
  Result<xdp_program*> extension(int ifindex, std::optional<unsigned> run_priority);

  std::map<std::optional<unsigned>, std::unique_ptr<Extension>> extensions_;  // by run priority, which is a property of the program
  Object plain_;                                                              // empty: not loaded yet
  int long_fd_;
  std::function<int(std::string_view)> fd_of_;
  Sizes sizes_;
  std::string no_dispatcher_;  // why not; empty: not known to be impossible
};

}  // namespace xd::datapath
