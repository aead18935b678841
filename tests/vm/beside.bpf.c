/* A program that runs beside the packet path: counts packets and passes them. NAME is given by the compiler's command line, and is both
 * its name and its map's. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define PASTE(a, b) a##b
#define PACKETS(name) PASTE(name, _n)

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} PACKETS(NAME) SEC(".maps");

SEC("xdp")
int NAME(struct xdp_md* ctx) {
  __u32 zero = 0;
  __u64* packets = bpf_map_lookup_elem(&PACKETS(NAME), &zero);
  (void)ctx;
  if (packets) __sync_fetch_and_add(packets, 1);
  return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
