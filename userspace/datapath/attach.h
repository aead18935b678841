// Attaching the entry program to interfaces: by libxdp's dispatcher where the kernel has it, else plainly. Attachments have
// no owner process: they stay until detached.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

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
  Result<int> plain_fd(Frames frames = Frames::in_one_buffer);
  // Whether xd_entry, of this or an earlier run, is attached there.
  static bool attached(int ifindex);
  static std::uint32_t mtu_of(int ifindex);
  // Whether frames that come in there may carry checksums that their sender left to the device: those of this host or its hypervisor.
  static bool checksums_are_partial(int ifindex);

 private:
  Result<Attachment> attach_in_best_mode(int ifindex, std::optional<unsigned> run_priority);
  Result<Attachment> attach_in(int ifindex, Mode mode, std::optional<unsigned> run_priority);
  Result<Attachment> attach_kind(int ifindex, Mode mode, Frames frames, std::optional<unsigned> run_priority);
  // xd_entry on our maps, not loaded yet.
  Result<Object> open_entry(Frames frames);
  Status attach_plain(int ifindex, Mode mode, Frames frames);
  Status attach_by_dispatcher(int ifindex, Mode mode, Frames frames, std::optional<unsigned> run_priority);

  struct Extension;
  using Kind = std::pair<Frames, std::optional<unsigned>>;  // the run priority is a property of the program too
  Result<xdp_program*> extension(int ifindex, const Kind& kind);

  std::map<Kind, std::unique_ptr<Extension>> extensions_;
  std::map<Frames, Object> plain_;  // those that are loaded
  int long_fd_;
  std::function<int(std::string_view)> fd_of_;
  Sizes sizes_;
  std::string no_dispatcher_;  // why not; empty: not known to be impossible
};

}  // namespace xd::datapath
