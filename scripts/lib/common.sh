# Shared by the scripts beside this folder. Sourced, not run.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build_dir=${XD_BUILD_DIR:-$root/build}

# Ubuntu's bpftool only runs the one that belongs to the running kernel. Any other that is installed does as well.
for linux_tools in /usr/lib/linux-tools/*/; do
  if [ -x "$linux_tools/bpftool" ] && ! bpftool version >/dev/null 2>&1; then PATH=$linux_tools:$PATH; fi
done

say() { printf '%s\n' "$*"; }
die() { printf '%s\n' "$*" >&2; exit 1; }

need_root() { [ "$(id -u)" = 0 ] || die "$1 needs root: it makes network namespaces and loads BPF programs"; }
