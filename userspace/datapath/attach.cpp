#include "datapath/attach.h"

#include <bpf/bpf.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include <array>
#include <cstring>
#include <functional>
#include <set>
#include <utility>
#include <vector>

#include "base/fd.h"

namespace xd::datapath {

namespace {

constexpr const char* dispatcher_name = "xdp_dispatcher";

int silent(libxdp_print_level, const char*, va_list) { return 0; }

// libbpf prints to stderr what is no failure to us: a tc hook that exists, sections that it does not know.
class Quiet {
 public:
  Quiet() : before_(libbpf_set_print(nullptr)) {}
  ~Quiet() { libbpf_set_print(before_); }
  Quiet(const Quiet&) = delete;

 private:
  libbpf_print_fn_t before_;
};

struct CloseProgram {
  void operator()(xdp_program* program) const { xdp_program__close(program); }
};
using XdpProgram = std::unique_ptr<xdp_program, CloseProgram>;
struct CloseMultiprog {
  void operator()(xdp_multiprog* multiprog) const { xdp_multiprog__close(multiprog); }
};
using Multiprog = std::unique_ptr<xdp_multiprog, CloseMultiprog>;

std::string interface_name(int ifindex) {
  std::array<char, IF_NAMESIZE> name{};
  return if_indextoname(static_cast<unsigned>(ifindex), name.data()) != nullptr ? name.data() : "interface " + std::to_string(ifindex);
}

// "veth", "ixgbe"...; empty when the link has no driver to name.
std::string driver(int ifindex) {
  const Fd socket_fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ethtool_drvinfo info{};
  info.cmd = ETHTOOL_GDRVINFO;
  ifreq request{};
  if_indextoname(static_cast<unsigned>(ifindex), request.ifr_name);
  request.ifr_data = reinterpret_cast<char*>(&info);
  return ioctl(socket_fd.get(), SIOCETHTOOL, &request) == 0 ? info.driver : "";
}

// What every driver has in one buffer, a page with room for the kernel's notes.
constexpr std::uint32_t fits_every_driver = 3'000;

// What an administrator can do about a driver that refuses.
std::string jumbo_cure(int ifindex) {
  const std::uint32_t mtu = Attacher::mtu_of(ifindex);
  if (mtu <= fits_every_driver) return "";
  return "; its MTU is " + std::to_string(mtu) +
         ": where the kernel (before 5.18) or the driver has no frames in several buffers, a frame has to fit into one, which most have "
         "for an MTU up to "
         "3400 or so";
}

struct Attached {
  std::uint32_t id = 0;  // 0: nothing
  Mode mode = Mode::generic;
  std::string name;
};

// The program that the interface runs, the dispatcher if there is one.
Attached attached_program(int ifindex) {
  LIBBPF_OPTS(bpf_xdp_query_opts, query);
  if (bpf_xdp_query(ifindex, 0, &query) != 0) return {};
  Attached found;
  found.mode = query.skb_prog_id != 0 ? Mode::generic : Mode::native;
  found.id = query.skb_prog_id != 0 ? query.skb_prog_id : query.drv_prog_id;
  const Fd fd(found.id != 0 ? bpf_prog_get_fd_by_id(found.id) : -1);
  bpf_prog_info info{};
  std::uint32_t size = sizeof(info);
  if (fd && bpf_obj_get_info_by_fd(fd.get(), &info, &size) == 0) found.name = info.name;
  return found;
}

std::uint32_t flags_of(Mode mode) { return mode == Mode::generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE; }
xdp_attach_mode libxdp_mode(Mode mode) { return mode == Mode::generic ? XDP_MODE_SKB : XDP_MODE_NATIVE; }

// Our programs under the interface's dispatcher.
std::vector<XdpProgram> entries_of(const xdp_multiprog* multiprog) {
  std::vector<XdpProgram> entries;
  for (xdp_program* p = xdp_multiprog__next_prog(nullptr, multiprog); p != nullptr; p = xdp_multiprog__next_prog(p, multiprog)) {
    if (std::strcmp(xdp_program__name(p), entry_name) != 0) continue;
    if (xdp_program* copy = xdp_program__from_id(xdp_program__id(p)); libxdp_get_error(copy) == 0) entries.emplace_back(copy);
  }
  return entries;
}

Multiprog dispatcher_of(int ifindex) {
  xdp_multiprog* found = xdp_multiprog__get_from_ifindex(ifindex);
  return Multiprog(libxdp_get_error(found) == 0 ? found : nullptr);
}

// xd_long stands at tc ingress under this handle and priority.
constexpr std::uint32_t long_handle = 1;
constexpr std::uint32_t long_priority = 0x5844;

int attach_long(int ifindex, int program_fd) {
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);
  const int created = bpf_tc_hook_create(&hook);
  if (created != 0 && created != -EEXIST) return created;
  LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = program_fd, .flags = BPF_TC_F_REPLACE, .handle = long_handle, .priority = long_priority);
  return bpf_tc_attach(&hook, &options);
}

