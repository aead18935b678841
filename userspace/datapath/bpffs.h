// Where pins live, and whose they are.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace xd::datapath {

// Makes sure that `dir` can hold pins: mounts a BPF file system on /sys/fs/bpf when that is not one (the mount namespace of
// `ip netns exec` has a fresh /sys without it), and makes the directory.
Status prepare_pin_dir(const std::string& dir);

// Inode of the network namespace of the calling thread; 0 when /proc does not tell.
std::uint64_t network_namespace();

// `dir`, or `<dir>-<inode>` when the xd_info pinned in `dir` names a living owner in another network namespace.
std::string pin_dir_of_this_namespace(const std::string& dir);

}  // namespace xd::datapath
