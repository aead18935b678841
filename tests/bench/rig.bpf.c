/* BPF_PROG_TEST_RUN with repeat feeds a program its own output again. The rig writes the frame anew before each round, as another
 * flow when asked to, and tail-calls the program under test. */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define FRAME 64 /* of IPv4 */
#define FRAME_V6 80

/* Written by packet_bench.cpp. */
struct {
  __u8 frame[FRAME_V6];
  __u32 flows; /* how many take turns; a power of two */
  __u32 turn;
  __u32 length;  /* FRAME or FRAME_V6; 0: frames grow, and the rig cuts them to FRAME again */
  __u32 buckets; /* of xd_flows */
} wanted;

/* The flow table of the program under test. */
struct bucket {
  __u64 line[16][8];
};
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct bucket);
} xd_flows SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} under_test SEC(".maps");

SEC("xdp")
int empty(struct xdp_md* ctx) {
  (void)ctx;
  return XDP_TX;
}

/* As empty, for programs that put a header of IPv4 in front. */
SEC("xdp")
int empty_tunnel(struct xdp_md* ctx) { return bpf_xdp_adjust_head(ctx, -20) ? XDP_ABORTED : XDP_TX; }

/* What no program that keeps a million flows can do without: a look at two lines of memory in a random place, and a write to one of them. */
SEC("xdp")
int memory_alone(struct xdp_md* ctx) {
  __u8* data = (void*)(long)ctx->data;
  if (data + FRAME > (__u8*)(long)ctx->data_end) return XDP_ABORTED;
  __u64 hash = (*(__u32*)(data + 26) ^ (__u64) * (__u32*)(data + 34) << 32) * 0x9E3779B97F4A7C15ull;
  __u32 index = hash >> 40 & (wanted.buckets - 1);
  struct bucket* bucket = bpf_map_lookup_elem(&xd_flows, &index);
  if (!bucket) return XDP_ABORTED;
  volatile __u64 *tags = bucket->line[0], *flow = bucket->line[8 + (hash >> 32 & 7)];
  *flow = *flow;
  /* The next round waits for what was read: a program that does something between two looks does not have both under way at once. */
  wanted.turn += *tags + *flow == 1;
  return XDP_TX;
}

SEC("xdp")
int rig(struct xdp_md* ctx) {
  if (!wanted.length && ctx->data_end - ctx->data > FRAME && bpf_xdp_adjust_head(ctx, 20)) return XDP_ABORTED;
  __u8* data = (void*)(long)ctx->data;
  if (data + FRAME > (__u8*)(long)ctx->data_end) return XDP_ABORTED;
  __builtin_memcpy(data, wanted.frame, FRAME);
  if (wanted.length == FRAME_V6) {
    if (data + FRAME_V6 > (__u8*)(long)ctx->data_end) return XDP_ABORTED;
    __builtin_memcpy(data + FRAME, wanted.frame + FRAME, FRAME_V6 - FRAME);
  }
  /* Ethernet 14, IPv4 20: source address at 26, source port at 34. An odd factor walks all flows in an order that no cache likes. */
  __u32 flow = wanted.turn++ * 2654435761u & (wanted.flows - 1);
  *(__u16*)(data + 34) += (__u16)flow;
  *(__u16*)(data + 28) += flow >> 16;
  bpf_tail_call(ctx, &under_test, 0);
  return XDP_ABORTED;
}

char LICENSE[] SEC("license") = "GPL";