void detach_long(int ifindex) {
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);
  LIBBPF_OPTS(bpf_tc_opts, options, .handle = long_handle, .priority = long_priority);
  bpf_tc_detach(&hook, &options);
}

Error failure(int ifindex, const std::string& what, int code) {
  return Error::from_errno(what + " " + interface_name(ifindex), code < 0 ? -code : code);
}

}  // namespace

Attacher::Attacher(int long_fd, std::function<int(std::string_view)> fd_of, const Sizes& sizes)
    : long_fd_(long_fd), fd_of_(std::move(fd_of)), sizes_(sizes) {
  libxdp_set_print(silent);
  if (libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_EXT, nullptr) != 1) no_dispatcher_ = "the kernel refuses programs that extend another";
}

Attacher::~Attacher() = default;

Result<Attachment> Attacher::attach(int ifindex, Mode mode, std::optional<unsigned> run_priority) {
  const Quiet quiet;
  auto attachment = mode == Mode::automatic ? attach_in_best_mode(ifindex, run_priority) : attach_in(ifindex, mode, run_priority);
  if (!attachment || attachment->mode != Mode::generic) return attachment;
  if (const int failed = attach_long(ifindex, long_fd_); failed != 0) {
    attachment->note += std::string(attachment->note.empty() ? "" : "; ") +
                        "bursts longer than the MTU cannot leave by another interface (" +
                        failure(ifindex, "attach xd_long to", failed).message + ")";
  }
  return attachment;
}

Result<Attachment> Attacher::attach_in_best_mode(int ifindex, std::optional<unsigned> run_priority) {
  std::string why_generic;
  if (driver(ifindex) == "veth") {
    why_generic = "generic mode, because native XDP loses packets on a veth whose peer does not poll";
  } else if (attached_program(ifindex).name == entry_name && attached_program(ifindex).mode == Mode::generic) {
    why_generic = "generic mode, as the run before";
  } else {
    auto native = attach_in(ifindex, Mode::native, run_priority);
    if (native) return native;
    why_generic = "generic mode, because native failed: " + native.error().message;
  }
  auto generic = attach_in(ifindex, Mode::generic, run_priority);
  if (generic) generic->note = generic->note.empty() ? why_generic : why_generic + "; " + generic->note;
  return generic;
}

// Long frames come in several buffers in native mode. Where the kernel or the driver has none of that, a driver with larger buffers may do.
Result<Attachment> Attacher::attach_in(int ifindex, Mode mode, std::optional<unsigned> run_priority) {
  if (mode == Mode::native && mtu_of(ifindex) > fits_every_driver) {
    if (auto attachment = attach_kind(ifindex, mode, Frames::in_pieces, run_priority)) return attachment;
  }
  return attach_kind(ifindex, mode, Frames::in_one_buffer, run_priority);
}

Result<Attachment> Attacher::attach_kind(int ifindex, Mode mode, Frames frames, std::optional<unsigned> run_priority) {
  const Attached present = attached_program(ifindex);
  Attachment attachment{ifindex, mode, false, ""};

  // What is attached plainly is replaced plainly: a change to the dispatcher would leave a gap.
  const bool ours = present.name == entry_name;
  if (ours && !no_dispatcher_.empty()) attachment.note = "no dispatcher: " + no_dispatcher_;
  if (!ours && no_dispatcher_.empty()) {
    if (const Status status = attach_by_dispatcher(ifindex, mode, frames, run_priority); status) {
      const Multiprog multiprog = dispatcher_of(ifindex);
      attachment.dispatcher = multiprog != nullptr && !xdp_multiprog__is_legacy(multiprog.get());
      if (!attachment.dispatcher) attachment.note = "no dispatcher: libxdp found that the kernel cannot run it";
      return attachment;
    } else {
      attachment.note = "no dispatcher: " + status.error().message;
    }
  } else if (!ours) {
    attachment.note = "no dispatcher: " + no_dispatcher_;
  }
  if (const Status status = attach_plain(ifindex, mode, frames); !status) {
    return Error{status.error().message + (attachment.note.empty() ? "" : " (" + attachment.note + ")"), status.error().code};
  }
  return attachment;
}

Result<Object> Attacher::open_entry(Frames frames) {
  auto object = open_object(sizes_, frames);
  if (!object) return object;
  if (const Status status = reuse_maps(object->get(), fd_of_); !status) return status.error();
  load_only(object->get(), entry_name);
  return object;
}

Result<int> Attacher::plain_fd(Frames frames) {
  auto loaded = plain_.find(frames);
  if (loaded == plain_.end()) {
    auto object = open_entry(frames);
    if (!object) return object.error();
    if (const Status status = load_object(object->get()); !status) return status.error();
    loaded = plain_.emplace(frames, std::move(*object)).first;
  }
  return bpf_program__fd(bpf_object__find_program_by_name(loaded->second.get(), entry_name));
}

