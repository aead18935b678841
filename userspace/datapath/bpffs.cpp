#include "datapath/bpffs.h"

#include <bpf/bpf.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>

#include "base/fd.h"
#include "bpf/xdirector.h"

namespace xd::datapath {

namespace {

constexpr const char* mount_point = "/sys/fs/bpf";

bool is_bpffs(const char* path) {
  struct statfs fs {};
  return statfs(path, &fs) == 0 && static_cast<unsigned long>(fs.f_type) == BPF_FS_MAGIC;
}

}  // namespace

Status prepare_pin_dir(const std::string& dir) {
  if (dir.starts_with(mount_point) && !is_bpffs(mount_point)) {
    if (mount("bpf", mount_point, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") != 0) {
      return Error::from_errno(std::string("mount a BPF file system on ") + mount_point);
    }
  }
  if (mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) return Error::from_errno("make the pin directory " + dir);
  if (!is_bpffs(dir.c_str())) return Error{"pin directory " + dir + " is not on a BPF file system", 0};
  return {};
}

std::uint64_t network_namespace() {
  struct stat st {};
  return stat("/proc/thread-self/ns/net", &st) == 0 ? st.st_ino : 0;
}

std::string pin_dir_of_this_namespace(const std::string& dir) {
  const Fd fd(bpf_obj_get((dir + "/xd_info").c_str()));
  xd_info info{};
  const std::uint32_t zero = 0;
  if (!fd || bpf_map_lookup_elem(fd.get(), &zero, &info) != 0) return dir;
  const std::uint64_t here = network_namespace();
  const bool alive = kill(static_cast<pid_t>(info.owner_pid), 0) == 0 || errno == EPERM;
  return alive && info.netns != here ? dir + "-" + std::to_string(here) : dir;
}

}  // namespace xd::datapath