Status Attacher::attach_plain(int ifindex, Mode mode, Frames frames) {
  const Attached present = attached_program(ifindex);
  const bool ours = present.name == entry_name;
  if (present.id != 0 && !ours) {
    return Error{interface_name(ifindex) + " runs another XDP program (" + (present.name.empty() ? "" : present.name + ", ") + "id " +
                     std::to_string(present.id) + "), and there is room for one only: detach it",
                 EBUSY};
  }
  const auto program = plain_fd(frames);
  if (!program) return program.error();
  Fd old;
  LIBBPF_OPTS(bpf_xdp_attach_opts, options);
  std::uint32_t flags = flags_of(mode) | XDP_FLAGS_UPDATE_IF_NOEXIST;
  if (ours && present.mode == mode) {
    old.reset(bpf_prog_get_fd_by_id(present.id));
    options.old_prog_fd = old.get();
    flags = flags_of(mode) | XDP_FLAGS_REPLACE;
  } else if (ours) {  // the kernel allows one mode at a time
    if (const Status status = detach(ifindex); !status) return status;
  }
  if (const int failed = bpf_xdp_attach(ifindex, *program, flags, &options); failed != 0) {
    const Error error =
        failure(ifindex, std::string("attach the XDP program in ") + (mode == Mode::generic ? "generic" : "native") + " mode to", failed);
    return mode == Mode::native ? Error{error.message + jumbo_cure(ifindex), error.code} : error;
  }
  return {};
}

struct Attacher::Extension {
  Object object;  // owns what `program` refers to
  XdpProgram program;
};

// For the dispatcher: one for all interfaces of a kind.
Result<xdp_program*> Attacher::extension(int ifindex, const Kind& kind) {
  const auto& [frames, run_priority] = kind;
  if (const auto known = extensions_.find(kind); known != extensions_.end()) return known->second->program.get();
  auto copy = open_entry(frames);
  if (!copy) return copy.error();
  DECLARE_LIBXDP_OPTS(xdp_program_opts, options);
  options.obj = copy->get();
  options.prog_name = entry_name;
  xdp_program* created = xdp_program__create(&options);
  if (const long failed = libxdp_get_error(created); failed != 0) {
    return failure(ifindex, "prepare the dispatcher's program for", static_cast<int>(failed));
  }
  auto made = std::make_unique<Extension>(Extension{std::move(*copy), XdpProgram(created)});
  if (run_priority) xdp_program__set_run_prio(created, *run_priority);
  xdp_program__set_chain_call_enabled(created, XDP_PASS, true);
  return extensions_.emplace(kind, std::move(made)).first->second->program.get();
}

Status Attacher::attach_by_dispatcher(int ifindex, Mode mode, Frames frames, std::optional<unsigned> run_priority) {
  const Kind kind{frames, run_priority};
  auto ours = extension(ifindex, kind);
  if (!ours) return ours.error();
  if (const int failed = xdp_program__attach(*ours, ifindex, libxdp_mode(mode), 0); failed != 0) {
    extensions_.erase(kind);
    return failure(ifindex, "attach by libxdp's dispatcher to", failed);
  }
  // Those of an earlier run go once the new one is in place.
  if (const Multiprog multiprog = dispatcher_of(ifindex)) {
    for (const XdpProgram& entry : entries_of(multiprog.get())) {
      if (xdp_program__id(entry.get()) != xdp_program__id(*ours)) {
        xdp_program__detach(entry.get(), ifindex, xdp_multiprog__attach_mode(multiprog.get()), 0);
      }
    }
  }
  return {};
}

Status Attacher::detach(int ifindex) {
  const Quiet quiet;
  detach_long(ifindex);
  const Attached present = attached_program(ifindex);
  if (present.name == entry_name) {
    const int failed = bpf_xdp_detach(ifindex, flags_of(present.mode), nullptr);
    return failed == 0 ? Status{} : failure(ifindex, "detach the XDP program from", failed);
  }
  if (present.name != dispatcher_name) return {};
  const Multiprog multiprog = dispatcher_of(ifindex);
  if (multiprog == nullptr) return {};
  for (const XdpProgram& entry : entries_of(multiprog.get())) {
    if (const int failed = xdp_program__detach(entry.get(), ifindex, xdp_multiprog__attach_mode(multiprog.get()), 0); failed != 0) {
      return failure(ifindex, "detach the XDP program from the dispatcher of", failed);
    }
  }
  return {};
}

std::uint32_t Attacher::mtu_of(int ifindex) {
  const Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  if_indextoname(static_cast<unsigned>(ifindex), request.ifr_name);
  return ioctl(fd.get(), SIOCGIFMTU, &request) == 0 ? static_cast<std::uint32_t>(request.ifr_mtu) : 1500;
}

bool Attacher::checksums_are_partial(int ifindex) {
  static const std::set<std::string, std::less<>> virtual_links{"veth", "tun", "virtio_net", "vif", "hv_netvsc", "vmxnet3"};
  return virtual_links.contains(driver(ifindex));
}

bool Attacher::attached(int ifindex) {
  const Quiet quiet;
  const Attached present = attached_program(ifindex);
  if (present.name == entry_name) return true;
  if (present.name != dispatcher_name) return false;
  const Multiprog multiprog = dispatcher_of(ifindex);
  return multiprog != nullptr && !entries_of(multiprog.get()).empty();
}

}  // namespace xd::datapath
